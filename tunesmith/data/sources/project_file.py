"""What was found in a file → the text of a project file (TOML) that says what each column was taken for, and why."""

from __future__ import annotations

import re
from pathlib import Path

from tunesmith.data.sources.columns import Guess
from tunesmith.data.sources.detection import Detection
from tunesmith.errors import BadData, visible

OUT_OF_SCOPE_NAMES = {"out_of_scope", "oos", "outofscope", "other", "none", "unknown", "out-of-scope", "fallback"}


def write_project(detection: Detection, *, file: str | None = None, name: str | None = None, model: str | None = None) -> str:
    """A project file of about ten lines for the detected file; `file` is its path as seen from the project file.

    Raises: BadData with what speaks against using the file.
    """
    if detection.problems:
        raise BadData(detection.reason, problems=detection.problems)
    file = file or detection.file.name
    lines = [f"name = {quoted(name or project_name(detection.file))}"]
    if model:
        lines.append(f"model = {quoted(model)}")
    lines += ["", "[[sources]]", f"file = {quoted(file)}"]
    if detection.format == "text" and detection.shape is not None and detection.shape.layout != "plain":
        lines.append(f"# {comment(detection.reason)}")  # named, the format would be that of plain text
    else:
        lines.append(f"format = {quoted(str(detection.format))}  # {comment(detection.reason)}")
    for key in ("input", "output", "label", "group") if detection.format == "table" else ():
        guess: Guess | None = getattr(detection, key)
        if guess is not None:
            lines.append(f"{key} = {quoted(guess.column)}  # {comment(guess.reason)}")
    if detection.delimiter and detection.delimiter != ",":
        lines.append(f"delimiter = {quoted(detection.delimiter)}")
    lines += ["", "[task]", *task_lines(detection)]
    lines += ["", *goal_lines(detection)]
    lines += method_lines(detection)
    lines += ["", "[split]", "dev = 0.1  # for choices: prompts, early stopping", "test = 0.1  # locked until the verdict", ""]
    return "\n".join(lines)


def goal_lines(detection: Detection) -> list[str]:
    """What to reach, for the user to decide: a value that is worth having, commented out."""
    metric, at_least = ("token_f1", 0.5) if detection.label is None else ("accuracy", 0.8)
    return ["# [goal]  # the verdict says whether the model reaches this", f'# metric = "{metric}"', f"# at_least = {at_least}"]


def method_lines(detection: Detection) -> list[str]:
    """How to learn, where the rows say more than what to answer."""
    kinds = {"preference": ("dpo", "the better answer gains on the worse one"), "rated": ("kto", "liked answers gain, disliked ones lose")}
    if detection.format not in kinds:
        return []
    kind, why = kinds[detection.format]
    return ["", "[train.method]", f'kind = "{kind}"  # {why}; "sft" imitates the good answers only']


def task_lines(detection: Detection) -> list[str]:
    """The task as far as the file shows it; what it cannot show stands there as a comment to fill in."""
    if detection.format in ("text", "markdown"):
        return ["# documents without questions and answers: they cannot be trained on until they have some"]
    lines = []
    if detection.label is not None and detection.output is None:
        lines.append('kind = "classify"  # the answer is a label')
        outside = out_of_scope_label(detection)
        if outside:
            lines.append(f"out_of_scope = {quoted(outside)}  # the label that means: not our business")
        else:
            lines.append('# out_of_scope = "other"  # the label that means: not our business, if there is one')
    lines.append('# instruction = "…"  # one or two sentences that tell the model what to do')
    return lines


def out_of_scope_label(detection: Detection) -> str | None:
    """The label among the sampled rows that is usually meant as `none of these`."""
    if detection.label is None:
        return None
    labels = {str(row.get(detection.label.column, "")).strip() for row in detection.sample}
    return next((label for label in sorted(labels) if label.lower().replace(" ", "_") in OUT_OF_SCOPE_NAMES), None)


def project_name(path: Path) -> str:
    """A project name from a file name.

    >>> project_name(Path("My Tickets (2024).csv"))
    'my-tickets-2024'
    """
    words = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return words[:64].rstrip("-") or "project"


def quoted(text: str) -> str:
    """A TOML basic string; control characters and quotes as escapes.

    >>> quoted('a "b"\\n')
    '"a \\\\"b\\\\"\\\\n"'
    """
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return (
        '"'
        + "".join(escapes.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}") for c in text)
        + '"'
    )


def comment(text: str) -> str:
    """One line that can stand after `#`."""
    return visible(" ".join(text.split()))

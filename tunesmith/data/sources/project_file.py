"""What was found in a file → the text of a project file (TOML) that says what each column was taken for, and why."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tunesmith.data.sources.columns import Guess
from tunesmith.data.sources.detection import Detection
from tunesmith.errors import BadData, visible

OUT_OF_SCOPE = re.compile(
    r"out(?:side)?_?(?:of_?)?(?:our_)?(?:scope|domain)|oos|ood|other|none|nothing|unknown|irrelevant|unrelated|off_?topic|fallback|no_?intent"
    r"|(?:none|nothing|not)_(?:of|ours?)(?:_(?:the|these|those|them|ours?|above|us|business|concern))*|not_(?:relevant|related|in_scope|in_domain)"
)
"""Labels that usually mean: not our business, with underscores for what stands between words."""
ENOUGH_TEST, ENOUGH_DEV = 100, 50
"""Held-out rows that show anything worth deciding on (docs/decide.md); a tenth of few rows is less."""
MOST_TEST, MOST_DEV = 0.25, 0.15
STEP = 0.05


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
    lines += ["", *split_lines(detection), ""]
    return "\n".join(lines)


def split_lines(detection: Detection) -> list[str]:
    """How many rows are held out: a tenth, and more where that would be too few to tell anything."""
    dev, test = (share_held(detection.rows, *wanted) for wanted in ((ENOUGH_DEV, MOST_DEV), (ENOUGH_TEST, MOST_TEST)))
    why = f"; a tenth of {detection.rows} rows would show little" if test > 0.1 else ""
    return ["[split]", f"dev = {dev:g}  # for choices: prompts, early stopping", f"test = {test:g}  # locked until the verdict{why}"]


def share_held(rows: int | None, enough: int, most: float) -> float:
    """The share that holds `enough` of the rows out, in steps of a twentieth; at least a tenth, at most `most`.

    >>> share_held(120, 100, 0.25), share_held(600, 100, 0.25), share_held(None, 100, 0.25)
    (0.25, 0.2, 0.1)
    """
    wanted = 0.1 if not rows else STEP * math.ceil(enough / rows / STEP - 1e-9)
    return round(min(most, max(0.1, wanted)), 2)


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
    return next((label for label in detection.labels if OUT_OF_SCOPE.fullmatch(re.sub(r"[\W_]+", "_", label.lower()).strip("_"))), None)


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

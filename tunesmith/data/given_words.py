"""What is wrong with a fine-tuning file → the words and codes that OpenAI's fine-tuning uses for it.

Scripts match on these texts, so they stay as the hosted service writes them; what a person may do about it stands in each problem's `fix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tunesmith.errors import BadData, Problem, excerpt

FileRole = Literal["training_file", "validation_file"]
Method = Literal["supervised", "dpo"]
MIN_EXAMPLES = 10
MAX_PROBLEMS = 20
MESSAGE_ROLES = ("system", "user", "assistant", "tool", "function", "developer")
TRAINING: FileRole = "training_file"
VALIDATION: FileRole = "validation_file"
NAMES: dict[FileRole, str] = {"training_file": "training", "validation_file": "validation"}
FORMAT = "Invalid file format. "
NOT_JSONL = "Expected file to have JSONL format, where every line is a valid JSON dictionary."
NEITHER = "Unexpected file format, expected either prompt/completion pairs or chat messages."
EXCERPT = 60


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with the file: OpenAI's words without what stands before them on a job, and what mends it."""

    text: str
    fix: str = ""
    line: int | None = None
    """Physical line; None: the file as a whole."""


class GivenFault(BadData):
    """A training or validation file that cannot be used. The first problem is what the hosted service would say; the others are the rest."""

    def __init__(self, code: str, param: str, message: str, problems: Sequence[Problem] = ()) -> None:
        self.code = code
        self.param = param
        super().__init__(message, problems=problems or (Problem(message, param),))

    def __reduce__(self) -> tuple[object, ...]:
        return (GivenFault, (self.code, self.param, self.message, self.problems))


def file_fault(role: FileRole, flaws: Sequence[Flaw]) -> GivenFault:
    """The fault for a file with these flaws, the decisive one first."""
    message = f"The job failed due to an invalid {NAMES[role]} file. {flaws[0].text}"
    return GivenFault(f"invalid_{role}", role, message, _problems(role, message, flaws))


def too_few(role: FileRole, examples: int) -> GivenFault:
    """The fault for a sound file that holds too few examples."""
    message = f"{NAMES[role].capitalize()} file has {examples} example(s), but must have at least {MIN_EXAMPLES} examples"
    return GivenFault("invalid_n_examples", role, message, _problems(role, message, [Flaw(message, TOO_FEW_FIX)]))


def personal_data_fault(role: FileRole, found: dict[str, list[int]]) -> GivenFault:
    """The fault for a file with personal data where the key's policy blocks it: which kinds, and in which examples."""
    lines = sorted({example for examples in found.values() for example in examples})
    kinds = ", ".join(f"{kind} ({len(examples):,})" for kind, examples in found.items() if examples)
    more = "..." if len(lines) > 2 * MAX_PROBLEMS else ""
    flagged = f"Flagged lines: {', '.join(map(str, lines[: 2 * MAX_PROBLEMS]))}{more}"
    text = f"This {NAMES[role]} file was blocked because it contains personal data, which this key's policy does not allow: {kinds}. {flagged}"
    return file_fault(role, [Flaw(text, "remove or replace these data, or use a key without this policy")])


TOO_FEW_FIX = "add examples: 50 are the least that make sense, some hundred are good"


def _problems(role: FileRole, message: str, flaws: Sequence[Flaw]) -> list[Problem]:
    first = flaws[0]
    found = [Problem(message, role, got=_line(first), fix=first.fix)]
    return found + [Problem(flaw.text, f"{role} {_line(flaw)}".strip(), fix=flaw.fix) for flaw in flaws[1:MAX_PROBLEMS]]


def _line(flaw: Flaw) -> str:
    return "" if flaw.line is None else f"line {flaw.line}"


def quoted(text: str) -> str:
    """A key or a value of the file in double quotes, cut and with control characters as escapes.

    >>> quoted("tools")
    '"tools"'
    """
    return excerpt(text, EXCERPT)


def cannot_be_parsed(example: int, line: int, error: str) -> Flaw:
    """An example that is not JSON."""
    text = f"{FORMAT}Example {example} cannot be parsed. Error: line contains invalid json: {error} (line {line})"
    return Flaw(text, "write each example as one JSON object on one line", line)


def not_a_dictionary(line: int, text: str) -> Flaw:
    """A line that is something else than an object."""
    start = excerpt(text.strip(), 10).removesuffix('"').removesuffix("…")
    return Flaw(
        f'{NOT_JSONL} Line {line} is not a dictionary (HINT: line starts with: {start}...").', "write one JSON object per line, without a list around them", line
    )  # fmt: skip


def wrong_method(file_id: str, format_: str, method: Method) -> Flaw:
    """A file in the format of the other method."""
    wanted = "dpo" if method == "supervised" else "supervised"
    text = f"{FORMAT}Input file {file_id} is in the fine-tune-{format_} format, but the specified fine-tuning job is not using '{wanted}' as the training method (provided method={method})."
    return Flaw(text, f'create the job with method={{"type": "{wanted}"}}, or upload a file of the other format')


def images(file_id: str, method: Method) -> Flaw:
    """A file with pictures."""
    return Flaw(
        f"{FORMAT}Input file {file_id} contains images, but the method/model {method} does not support it.", "remove the examples with images"
    )


@dataclass
class Faults:
    """What is wrong with one example, and what is only worth a remark."""

    example: int
    line: int
    file_id: str
    method: Method
    remarks: dict[str, list[int]]
    """Kind of remark → lines; shared by all examples of a file."""
    found: list[Flaw] = field(default_factory=list)
    told: int = 0
    """How often something was told; more than `found` holds where it came again."""

    def row(self, words: str, fix: str = "") -> None:
        """Something about the example; `words` follow `Example N`."""
        self.add(Flaw(f"{FORMAT}Example {self.example}{words}", fix, self.line))

    def missing(self, key: str) -> None:
        """A key that the example must have."""
        self.row(f" is missing key '{key}'.", f"add `{key}`, or remove the example")

    def extra(self, key: str, where: str = "") -> None:
        """A key that the format does not have."""
        self.row(f"{where} contains an extra {quoted(key)}.", "remove this key from the file")

    def images(self) -> None:
        """A part that is a picture."""
        flaw = images(self.file_id, self.method)
        self.add(Flaw(flaw.text, flaw.fix, self.line))

    def add(self, flaw: Flaw) -> None:
        """Any flaw; one example fills at most one list, and nothing is said twice."""
        self.told += 1
        if len(self.found) < MAX_PROBLEMS and all(flaw.text != other.text for other in self.found):
            self.found.append(flaw)

    def remark(self, kind: str) -> None:
        """Something that does not fail the file."""
        self.remarks.setdefault(kind, []).append(self.line)

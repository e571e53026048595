"""One file → its passages, whatever its format; what cannot be used comes as Skipped. Runs in the process that `confined.py` guards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tunesmith.data.clean import repair
from tunesmith.data.make.file_kind import kind_of
from tunesmith.data.make.markdown import markdown_passages
from tunesmith.data.make.pdf import pdf_passages
from tunesmith.data.make.plain import plain_passages
from tunesmith.data.make.restructured import rst_passages
from tunesmith.data.make.web import html_passages
from tunesmith.data.make.word import word_passages
from tunesmith.data.sources.lines import judge_encoding, likely_encoding, text_encoding
from tunesmith.errors import BadData, Problem
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage, Skipped, Spot

Read = Passage | Skipped
NAMED_OTHERWISE, GUESSED_ENCODING = "named_otherwise", "guessed_encoding"
NOTICES = frozenset({NAMED_OTHERWISE, GUESSED_ENCODING})
"""Reasons of things that a person should know although nothing was left out."""
MAX_BAD_LINES = 20
HTML_DEPTH = 3
"""Elements of HTML nest deeper than the blocks that they stand for: times the limit of depth."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")


def read_document(path: Path, file: str, limits: Limits) -> Iterator[Read]:
    """The passages of one file in reading order; `file` is what the user calls it.

    Raises: BadData if it cannot be read as a whole, MissingDependency.
    """
    kind, reason = kind_of(path, file, limits)
    if reason:
        yield Skipped(spot=Spot(file=file), reason=NAMED_OTHERWISE, message=f"is read as {kind}: {reason}")
    count = 0
    for one in passages_of(path, file, limits, kind):
        if isinstance(one, Skipped):
            yield one
            continue
        passage = cleaned(one)
        if passage is None:
            continue
        count += 1
        if count > limits.passages:
            raise BadData("holds too many passages", where=file, got=f"more than {limits.passages:,}", fix="split it into parts")
        yield passage


def passages_of(path: Path, file: str, limits: Limits, kind: str) -> Iterator[Read]:
    """The passages as the reader of this kind gives them."""
    match kind:
        case "pdf":
            yield from pdf_passages(path, file, limits)
        case "word":
            yield from word_passages(path, file, limits)
        case "html":
            yield from html_passages(path.read_bytes(), file, limits.depth * HTML_DEPTH)
        case _:
            lines, faults = text_lines(path, file)
            yield from faults
            reader = {"markdown": markdown_passages, "rst": rst_passages}.get(kind)
            yield from reader(lines, file, limits.depth) if reader else plain_passages(lines, file)


def text_lines(path: Path, file: str) -> tuple[list[str], list[Skipped]]:
    """(the lines of a text without their ends, what is wrong with its encoding); a file that is not UTF-8 is read in the likeliest other encoding.

    Raises: BadData for a binary file.
    """
    codec, _ = text_encoding(path, None, file)
    data = path.read_bytes()
    faults: list[Skipped] = []
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        text, faults = _mended(path, file, data, codec)
    return _LINE_END.split(_CONTROLS.sub("", text).expandtabs(4)), faults


def _mended(path: Path, file: str, data: bytes, codec: str) -> tuple[str, list[Skipped]]:
    """The text of a file with bytes that are not of its encoding."""
    try:
        if codec.startswith("utf-8"):
            judge_encoding(path, file)
    except BadData:
        guess = likely_encoding(b"".join(line for line in data.splitlines(keepends=True) if not line.isascii())[:1_000_000])
        message = f"is not UTF-8; read as {guess}, which fits its bytes"
        return data.decode(guess, "replace"), [
            Skipped(spot=Spot(file=file), reason=GUESSED_ENCODING, message=message, fix="save it as UTF-8 if letters look wrong")
        ]
    text = data.decode(codec, "replace")
    faults: list[Skipped] = []
    for number, line in enumerate(_LINE_END.split(text), 1):
        if "\ufffd" in line and len(faults) < MAX_BAD_LINES:
            message = "holds bytes that are no letters of its encoding; they are left out"
            faults.append(Skipped(spot=Spot(file=file, line=number), reason="encoding", message=message, fix="save the file as UTF-8"))
    return text.replace("\ufffd", ""), faults


def cleaned(passage: Passage) -> Passage | None:
    """The passage with mojibake mended and control characters off (code: only these); None if nothing is left."""
    text = _CONTROLS.sub("", passage.text) if passage.kind == "code" else repair(passage.text)[0].strip()
    if not text.strip():
        return None
    if passage.text is text and not passage.rows:
        return passage
    rows = tuple(tuple(repair(cell)[0].strip() for cell in row) for row in passage.rows)
    return passage.model_copy(update={"text": text, "rows": rows})


def as_skipped(problem: Problem, file: str, reason: str = "unreadable") -> Skipped:
    """A problem of a whole file, as what is counted and listed."""
    got = f" ({problem.got})" if problem.got else ""
    expected = f"; expected {problem.expected}" if problem.expected else ""
    return Skipped(spot=Spot(file=file), reason=reason, message=f"{problem.message}{got}{expected}", fix=problem.fix)

"""Plain text → passages: blocks between blank lines; underlined, numbered or capitalised lines are headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunesmith.data.make.outline import BULLET, LABEL, Numbers, Outline, listed, one_line, reflow
from tunesmith.spec.passage import Passage

HEADING_CHARACTERS = 100
_UNDERLINE = re.compile(r"([=\-~^#*])\1{2,}\s*$")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})[.)]?\s+(\S.*)$")
_NUMBER_MARK = re.compile(r"\s*\(?(\d{1,3})[.)]\s+")
_MARK = re.compile(r"\s*(?:[-*+•‣◦▪·–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+")
_PAIR = re.compile(r"\s*[QA]\d{0,3}[.:]\s")
"""The mark of a question or an answer, which is no letter of a list."""
_CODE = re.compile(r"[{}();=<>\[\]$#\\|]|^\s*(?:def|class|import|return|if|for|while)\b")


@dataclass(frozen=True)
class Block:
    """Lines between blank lines, without their ends."""

    first: int
    lines: tuple[str, ...]

    @property
    def last(self) -> int:
        """The number of its last line."""
        return self.first + len(self.lines) - 1


def blocks(lines: Sequence[str]) -> list[Block]:
    """The blocks of a text; line 1 is the first."""
    found: list[Block] = []
    waiting: list[str] = []
    first = 1
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            if not waiting:
                first = number
            waiting.append(line.rstrip())
        elif waiting:
            found.append(Block(first, tuple(waiting)))
            waiting = []
    return found


def plain_passages(lines: Sequence[str], file: str) -> Iterator[Passage]:
    """The passages of a plain text."""
    outline = Outline(file)
    marks: list[str] = []
    everything = blocks(lines)
    for i, block in enumerate(everything):
        follows = everything[i + 1] if i + 1 < len(everything) else None
        rest = block
        if is_underlined(block):
            mark = block.lines[1].strip()[0]
            if mark not in marks:
                marks.append(mark)
            yield outline.heading(marks.index(mark) + 1, one_line(block.lines[0]), line=block.first, last_line=block.first + 1)
            rest = Block(block.first + 2, block.lines[2:])
        elif (level := line_level(block, follows)) is not None:
            yield outline.heading(len(marks) + level, one_line(block.lines[0]), line=block.first, last_line=block.first)
            continue
        if rest.lines:
            yield body(outline, rest)


def body(outline: Outline, block: Block) -> Passage:
    """A block that is no heading."""
    spot = Numbers(line=block.first, last_line=block.last)
    if is_code(block.lines):
        margin = min(len(line) - len(line.lstrip()) for line in block.lines)
        return outline.block("code", "\n".join(line[margin:] for line in block.lines), **spot)
    if (
        _MARK.match(block.lines[0])
        and not _PAIR.match(block.lines[0])
        and (len(block.lines) == 1 or any(BULLET.match(line) for line in block.lines[1:]))
    ):
        return outline.block("list", as_list(block.lines), **spot)
    return outline.block("paragraph", reflow(block.lines), **spot)


def as_list(lines: Sequence[str]) -> str:
    """The items of a list, each on its line; numbers stay where there are numbers."""
    items: list[list[str]] = []
    for line in lines:
        if BULLET.match(line) or not items:
            items.append([_MARK.sub("", line, count=1)])
        else:
            items[-1].append(line)
    number = _NUMBER_MARK.match(lines[0])
    return listed([reflow(item) for item in items], int(number[1]) if number else None)


def is_underlined(block: Block) -> bool:
    """True if the block begins with a line that is underlined over about its length."""
    if len(block.lines) < 2 or not _UNDERLINE.match(block.lines[1].strip()) or _UNDERLINE.match(block.lines[0].strip()):
        return False
    title, line = block.lines[0].strip(), block.lines[1].strip()
    return len(title) <= HEADING_CHARACTERS * 2 and abs(len(title) - len(line)) <= max(4, len(title) // 2)


def line_level(block: Block, follows: Block | None) -> int | None:
    """The level of a line that stands alone and looks like a heading; None if it does not, or heads nothing."""
    if len(block.lines) != 1 or follows is None:
        return None
    line = block.lines[0].strip()
    if len(line) > HEADING_CHARACTERS or line[-1] in ".,;:" or LABEL.match(line):
        return None
    numbered = _NUMBERED.match(line)
    if numbered and len(numbered[2]) >= 3 and numbered[2][0].isupper() and not _NUMBERED.match(follows.lines[0].strip()):
        return 2 + numbered[1].count(".")
    letters = [c for c in line if c.isalpha()]
    if len(letters) >= 3 and line.isupper() and not BULLET.match(line):
        return 1
    return None


def is_code(lines: Sequence[str]) -> bool:
    """True if every line is indented by four or a tab, and half of them look like code."""
    if not all(line.startswith(("    ", "\t")) for line in lines):
        return False
    return sum(bool(_CODE.search(line)) for line in lines) * 2 >= len(lines)

"""Lines of a PDF in reading order → passages: paragraphs, headings, lists, tables and code, told apart by size, weight, distance and marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tunesmith.data.make.outline import Outline, barred, listed, one_line, plain, reflow
from tunesmith.data.make.pdf_layout import Line
from tunesmith.spec.passage import Passage

LARGER = 1.12
"""Times the size of running text: a heading."""
MAX_HEADING_LINES = 3
MAX_HEADING_LINE = 120
BOLD_QUESTION, BOLD_LINE = 7.0, 8.0
PARAGRAPH_GAP = 1.35
"""Times the usual distance of lines: a new paragraph."""
INDENT = 0.9
"""In font sizes: a line that begins so far to the right begins a paragraph."""
SAME_PLACE = 12.0
"""Points within which cells of a table begin at the same place."""
MIN_TABLE_ROWS = 3
_ITEM = re.compile(r"(?:[•◦▪‣●○■□–]|[-*](?=\s)|\(?\d{1,3}[.)](?=\s)|\(?[a-z][.)](?=\s))\s*(?=\S)")
_NUMBER = re.compile(r"\(?(\d{1,3})[.)]")
_HYPHENATED = re.compile(r"\w+-\w+")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " "})


class Blocks:
    """The lines of one file, grouped."""

    def __init__(self, file: str, lines: Sequence[Line], titles: Mapping[tuple[int, str], int]) -> None:
        self.outline = Outline(file)
        self.lines, self.titles = lines, titles
        sizes: Counter[float] = Counter()
        bold = everything = 0
        for line in lines:
            sizes[line.size] += len(line.text)
            bold += len(line.text) * line.is_bold
            everything += len(line.text)
        self.body = sizes.most_common(1)[0][0] if sizes else 1.0
        self.has_bold_heads = bold < 0.3 * everything
        self.larger = sorted((size for size in sizes if size >= LARGER * self.body), reverse=True)
        self.step = usual_step(lines)
        self.compounds = {word.casefold() for line in lines for word in _HYPHENATED.findall(line.text)}

    def passages(self) -> Iterator[Passage]:
        """The passages in order; items that stand apart are one list."""
        waiting: Passage | None = None
        for passage in self._passages():
            if waiting is not None and waiting.kind == passage.kind == "list" and waiting.headings == passage.headings:
                waiting = waiting.model_copy(update={"text": f"{waiting.text}\n{passage.text}"})
                continue
            if waiting is not None:
                yield waiting
            waiting = passage
        if waiting is not None:
            yield waiting

    def _passages(self) -> Iterator[Passage]:
        i = 0
        while i < len(self.lines):
            rows = self._table_rows(i)
            if rows >= MIN_TABLE_ROWS:
                yield self._table(self.lines[i : i + rows])
                i += rows
                continue
            end = self._block_end(i)
            yield from self._block(self.lines[i:end])
            i = end

    def _block_end(self, start: int) -> int:
        """Where the block that begins at `start` ends."""
        end = start + 1
        while (
            end < len(self.lines)
            and self._goes_on(self.lines[end - 1], self.lines[end], self.lines[start])
            and self._table_rows(end) < MIN_TABLE_ROWS
        ):
            end += 1
        return end

    def _goes_on(self, last: Line, line: Line, first: Line) -> bool:
        """True if `line` belongs to the block that `first` began and `last` ended so far."""
        if abs(line.size - last.size) >= 0.6 or line.is_bold != last.is_bold or line.is_fixed != last.is_fixed:
            return False
        if self._is_title(line) or self._is_title(last):
            return False
        if line.page != last.page or line.column != last.column:
            is_open = last.text.rstrip()[-1:] not in ".?!:;" and (line.text[:1].islower() or last.text.endswith("-"))
            return is_open and not self._is_large(line)
        step = last.y - line.y
        if line.is_fixed:
            return 0 < step <= 2.2 * self.step
        if not 0 < step <= PARAGRAPH_GAP * max(self.step, 1.1 * line.size):
            return False
        if _ITEM.match(first.text):
            return bool(_ITEM.match(line.text)) or line.x0 > first.x0 - 1
        if _ITEM.match(line.text) or (last.text.endswith("?") and line.text[:1].isupper() and last.x1 < line.x1 - 3 * line.size):
            return False  # an item, or an answer below its question
        is_indented = line.x0 - last.x0 > INDENT * line.size and line.x0 - first.x0 > INDENT * line.size
        return not is_indented or self._is_large(line)

    def _is_large(self, line: Line) -> bool:
        return line.size >= LARGER * self.body

    def _is_title(self, line: Line) -> bool:
        return bool(self.titles) and (line.page, folded(line.text)) in self.titles

    def _level(self, block: Sequence[Line]) -> float | None:
        """The level of a block that is a heading; None for any other."""
        text = " ".join(line.text for line in block)
        found = self.titles.get((block[0].page, folded(text)))
        if found is not None:
            return float(found)
        if len(block) > MAX_HEADING_LINES or any(len(line.text) > MAX_HEADING_LINE for line in block) or block[0].is_fixed:
            return None
        if not any(c.isalpha() for c in text) or text.rstrip()[-1] in ",;":
            return None
        if self._is_large(block[0]):
            return float(min(6, 1 + self.larger.index(block[0].size)) if block[0].size in self.larger else 6)
        asks = text.rstrip().endswith(("?", "？"))
        if self.has_bold_heads and all(line.is_bold for line in block) and (asks or text.rstrip()[-1] not in ".:"):
            return BOLD_QUESTION if asks else BOLD_LINE
        return None

    def _block(self, block: Sequence[Line]) -> Iterator[Passage]:
        page = block[0].page
        level = self._level(block)
        if level is not None:
            text = plain(one_line(self.joined(block)))
            if text:
                yield self.outline.heading(level, text, page=page)
        elif block[0].is_fixed:
            yield self.outline.block("code", code_of(block), page=page)
        elif _ITEM.match(block[0].text) and (len(block) == 1 or any(_ITEM.match(line.text) for line in block[1:]) or block[0].text[0] in "•◦▪‣●○■□–"):
            yield self.outline.block("list", self._list(block), page=page)
        elif text := self.joined(block):
            yield self.outline.block("paragraph", text, page=page)

    def _list(self, block: Sequence[Line]) -> str:
        items: list[list[Line]] = []
        for line in block:
            if _ITEM.match(line.text) or not items:
                items.append([line])
            else:
                items[-1].append(line)
        number = _NUMBER.match(block[0].text)
        texts = [_ITEM.sub("", self.joined(item), count=1) for item in items]
        return listed(texts, int(number[1]) if number else None)

    def joined(self, block: Sequence[Line]) -> str:
        """The lines as running text; a word that a line end cut is whole again."""
        words: list[str] = []
        for line in block:
            text = line.text.translate(_LIGATURES).strip()
            if words and ends_in_hyphen(words[-1], text):
                words[-1] = (words[-1] if self._is_compound(words[-1], text) else words[-1][:-1]) + text
            elif text:
                words.append(text)
        return reflow(words)

    def _is_compound(self, before: str, after: str) -> bool:
        """True if the hyphen at the end of a line belongs to the word: the file has it with its hyphen elsewhere."""
        left, right = re.search(r"\w+-$", before), re.match(r"\w+", after)
        return bool(left and right and f"{left[0]}{right[0]}".casefold() in self.compounds)

    def _table_rows(self, start: int) -> int:
        """How many lines from `start` on are rows of one table."""
        first = self.lines[start]
        if len(first.cells) < 2 or first.is_fixed:
            return 0
        count = 0
        for line in self.lines[start:]:
            fits = sum(any(abs(x - place) <= SAME_PLACE for place in first.starts) for x in line.starts)
            if len(line.cells) < 2 or line.page != first.page or fits < 2 or len(line.cells) > len(first.cells) + 1:
                break
            count += 1
        return count

    def _table(self, block: Sequence[Line]) -> Passage:
        places = max((line.starts for line in block), key=len)
        rows = []
        for line in block:
            row = [""] * len(places)
            for x, cell in zip(line.starts, line.cells, strict=True):
                at = min(range(len(places)), key=lambda k: abs(places[k] - x))
                row[at] = f"{row[at]} {cell}".strip()
            rows.append(row)
        return self.outline.block("table", barred(rows), rows, page=block[0].page)


def ends_in_hyphen(before: str, after: str) -> bool:
    """True if a word goes on from the end of one line to the next."""
    return len(before) >= 2 and before[-1] == "-" and before[-2].isalpha() and after[:1].islower()


def usual_step(lines: Sequence[Line]) -> float:
    """The most frequent distance of two lines, in points."""
    steps: Counter[float] = Counter()
    for last, line in pairwise(lines):
        if last.page == line.page and last.column == line.column and 0 < last.y - line.y < 4 * line.size:
            steps[round((last.y - line.y) * 2) / 2] += 1
    return steps.most_common(1)[0][0] if steps else 12.0


def code_of(block: Sequence[Line]) -> str:
    """Lines in a typewriter's font with their indents and blank lines."""
    margin = min(line.x0 for line in block)
    width = max(0.1, sum((line.x1 - line.x0) / max(1, len(line.text)) for line in block) / len(block))
    step = min((a.y - b.y for a, b in pairwise(block) if a.y - b.y > 0), default=12.0)
    lines: list[str] = []
    for i, line in enumerate(block):
        if i and line.page == block[i - 1].page and block[i - 1].y - line.y > 1.6 * step:
            lines.append("")
        lines.append(" " * round((line.x0 - margin) / width) + line.text)
    return "\n".join(lines)


def folded(title: str) -> str:
    """A title as its letters, for comparison."""
    return "".join(c for c in title.casefold() if c.isalnum())

"""Lines of all pages → the same lines without headers, footers and page numbers: what stands at the same height of many pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tunesmith.data.fold import fold
from tunesmith.data.make.pdf_layout import Line

MARGIN = 0.13
"""Share of the page's height at its top and at its foot where headers and footers stand."""
EDGE_LINES = 3
HEIGHT_STEP = 6.0
"""Points within which two lines stand at the same height."""
_FIRST_NUMBER = re.compile(r"\s*(\d{1,4})(?=\s|$)")
_LAST_NUMBER = re.compile(r"(?:^|\s)(\d{1,4})\s*$")
_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"(?:(?:page|seite|pagina|página|p)\.?\s*)?[-–—|\s]*(\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von|de|di|sur)\s*\d{1,4})?[-–—|\s]*", re.I
)
LEADERS = re.compile(r"(?:\.\s?){5,}\s*\d{1,4}\s*$")
"""Dots that lead to a page number, in a table of contents."""


def without_margins(pages: Sequence[Sequence[Line]], heights: Sequence[float]) -> list[list[Line]]:
    """The pages without what repeats at their edges, without page numbers, and without tables of contents."""
    edges = [edge_lines(page, height) for page, height in zip(pages, heights, strict=True)]
    counts = Counter(key for edge in edges for key in {key_of(line) for line in edge})
    needed = 2 if len([page for page in pages if page]) <= 3 else 3
    shift = usual_shift(edges)
    kept = []
    for page, edge in zip(pages, edges, strict=True):
        gone = {
            id(line) for line in edge if counts[key_of(line)] >= needed or is_page_number(line) or (shift is not None and shift in shifts_of(line))
        }
        kept.append([line for line in page if id(line) not in gone and not LEADERS.search(line.text)])
    return kept


def edge_lines(page: Sequence[Line], height: float) -> list[Line]:
    """The outermost lines of a page that stand in its margins."""
    by_height = sorted(page, key=lambda line: -line.y)
    top = [line for line in by_height[:EDGE_LINES] if line.y > (1 - MARGIN) * height]
    foot = [line for line in by_height[-EDGE_LINES:] if line.y < MARGIN * height and line not in top]
    return top + foot


def shifts_of(line: Line) -> set[int]:
    """How far the numbers at the ends of a line are from the number of its page."""
    numbers = (_FIRST_NUMBER.match(line.text), _LAST_NUMBER.search(line.text))
    return {line.page - int(found[1]) for found in numbers if found}


def usual_shift(edges: Sequence[Sequence[Line]]) -> int | None:
    """How far the printed page numbers are from the pages' own, where three pages or more agree: such a line is a header or a footer."""
    counts = Counter(shift for edge in edges for shift in {shift for line in edge for shift in shifts_of(line)})
    best = counts.most_common(1)
    return best[0][0] if best and best[0][1] >= max(3, 0.3 * len(edges)) else None


def key_of(line: Line) -> tuple[str, int]:
    """What is compared: the words, any number for any other, and the height."""
    return _DIGITS.sub("#", fold(line.text)), round(line.y / HEIGHT_STEP)


def is_page_number(line: Line) -> bool:
    """True for a line in the margin that is nothing but a number of a page."""
    text = line.text.strip()
    found = _PAGE_NUMBER.fullmatch(text)
    return bool(found) and (not found[1].isdecimal() or int(found[1]) == line.page or len(text) > len(found[1])) if found else False

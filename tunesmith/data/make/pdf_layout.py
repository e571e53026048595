"""Runs of a page → its lines in reading order: columns one after the other, the cells of a table side by side.

A gutter is a place that few runs cross, with running text on both sides; runs that cross it (a title over both columns) cut the page into bands.
Tables have gutters too, but short cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.data.make.pdf_page import Run

MIN_COLUMN_LINES = 5
MIN_COLUMN_CHARACTERS = 18
"""Mean length of a column's runs; below it, they are cells of a table."""
MAX_CROSSING = 0.25
GUTTER = 6.0
"""Points."""
MAX_RUNS = 3_000
MAX_COLUMNS_DEEP = 3
SPACE = 0.3
"""In font sizes: between two runs, a wider one is a space."""
CELL_GAP = 1.6
"""In font sizes: a wider space begins a new cell."""


@dataclass(frozen=True)
class Line:
    """A line as it is read."""

    cells: tuple[str, ...]
    starts: tuple[float, ...]
    """Where each cell begins."""
    x1: float
    y: float
    size: float
    is_bold: bool
    is_fixed: bool
    column: int = 0
    page: int = 0

    @property
    def x0(self) -> float:
        """Where it begins."""
        return self.starts[0]

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(self.cells)


def lines_of(runs: Sequence[Run], page: int) -> list[Line]:
    """The lines of a page in reading order."""
    found: list[Line] = []
    for column, part in enumerate(columns(list(runs), 0)):
        found += [_line(row, column, page) for row in rows_of(part)]
    return found


def columns(runs: list[Run], deep: int) -> list[list[Run]]:
    """The runs in parts that are read one after the other."""
    gutter = find_gutter(runs) if deep < MAX_COLUMNS_DEEP and len(runs) <= MAX_RUNS else None
    if gutter is None:
        return [runs]
    parts: list[list[Run]] = []
    band: list[Run] = []
    across: list[Run] = []
    for row in [*rows_of(runs), []]:
        is_across = any(run.x0 < gutter < run.x1 for run in row)
        if band and (is_across or not row):
            for side in ([run for run in band if run.x1 <= gutter], [run for run in band if run.x0 >= gutter]):
                parts += columns(side, deep + 1) if side else []
            band = []
        if across and not is_across:
            parts.append(across)
            across = []
        (across if is_across else band).extend(row)
    return parts


def find_gutter(runs: Sequence[Run]) -> float | None:
    """Where the page is cut into a left and a right part; None if it is one column."""
    if len(runs) < 2 * MIN_COLUMN_LINES:
        return None
    low, high = min(run.x0 for run in runs), max(run.x1 for run in runs)
    best: tuple[int, float, float] | None = None
    for x in sorted({round(run.x0 - 1, 0) for run in runs}):
        if not low + 0.15 * (high - low) < x < high - 0.15 * (high - low):
            continue
        left, right = [run for run in runs if run.x1 <= x], [run for run in runs if run.x0 >= x]
        crossing = len(runs) - len(left) - len(right)
        if crossing > MAX_CROSSING * len(runs) or not (is_column(left) and is_column(right)) or not beside(left, right):
            continue
        gap = min(run.x0 for run in right) - max(run.x1 for run in left)
        if gap >= GUTTER and (best is None or (crossing, -gap) < best[:2]):
            best = (crossing, -gap, x)
    return best[2] if best else None


def is_column(runs: Sequence[Run]) -> bool:
    """True if the runs look like lines of running text."""
    if len({round(run.y) for run in runs}) < MIN_COLUMN_LINES:
        return False
    rows = rows_of(runs)
    return sum(len(run.text) for run in runs) >= MIN_COLUMN_CHARACTERS * len(rows)


def beside(left: Sequence[Run], right: Sequence[Run]) -> bool:
    """True if the two parts stand side by side and not one above the other."""
    (l0, l1), (r0, r1) = ((min(run.y for run in side), max(run.y for run in side)) for side in (left, right))
    return min(l1, r1) - max(l0, r0) >= 0.4 * min(l1 - l0, r1 - r0)


def rows_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs that stand on one baseline together, from the top; each row from left to right."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.y, run.x0)):
        if rows and abs(rows[-1][0].y - run.y) <= 0.3 * max(run.size, rows[-1][0].size):
            rows[-1].append(run)
        else:
            rows.append([run])
    return [sorted(row, key=lambda run: run.x0) for row in rows]


def _line(row: list[Run], column: int, page: int) -> Line:
    cells: list[str] = []
    starts: list[float] = []
    end = float("-inf")
    for run in row:
        if cells and run.x0 - end <= CELL_GAP * run.size:
            cells[-1] += run.text if run.x0 - end <= SPACE * run.size else " " + run.text  # PDFium has written the usual spaces already
        else:
            cells.append(run.text)
            starts.append(run.x0)
        end = max(end, run.x1)
    letters = sum(len(run.text) for run in row)
    size = max(row, key=lambda run: len(run.text)).size
    return Line(
        cells=tuple(" ".join(cell.split()) if not row[0].is_fixed else cell.rstrip() for cell in cells),
        starts=tuple(starts),
        x1=end,
        y=row[0].y,
        size=round(size * 2) / 2,
        is_bold=sum(len(run.text) for run in row if run.is_bold) > 0.8 * letters,
        is_fixed=row[0].is_fixed and sum(len(run.text) for run in row if run.is_fixed) > 0.95 * letters,
        column=column,
        page=page,
    )

"""What was found in the rows → the table of the page that says it: what, how grave, where, and what mends it."""

from __future__ import annotations

from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.page_tables import Cell, Column, Table, used
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.finding import SEVERITY_TITLES, Finding

LINES_SHOWN = 12


def findings(dataset: Dataset) -> Table:
    """The findings about a data set, the gravest first."""
    columns = (
        Column("What was found", number=False),
        Column("How grave", number=False),
        Column("Rows"),
        Column("Lines", number=False),
        Column("What mends it", number=False),
    )
    several = len(dataset.sources) > 1
    return Table("What was found in the rows, the gravest first", *used(columns, [_finding(one, several) for one in dataset.findings]))


def _finding(one: Finding, several: bool) -> tuple[Cell, ...]:
    return (
        Cell(one.message[:1].upper() + one.message[1:], f"{one.kind}, {one.file}" if several else one.kind),
        Cell(SEVERITY_TITLES[one.severity]),
        Cell(words.count(one.count)) if one.count else Cell(),
        Cell(one.where(LINES_SHOWN)) if one.lines else Cell(),
        Cell(one.fix, one.why),
    )

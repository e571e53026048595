"""Rows of text → a table for a terminal, or tab-separated lines for a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tunesmith.cli.screen import clean, one_line


class Listing:
    """Rows under their headings. Printed to something that is no terminal, it is one line a row, tabs between the fields."""

    def __init__(self, headings: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Sequence[int], empty: str) -> None:
        self.headings, self.rows, self.right, self.empty = headings, rows, right, empty

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich prints."""
        if not self.rows:
            yield Text(self.empty, "dim")
        elif console.is_terminal:
            yield self.table()
        else:
            yield from self.lines()

    def table(self) -> RenderableType:
        """Aligned columns."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for i, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if i in self.right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(cell if isinstance(cell, Text) else clean(cell) for cell in row))
        return Group(table)

    def lines(self) -> RenderResult:
        """Tab-separated fields without headings, never wrapped."""
        for row in self.rows:
            yield Segment("\t".join(one_line(cell.plain if isinstance(cell, Text) else cell, 10_000) for cell in row))
            yield Segment.line()


def listing(headings: Sequence[str], rows: Sequence[Sequence[str | Text]], *, right: Sequence[int] = (), empty: str = "none") -> Listing:
    """A listing; `right` names the columns of numbers, `empty` is said where there are no rows."""
    return Listing(headings, rows, right, empty)

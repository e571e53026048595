"""Readings of a training run → a chart of braille dots and marks that fits a terminal.

Losses share one chart: the train loss is a line, dev readings are marks, so the two can be told apart without colour.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from tunesmith.cli.figures import number
from tunesmith.spec.job import DEV_MATCH, DEV_PREFERENCE, Reading

METRICS = {DEV_MATCH: "dev match", DEV_PREFERENCE: "dev pref"}
"""Readings that are shares of right dev rows, with their short names."""
Point = tuple[float, float]
BLOCKS = "▁▂▃▄▅▆▇█"
BRAILLE_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # [column][row] of the 2 × 4 dots in one cell
ROWS = 6
AXIS_WIDTH = 8
MARK = "◆"


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """`values` as one line of block characters, averaged into at most `width` of them.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7])
    '▁▂▃▄▅▆▇█'
    >>> sparkline([3, 3])
    '▄▄'
    """
    sound = [v for v in values if math.isfinite(v)]
    if not sound:
        return ""
    count = min(width, len(sound))
    edges = [i * len(sound) // count for i in range(count + 1)]
    means = [math.fsum(sound[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return BLOCKS[3] * count
    return "".join(BLOCKS[min(7, int(8 * (m - low) / (high - low)))] for m in means)


@dataclass
class Curves:
    """What a training run has reported so far."""

    series: dict[str, list[Point]] = field(default_factory=dict)
    total_steps: float | None = None

    def add(self, reading: Reading) -> None:
        """Take in a reading; values that are not finite have no place on a chart."""
        for name, value in reading.values.items():
            if math.isfinite(value):
                self.series.setdefault(name, []).append((reading.step, value))

    def last(self, name: str) -> float | None:
        """The newest value of one series."""
        return self.series[name][-1][1] if self.series.get(name) else None

    def is_empty(self) -> bool:
        """True while there is nothing to draw."""
        return not any(len(self.series.get(name, ())) > 1 for name in ("train_loss", "dev_loss", *METRICS))

    def charts(self, width: int) -> Table:
        """Loss and, where there is one, the dev metric, side by side in `width` columns (below each other under 70)."""
        metrics = [name for name in METRICS if self.series.get(name)]
        beside = width >= 70 and bool(metrics)
        each = (width - 2) // 2 if beside else width
        charts = [self._losses(each), *(self._metric(name, each) for name in metrics)]
        grid = Table.grid(padding=(0, 2, 0, 0))
        if beside:
            grid.add_row(*charts)
        else:
            for chart in charts:
                grid.add_row(chart)
        return grid

    def summary(self) -> list[str]:
        """A line for each curve, to leave on the screen when the charts go."""
        parts = []
        for name, words in (("train_loss", "train loss"), ("dev_loss", "dev loss"), *METRICS.items()):
            values = [v for _, v in self.series.get(name, [])]
            if values:
                ends = [number(v, "exact_match") if name in METRICS else f"{v:.3f}" for v in (values[0], values[-1])]
                parts.append(f"{words:<10} {ends[0]:>7} {sparkline(values, 24):<24} {ends[1]:>7}")
        return parts

    def _losses(self, width: int) -> Text:
        head = Text("loss", "bold")
        for name, sign, style in (("train_loss", "─ train", "cyan"), ("dev_loss", f"{MARK} dev", "magenta")):
            value = self.last(name)
            if value is not None:
                head.append(f"  {sign} {value:.3f}", style)
        return chart(head, self.series.get("train_loss", []), self.series.get("dev_loss", []), width, self.total_steps, "{:.2f}".format)

    def _metric(self, name: str, width: int) -> Text:
        points = self.series[name]
        best = max(v for _, v in points)
        head = Text.assemble(
            (METRICS[name], "bold"), (f"  {MARK} {number(points[-1][1], 'exact_match')}", "magenta"), (f"  best {number(best, 'exact_match')}", "dim")
        )
        return chart(head, points, points, width, self.total_steps, lambda v: f"{100 * v:.0f} %")


def chart(head: Text, line: Sequence[Point], marks: Sequence[Point], width: int, total: float | None, label: Callable[[float], str]) -> Text:
    """`head` over a plot of `line` (braille) and `marks`, with labelled axes; ROWS + 2 lines of at most `width` columns."""
    points = [*line, *marks]
    columns = max(8, width - AXIS_WIDTH - 1)
    low, high = min(y for _, y in points), max(y for _, y in points)
    low, high = (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))
    right = max([total or 0, *(x for x, _ in points), 1])
    cells = [[(sign, "cyan") for sign in row] for row in braille(line, columns, ROWS, right, low, high)]
    for x, y in marks:
        cells[min(ROWS - 1, int((high - y) / (high - low) * ROWS))][min(columns - 1, int(x / right * columns))] = (MARK, "magenta")
    text = head.copy()
    text.truncate(width, overflow="ellipsis")
    for i, row in enumerate(cells):
        edge = label(high) if i == 0 else label(low) if i == ROWS - 1 else ""
        text.append(f"\n{edge:>{AXIS_WIDTH - 2}} ┤" if edge else "\n" + " " * (AXIS_WIDTH - 1) + "│", "dim")
        for sign, style in row:
            text.append(sign, style)
    end = f"step {right:,.0f}"
    text.append("\n" + " " * (AXIS_WIDTH - 1) + "└0" + f"{end:>{columns - 1}}", "dim")
    return text


def braille(line: Sequence[Point], columns: int, rows: int, right: float, low: float, high: float) -> list[list[str]]:
    """Rows of braille characters in which the points of `line` are joined; x runs from 0 to `right`, y from `low` to `high`.

    >>> braille([(0, 0), (1, 1)], 2, 1, 1, 0, 1)
    [['⡠', '⠊']]
    """
    wide, tall = 2 * columns - 1, 4 * rows - 1
    bits = [[0] * columns for _ in range(rows)]
    dots = [(round(x / right * wide), round((high - y) / (high - low) * tall)) for x, y in line]
    for (x0, y0), (x1, y1) in zip(dots, dots[1:] or dots, strict=False):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(steps + 1):
            x, y = x0 + round((x1 - x0) * i / steps), y0 + round((y1 - y0) * i / steps)
            bits[y // 4][x // 2] |= BRAILLE_DOTS[x % 2][y % 4]
    return [[chr(0x2800 + b) if b else " " for b in row] for row in bits]

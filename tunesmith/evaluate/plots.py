"""Numbers → inline SVG: intervals, curves, a confusion matrix, bars, lengths. Pure functions, no script, colours by CSS class.

Every plot is drawn on a narrow canvas (360 units wide, except the matrix), so that its text stays readable on a phone; pages put
several side by side where there is room. Colour never carries meaning alone: lines differ in dash and marker, cells bear their counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from tunesmith.evaluate.page_words import clip, count, plural
from tunesmith.pages.gate import shown
from tunesmith.spec.dataset import Spread

WIDTH = 360
MATRIX_LABELS = 40
"""A matrix with more labels cannot be read; its largest confusions can."""
OTHER = "(any other answer)"
"""The column of answers that are no label."""


@dataclass(frozen=True)
class Interval:
    """One line of an interval plot. `text` is its value in words; `strong` sets it off (the winner)."""

    name: str
    value: float
    low: float
    high: float
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """One curve: its name, its points in order of x, and how it is drawn."""

    name: str
    points: tuple[tuple[float, float], ...]
    style: Literal["first", "second"]


def element(name: str, *children: Markup | str, **attributes: str | float) -> Markup:
    """One SVG element; text and attribute values are escaped, `class_` and `text_anchor` become `class` and `text-anchor`."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items())
    inside = Markup("").join(child if isinstance(child, Markup) else escape(shown(child)) for child in children)
    return Markup(f"<{name}{written}>") + inside + Markup(f"</{name}>")


def _plain(value: str | float) -> str:
    """An attribute's value: numbers with at most two decimals, so that the same data always gives the same bytes."""
    if isinstance(value, str):
        return shown(value)
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def picture(children: Sequence[Markup], *, ident: str, title: str, desc: str, width: float, height: float, class_: str) -> Markup:
    """An <svg> that a screen reader can name (title) and explain (desc). `ident` is unique on the page."""
    return element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", desc, id=f"{ident}-desc"),
        *children,
        class_=f"plot {class_}",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )


def ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Round numbers (steps of 1, 2 or 5 times a power of ten) that cover [low, high].

    >>> ticks(0, 0.83)
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    if high == low and high:  # one value: a narrow axis below it, so that no share is drawn beyond 100 %
        low = high - abs(high) / 10
    span = high - low if high > low else 1.0
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil((low + span) / step - 1e-9)
    return tuple(round(i * step, 12) for i in range(first, last + 1))


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The straight map of [low, high] onto [start, end]; values outside are drawn at the edge."""
    return lambda value: start + (end - start) * min(1.0, max(0.0, (value - low) / (high - low)))


def intervals(
    rows: Sequence[Interval], *, ident: str, title: str, axis: Callable[[float], str], reference: tuple[float, str] | None = None, reach: float = 0.0
) -> Markup:
    """A dot with its interval per row on a common axis; `reference` is a value with its name, drawn as a dashed line (a goal, or no difference).

    Rows whose value is not a number are left out. The axis begins at 0 unless there are negative values, and goes
    at least to `reach`.
    """
    drawn = [row for row in rows if all(map(math.isfinite, (row.value, row.low, row.high)))]
    if not drawn:
        return Markup("")
    numbers = [x for row in drawn for x in (row.low, row.high)] + ([reference[0]] if reference else [])
    marks = ticks(min(0.0, *numbers), max(reach, *numbers))
    x = scale(marks[0], marks[-1], 8, WIDTH - 8)
    top, step = 24, 46
    bottom = top + step * len(drawn)
    parts = [element("line", x1=x(m), x2=x(m), y1=top, y2=bottom, class_="grid") for m in marks]
    parts += [element("text", axis(m), x=x(m), y=bottom + 16, text_anchor=_anchor(x(m)), class_="axis") for m in marks]
    if reference:
        at = x(reference[0])
        ends = [(top - 7, top + 3), *((top + step * i + 21, top + step * i + 41) for i in range(len(drawn)))]  # beside the dots, never through a text
        parts += [element("line", x1=at, x2=at, y1=a, y2=b, class_="reference") for a, b in ends]
        parts.append(element("text", reference[1], x=at, y=top - 11, text_anchor=_anchor(at), class_="axis reference-name"))
    for i, row in enumerate(drawn):
        parts.append(_interval(row, x, top + step * i))
    desc = "; ".join(f"{row.name}: {row.text}" for row in drawn)
    return picture(parts, ident=ident, title=title, desc=desc, width=WIDTH, height=bottom + 24, class_="intervals")


def _anchor(x: float) -> str:
    return "start" if x < 40 else "end" if x > WIDTH - 40 else "middle"


def _interval(row: Interval, x: Callable[[float], float], top: float) -> Markup:
    """One row: name and value above, whisker and dot below."""
    y, strength = top + 31, "strong" if row.strong else "plain"
    name = clip(row.name, max(12, 52 - len(row.text)))
    return element(
        "g",
        element("text", ("★ " if row.strong else "") + name, x=8, y=top + 17, class_="name halo"),
        element("text", row.text, x=WIDTH - 8, y=top + 17, text_anchor="end", class_="value halo"),
        element("line", x1=x(row.low), x2=x(row.high), y1=y, y2=y, class_="whisker"),
        *(element("line", x1=x(end), x2=x(end), y1=y - 4, y2=y + 4, class_="whisker") for end in (row.low, row.high)),
        element("circle", cx=x(row.value), cy=y, r=5.5 if row.strong else 4.5, class_="dot"),
        class_=strength,
    )


def curves(lines: Sequence[Line], *, ident: str, title: str, axis: Callable[[float], str], best: float | None) -> Markup:
    """Lines over training steps on one axis, the best step marked. Points that are not finite numbers are left out."""
    drawn = [Line(line.name, tuple(p for p in line.points if math.isfinite(p[1])), line.style) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return Markup("")
    ys = [y for line in drawn for _, y in line.points]
    marks = ticks(min(ys), max(ys), 4)
    left, top, bottom = 46.0, 40.0, 196.0
    last = max(x for line in drawn for x, _ in line.points)
    x, y = scale(0, max(last, 1e-9), left, WIDTH - 10), scale(marks[0], marks[-1], bottom, top)
    parts = [element("line", x1=left, x2=WIDTH - 10, y1=y(m), y2=y(m), class_="grid") for m in marks]
    parts += [element("text", axis(m), x=left - 6, y=y(m) + 4, text_anchor="end", class_="axis") for m in marks]
    parts += [
        element("text", count(s), x=x(s), y=bottom + 17, text_anchor="middle" if x(s) < WIDTH - 20 else "end", class_="axis")
        for s in ticks(0, last, 4)
        if s <= last
    ]
    parts.append(element("text", "training step", x=(left + WIDTH) / 2, y=bottom + 33, text_anchor="middle", class_="axis"))
    if best is not None:
        parts.append(element("line", x1=x(best), x2=x(best), y1=top - 4, y2=bottom, class_="reference"))
        at_right = x(best) > WIDTH * 0.6
        parts.append(
            element(
                "text",
                f"best: step {count(best)}",
                x=x(best) + (-5 if at_right else 5),
                y=top + 6,
                text_anchor="end" if at_right else "start",
                class_="axis halo",
            )
        )
    parts += [_curve(line, x, y) for line in drawn]
    parts += [_legend(line, 8 + 120 * i) for i, line in enumerate(drawn)]
    desc = "; ".join(
        f"{line.name}: " + ", ".join(f"{axis(b)} at step {count(a)}" for a, b in dict.fromkeys((line.points[0], line.points[-1]))) for line in drawn
    )
    if best is not None:
        desc += f"; best at step {count(best)}"
    return picture(parts, ident=ident, title=title, desc=desc, width=WIDTH, height=bottom + 40, class_="curves")


def _curve(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> Markup:
    path = " ".join(f"{'M' if i == 0 else 'L'}{_plain(x(a))} {_plain(y(b))}" for i, (a, b) in enumerate(line.points))
    few = len(line.points) <= 40  # more markers than this hide the line
    dots = [_marker(line.style, x(a), y(b)) for a, b in line.points] if few else []
    return element("g", element("path", d=path, class_="stroke"), *dots, class_=line.style)


def _marker(style: str, x: float, y: float) -> Markup:
    if style == "first":
        return element("circle", cx=x, cy=y, r=2.6, class_="marker")
    return element("rect", x=x - 2.8, y=y - 2.8, width=5.6, height=5.6, class_="marker")


def _legend(line: Line, left: float) -> Markup:
    return element(
        "g",
        element("line", x1=left, x2=left + 24, y1=15, y2=15, class_="stroke"),
        _marker(line.style, left + 12, 15),
        element("text", line.name, x=left + 30, y=19, class_="name"),
        class_=line.style,
    )


def confusions(matrix: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int, int]]:
    """(reference, answered, rows, rows of that reference) for every wrong pair, most rows first, then by name."""
    pairs = [(ref, got, n, sum(row.values())) for ref, row in matrix.items() for got, n in row.items() if got != ref and n]
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[2] / pair[3], pair[0], pair[1]))


def confusion(matrix: Mapping[str, Mapping[str, int]], labels: Sequence[str], *, ident: str, title: str) -> Markup:
    """The confusion matrix: rows are references, columns answers. Over 40 labels: bars of the twenty largest confusions instead."""
    known = [label for label in labels if label in matrix or any(label in row for row in matrix.values())]
    known += sorted(set(matrix) - set(known))
    if not matrix or len(known) > MATRIX_LABELS:
        top = [(f"{clip(ref, 22)} → {clip(got, 22)}", float(n)) for ref, got, n, _ in confusions(matrix)[:20]]
        return bars(top, ident=ident, title=title, unit="rows")
    others = any(got not in known for row in matrix.values() for got in row)
    columns = known + ([OTHER] if others else [])
    return _heat(folded(matrix, known), known, columns, ident=ident, title=title)


def folded(matrix: Mapping[str, Mapping[str, int]], known: Sequence[str]) -> dict[tuple[str, str], int]:
    """Cells by (reference, answer), answers that are no label added up under one name."""
    cells: dict[tuple[str, str], int] = {}
    for ref, row in matrix.items():
        for got, n in row.items():
            key = (ref, got if got in known else OTHER)
            cells[key] = cells.get(key, 0) + n
    return cells


def _heat(cells: Mapping[tuple[str, str], int], rows: Sequence[str], columns: Sequence[str], *, ident: str, title: str) -> Markup:
    side, shown_names = 17.0, [clip(label, 24) for label in columns]
    left = 12 + 6.2 * max(len(name) for name in [*shown_names, *(clip(label, 24) for label in rows)])
    top = left * 0.82 + 6  # names above the columns stand on a slope
    width, height = left + side * len(columns) + left * 0.45, top + side * len(rows) + 6
    parts = [element("rect", x=left, y=top, width=side * len(columns), height=side * len(rows), class_="ground")]
    for i, label in enumerate(rows):
        parts.append(element("text", clip(label, 24), x=left - 6, y=top + side * i + 12.5, text_anchor="end", class_="label"))
        parts.append(element("line", x1=left, x2=left + side * len(columns), y1=top + side * i, y2=top + side * i, class_="grid"))
    for j, name in enumerate(shown_names):
        x = left + side * j
        parts.append(element("text", name, transform=f"translate({_plain(x + 11)} {_plain(top - 6)}) rotate(-55)", class_="label"))
        parts.append(element("line", x1=x, x2=x, y1=top, y2=top + side * len(rows), class_="grid"))
    totals = {label: sum(n for (ref, _), n in cells.items() if ref == label) for label in rows}
    for (ref, got), n in sorted(cells.items()):
        if n:
            spot = (left + side * columns.index(got), top + side * rows.index(ref))
            parts.append(
                _cell(spot, side, n, n / totals[ref], right=ref == got, words=f"{ref} answered as {got}: {plural(n, 'row')} of {totals[ref]}")
            )
    wrong = sum(n for (ref, got), n in cells.items() if ref != got)
    desc = f"Rows are the right labels, columns the answers. {plural(wrong, 'row')} of {count(sum(cells.values()))} off the diagonal."
    return picture(parts, ident=ident, title=title, desc=desc, width=width, height=height, class_="matrix")


def _cell(spot: tuple[float, float], side: float, n: int, share: float, *, right: bool, words: str) -> Markup:
    """A cell with its count. Mistakes are strong and boxed, right answers pale."""
    strength = 0.08 + 0.2 * share if right else 0.18 + 0.37 * min(1.0, share / 0.5)  # beyond 0.55 the count on it would lose contrast
    x, y = spot
    return element(
        "g",
        element("title", words),
        element("rect", x=x + 0.5, y=y + 0.5, width=side - 1, height=side - 1, fill_opacity=round(strength, 2), class_="hit" if right else "miss"),
        element(
            "text",
            str(n),
            x=x + side / 2,
            y=y + 12.2,
            text_anchor="middle",
            class_="hit-count" if right else "miss-count",
        ),
    )


def bars(values: Sequence[tuple[str, float]], *, ident: str, title: str, unit: str) -> Markup:
    """Horizontal bars in the given order, each with its number; the axis begins at 0."""
    if not values:
        return Markup("")
    longest = max(len(clip(name, 40)) for name, _ in values)
    left = min(200.0, 10 + 6.4 * longest)
    limit = max(10, int((left - 8) / 6.2))
    x = scale(0, max(1e-9, *(value for _, value in values)), 0, WIDTH - left - 44)
    parts, step = [], 19.0
    for i, (name, value) in enumerate(values):
        y = 4 + step * i
        parts.append(element("text", clip(name, limit), x=left - 6, y=y + 13, text_anchor="end", class_="label"))
        parts.append(element("rect", x=left, y=y + 3, width=max(1.0, x(value)), height=step - 6, class_="bar"))
        parts.append(element("text", count(value), x=left + x(value) + 5, y=y + 13, class_="label"))
    desc = "; ".join(f"{name}: {count(value)} {unit}" for name, value in values)
    return picture(parts, ident=ident, title=title, desc=desc, width=WIDTH, height=8 + step * len(values), class_="bars")


def spread(lengths: Spread, *, ident: str, title: str, unit: str) -> Markup:
    """A length's distribution as one strip: half of the rows, 90 % and 99 % end where the bands do; a dot is the mean."""
    if lengths.n == 0 or not lengths.max > 0:
        return Markup("")
    x = scale(0, lengths.max, 8, WIDTH - 8)
    quantiles = (("99 %", lengths.p99, "band-3"), ("90 %", lengths.p90, "band-2"), ("50 %", lengths.p50, "band-1"))
    parts = [element("line", x1=8, x2=x(lengths.max), y1=27, y2=27, class_="whisker")]
    parts += [element("rect", x=8, y=18, width=max(1.0, x(q) - 8), height=18, class_=band) for _, q, band in quantiles]
    parts.append(element("line", x1=x(lengths.max), x2=x(lengths.max), y1=20, y2=34, class_="whisker"))
    parts.append(element("circle", cx=x(lengths.mean), cy=27, r=4.5, class_="dot"))
    parts += [element("text", count(m), x=x(m), y=54, text_anchor=_anchor(x(m)), class_="axis") for m in ticks(0, lengths.max, 4) if m <= lengths.max]
    desc = (
        f"Mean {count(round(lengths.mean, 1))}, "
        + ", ".join(f"{share} of the rows up to {count(q)}" for share, q, _ in reversed(quantiles))
        + f", longest {count(lengths.max)} {unit}"
    )
    return picture(parts, ident=ident, title=title, desc=desc, width=WIDTH, height=62, class_="spread")


def share_bar(value: float, low: float, high: float) -> Markup:
    """A small bar with its interval for a table cell that also says the numbers; hidden from screen readers for that reason."""
    if not all(map(math.isfinite, (value, low, high))):
        return Markup("")
    x = scale(0, 1, 1, 99)
    return element(
        "svg",
        element("rect", x=0, y=4, width=100, height=8, class_="ground"),
        element("rect", x=0, y=4, width=max(0.5, x(value)), height=8, class_="bar"),
        element("line", x1=x(low), x2=x(high), y1=8, y2=8, class_="whisker"),
        class_="share",
        viewBox="0 0 100 16",
        aria_hidden="true",
    )

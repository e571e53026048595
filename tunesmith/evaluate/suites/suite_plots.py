"""Curves and bars of the suites → inline SVG, in the way of `evaluate/plots.py`: narrow, no script, colour never alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from tunesmith.evaluate.page_words import NBSP, count
from tunesmith.evaluate.plots import WIDTH, element, picture, scale, ticks
from tunesmith.spec.suite import Bar, Covered

Scale = Callable[[float], float]
LEFT, TOP, BOTTOM = 46.0, 14.0, 190.0


def risk_coverage(curve: Sequence[Covered], *, ident: str, mark: float | None = None) -> Markup:
    """The share of wrong answers against the share of rows answered; `mark` is the share that a proposed threshold leaves. Nothing for fewer than two points."""
    if len(curve) < 2:
        return Markup("")
    marks = ticks(0.0, max(0.05, *(point.risk for point in curve)), 4)
    x, y = scale(0, 1, LEFT, WIDTH - 10), scale(0, marks[-1], BOTTOM, TOP)
    path = " ".join(f"{'M' if i == 0 else 'L'}{x(p.coverage):.2f} {y(p.risk):.2f}" for i, p in enumerate(curve))
    parts = [*_frame(marks, x, y, "share of the questions answered"), element("g", element("path", d=path, class_="stroke"), class_="first")]
    if mark is not None:
        at_right = x(mark) > WIDTH * 0.6
        parts.append(element("line", x1=x(mark), x2=x(mark), y1=TOP, y2=BOTTOM, class_="reference"))
        beside, anchor = x(mark) + (-5 if at_right else 5), "end" if at_right else "start"
        parts.append(element("text", "proposed threshold", x=beside, y=TOP + 10, text_anchor=anchor, class_="axis halo"))
    first, last = curve[0], curve[-1]
    desc = (
        f"{_percent(first.risk)} wrong with {_percent(first.coverage)} answered, {_percent(last.risk)} wrong with {_percent(last.coverage)} answered"
    )
    return picture(parts, ident=ident, title="Wrong answers by share answered", desc=desc, width=WIDTH, height=BOTTOM + 40, class_="curves")


def reliability(bars: Sequence[Bar], *, ident: str) -> Markup:
    """Share of right answers against confidence, one dot a bin; dots on the dashed line are honest. Each dot bears its number of rows."""
    if not bars:
        return Markup("")
    marks = ticks(0.0, 1.0, 5)
    x, y = scale(0, 1, LEFT, WIDTH - 14), scale(0, 1, BOTTOM, TOP)
    parts = [
        *_frame(marks, x, y, "mean confidence"),
        element("text", "right answers", x=LEFT + 4, y=TOP - 3, class_="axis"),
        element("line", x1=x(0), x2=x(1), y1=y(0), y2=y(1), class_="reference"),
    ]
    for bar in bars:
        at = (x(bar.confidence), y(bar.accuracy))
        parts.append(element("line", x1=at[0], x2=at[0], y1=y(bar.confidence), y2=at[1], class_="whisker"))
        below = at[1] < TOP + 16
        parts.append(element("circle", cx=at[0], cy=at[1], r=4.5, class_="dot"))
        anchor = "end" if at[0] > WIDTH - 40 else "middle"
        parts.append(element("text", count(bar.rows), x=at[0], y=at[1] + (16 if below else -8), text_anchor=anchor, class_="axis halo"))
    desc = "; ".join(f"{_percent(bar.accuracy)} right at a confidence of {_percent(bar.confidence)}, {count(bar.rows)} rows" for bar in bars)
    return picture(parts, ident=ident, title="Confidence and right answers", desc=desc, width=WIDTH, height=BOTTOM + 40, class_="curves")


def _frame(marks: Sequence[float], x: Scale, y: Scale, below: str) -> list[Markup]:
    """Grid lines with their shares, and the axis below."""
    parts = [element("line", x1=LEFT, x2=x(1), y1=y(m), y2=y(m), class_="grid") for m in marks]
    parts += [element("text", _percent(m), x=LEFT - 6, y=y(m) + 4, text_anchor="end", class_="axis") for m in marks]
    parts += [
        element("text", _percent(m), x=x(m), y=BOTTOM + 17, text_anchor="middle" if m < 1 else "end", class_="axis") for m in ticks(0.0, 1.0, 5)
    ]
    parts.append(element("text", below, x=(LEFT + WIDTH) / 2, y=BOTTOM + 33, text_anchor="middle", class_="axis"))
    return parts


def _percent(value: float) -> str:
    return f"{100 * value:.3g}{NBSP}%"

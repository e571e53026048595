"""Charts: worked by hand, sized right, safe from odd readings."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tunesmith.cli.curves import MARK, Curves, braille, sparkline
from tunesmith.spec.job import Reading


def drawn(curves: Curves, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(curves.charts(width))
    return console.file.getvalue().rstrip("\n").split("\n")  # type: ignore[attr-defined]


def falling(steps: int = 40) -> Curves:
    curves = Curves(total_steps=50)
    for step in range(steps):
        values = {"train_loss": 4 - step / 10} | ({"dev_loss": 4 - step / 12, "dev_exact_match": step / steps} if step % 8 == 0 else {})
        curves.add(Reading(step=step, values=values))
    return curves


def test_a_sparkline_averages_what_does_not_fit():
    assert sparkline([0, 0, 1, 1], 2) == "▁█"
    assert sparkline([0, float("nan"), 1, float("inf")]) == "▁█"
    assert sparkline([]) == ""


def test_a_flat_line_stays_on_its_row():
    assert braille([(0, 1), (1, 1)], 2, 1, 1, 0, 1) == [["⠉", "⠉"]]  # the top dots of both columns of both cells


def test_every_point_of_a_line_lies_in_the_plot():
    rows = braille([(x, (x * 7) % 11) for x in range(30)], 20, 6, 29, 0, 10)
    assert (6, {20}) == (len(rows), {len(row) for row in rows})


@pytest.mark.parametrize("width", [40, 60, 70, 80, 120])
def test_charts_fit_and_name_their_axes(width):
    lines = drawn(falling(), width)
    assert max(len(line.rstrip()) for line in lines) <= width
    assert (8 if width >= 70 else 16) == len(lines)
    text = "\n".join(lines)
    assert "4.00 ┤" in text
    assert "step 50" in text
    assert text.count(MARK) - sum(line.count(MARK) for line in lines if "dev" in line) == 10, "five readings on each chart"


def test_readings_that_are_not_finite_are_left_out():
    curves = Curves()
    for step, loss in enumerate([2.0, float("nan"), float("inf"), 1.0]):
        curves.add(Reading(step=step, values={"train_loss": loss}))
    assert curves.series["train_loss"] == [(0, 2.0), (3, 1.0)]
    assert len(drawn(curves, 80)) == 8


def test_one_reading_is_no_curve_yet():
    curves = Curves()
    assert curves.is_empty()
    curves.add(Reading(step=1, values={"train_loss": 1.0}))
    assert curves.is_empty()
    curves.add(Reading(step=2, values={"train_loss": 1.0}))
    assert not curves.is_empty()
    assert len(drawn(curves, 80)) == 8, "a flat curve has a range too"


def test_a_first_step_beyond_the_planned_ones_still_fits():
    curves = Curves(total_steps=1)
    for step in (5, 9):
        curves.add(Reading(step=step, values={"train_loss": float(step), "dev_exact_match": 0.5}))
    assert "step 9" in "\n".join(drawn(curves, 100))


def test_the_summary_shows_where_each_curve_began_and_ended():
    train, loss, match = falling().summary()
    assert train.startswith("train loss   4.000 █")
    assert train.endswith("0.100")
    assert loss.startswith("dev loss     4.000 █")
    assert match.endswith("80.0 %")

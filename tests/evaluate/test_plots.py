"""Plots: coordinates worked out by hand, hostile names, values that are no numbers, and what colour alone would hide."""

from __future__ import annotations

import doctest
import math
import xml.etree.ElementTree as ElementTree

import pytest

from tunesmith.evaluate import page_words, plots
from tunesmith.evaluate.plots import Interval, Line
from tunesmith.spec.dataset import Spread

NAN = math.nan


def parsed(svg) -> ElementTree.Element:
    return ElementTree.fromstring(str(svg))


def of_class(svg, name: str) -> list[ElementTree.Element]:
    return [e for e in parsed(svg).iter() if name in e.get("class", "").split()]


def texts(svg) -> list[str]:
    return [e.text or "" for e in parsed(svg).iter("text")]


def percent(value: float) -> str:
    return f"{100 * value:g} %"


def drawn(*rows: Interval, reference=None):
    return plots.intervals(rows, ident="x", title="Exact match", axis=percent, reference=reference)


@pytest.mark.parametrize("module", [plots, page_words])
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("expected", "low", "high"),
    [
        ((0, 0.2, 0.4, 0.6, 0.8, 1.0), 0, 0.83),
        ((0, 20, 40, 60), 0, 60.0),
        ((-0.1, 0, 0.1, 0.2, 0.3), -0.06, 0.29),
        ((1.8, 1.85, 1.9, 1.95, 2.0), 2, 2),
        ((0.9, 0.92, 0.94, 0.96, 0.98, 1.0), 1, 1),
    ],
)
def test_ticks_are_round_and_cover_the_range(expected, low, high):
    found = plots.ticks(low, high)
    assert found == pytest.approx(expected)
    assert found[0] <= low
    assert found[-1] >= high


def test_a_dot_stands_where_its_value_is():
    svg = drawn(Interval("tuned", 0.5, 0.25, 0.75, "50 %"), Interval("other", 1.0, 1.0, 1.0, "100 %"))
    first, second = of_class(svg, "dot")
    assert float(first.get("cx")) == 180  # the axis runs from 8 at 0 % to 352 at 100 %
    assert float(second.get("cx")) == 352
    whisker = of_class(svg, "whisker")[0]
    assert (float(whisker.get("x1")), float(whisker.get("x2"))) == (94, 266)


def test_the_winner_is_set_off_by_more_than_colour():
    svg = drawn(Interval("tuned", 0.5, 0.4, 0.6, "50 %", strong=True), Interval("other", 0.5, 0.4, 0.6, "50 %"))
    assert "★ tuned" in texts(svg)
    assert [float(dot.get("r")) for dot in of_class(svg, "dot")] == [5.5, 4.5]


def test_a_goal_beyond_all_values_is_still_on_the_axis():
    svg = drawn(Interval("tuned", 0.1, 0.05, 0.2, "10 %"), reference=(0.9, "goal 90 %"))
    assert "goal 90 %" in texts(svg)
    assert 300 < float(of_class(svg, "reference")[0].get("x1")) < 352


def test_shares_can_be_drawn_on_the_whole_axis_so_that_panels_compare():
    svg = plots.intervals([Interval("a", 0.02, 0.01, 0.05, "2 %")], ident="x", title="t", axis=percent, reach=1.0)
    assert texts(svg)[:6] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_values_that_are_no_numbers_are_left_out_and_an_empty_plot_is_nothing():
    assert len(of_class(drawn(Interval("a", NAN, 0, 1, "–"), Interval("b", 0.5, 0.4, 0.6, "50 %")), "dot")) == 1
    assert drawn(Interval("a", NAN, NAN, NAN, "–")) == ""
    assert drawn() == ""
    assert plots.curves([Line("loss", ((1, NAN), (2, math.inf)), "first")], ident="x", title="t", axis=percent, best=None) == ""
    assert plots.bars([], ident="x", title="t", unit="rows") == ""


def test_negative_differences_widen_the_axis_to_the_left():
    dots = of_class(drawn(Interval("a", -0.1, -0.2, 0.0, "−10"), Interval("b", 0.2, 0.1, 0.2, "+20")), "dot")
    assert float(dots[0].get("cx")) == pytest.approx(8 + 344 * 0.25)
    assert float(dots[1].get("cx")) == 352


def curve(*lines: Line, best: float | None = 10):
    return plots.curves(lines, ident="x", title="Loss", axis=lambda v: f"{v:g}", best=best)


def test_curves_differ_by_marker_and_say_their_ends():
    svg = curve(Line("train loss", ((0, 4.0), (20, 1.0)), "first"), Line("dev loss", ((10, 3.0),), "second"))
    assert {"circle", "rect"} == {e.tag for e in of_class(svg, "marker")}
    assert {"train loss", "dev loss", "best: step 10"} <= set(texts(svg))
    assert parsed(svg).find("desc").text == "train loss: 4 at step 0, 1 at step 20; dev loss: 3 at step 10; best at step 10"
    path = next(e for e in parsed(svg).iter("path"))
    assert path.get("d") == "M46 40 L350 196"  # from the top left corner of the frame to its bottom right


def test_long_curves_have_no_markers_on_the_line():
    svg = curve(Line("train loss", tuple((i, 1 / (i + 1)) for i in range(200)), "first"))
    assert len(of_class(svg, "marker")) == 1  # the legend's


def test_one_reading_is_enough_for_a_curve():
    assert "M" in next(e for e in parsed(curve(Line("dev loss", ((0, 0.0),), "second"), best=None)).iter("path")).get("d")


MATRIX = {"a": {"a": 9, "b": 1}, "b": {"a": 6, "b": 2, "nonsense": 2}}


def test_the_matrix_shows_every_count_and_tells_mistakes_from_right_answers():
    svg = plots.confusion(MATRIX, ("a", "b"), ident="x", title="Confusion")
    assert [e.text for e in of_class(svg, "hit-count")] == ["9", "2"]
    assert [e.text for e in of_class(svg, "miss-count")] == ["1", "2", "6"]
    titles = [e.text for e in parsed(svg).iter("title")]
    assert "b answered as a: 6 rows of 10" in titles
    assert f"b answered as {plots.OTHER}: 2 rows of 10" in titles
    assert "9 rows of 20 off the diagonal" in parsed(svg).find("desc").text
    strengths = {e.text: float(cell.get("fill-opacity")) for cell, e in zip(of_class(svg, "miss"), of_class(svg, "miss-count"), strict=True)}
    assert strengths["6"] > strengths["2"] > strengths["1"]


def test_confusions_are_sorted_by_rows_then_share_then_name():
    assert plots.confusions(MATRIX) == [("b", "a", 6, 10), ("b", "nonsense", 2, 10), ("a", "b", 1, 10)]


def test_a_matrix_of_many_labels_becomes_its_largest_confusions():
    many = {f"label{i:02d}": {f"label{i:02d}": 5, f"label{(i + 1) % 41:02d}": i} for i in range(41)}
    svg = plots.confusion(many, tuple(many), ident="x", title="Confusion")
    assert "bars" in parsed(svg).get("class")
    assert len(of_class(svg, "bar")) == 20
    assert "label40 → label00" in texts(svg)
    fewer = dict(list(many.items())[:40])
    assert "matrix" in parsed(plots.confusion(fewer, tuple(fewer), ident="x", title="Confusion")).get("class")


def test_bars_begin_at_zero_and_say_their_numbers():
    svg = plots.bars([("a", 40.0), ("b", 10.0), ("none", 0.0)], ident="x", title="Rows", unit="rows")
    widths = [float(bar.get("width")) for bar in of_class(svg, "bar")]
    assert widths[0] == pytest.approx(4 * widths[1], rel=1e-3)
    assert widths[2] == 1
    assert {"40", "10", "0"} <= set(texts(svg))


def test_a_spread_is_drawn_to_scale():
    svg = plots.spread(Spread(n=9, mean=20, p50=10, p90=50, p99=75, max=100), ident="x", title="Length", unit="words")
    assert [float(band.get("width")) for name in ("band-3", "band-2", "band-1") for band in of_class(svg, name)] == [258, 172, 34.4]
    assert float(of_class(svg, "dot")[0].get("cx")) == 8 + 0.2 * 344
    assert plots.spread(Spread(n=0, mean=0, p50=0, p90=0, p99=0, max=0), ident="x", title="Length", unit="words") == ""


def test_hostile_names_stay_text():
    bad = '</text><script>alert(1)</script>"\u202e\x00'
    for svg in (
        drawn(Interval(bad, 0.5, 0.4, 0.6, bad, strong=True), reference=(0.5, bad)),
        curve(Line(bad, ((0, 1.0),), "first")),
        plots.confusion({bad: {bad: 1, "x" + bad: 2}}, (bad,), ident="x", title=bad),
        plots.bars([(bad, 1.0)], ident="x", title=bad, unit=bad),
    ):
        root = parsed(svg)
        assert not [e for e in root.iter() if e.tag == "script"]
        assert "\u202e" not in str(svg)
        assert "\x00" not in str(svg)
        assert "<script>" in "".join(root.itertext())


def test_numbers_in_attributes_are_short_and_never_minus_zero():
    assert str(plots.element("g", a=-0.0001, b=1.5, c=10, d=1 / 3)) == '<g a="0" b="1.5" c="10" d="0.33"></g>'

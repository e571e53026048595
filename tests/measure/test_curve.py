"""Learning curves with known truths: intervals that hold them, that are wide on little, and what is said."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.measure.curve import Curve, Point, falling, fit, laws, needs, needs_words, round_up
from tunesmith.measure.statistics import wilson
from tunesmith.spec.report import Metric

Law = Callable[[float], float]
"""Share of rows → expected score."""


def points(law: Law, shares: tuple[float, ...], rows: int, dev: int, seed: int, noise: float = 0.005) -> list[Point]:
    """What small trainings would show: all on the same `dev` rows, each of which is as hard for every training."""
    random = np.random.default_rng(seed)
    common = random.normal()
    found = []
    for share in shares:
        true = min(0.999, max(0.001, law(share) + noise * random.normal()))
        deviation = math.sqrt(true * (1 - true) / dev)
        score = min(1.0, max(0.0, true + deviation * (math.sqrt(0.5) * common + math.sqrt(0.5) * random.normal())))
        hits = round(score * dev)
        low, high = wilson(hits, dev)
        found.append(Point(round(share * rows), hits / dev, low, high))
    return found


def random_law(random: np.random.Generator) -> Law:
    """A curve of any of four kinds, from a third of the answers right at a tenth of the rows upwards."""
    kind, level = random.integers(4), random.uniform(0.3, 0.9)
    limit = random.uniform(max(level, 0.6), 0.99)
    if kind == 0:
        b = random.uniform(0.2, 1.2)
        return lambda share: limit - (limit - level) * (share / 0.1) ** -b
    if kind == 1:
        tau = random.uniform(0.1, 1.0)
        return lambda share: limit - (limit - level) * math.exp(-(share - 0.1) / tau)
    if kind == 2:
        slope = random.uniform(0.0, 0.9 * (limit - level) / math.log(10))
        return lambda share: level + slope * math.log(share / 0.1)
    slope = random.uniform(0.2, 1.0)
    return lambda share: 1 / (1 + math.exp(-(math.log(level / (1 - level)) + slope * math.log(share / 0.1))))


def fitted(law: Law, shares: tuple[float, ...] = (0.1, 0.25, 0.5), rows: int = 4000, dev: int = 1000, seed: int = 0) -> Curve:
    found = fit(points(law, shares, rows, dev, seed), rows)
    assert found is not None
    return found


def power(share: float) -> float:
    return float(0.95 - 0.12 * (share / 0.1) ** -0.7)


def test_intervals_hold_the_truth() -> None:
    random, inside, widths, count = np.random.default_rng(5), 0, [], 200
    for seed in range(count):
        law = random_law(random)
        value, low, high = fitted(law, dev=600, seed=seed).at(4000)
        assert low <= value <= high
        inside += low <= law(1.0) <= high
        widths.append(high - low)
    assert inside / count >= 0.93
    assert float(np.median(widths)) < 0.2  # and they are no empty phrase


def test_many_dev_rows_and_a_tame_curve_leave_less_than_five_points_on_each_side() -> None:
    value, low, high = fitted(power, dev=3000).at(4000)
    assert abs(value - power(1.0)) < 0.02
    assert (high - low) / 2 < 0.05


def test_two_points_leave_more_open_than_four() -> None:
    spans = []
    for shares in ((0.25, 0.5), (0.1, 0.2, 0.35, 0.5)):
        found = [fitted(power, shares, dev=3000, seed=seed).at(8000) for seed in range(8)]
        spans.append(float(np.mean([one.high - one.low for one in found])))
    assert spans[0] > spans[1]


def test_farther_is_less_certain() -> None:
    found = fitted(power)
    spans = [found.gain(rows).high - found.gain(rows).low for rows in (5_000, 8_000, 40_000)]
    assert spans == sorted(spans)


def test_one_number_of_rows_is_no_curve() -> None:
    assert fit([], 100) is None
    assert fit([Point(50, 0.5, 0.4, 0.6, seed) for seed in range(3)], 100) is None


def test_scores_that_are_no_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="shares of right answers"):
        fit([Point(10, 8.0, 7.0, 9.0), Point(20, 7.0, 6.0, 8.0)], 100)


def test_steep_curves_call_for_more_and_flat_ones_do_not() -> None:
    steep, flat = fitted(lambda share: 0.4 + 0.2 * math.log(share / 0.1), dev=3000), fitted(lambda share: 0.9, dev=3000)
    assert steep.helps() == "yes"
    assert flat.helps() == "hardly"
    assert steep.words().startswith("More data would help: with all 4,000 rows about")
    assert flat.words().startswith("More data would hardly help")
    assert "twice as many rows would bring +" in steep.words()


def test_a_blurred_curve_is_called_blurred() -> None:
    found = fitted(lambda share: 0.7 + 0.03 * math.log(share / 0.1), dev=40)
    assert found.helps() == "cannot tell"
    assert "cannot be told from these small trainings" in found.words()


def test_rows_for_a_gain_are_those_at_which_it_is_there() -> None:
    found = fitted(power, dev=3000)
    more = found.rows_for(0.01)
    assert more is not None
    assert more.low <= more.value <= more.high
    middle = float(np.median(found.scores(found.now + int(more.value))[:, 0] - found.scores(found.now)[:, 0]))
    assert abs(middle - 0.01) < 0.004
    assert found.rows_for(0.5) is None
    reached = found.rows_to_reach(0.5)
    assert reached is not None
    assert reached.value == 0


def test_the_law_never_falls_with_more_rows() -> None:
    scores = fitted(power).scores(np.geomspace(400, 100_000, 50))
    assert (np.diff(scores, axis=1) >= -1e-12).all()
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_every_law_drops_by_its_own_fall_at_first() -> None:
    for law in laws(5.0):
        assert abs(float(law.drop(np.array([1.0001]))[0]) - 0.0001) < 1e-6
        assert float(law.drop(np.array([1e9]))[0]) <= law.most() + 1e-9
    assert abs(sum(law.weight for law in laws(5.0)) - 1) < 1e-9


@settings(max_examples=15, deadline=None)
@given(st.permutations(list(range(5))))
def test_the_order_of_the_points_does_not_matter(order: list[int]) -> None:
    known = points(power, (0.05, 0.1, 0.2, 0.3, 0.5), 4000, 500, 1)
    first, second = fit(known, 4000), fit([known[k] for k in order], 4000)
    assert first is not None
    assert second is not None
    assert first.at(4000) == second.at(4000)


def metric(value: float, n: int = 20) -> Metric:
    return Metric(value=value, low=0, high=1, n=n, method="wilson")


def test_weak_labels_want_rows_and_strong_ones_do_not() -> None:
    found = fitted(lambda share: 0.85 - 0.25 * (share / 0.1) ** -0.8, dev=3000)
    recalls = {"card": metric(0.9), "pin": metric(0.5), "refund": metric(0.3), "atm": metric(0.95)}
    weak = needs({"card": 100, "pin": 40, "refund": 10, "atm": 100}, recalls, found)
    assert [need.label for need in weak] == ["refund", "pin"]
    assert all(0 < need.more <= 9 * need.rows for need in weak)
    assert 0.3 < weak[0].recall < 0.5  # drawn towards the mean, for it rests on few dev rows
    assert "The weakest labels are refund (recall about" in needs_words(weak)
    assert needs({}, {}, found) == ()
    assert needs_words(()) == ""


@given(st.integers(1, 10_000_000))
def test_rounding_up_keeps_two_digits(rows: int) -> None:
    assert rows <= round_up(rows) <= max(rows, rows * 1.1)


def reached(*scores: float) -> list[Point]:
    """Trainings on 100, 250 and 500 rows, judged by 150 rows."""
    found = []
    for rows, score in zip((100, 250, 500), scores, strict=True):
        low, high = wilson(score * 150, 150)
        found.append(Point(rows, score, min(low, score), max(high, score)))
    return found


@pytest.mark.parametrize(
    "scores", [(0.8, 0.6, 0.4), (0.8, 0.7, 0.6), (0.4, 0.8, 0.6), (0.6, 0.8, 0.4), (1.0, 0.5, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
)
def test_no_curve_goes_through_scores_that_clearly_fall(scores: tuple[float, float, float]) -> None:
    assert fit(reached(*scores), 1_000) is None
    said = falling(reached(*scores))
    assert said.startswith(f"Scores fall with more rows: {100 * scores[0]:.1f} % with 100, {100 * scores[1]:.1f} % with 250, ")
    assert "a learning rate that is too high" in said


@pytest.mark.parametrize("scores", [(0.8, 0.78, 0.76), (0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_scores_that_hardly_change_have_a_curve(scores: tuple[float, float, float]) -> None:
    found = fit(reached(*scores), 1_000)
    assert found is not None
    expected = found.at(1_000)
    assert expected.low <= scores[-1] + 0.08
    assert expected.high >= scores[-1] - 0.08
    assert found.helps() != "yes"


def test_one_number_of_rows_does_not_fall() -> None:
    assert falling(reached(0.8, 0.6, 0.4)[:1]) == ""

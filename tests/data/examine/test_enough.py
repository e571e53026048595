"""What more rows would bring: right about planted rows, silent where nothing can be judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examine.planted import unit
from tests.ears import Ears
from tunesmith.data.examine import enough as measuring
from tunesmith.data.examine.enough import drawn, enough
from tunesmith.data.examine.suspects import Suspects, others, suspects
from tunesmith.errors import Interrupted
from tunesmith.spec.job import Progress, Silent

NAMES = [f"label {number}" for number in range(12)]


def blurred(rows: int, *, labels: int = 8, noise: float = 1.6, width: int = 48, seed: int = 0):
    """(vectors, labels) around centres that many rows tell apart better than few."""
    random = np.random.default_rng(seed)
    middle = unit(np.random.default_rng(99).normal(size=(labels, width)))
    of = random.integers(0, labels, rows)
    return unit(middle[of] + noise * unit(random.normal(size=(rows, width)))), of


def judged(vectors, labels) -> Suspects:
    return suspects(vectors, labels, np.arange(len(labels)), Silent())


def said(vectors, labels, seed=0):
    found = enough(vectors, labels, judged(vectors, labels), NAMES, Silent(), seed)
    assert found is not None
    return found


def test_it_says_what_twice_as_many_rows_bring():
    few, many = (said(*blurred(rows, labels=12, noise=3, width=96, seed=rows)) for rows in (300, 600))
    rows, reached = 480, [point.score for point in many.curve.points if point.rows == 480]  # four fifths of 600, by rows that it had not seen
    assert many.curve.points[-1].rows == rows
    found = few.curve.at(rows)
    assert found.low <= reached[0] <= found.high
    assert few.figures["rows"] == 300
    assert few.figures["twice_low"] <= few.figures["twice"] <= few.figures["twice_high"]
    assert few.curve.helps() == "yes"
    assert few.words().startswith("More data would help: with all 300 rows")


def test_where_everything_is_told_apart_more_rows_bring_nothing():
    found = said(*blurred(400, noise=0.4))
    assert found.curve.helps() == "hardly"
    assert found.figures["expected"] > 0.97
    assert abs(found.figures["twice"]) < 0.01


def test_the_whole_is_what_the_label_check_saw():
    vectors, labels = blurred(300)
    found = judged(vectors, labels)
    curve = said(vectors, labels).curve
    assert curve.points[-1].score == float((found.told == labels).mean())
    sizes = sorted({point.rows for point in curve.points})
    assert len(sizes) == 4
    assert all(share * 240 <= rows <= share * 240 + 8 for share, rows in zip((0.1, 0.25, 0.5, 1), sizes, strict=True))
    reached = [point.score for point in curve.points if point.rows == sizes[0]]
    assert len(reached) == 3
    assert said(vectors, labels).figures[f"measured_{sizes[0]}"] == np.mean(reached)


def test_a_share_with_hardly_a_row_of_a_label_is_left_out():
    vectors, labels = blurred(100)
    assert len({point.rows for point in said(vectors, labels).curve.points}) == 2  # a quarter of 80 rows is not three of each of 8 labels


def test_of_many_rows_one_fold_judges_and_the_small_shares_are_learnt(monkeypatch):
    vectors, labels = blurred(600)
    monkeypatch.setattr(measuring, "MANY", 600)
    found = judged(vectors, labels)
    held = found.fold == 0
    curve = said(vectors, labels).curve
    assert curve.points[-1].score == float((found.told == labels)[held].mean())
    few, more, every = [point.rows for point in curve.points]
    assert every == int((~held).sum())
    assert 0.1 * every <= few <= 0.1 * every + 8
    assert 0.25 * every <= more <= 0.25 * every + 8
    assert curve.now == 600


def test_a_label_that_falls_behind_is_named():
    vectors, labels = blurred(400, noise=0.8)
    hidden = labels == 3
    vectors[hidden] = np.random.default_rng(5).permutation(vectors[~hidden])[: int(hidden.sum())]  # nothing tells this one
    found = said(vectors, labels)
    assert [need.label for need in found.weak][:1] == ["label 3"]
    assert "label 3 (recall about" in found.words()


def test_nothing_is_said_where_no_label_can_be_judged():
    vectors, _ = blurred(40, labels=12)
    found = judged(vectors[:20], np.arange(20) % 12)
    assert enough(vectors[:20], np.arange(20) % 12, found, NAMES, Silent()) is None


def test_the_same_rows_give_the_same_curve():
    vectors, labels = blurred(300)
    assert said(vectors, labels, 4).figures == said(vectors, labels, 4).figures


def test_it_tells_how_far_it_is_and_stops_when_asked():
    vectors, labels = blurred(300)
    found, ears = judged(vectors, labels), Ears()
    enough(vectors, labels, found, NAMES, ears)
    told = [event for event in ears.heard if isinstance(event, Progress)]
    assert told[-1].done == told[-1].total == 6
    with pytest.raises(Interrupted):
        enough(vectors, labels, found, NAMES, Ears(stops=True))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=6, max_size=80), st.sampled_from((0.1, 0.25, 0.5)), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_every_label_gives_the_same_share_and_nothing_of_the_fold(rows, share, seed):
    labels, fold = (np.array(column) for column in zip(*rows, strict=True))
    every = others(fold)
    learnt = drawn(every, labels, share, np.random.default_rng(seed))
    assert not (learnt & ~every).any()
    for allowed, mine in zip(every, learnt, strict=True):
        for label in set(labels.tolist()):
            assert mine[labels == label].sum() == np.ceil(share * allowed[labels == label].sum())

"""What is said of more rows: a number where one helps, in the direction of the deciding metric."""

from __future__ import annotations

import math

from tests.measure.test_curve import fitted
from tunesmith.decide.curve import outlook
from tunesmith.measure.curve import Need, Point, fit


def test_the_outlook_names_a_number_where_one_helps() -> None:
    steep = fitted(lambda share: 0.4 + 0.15 * math.log(share / 0.1), dev=2000)
    weak = (Need("pin", 12, 0.4, 20),)
    found = outlook(steep, weak, 0.8)
    assert found.more is not None
    assert found.expected is not None
    assert found.labels == ("pin",)
    assert "The goal is expected with about" in found.sentence
    flat = outlook(fitted(lambda share: 0.9, dev=3000), weak, None)
    assert (flat.more, flat.expected, flat.labels) == (None, None, ())


def test_shares_of_which_fewer_are_better_are_turned_back() -> None:
    found = outlook(fitted(lambda share: 0.5 + 0.15 * math.log(share / 0.1), dev=2000), (), 0.1, is_lower_better=True)
    assert found.expected is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.expected <= found.high < 0.5


def test_forty_rows_get_a_sensible_number() -> None:
    found = fit([Point(20, 0.35, 0.24, 0.48), Point(40, 0.5, 0.37, 0.62)], 40)
    assert found is not None
    assert found.helps() == "yes"
    told = outlook(found, (), None)
    assert told.more is not None
    assert 40 <= told.more <= 20_000

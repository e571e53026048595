"""Learning rates by hand."""

import pytest

from tunesmith.spec.recipe import Schedule
from tunesmith.train.schedule import rate, warmup_steps


@pytest.mark.parametrize(
    ("share", "steps", "expected"), [(0.03, 1000, 30), (0.03, 60, 5), (0.03, 4, 2), (0.03, 1, 0), (0.5, 100, 50), (0.9, 10, 5), (0, 1000, 0)]
)
def test_warmup_is_its_share_at_least_5_at_most_half(share, steps, expected):
    assert warmup_steps(Schedule(warmup=share), steps) == expected


def test_linear_by_hand():
    assert [rate(Schedule(warmup=0), s, 4) for s in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert [rate(Schedule(warmup=0.5), s, 8) for s in range(8)] == [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_cosine_by_hand():
    assert [rate(Schedule(kind="cosine", warmup=0), s, 2) for s in range(2)] == pytest.approx([1.0, 0.5])
    assert [rate(Schedule(kind="cosine", warmup=0), s, 4) for s in range(4)] == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])


def test_constant_stays():
    assert {rate(Schedule(kind="constant", warmup=0), s, 9) for s in range(9)} == {1.0}


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 100])
def test_no_step_is_wasted_and_none_exceeds_the_peak(kind, steps):
    rates = [rate(Schedule(kind=kind), s, steps) for s in range(steps)]
    assert all(0 < r <= 1 for r in rates)
    assert max(rates) == 1.0

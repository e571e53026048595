"""Whether losses of several sides are one training, and when that may be concluded."""

from __future__ import annotations

import pytest

from bench.trajectory import Check, TooShort, gap

OURS = [4.0, 2.0, 1.5, 0.5]  # mean 2


def test_the_first_step_says_nothing() -> None:
    assert gap(OURS, [9.0, *OURS[1:]]) == 0


def test_the_furthest_step_counts_and_crossing_curves_part() -> None:
    crossing = [4.0, 1.5, 2.0, 0.5]  # the same mean
    assert gap(OURS, crossing) == 0.25


def test_three_steps_after_an_update_are_needed() -> None:
    with pytest.raises(TooShort, match="3 common steps"):
        gap(OURS, OURS[:3])
    with pytest.raises(TooShort):
        Check.of([OURS, OURS[:3]], OURS)


def test_the_tolerance_is_twice_the_noise_of_our_own_runs() -> None:
    check = Check.of([OURS, [4.0, 2.1, 1.5, 0.5], [4.0, 1.9, 1.5, 0.5]], [4.0, 2.9, 2.5, 2.0])
    assert check.tolerance == pytest.approx(2 * 0.2 / 2, rel=0.1)  # the second and the third are 0.2 apart
    assert check.tells
    assert check.holds([4.0, 2.0, 1.65, 0.5])
    assert not check.holds([4.0, 2.0, 2.1, 0.5])


def test_steps_that_cannot_tell_half_the_rate_are_no_evidence() -> None:
    assert not Check.of([OURS, [4.0, 2.1, 1.5, 0.5]], [4.0, 2.15, 1.5, 0.5]).tells

"""The token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.console.configuration import Configuration
from tunesmith.console.failures import ApiError
from tunesmith.console.limits import Limiter
from tunesmith.store.access import Limits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_up_steadily():
    clock = Clock()
    limiter = Limiter(Configuration(), clock)
    limits = Limits(requests_per_minute=6)
    for _ in range(6):
        limiter.take("k", limits, "requests")
    with pytest.raises(ApiError, match="Please try again in 10s"):
        limiter.take("k", limits, "requests")
    limiter.take("other", limits, "requests")
    clock.now += 10
    limiter.take("k", limits, "requests")
    with pytest.raises(ApiError):
        limiter.take("k", limits, "requests")


def test_what_was_used_already_is_owed():
    clock = Clock()
    limiter = Limiter(Configuration(), clock)
    limits = Limits(tokens_per_minute=60)
    limiter.spend("k", limits, "tokens", 90)
    assert limiter.headers("k", limits)["x-ratelimit-remaining-tokens"] == "0"
    with pytest.raises(ApiError, match=r"for tiny in organization org-tunesmith on tokens per min .TPM.: Limit 60, Used 90, Requested 1"):
        limiter.take("k", limits, "tokens", 1, model="tiny")
    clock.now += 31
    limiter.take("k", limits, "tokens", 1)


def test_more_than_a_bucket_holds_is_taken_from_a_full_one():
    limiter = Limiter(Configuration(), Clock())
    limiter.take("k", Limits(tokens_per_minute=10), "tokens", 25)
    with pytest.raises(ApiError, match="Please try again in 1m36s"):
        limiter.take("k", Limits(tokens_per_minute=10), "tokens", 1)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=40), st.integers(1, 20))
def test_nobody_gets_more_than_his_rate(steps, size):
    clock = Clock()
    limiter = Limiter(Configuration(), clock)
    limits = Limits(requests_per_minute=size)
    began, taken = clock.now, 0
    for wait_s, amount in steps:
        clock.now += wait_s
        if amount > size:
            continue
        try:
            limiter.take("k", limits, "requests", amount)
        except ApiError:
            continue
        taken += amount
    assert taken <= size + (clock.now - began) * size / 60 + 1e-6

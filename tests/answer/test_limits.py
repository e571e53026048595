"""What keys and values may take is part of what models may take."""

from __future__ import annotations

import pytest

from tests import tiny
from tunesmith.answer.limits import SHARE_OF_MODELS, Limits
from tunesmith.answer.live import Live
from tunesmith.answer.residents import Residents
from tunesmith.store.artifacts import Store


@pytest.mark.parametrize("memory", [10**6, 5 * 10**8, 2**32])
def test_weights_keys_and_values_together_take_no_more_than_is_allowed(tmp_path, memory):
    residents = Residents(Store.open(tmp_path), tiny.CPU, memory)
    live = Live(residents)
    assert live.limits.bytes <= SHARE_OF_MODELS * memory or live.limits == Limits()
    assert residents.limit + live.limits.bytes == memory
    assert live.prefixes.limit == live.limits.prefix_bytes
    residents.close()


def test_with_plenty_of_memory_the_limits_are_the_usual_ones():
    assert Limits.within(2**33) == Limits()
    small = Limits.within(2**30)
    assert small.cache_bytes / small.prefix_bytes == pytest.approx(3)
    assert (small.waiting, small.rows) == (Limits().waiting, Limits().rows)

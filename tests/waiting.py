"""A condition → it has come true, however busy the machine is; and work → it took no more computing than it may, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 300.0) -> T:
    """What a condition says once it has come true."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.02)
    return found


@contextmanager
def computing(most_s: float) -> Iterator[None]:
    """What is done in the block takes this process so much of a processor's time at most: that others are busy beside it does not count."""
    began = time.process_time()
    yield
    assert time.process_time() - began < most_s

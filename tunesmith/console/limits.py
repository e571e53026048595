"""How much each key has used in the last minute → whether it may go on, and the headers that say so.

Token buckets in memory: a bucket holds a minute's allowance and fills up steadily, so that a burst is fine and a flood is not. A restart
forgets them, which only ever favours the client.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tunesmith.console.configuration import Configuration
from tunesmith.console.failures import ApiError
from tunesmith.store.access import Limits

Resource = Literal["requests", "tokens"]
SHORT: dict[Resource, str] = {"requests": "RPM", "tokens": "TPM"}
MINUTE_S = 60.0
KEPT = 10_000
"""Buckets; beyond it the full ones go, which say nothing."""


@dataclass
class Bucket:
    """What is left of a minute's allowance."""

    size: int
    left: float
    at: float

    def fill(self, now: float) -> None:
        """Add what has trickled in since the last look."""
        self.left = min(float(self.size), self.left + (now - self.at) * self.size / MINUTE_S)
        self.at = now

    def wait_s(self, amount: float) -> float:
        """Seconds until `amount` is there; more than the bucket holds is taken from a full one."""
        return max(0.0, (min(amount, self.size) - self.left) * MINUTE_S / self.size)


class Limiter:
    """The buckets of one server. Threads may share it."""

    def __init__(self, configuration: Configuration, clock: Callable[[], float] = time.monotonic) -> None:
        self.configuration = configuration
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Resource], Bucket] = {}

    def take(self, key_id: str, limits: Limits, resource: Resource, amount: float = 1, model: str = "") -> None:
        """Use up `amount`.

        Raises: ApiError 429 where it is not there; nothing is used up then.
        """
        with self._lock:
            bucket = self._bucket(key_id, limits, resource)
            wait_s = bucket.wait_s(amount)
            if wait_s <= 0:
                bucket.left -= amount
                return
            used = bucket.size - bucket.left
        on = f" for {model}" if model else ""
        raise ApiError(
            429,
            f"Rate limit reached{on} in organization {self.configuration.organization} on {resource} per min ({SHORT[resource]}): "
            f"Limit {bucket.size}, Used {math.ceil(used)}, Requested {math.ceil(amount)}. Please try again in {duration(wait_s)}.",
            resource,
            code="rate_limit_exceeded",
            headers={"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))},
        )

    def spend(self, key_id: str, limits: Limits, resource: Resource, amount: float) -> None:
        """Book what was used already (the tokens of an answer), even if it leaves a debt that the next request has to wait for."""
        with self._lock:
            self._bucket(key_id, limits, resource).left -= amount

    def headers(self, key_id: str, limits: Limits) -> dict[str, str]:
        """The headers `x-ratelimit-…` of an answer."""
        found = {}
        with self._lock:
            for resource in SHORT:
                bucket = self._bucket(key_id, limits, resource)
                found[f"x-ratelimit-limit-{resource}"] = str(bucket.size)
                found[f"x-ratelimit-remaining-{resource}"] = str(max(0, int(bucket.left)))
                found[f"x-ratelimit-reset-{resource}"] = duration(bucket.wait_s(bucket.size))
        return found

    def _bucket(self, key_id: str, limits: Limits, resource: Resource) -> Bucket:
        now = self._clock()
        if resource == "requests":
            own, general = limits.requests_per_minute, self.configuration.requests_per_minute
        else:
            own, general = limits.tokens_per_minute, self.configuration.tokens_per_minute
        size = own if own is not None else general
        bucket = self._buckets.get((key_id, resource))
        if bucket is None or bucket.size != size:
            if len(self._buckets) >= KEPT:
                self._forget_full(now)
            bucket = self._buckets[key_id, resource] = Bucket(size, float(size), now)
        bucket.fill(now)
        return bucket

    def _forget_full(self, now: float) -> None:
        for name, bucket in list(self._buckets.items()):
            bucket.fill(now)
            if bucket.left >= bucket.size:
                del self._buckets[name]


def duration(seconds: float) -> str:
    """A time as OpenAI's headers write it.

    >>> [duration(0.02), duration(1), duration(360)]
    ['20ms', '1s', '6m0s']
    """
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"

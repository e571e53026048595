"""What may be going on at once in the service: requests, rows, and the memory that they take beside the models' weights."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.model.memory import CACHE_SLACK

SHARE_OF_MODELS = 0.25
"""Of the memory for models, at most this is for keys and values; the rest is for weights."""


@dataclass(frozen=True)
class Limits:
    """What may be going on at once."""

    waiting: int = 256
    """Requests that have no place yet."""
    rows: int = 64
    """Answers that are being written."""
    cache_bytes: int = 3 * 2**28
    """Of their keys and values; the grids in which these stand may take a quarter more."""
    prefix_bytes: int = 2**28
    """Of prompts that were read and may come again."""

    @classmethod
    def within(cls, memory: int) -> Limits:
        """The usual ones, or smaller ones where keys and values would take more than their share of the memory for models.

        >>> Limits.within(2**40) == Limits(), Limits.within(2**30).bytes <= 2**28
        (True, True)
        """
        usual = cls()
        share = min(1.0, SHARE_OF_MODELS * memory / usual.bytes)
        return cls(cache_bytes=int(share * usual.cache_bytes), prefix_bytes=int(share * usual.prefix_bytes))

    @property
    def bytes(self) -> int:
        """Memory that keys and values may take, slack and kept prompts included."""
        return int(CACHE_SLACK * self.cache_bytes) + self.prefix_bytes

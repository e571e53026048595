"""Prompts that were read → what of a new prompt need not be read again.

Two kinds are kept: the beginning that a model's own template and tuned prompt give every conversation, which is nobody's secret, and
whole conversations, which are found by their owner alone: whether another's text was read before must not show in how fast an answer begins.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from tunesmith.answer.shelves import Kept
from tunesmith.model.forest import common_prefix

LEAST = 16
"""Tokens that are worth keeping."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One row's tokens, and what the model remembers of them."""

    model: str
    owner: str | None
    """None: everybody's."""
    ids: list[int]
    kept: Kept


class Prefixes:
    """Entries within `limit` bytes; those that were not used for longest go first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.bytes = 0
        self._next = 0

    def find(self, model: str, owner: str, ids: list[int]) -> Kept | None:
        """The longest beginning of `ids` that is kept for this model and owner, short of the last token: that one's state is needed."""
        best, found = LEAST - 1, None
        for number, entry in self.entries.items():
            if entry.model == model and entry.owner in (None, owner):
                same = min(common_prefix(entry.ids, ids), len(ids) - 1)
                if same > best:
                    best, found = same, number
        if found is None:
            return None
        self.entries.move_to_end(found)
        return Kept(best, self.entries[found].kept.layers)

    def keep(self, model: str, owner: str | None, ids: list[int], kept: Kept | None) -> None:
        """Remember a row's first tokens; shorter beginnings of the same row are forgotten, being contained in it."""
        if kept is None or len(ids) < LEAST or kept.bytes > self.limit:
            return
        for number, entry in list(self.entries.items()):
            if entry.model == model and entry.owner == owner and ids[: len(entry.ids)] == entry.ids:
                self._drop(number)
        self._next += 1
        self.entries[self._next] = Entry(model, owner, ids, kept)
        self.bytes += kept.bytes
        while self.bytes > self.limit:
            self._drop(next(iter(self.entries)))

    def has(self, model: str, owner: str | None, ids: list[int]) -> bool:
        """Whether exactly this beginning, or one that contains it, is kept."""
        return any(e.model == model and e.owner == owner and e.ids[: len(ids)] == ids for e in self.entries.values())

    def forget(self, model: str) -> None:
        """Drop everything of a model that is unloaded."""
        for number in [number for number, entry in self.entries.items() if entry.model == model]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        self.bytes -= self.entries.pop(number).kept.bytes

"""Training rows and a share → the rows of a small training, the same ones every time; smaller shares are part of larger ones.

Every label gives the same share of its rows, so that what a small training lacks is rows and not labels: learning curves and searches compare scores
over the numbers of rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.decide.rivals import shuffled
from tunesmith.spec.dataset import Record


def share_of(rows: Sequence[Record], share: float, seed: int) -> list[Record]:
    """The first `share` of the rows, at least one, in a shuffle that hangs on their ids and the seed only; in the order of `rows`."""
    count = max(1, round(share * len(rows)))
    if count >= len(rows):
        return list(rows)
    place = shuffled(seed, "share")
    by_label: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (place(row.id), row.id)):
        by_label.setdefault(row.label or "", []).append(row.id)
    turns = sorted(((turn + 0.5) / len(ids), place(name), name) for ids in by_label.values() for turn, name in enumerate(ids))
    chosen = {name for _, _, name in turns[:count]}
    return [row for row in rows if row.id in chosen]

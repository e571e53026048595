"""Candidates of each kind → as many of each as are wanted, varied; what one kind lacks the others give."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from tunesmith.spec.making_teacher import OutsideKind, OutsideWishes

T = TypeVar("T")


def rows_wanted(inside: int, outside: int, share: float) -> int:
    """How many rows out of scope are to be made, so that they are `share` of all rows; `outside` are there already.

    >>> rows_wanted(900, 0, 0.1), rows_wanted(900, 40, 0.1), rows_wanted(900, 200, 0.1)
    (100, 60, 0)
    """
    return max(0, round(share * inside / (1 - share)) - outside)


def quotas(wanted: int, wishes: OutsideWishes, available: Mapping[OutsideKind, int]) -> dict[OutsideKind, int]:
    """How many of each kind are taken: near misses in equal parts, far-off questions for the rest; a kind that lacks rows leaves them to the others.

    >>> quotas(10, OutsideWishes(refusal="no", kinds=("far", "near", "slot")), {"far": 100, "near": 1, "slot": 100})
    {'near': 1, 'slot': 4, 'far': 5}
    """
    close: list[OutsideKind] = [kind for kind in wishes.kinds if kind != "far"]
    far: list[OutsideKind] = [kind for kind in wishes.kinds if kind == "far"]
    near_rows = wanted if not far else round(wanted * wishes.near_share) if close else 0
    found = _shared(near_rows, close, available) | _shared(wanted - near_rows, far, available)
    missing = wanted - sum(found.values())
    for kinds in (far, close):  # what is left goes to whoever has more
        left = {kind: available.get(kind, 0) - found[kind] for kind in kinds}
        for kind, more in _shared(missing, kinds, left).items():
            found[kind] += more
            missing -= more
    return found


def _shared(rows: int, kinds: Sequence[OutsideKind], available: Mapping[OutsideKind, int]) -> dict[OutsideKind, int]:
    """`rows` in parts as equal as what is there allows."""
    found: dict[OutsideKind, int] = dict.fromkeys(kinds, 0)
    while rows > 0 and (open_ := [kind for kind in kinds if found[kind] < available.get(kind, 0)]):
        each = max(1, rows // len(open_))
        for kind in open_:
            more = min(each, available.get(kind, 0) - found[kind], rows)
            found[kind] += more
            rows -= more
    return found


def in_turn(items: Iterable[T], key: Callable[[T], str], rng: random.Random) -> list[T]:
    """The items so that each key comes once before any comes again; within a key, and among keys, in random order."""
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    for name in sorted(groups):
        rng.shuffle(groups[name])
    found: list[T] = []
    while groups:
        names = sorted(groups)
        rng.shuffle(names)
        for name in names:
            found.append(groups[name].pop())
            if not groups[name]:
                del groups[name]
    return found

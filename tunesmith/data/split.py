"""Clusters of rows → train, dev and test: stratified by label, deterministic, a cluster never torn apart.

The order in which clusters are taken comes from a hash of their content and the seed, so it changes neither with the order of
the rows nor with rows that are added elsewhere. Every label keeps at least one cluster for training.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.shingles import U64, mix
from tunesmith.data.spool import I64
from tunesmith.errors import BadProject, NotEnoughData
from tunesmith.spec.dataset import SplitRule

TRAIN, DEV, TEST, DROPPED = 0, 1, 2, -1
ENOUGH = 0.5
"""Of the test rows asked for: with fewer than this share left unseen by a continued model, the split is refused."""
Side = NDArray[np.int8]


@dataclass(frozen=True)
class Rows:
    """What splitting needs to know of each row that is kept."""

    unit: I64
    """Rows of one value stay together."""
    stratum: I64
    """Label number; all equal where there are none."""
    out_of_scope: NDArray[np.bool_]
    fixed: Side
    """The split that the row's source asks for; -1: none."""
    ids: U64
    highest: Side | None = None
    """The highest split that each row may stand in, where a continued model has seen rows: TRAIN (it was trained on it), DEV (choices were made by it)
    or TEST (it never saw it). None: it saw none."""


@dataclass(frozen=True)
class Units:
    """Clusters, numbered in the order in which they are taken; arrays, since there may be as many as rows."""

    _rows: I64
    _starts: I64
    sizes: I64
    stratum: I64
    out_of_scope: NDArray[np.bool_]
    highest: I64
    """The highest split that each cluster may stand in: the lowest of its rows'."""

    def rows(self, unit: int) -> I64:
        """The rows of one cluster, which are placed together."""
        return self._rows[self._starts[unit] : self._starts[unit] + self.sizes[unit]]

    def size(self, units: Iterable[int]) -> int:
        """Rows in all of these clusters."""
        return int(self.sizes[list(units)].sum())

    @classmethod
    def of(cls, rows: Rows, seed: int) -> Units:
        """The clusters of the rows, ordered by a hash of the smallest row id in each and the seed.

        A cluster counts as out of scope if most of its rows are; its stratum is that of its smallest row of that kind.
        """
        count = int(rows.unit.max()) + 1
        sizes = np.bincount(rows.unit, minlength=count)
        outside = np.bincount(rows.unit, weights=rows.out_of_scope, minlength=count) * 2 > sizes
        smallest = np.full(count, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(smallest, rows.unit, rows.ids)
        salt = mix(np.asarray([seed + 1], dtype=np.uint64))[0]
        members = np.lexsort((rows.ids, rows.out_of_scope != outside[rows.unit], rows.unit))
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        order = np.lexsort((smallest, mix(smallest ^ salt)))
        highest = np.full(count, TEST, np.int64)
        if rows.highest is not None:
            np.minimum.at(highest, rows.unit, rows.highest)
        return cls(members, starts[order], sizes[order], rows.stratum[members[starts]][order], outside[order], highest[order])


@dataclass
class Division:
    """Each row's split (-1: dropped, because its cluster stands in a split of higher rank), and what a person should know."""

    side: Side
    leaks: list[tuple[int, int]] = field(default_factory=list)
    """(dropped row, the row of a dev or test source that it is too close to)."""
    seen: list[int] = field(default_factory=list)
    """Dropped rows of a dev or test source that a continued model has seen."""
    notes: list[str] = field(default_factory=list)


def split(rows: Rows, rule: SplitRule) -> Division:
    """Where each row goes.

    Raises: BadProject for counts that are not whole; NotEnoughData if no row would be left to train on, to choose by or to judge with.
    """
    check_rule(rule)
    done = Division(np.full(len(rows.unit), DROPPED, np.int8))
    units = Units.of(rows, rule.seed)
    free = _place_fixed(rows, units, done)
    given = {int(s) for s in np.unique(rows.fixed) if s >= 0}
    for which, members, dev, test in _parts(units, free, rule):
        if members:
            targets = {TEST: 0 if TEST in given else test, DEV: 0 if DEV in given else dev}
            _Placing(units, done, which, members).place({side: wanted(value, units.size(members)) for side, value in targets.items()})
    _keep_labels_in_train(rows, units, free, done)
    _check_sides(rows, units, free, done)
    return done


def _parts(units: Units, free: list[int], rule: SplitRule) -> list[tuple[str, list[int], float, float]]:
    """(name, units, dev, test): all free units together, or those in and out of scope apart where the rule counts them apart."""
    if rule.dev_out_of_scope is None and rule.test_out_of_scope is None:
        return [("", free, rule.dev, rule.test)]
    dev = rule.dev if rule.dev_out_of_scope is None else rule.dev_out_of_scope
    test = rule.test if rule.test_out_of_scope is None else rule.test_out_of_scope
    inside, outside = ([u for u in free if units.out_of_scope[u] == flag] for flag in (False, True))
    return [("in-scope ", inside, rule.dev, rule.test), ("out-of-scope ", outside, dev, test)]


def check_rule(rule: SplitRule) -> None:
    """Nothing, if every number is a share below 1 or a whole count.

    Raises: BadProject.
    """
    for name in ("dev", "test", "dev_out_of_scope", "test_out_of_scope"):
        value = getattr(rule, name)
        if value is not None and value > 1 and not float(value).is_integer():
            raise BadProject(
                f"`split.{name}` is neither a share nor a count",
                where="project",
                got=str(value),
                expected="a share below 1, or a whole number of rows",
                fix=f"write {name} = {round(value)}",
            )


def _place_fixed(rows: Rows, units: Units, done: Division) -> list[int]:
    """The units that no source has claimed; in the others, the highest split keeps its rows and the rest would leak."""
    if int(rows.fixed.max()) < 0:
        return list(range(len(units.sizes)))
    free = []
    for unit in range(len(units.sizes)):
        members = np.sort(units.rows(unit))
        claimed = rows.fixed[members]
        highest = int(claimed.max())
        if highest > units.highest[unit]:  # what was seen cannot judge, and what the user keeps from training is not trained on
            held = claimed > TRAIN
            done.side[members[~held]] = TRAIN
            done.seen += members[held].tolist()
            continue
        if highest < 0:
            free.append(unit)
            continue
        keeper = int(members[np.flatnonzero(claimed == highest)[0]])
        stays = claimed == highest if highest != TRAIN else np.ones(len(members), bool)
        done.side[members[stays]] = highest
        done.leaks += [(row, keeper) for row in members[~stays].tolist()]
    if done.leaks:
        done.notes.append(
            f"{len(done.leaks):,} rows were left out (reason `leak`): they are equal or near duplicates of rows in a dev or test source, which keep their split"
        )
    if done.seen:
        done.notes.append(f"{len(done.seen):,} rows of dev or test sources were left out (reason `leak`): the model that is continued has seen them")
    return free


def wanted(value: float, rows: int) -> int:
    """How many of `rows` a share or a count asks for; a share of some rows is at least one row.

    >>> wanted(0.1, 55), wanted(120, 55), wanted(0.01, 5)
    (6, 120, 1)
    """
    if value == 0:
        return 0
    return max(1, math.floor(value * rows + 0.5)) if value < 1 else round(value)


class _Placing:
    """Units that are being divided among test, dev and train; what is not taken stays in `left`, by stratum."""

    def __init__(self, units: Units, done: Division, which: str, members: list[int]) -> None:
        self.units, self.done, self.which, self.members = units, done, which, members
        self.left: defaultdict[int, list[int]] = defaultdict(list)
        for unit, stratum in zip(members, units.stratum[members].tolist(), strict=True):
            self.left[stratum].append(unit)

    def place(self, targets: dict[int, int]) -> None:
        """Fill test and dev up to their targets; the rest is for training.

        Raises: NotEnoughData.
        """
        sizes = {stratum: self.units.size(members) for stratum, members in self.left.items()}
        total = sum(sizes.values())
        if sum(targets.values()) >= total:
            got = f"{total:,} {self.which}rows for {targets[DEV]:,} dev and {targets[TEST]:,} test rows"
            fix = "lower `split.dev` and `split.test`, or add rows"
            raise NotEnoughData("no row would be left to train on", where="split", got=got, expected="more rows than `dev` and `test` take", fix=fix)
        quotas = {side: shares(sizes, target) for side, target in targets.items()}
        taken = {TEST: 0, DEV: 0}
        for stratum, members in self.left.items():
            spare = max(members, key=lambda unit: (-self.units.highest[unit], unit))  # the last one stays for training whatever happens
            rest = [unit for unit in members if unit != spare]
            for side in (TEST, DEV):
                rest, count = self._take(rest, quotas[side][stratum], side)
                taken[side] += count
            self.left[stratum] = [*rest, spare]
        for side, name in ((TEST, "test"), (DEV, "dev")):
            taken[side] += self._make_up(targets[side] - taken[side], side)
            self._refuse_seen(name, side, taken[side], targets[side])
            if targets[side] and not taken[side]:
                taken[side] = self._take_smallest(side, name)
            self._note(name, taken[side], targets[side])
        for unit in (u for members in self.left.values() for u in members):
            self._put(unit, TRAIN)

    def _put(self, unit: int, side: int) -> int:
        self.done.side[self.units.rows(unit)] = side
        return int(self.units.sizes[unit])

    def _take(self, members: list[int], quota: int, side: int) -> tuple[list[int], int]:
        """(units not taken, rows taken): in order, whatever still fits."""
        rest, count = [], 0
        for unit in (
            sorted(members, key=lambda unit: (self.units.highest[unit], unit)) if side == DEV else members
        ):  # dev first takes what test cannot
            if self.units.highest[unit] >= side and count + self.units.sizes[unit] <= quota:
                count += self._put(unit, side)
            else:
                rest.append(unit)
        return rest, count

    def _make_up(self, missing: int, side: int) -> int:
        """Rows taken from strata that can spare them, until nothing is missing."""
        count = 0
        for unit in sorted(u for members in self.left.values() for u in members) if missing else ():
            if count == missing:
                break
            members = self.left[int(self.units.stratum[unit])]
            if len(members) > 1 and self.units.highest[unit] >= side and count + self.units.sizes[unit] <= missing:
                members.remove(unit)
                count += self._put(unit, side)
        return count

    def _take_smallest(self, side: int, name: str) -> int:
        """Rows of the smallest unit that can be spared, where no unit fits the target.

        Raises: NotEnoughData if there is none.
        """
        spare = [u for members in self.left.values() if len(members) > 1 for u in members if self.units.highest[u] >= side]
        if not spare:
            largest = max(int(self.units.sizes[u]) for members in self.left.values() for u in members)
            raise NotEnoughData(
                f"no row is left for {self.which}{name}",
                where="split",
                got=f"rows that must stay together in too few clusters; the largest has {largest:,} rows",
                expected="at least three clusters, and two for some label",
                fix="add rows, raise cleaning.near_duplicate_similarity (1 turns near duplicates off), or use a finer `group`",
            )
        unit = min(spare, key=lambda u: (int(self.units.sizes[u]), u))
        self.left[int(self.units.stratum[unit])].remove(unit)
        return self._put(unit, side)

    def _refuse_seen(self, name: str, side: int, taken: int, target: int) -> None:
        """Nothing, if a continued model leaves enough rows that it has not seen.

        Raises: NotEnoughData.
        """
        seen = self.units.size(unit for unit in self.members if self.units.highest[unit] < side)
        if not seen or taken >= (ENOUGH * target if side == TEST else min(1, target)):
            return
        least = f", or lower `split.{name}` to {taken}" if taken else ""
        raise NotEnoughData(
            f"too few {self.which}rows are left for {name}: the model that is continued has seen the others",
            where="split",
            got=f"{taken:,} unseen {self.which}rows for {target:,} {name} rows; {seen:,} rows are equal or near duplicates of rows it was tuned with",
            expected=f"at least {max(1, math.ceil(ENOUGH * target)) if side == TEST else 1:,}",
            fix=f"add rows that it has not seen{least}, or start from the base with `model` instead of `start`",
        )

    def _note(self, name: str, taken: int, target: int) -> None:
        """Say so where a split did not get what was asked for."""
        got = f"{name} has {taken:,} {self.which}rows instead of {target:,}"
        if taken < target and (self.units.highest < TEST).any():
            self.done.notes.append(f"{got}: the model that is continued has seen others, and those stay in train")
        elif taken < target:
            self.done.notes.append(f"{got}: near duplicates and groups stay together, and each label keeps a row to train on")
        elif taken > target:
            self.done.notes.append(f"{got}: its smallest group of rows that must stay together is that large")


def shares(sizes: dict[int, int], target: int) -> dict[int, int]:
    """`target` divided in proportion to the sizes (largest remainder; ties by the smaller key).

    >>> shares({0: 50, 1: 30, 2: 20}, 5)
    {0: 3, 1: 1, 2: 1}
    """
    total = sum(sizes.values())
    exact = {key: target * size / total for key, size in sizes.items()}
    found = {key: math.floor(value) for key, value in exact.items()}
    by_rest = sorted(sizes, key=lambda key: (found[key] - exact[key], key))
    for key in by_rest[: target - sum(found.values())]:
        found[key] += 1
    return found


def _keep_labels_in_train(rows: Rows, units: Units, free: list[int], done: Division) -> None:
    """Move units whose label is not in train there: a label can be dragged along by a cluster that counts as another label."""
    while True:
        held = done.side > TRAIN
        lost = np.setdiff1d(rows.stratum[held], rows.stratum[done.side == TRAIN])
        if not len(lost):
            return
        rescue = held & (rows.stratum == lost[0])
        unit = next((u for u in free if rescue[units.rows(u)].any()), None)
        if unit is None:  # it stands only in the user's own dev or test source, where it is refused by name
            return
        done.side[units.rows(unit)] = TRAIN
        done.notes.append(f"{units.sizes[unit]} rows were moved to train: one of their labels stood nowhere else")


def _check_sides(rows: Rows, units: Units, free: list[int], done: Division) -> None:
    """Nothing, if every split has rows.

    Raises: NotEnoughData.
    """
    for side, name in ((TRAIN, "train"), (DEV, "dev"), (TEST, "test")):
        if not (done.side == side).any():
            got = f"{len(rows.unit):,} rows, {units.size(free):,} of them free to be split"
            raise NotEnoughData(
                f"the {name} split is empty",
                where="split",
                got=got,
                expected="at least one row",
                fix=f"add rows, or remove `split` from a source so that {name} can take some of its rows",
            )

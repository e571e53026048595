"""Clusters of rows → train, dev and test: stratified by label, deterministic, a cluster never torn apart.

The order in which clusters are taken comes from a hash of their content and the seed, so it changes neither with the order of
the rows nor with rows that are added elsewhere. Every label keeps at least one cluster for training.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.shingles import U64, mix
from tunesmith.data.spool import I64
from tunesmith.errors import BadProject, NotEnoughData
from tunesmith.spec.dataset import SplitRule

TRAIN, DEV, TEST, DROPPED = 0, 1, 2, -1
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


@dataclass
class Unit:
    """A cluster: its rows are placed together."""

    rows: list[int]
    order: int
    stratum: int
    out_of_scope: bool


@dataclass
class Division:
    """Each row's split (-1: dropped, because its cluster stands in a split of higher rank), and what a person should know."""

    side: Side
    leaks: list[tuple[int, int]] = field(default_factory=list)
    """(dropped row, the row of a dev or test source that it is too close to)."""
    notes: list[str] = field(default_factory=list)


def split(rows: Rows, rule: SplitRule) -> Division:
    """Where each row goes.

    Raises: BadProject for counts that are not whole; NotEnoughData if no row would be left to train on, to choose by or to judge with.
    """
    check_rule(rule)
    done = Division(np.full(len(rows.unit), DROPPED, np.int8))
    free = _place_fixed(rows, _units(rows, rule.seed), done)
    given = {int(s) for s in np.unique(rows.fixed) if s >= 0}
    separate = rule.dev_out_of_scope is not None or rule.test_out_of_scope is not None
    for outside in (False, True) if separate else (None,):
        units = [u for u in free if outside is None or u.out_of_scope == outside]
        dev, test = (rule.dev, rule.test)
        if outside:
            dev = rule.dev if rule.dev_out_of_scope is None else rule.dev_out_of_scope
            test = rule.test if rule.test_out_of_scope is None else rule.test_out_of_scope
        if units:
            _place_free(
                units, 0 if DEV in given else dev, 0 if TEST in given else test, done, {None: "", True: "out-of-scope ", False: "in-scope "}[outside]
            )
    _keep_labels_in_train(rows, free, done)
    _check_sides(rows, free, done)
    return done


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


def _units(rows: Rows, seed: int) -> list[Unit]:
    """Clusters in the order in which they are taken."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for row, unit in enumerate(rows.unit.tolist()):
        members[unit].append(row)
    smallest = np.full(len(rows.unit), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, rows.unit, rows.ids)
    salt = mix(np.asarray([seed + 1], dtype=np.uint64))[0]
    orders = mix(smallest ^ salt)
    units = []
    for unit, numbers in members.items():
        outside = int(rows.out_of_scope[numbers].sum()) * 2 > len(numbers)
        first = min(numbers, key=lambda row: (bool(rows.out_of_scope[row]) != outside, int(rows.ids[row])))
        units.append(Unit(numbers, int(orders[unit]), int(rows.stratum[first]), outside))
    return sorted(units, key=lambda u: (u.order, u.rows[0]))


def _place_fixed(rows: Rows, units: list[Unit], done: Division) -> list[Unit]:
    """The units that no source has claimed; in the others, the highest split keeps its rows and the rest would leak."""
    free = []
    for unit in units:
        claimed = rows.fixed[unit.rows]
        highest = int(claimed.max())
        if highest < 0:
            free.append(unit)
            continue
        keeper = unit.rows[int(np.flatnonzero(claimed == highest)[0])]
        for row, claim in zip(unit.rows, claimed.tolist(), strict=True):
            if claim == highest or highest == TRAIN:
                done.side[row] = highest
            else:
                done.leaks.append((row, keeper))
    if done.leaks:
        done.notes.append(
            f"{len(done.leaks):,} rows were left out (reason `leak`): they are equal or near duplicates of rows in a dev or test source, which keep their split"
        )
    return free


def wanted(value: float, rows: int) -> int:
    """How many of `rows` a share or a count asks for; a share of some rows is at least one row.

    >>> wanted(0.1, 55), wanted(120, 55), wanted(0.01, 5)
    (6, 120, 1)
    """
    if value == 0:
        return 0
    return max(1, math.floor(value * rows + 0.5)) if value < 1 else round(value)


def _place_free(units: list[Unit], dev: float, test: float, done: Division, which: str) -> None:
    total = sum(len(u.rows) for u in units)
    targets = {TEST: wanted(test, total), DEV: wanted(dev, total)}
    if sum(targets.values()) >= total:
        got = f"{total:,} {which}rows for {targets[DEV]:,} dev and {targets[TEST]:,} test rows"
        raise NotEnoughData(
            "no row would be left to train on",
            where="split",
            got=got,
            expected="more rows than `dev` and `test` take",
            fix="lower `split.dev` and `split.test`, or add rows",
        )
    strata: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in units:
        strata[unit.stratum].append(unit)
    left: dict[int, list[Unit]] = {}
    taken = {TEST: 0, DEV: 0}
    quotas = {side: shares({s: sum(len(u.rows) for u in us) for s, us in strata.items()}, target) for side, target in targets.items()}
    for stratum, members in strata.items():
        rest, spare = members[:-1], members[-1:]  # the last one stays for training whatever happens
        for side in (TEST, DEV):
            rest, count = _take(rest, quotas[side][stratum], side, done)
            taken[side] += count
        left[stratum] = rest + spare
    for side, name in ((TEST, "test"), (DEV, "dev")):
        taken[side] += _make_up(left, targets[side] - taken[side], side, done)
        if targets[side] and not taken[side]:
            taken[side] = _take_smallest(left, side, done, f"{which}{name}")
        if taken[side] < targets[side]:
            done.notes.append(
                f"{name} has {taken[side]:,} {which}rows instead of {targets[side]:,}: near duplicates and groups stay together, and each label keeps a row to train on"
            )
        elif taken[side] > targets[side] + max(2, 0.2 * targets[side]):
            done.notes.append(
                f"{name} has {taken[side]:,} {which}rows instead of {targets[side]:,}: its smallest group of rows that must stay together is that large"
            )
    for members in left.values():
        for unit in members:
            done.side[unit.rows] = TRAIN


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


def _take(units: list[Unit], quota: int, side: int, done: Division) -> tuple[list[Unit], int]:
    """(units not taken, rows taken): in order, whatever still fits."""
    rest, count = [], 0
    for unit in units:
        if count + len(unit.rows) <= quota:
            done.side[unit.rows] = side
            count += len(unit.rows)
        else:
            rest.append(unit)
    return rest, count


def _make_up(left: dict[int, list[Unit]], missing: int, side: int, done: Division) -> int:
    """Rows taken from strata that can spare them, until nothing is missing."""
    count = 0
    for unit in sorted((u for units in left.values() for u in units), key=lambda u: u.order):
        if count == missing:
            break
        if len(left[unit.stratum]) > 1 and count + len(unit.rows) <= missing:
            left[unit.stratum].remove(unit)
            done.side[unit.rows] = side
            count += len(unit.rows)
    return count


def _take_smallest(left: dict[int, list[Unit]], side: int, done: Division, name: str) -> int:
    """Rows of the smallest unit that can be spared, where no unit fits the target.

    Raises: NotEnoughData if there is none.
    """
    spare = [u for units in left.values() if len(units) > 1 for u in units]
    if not spare:
        largest = max((u for units in left.values() for u in units), key=lambda u: len(u.rows))
        raise NotEnoughData(
            f"no row is left for {name}",
            where="split",
            got=f"rows that must stay together in too few clusters; the largest has {len(largest.rows):,} rows",
            expected="at least three clusters, and two for some label",
            fix="add rows, raise cleaning.near_duplicate_similarity (1 turns near duplicates off), or use a finer `group`",
        )
    unit = min(spare, key=lambda u: (len(u.rows), u.order))
    left[unit.stratum].remove(unit)
    done.side[unit.rows] = side
    return len(unit.rows)


def _keep_labels_in_train(rows: Rows, free: list[Unit], done: Division) -> None:
    """Move the units of a label that is not in train there, if the label came apart from it through a cluster of several labels."""
    while True:
        trained = set(rows.stratum[done.side == TRAIN].tolist())
        lost = next((u for u in free if done.side[u.rows[0]] in (DEV, TEST) and not {int(rows.stratum[r]) for r in u.rows} <= trained), None)
        if lost is None:
            return
        done.side[lost.rows] = TRAIN
        done.notes.append(f"{len(lost.rows)} rows were moved to train: one of their labels stood nowhere else")


def _check_sides(rows: Rows, free: list[Unit], done: Division) -> None:
    """Nothing, if every split has rows.

    Raises: NotEnoughData.
    """
    for side, name in ((TRAIN, "train"), (DEV, "dev"), (TEST, "test")):
        if not (done.side == side).any():
            got = f"{len(rows.unit):,} rows, {sum(len(u.rows) for u in free):,} of them free to be split"
            raise NotEnoughData(
                f"the {name} split is empty",
                where="split",
                got=got,
                expected="at least one row",
                fix=f"add rows, or remove `split` from a source so that {name} can take some of its rows",
            )

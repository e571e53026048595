"""Rows that share a cluster are one piece of evidence: in intervals, in paired tests and in what would settle a question."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tunesmith.measure.comparison import compare
from tunesmith.measure.quantities import clusters_of, mean_of
from tunesmith.measure.scorers import aggregate, metric_of
from tunesmith.measure.statistics import effective_rows, mcnemar_mid_p, wilson
from tunesmith.spec.report import Scored

Row = Callable[..., Scored]


def rows_in(scored: Row, right: Sequence[bool], clusters: Sequence[str | None]) -> list[Scored]:
    made = [scored(k, "yes", "yes" if hit else "no") for k, hit in enumerate(right)]
    return [row.model_copy(update={"cluster": cluster}) for row, cluster in zip(made, clusters, strict=True)]


def test_clusters_of_one_row_each_change_no_number(scored: Row) -> None:
    luck = random.Random(3)
    right = [[luck.random() < share for _ in range(60)] for share in (0.9, 0.6)]
    alone = {name: rows_in(scored, hits, [None] * 60) for name, hits in zip("ab", right, strict=True)}
    named = {name: rows_in(scored, hits, [f"{k:x}" for k in range(60)]) for name, hits in zip("ab", right, strict=True)}
    assert clusters_of(named["a"]) is None
    for metric in ("exact_match", "macro_f1"):
        assert compare("a", named, metric) == compare("a", alone, metric)
    assert aggregate(named["a"], "classify", confidence=0.95) == aggregate(alone["a"], "classify", confidence=0.95)
    (found,) = compare("a", named, "exact_match")
    assert found.test == "mcnemar mid-p"
    assert found.difference.clusters is None
    assert found.p_value == mcnemar_mid_p(*(sum(x > y for x, y in zip(right[i], right[1 - i], strict=True)) for i in (0, 1)))


def test_one_family_of_near_duplicates_proves_nothing(scored: Row) -> None:
    # 13 of 15 rows are one family; the first candidate gets all of them, the second none: one piece of evidence, not 13
    clusters = ["family"] * 13 + [None, None]
    first, second = rows_in(scored, [True] * 15, clusters), rows_in(scored, [False] * 13 + [True] * 2, clusters)
    (found,) = compare("a", {"a": first, "b": second}, "exact_match")
    assert (found.outcome, found.test, found.p_value) == ("cannot tell", "permutation of clusters", 1.0)
    assert (found.difference.n, found.difference.clusters) == (15, 3)
    assert (found.difference.low, found.difference.high) == (-1, 1)
    (alone,) = compare(
        "a", {"a": rows_in(scored, [True] * 15, [None] * 15), "b": rows_in(scored, [False] * 13 + [True] * 2, [None] * 15)}, "exact_match"
    )
    assert alone.outcome == "better"


def test_whole_clusters_are_exchanged(scored: Row) -> None:
    # six clusters of five rows, in each of which the first is ahead: of the 2⁶ exchanges two are as extreme
    clusters = [f"c{k // 5}" for k in range(30)]
    first, second = rows_in(scored, [True] * 30, clusters), rows_in(scored, [k % 5 == 0 for k in range(30)], clusters)
    (found,) = compare("a", {"a": first, "b": second}, "exact_match")
    assert found.p_value == 2 / 2**6
    assert found.outcome == "better"


def test_equal_copies_count_once(scored: Row) -> None:
    # every row five times over: the interval is that of the rows before they were copied
    hits = [True] * 30 + [False] * 10
    single = metric_of("exact_match", rows_in(scored, hits, [None] * 40), confidence=0.95)
    copied = metric_of("exact_match", rows_in(scored, [hit for hit in hits for _ in range(5)], [str(k // 5) for k in range(200)]), confidence=0.95)
    assert single
    assert copied
    assert (copied.value, copied.n, copied.clusters, copied.method) == (single.value, 200, 40, "wilson")
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high), abs=0.003)  # 39/40 apart: G / (G − 1)


def test_copies_say_how_many_rows_would_settle(scored: Row) -> None:
    hits, others = [k < 26 for k in range(40)], [k % 2 == 0 for k in range(40)]
    single = {"a": rows_in(scored, hits, [None] * 40), "b": rows_in(scored, others, [None] * 40)}
    names = [str(k // 5) for k in range(200)]
    copied = {name: rows_in(scored, [hit for hit in found for _ in range(5)], names) for name, found in (("a", hits), ("b", others))}
    (alone,), (many,) = compare("a", single, "exact_match"), compare("a", copied, "exact_match")
    assert alone.outcome == many.outcome == "cannot tell"
    assert many.minimum_detectable == pytest.approx(alone.minimum_detectable)
    assert alone.rows_to_settle
    assert many.rows_to_settle == pytest.approx(5 * alone.rows_to_settle, abs=5)


def test_the_design_effect(scored: Row) -> None:
    values = np.array([1.0, 0.0] * 100)
    assert effective_rows(mean_of(values), [k // 2 for k in range(200)]) == 200  # a right and a wrong one in each: never worth more than they are
    assert effective_rows(mean_of(np.repeat([1.0, 0.0], 100)), [k // 2 for k in range(200)]) == 100 * 0.99 * 200 / 198
    assert effective_rows(mean_of(np.ones(200)), [k // 2 for k in range(200)]) == 100  # all agree: no telling, so the worst


def test_all_right_in_clusters_is_less_certain(scored: Row) -> None:
    found = metric_of("exact_match", rows_in(scored, [True] * 15, ["family"] * 13 + [None, None]), confidence=0.95)
    assert found
    assert found.high == 1.0
    assert found.low == pytest.approx(wilson(225 / 171, 225 / 171)[0])
    assert found.low < 0.3


def test_recall_by_label_looks_at_its_own_clusters(scored: Row) -> None:
    rows = [scored(k, "a" if k < 10 else "b", "a").model_copy(update={"cluster": "same" if k < 10 else None}) for k in range(20)]
    found = aggregate(rows, "classify", confidence=0.95)
    assert (found.per_label["a"].clusters, found.per_label["b"].clusters) == (1, None)
    assert found.per_label["a"].low < 0.25


def test_clusters_of_copies_are_called_better_no_more_often_than_asked(scored: Row) -> None:
    # two equally good candidates, 30 questions asked one to eight times over; as independent rows 4 of 10 pairs would be "beyond doubt"
    false = {"clusters": 0, "rows": 0}
    held = 0
    for seed in range(30):
        luck = random.Random(seed)
        times = [luck.choice((1, 1, 2, 3, 8)) for _ in range(30)]
        names = [str(k) for k, n in enumerate(times) for _ in range(n)]
        hits = {name: [hit for n in times for hit in [luck.random() < 0.7] * n] for name in "ab"}
        together = {name: rows_in(scored, found, names) for name, found in hits.items()}
        apart = {name: rows_in(scored, found, [None] * len(names)) for name, found in hits.items()}
        false["clusters"] += compare("a", together, "exact_match")[0].outcome != "cannot tell"
        false["rows"] += compare("a", apart, "exact_match")[0].outcome != "cannot tell"
        found = metric_of("exact_match", together["a"], confidence=0.95)
        held += bool(found and found.low <= 0.7 <= found.high)
    assert false["clusters"] <= 3
    assert false["rows"] >= 8
    assert held >= 26

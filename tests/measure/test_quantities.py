"""Metrics as functions of column sums, against sklearn and plain loops."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.waiting import computing
from tunesmith.measure.quantities import difference_of, mean_of, measurable, quantity, rows_of
from tunesmith.measure.statistics import interval
from tunesmith.spec.report import Scored

Row = Callable[..., Scored]


def routed(scored: Row, count: int = 600, labels: int = 31, seed: int = 0) -> list[Scored]:
    generator = random.Random(seed)
    names = [f"intent_{k:02}" for k in range(labels)]
    references = [names[k % labels] for k in range(count)]
    return [scored(k, ref, ref if generator.random() < 0.8 else generator.choice(names)) for k, ref in enumerate(references)]


def test_macro_f1_equals_sklearn(scored: Row) -> None:
    rows = routed(scored)
    expected = f1_score([row.reference for row in rows], [row.answer for row in rows], average="macro")
    assert quantity("macro_f1", rows).value() == pytest.approx(expected)


def test_macro_f1_by_hand_counts_answers_outside_the_labels_as_misses_only(scored: Row) -> None:
    rows = [scored(0, "a", "a"), scored(1, "a", "b"), scored(2, "b", "b"), scored(3, "b", "nonsense")]
    # a: 1 hit, 2 rows, 1 answer → 2/3; b: 1 hit, 2 rows, 2 answers → 1/2
    assert quantity("macro_f1", rows).value() == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_bootstrap_of_macro_f1_equals_a_plain_loop(scored: Row) -> None:
    rows = routed(scored, count=90, labels=5)
    generator = np.random.default_rng(1)
    plain = []
    for _ in range(500):
        drawn = [rows[k] for k in generator.integers(0, len(rows), len(rows))]
        plain.append(f1_score([row.reference for row in drawn], [row.answer for row in drawn], average="macro"))
    found = interval(quantity("macro_f1", rows))
    low, high = np.quantile(plain, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.025)  # percentile of 500 against BCa of 10,000; the interval is 0.16 wide
    assert found.method == "bca"


def test_ten_thousand_corpora_take_about_a_second(scored: Row) -> None:
    rows = routed(scored)
    with computing(15):  # 0.3 s on an idle machine
        interval(quantity("macro_f1", rows))


def test_which_rows_a_metric_rests_on(scored: Row) -> None:
    rows = [scored(0, "a", "a", out_of_scope="other"), scored(1, "other", "a", out_of_scope="other")]
    assert rows_of("exact_match", rows) == ("in scope", rows[:1])
    assert rows_of("accuracy", rows) == ("all", rows)
    assert rows_of("out_of_scope_recall", rows) == ("out of scope", rows[1:])
    assert rows_of("exact_match", rows[:1]) == ("all", rows[:1])
    assert rows_of("out_of_scope_recall", rows[:1]) == ("out of scope", [])


def test_measurable_asks_every_row(scored: Row) -> None:
    plain = scored(0, "a", "a")
    assert measurable("exact_match", [plain])
    assert not measurable("exact_match", [])
    assert not measurable("out_of_scope_precision", [plain])
    with_loss = plain.model_copy(update={"scores": plain.scores | {"nll": 1.0, "tokens": 2.0}})
    assert measurable("perplexity", [with_loss])
    assert not measurable("perplexity", [with_loss, plain])


def test_perplexity_weighs_rows_by_their_tokens(scored: Row) -> None:
    short, long = (scored(k, "a", "a") for k in range(2))
    rows = [
        short.model_copy(update={"scores": {"nll": math.log(4) * 1, "tokens": 1.0}}),
        long.model_copy(update={"scores": {"nll": math.log(2) * 3, "tokens": 3.0}}),
    ]
    assert quantity("perplexity", rows).value() == pytest.approx(2 ** ((2 + 3) / 4))


def test_grouped_rows_have_the_same_value() -> None:
    quantity_ = difference_of(mean_of([1.0, 0.0, 1.0, 0.5]), mean_of([0.0, 0.0, 1.0, 0.0]))
    grouped = quantity_.grouped(["x", "y", "x", "y"])
    assert grouped.columns.shape == (2, 4)
    assert grouped.value() == quantity_.value() == pytest.approx(0.375)

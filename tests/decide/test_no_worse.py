"""When one arm is as good as another: the far end of the paired interval is the test, at the edge of the margin, and a handful of rows proves nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tunesmith.decide.evidence import MARGIN, weigh, worst_loss
from tunesmith.measure.quantities import mean_of
from tunesmith.measure.statistics import paired_difference
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Comparison, Metric, Scored
from tunesmith.spec.task import Goal, MetricName
from tunesmith.spec.verdict import Finalist, Known

STUDIES = 200
ALLOWED = 0.025 + 3 * math.sqrt(0.025 * 0.975 / STUDIES)
"""One side of a 95 % interval, and three standard errors of the simulation."""


def between(difference: Metric, metric: MetricName = "exact_match") -> Comparison:
    return Comparison.model_construct(metric=metric, difference=difference)


def drawn(luck: random.Random, rows: int, only_first: float, only_second: float, copies: int) -> tuple[list[float], list[float], list[str]]:
    """Right and wrong of two systems, the first worse by only_second − only_first; of `copies` rows that share a cluster most say the same."""
    mine, theirs, clusters = list[float](), list[float](), list[str]()
    for number in range(rows // copies):
        at = luck.random()
        for _ in range(copies):
            at = luck.random() if luck.random() < 0.3 else at
            mine.append(float(at >= only_second))
            theirs.append(float(not only_second <= at < only_second + only_first))
            clusters.append(str(number))
    return mine, theirs, clusters


@pytest.mark.parametrize(("rows", "copies"), [(400, 1), (600, 5)])
def test_a_system_that_loses_the_whole_margin_is_rarely_called_as_good(rows: int, copies: int) -> None:
    luck, called = random.Random(rows), 0
    for _ in range(STUDIES):
        mine, theirs, clusters = drawn(luck, rows, 0.03, 0.03 + MARGIN, copies)
        found = paired_difference(mean_of(mine), mean_of(theirs), groups=clusters if copies > 1 else None)
        called += worst_loss(between(found)) <= MARGIN
    assert called / STUDIES <= ALLOWED


def test_the_loss_is_at_the_end_that_is_worse() -> None:
    found = Metric(value=0.01, low=-0.015, high=0.03, n=400, method="bca")
    assert worst_loss(between(found)) == 0.015
    assert worst_loss(between(found, "false_refusal_rate")) == 0.03


@pytest.mark.parametrize(("rows", "is_proof"), [(40, False), (400, True)])
def test_rows_that_all_agree_prove_only_as_much_as_there_are_of_them(
    rows: int, is_proof: bool, dataset: Callable[..., Dataset], answers: Callable[..., list[Scored]], finalist: Callable[..., Finalist]
) -> None:
    scored = {name: answers("+" * rows) for name in ("tuned", "prompt-plain")}
    evidence = weigh([finalist(name, found) for name, found in scored.items()], scored, Goal(), dataset(), Known())
    assert evidence.is_as_good("prompt-plain", "tuned") is is_proof

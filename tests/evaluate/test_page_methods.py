"""What pages say of methods: every name that `measure` gives has words, and a report explains what it rests on and nothing else."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

from tests.evaluate.test_page import router, untrained, words_of
from tunesmith.evaluate import page_methods
from tunesmith.evaluate.page import page
from tunesmith.evaluate.page_methods import METHODS, cell, explained, methods_in, parted
from tunesmith.measure.comparison import comparison
from tunesmith.measure.forgetting import resampled
from tunesmith.measure.quantities import mean_of
from tunesmith.measure.rates import distinct, failure_rate
from tunesmith.measure.redrawn import redrawn
from tunesmith.measure.scorers import proportion
from tunesmith.measure.seeds import compared, metric_over
from tunesmith.measure.statistics import interval
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Metric, Scored


def rows(scores: list[float], clustered: bool = False) -> list[Scored]:
    return [
        Scored(
            id=f"{k:016x}", origin=Origin(file="a.csv", line=k + 2), question="q", reference="r", answer="a", confidence=None, out_of_scope=False,
            scores={"exact_match": score, "token_f1": score}, prompt_tokens=1, completion_tokens=1, cluster=f"c{k // 2}" if clustered else None,
        )
        for k, score in enumerate(scores)
    ]  # fmt: skip


HITS, OTHERS = [1.0, 0.0, 1.0, 1.0] * 10, [1.0, 1.0, 0.0, 0.0] * 10
PARTLY, LESS = [0.1 * (k % 9) for k in range(40)], [0.07 * (k % 8) for k in range(40)]


def named() -> Iterator[str]:
    """The names of all methods, as `measure` gives them to real rows."""
    share = proportion(HITS, 0.95)
    yield share.method
    yield failure_rate([0.0] * 40, 0.95).method
    yield distinct(share, share).method
    yield interval(mean_of(PARTLY)).method
    yield interval(mean_of([1.0, 0.5])).method
    yield resampled(mean_of([0.5] * 40).columns, lambda sums: sums[..., 0] / sums[..., 1], rule=None).method  # type: ignore[arg-type]
    values = redrawn(lambda places: float(sum(PARTLY[k] for k in places) / len(places)), 40)
    assert values is not None
    yield values.method
    for first, second, clustered in ((HITS, OTHERS, False), (PARTLY, LESS, False), (HITS, OTHERS, True)):
        mine, theirs = rows(first, clustered), rows(second, clustered)
        metric = "exact_match" if first is HITS else "token_f1"
        yield comparison("a", mine, "b", theirs, metric, confidence=0.95, seed=0).test
    over = compared("a", [rows(PARTLY), rows(LESS)], "b", [rows(HITS)], "token_f1", confidence=0.95)
    yield from (over.test, over.difference.method)
    seeds = metric_over("token_f1", [rows(PARTLY), rows(LESS)], confidence=0.95)
    assert seeds is not None
    yield seeds.method


def test_the_examples_hold() -> None:
    failed, tried = doctest.testmod(page_methods)
    assert (failed, tried > 0) == (0, True)


def test_every_method_that_is_used_has_words_and_every_word_is_used() -> None:
    assert set(METHODS) == {parted(name)[0] for name in named()}


def test_a_method_that_is_not_known_is_named_as_it_is() -> None:
    assert cell("something new over 3 seeds") == "something new, over 3 seeds"


def test_a_report_explains_what_it_rests_on_and_nothing_else() -> None:
    report, _, _ = router()
    said = explained(report)
    assert METHODS["wilson"].sentence in said
    assert METHODS["mcnemar mid-p"].sentence in said
    assert METHODS["newcombe"].sentence not in said
    assert page_methods.SEEDS not in said
    assert "all 4 comparisons" in said[-1]
    assert "below 0.05" in said[-1]


def test_seeds_and_single_comparisons_are_told_apart() -> None:
    report, _, _ = router()
    one = report.verdict.comparisons[0].model_copy(update={"test": "paired permutation over 2 seeds"})
    said = explained(report.model_copy(update={"verdict": report.verdict.model_copy(update={"comparisons": (one,)})}))
    assert page_methods.SEEDS in said
    assert "one comparison" in said[-1]


def test_what_was_examined_beside_it_is_explained_too() -> None:
    report, _, _ = untrained()
    found = Metric(value=0.0, low=0.0, high=0.03, n=100, method="rule of three")
    beside = report.finalists[0].report.model_copy(update={"metrics": {"accuracy": found}})
    assert METHODS["rule of three"].sentence not in explained(report)
    assert METHODS["rule of three"].sentence in explained(report, [beside])
    assert list(methods_in({"a": [found, "wilson"]})) == ["rule of three"]


def test_the_page_has_a_section_for_it() -> None:
    text = words_of(page(*router()))
    assert "How the numbers were made" in text
    assert "McNemar’s exact test with mid-p" in text
    assert "corrected together (Holm)" in text

"""Paired comparisons: what is called better, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from bench.statistics import dozens
from tunesmith.errors import BadData, NotEnoughData
from tunesmith.measure import statistics
from tunesmith.measure.comparison import compare, correct, pairs
from tunesmith.measure.power import minimum_detectable
from tunesmith.measure.statistics import holm, mcnemar_mid_p
from tunesmith.spec.report import Scored

Row = Callable[..., Scored]


def answers(scored: Row, right: Sequence[bool]) -> list[Scored]:
    return [scored(k, "yes", "yes" if hit else "no") for k, hit in enumerate(right)]


def test_better_by_hand(scored: Row) -> None:
    # 100 rows: 60 both right, 25 only the first, 5 only the second, 10 both wrong
    first = answers(scored, [True] * 85 + [False] * 15)
    second = answers(scored, [True] * 60 + [False] * 25 + [True] * 5 + [False] * 10)
    (found,) = compare("tuned", {"tuned": first, "plain": second}, "exact_match")
    assert (found.better, found.rival, found.rows, found.test) == ("tuned", "plain", "all", "mcnemar mid-p")
    assert found.difference.value == pytest.approx(0.2)
    assert found.difference.n == 100
    assert found.p_value == found.p_adjusted == mcnemar_mid_p(25, 5)
    assert found.outcome == "better"
    assert found.rows_to_settle is None
    # ± 1.96 × sqrt((0.30 − 0.04) / 99) ≈ ± 0.100
    assert (found.difference.low, found.difference.high) == pytest.approx((0.10, 0.30), abs=0.012)
    assert found.minimum_detectable == pytest.approx(minimum_detectable(0.26 * 100 / 99, 100, freedom=99))


def test_the_other_way_round_is_worse(scored: Row) -> None:
    first, second = answers(scored, [False] * 60 + [True] * 40), answers(scored, [True] * 90 + [False] * 10)
    (found,) = compare("a", {"b": second, "a": first}, "exact_match")
    assert found.outcome == "worse"


def test_lower_is_better_for_false_refusals(scored: Row) -> None:
    first = [scored(k, "a", "a", out_of_scope="other") for k in range(60)]
    second = [scored(k, "a", "other" if k < 20 else "a", out_of_scope="other") for k in range(60)]
    (found,) = compare("a", {"a": first, "b": second}, "false_refusal_rate")
    assert found.difference.value == pytest.approx(-1 / 3)
    assert found.outcome == "better"


def test_rows_are_paired_by_id_not_by_place(scored: Row) -> None:
    first = answers(scored, [k % 2 == 0 for k in range(40)])
    (found,) = compare("a", {"a": first, "b": list(reversed(first))}, "exact_match")
    assert (found.difference.value, found.p_value, found.outcome) == (0.0, 1.0, "cannot tell")
    assert found.difference.low < 0 < found.difference.high
    assert found.rows_to_settle is None


def test_a_small_difference_cannot_be_told_and_says_what_would_settle_it(scored: Row) -> None:
    first = answers(scored, [True] * 33 + [False] * 17)
    second = answers(scored, [True] * 26 + [False] * 7 + [True] * 4 + [False] * 13)
    (found,) = compare("a", {"a": first, "b": second}, "exact_match")
    assert found.outcome == "cannot tell"
    assert found.rows_to_settle is not None
    # variance (0.22 − 0.06²) × 50/49 = 0.2208: (2.80 / 0.06)² × 0.2208 ≈ 481 rows in all
    assert found.rows_to_settle == pytest.approx(481 - 50, abs=3)


def test_holm_makes_many_rivals_harder_to_beat(scored: Row) -> None:
    first = answers(scored, [True] * 60 + [False] * 40)
    near = answers(scored, [True] * 52 + [False] * 8 + [True] * 1 + [False] * 39)  # 8 against 1: p = 0.0215
    alone = compare("a", {"a": first, "b": near}, "exact_match")
    many = compare("a", {"a": first, "b": near, "c": near, "d": near, "e": first}, "exact_match")
    assert alone[0].outcome == "better"
    assert [found.outcome for found in many] == ["cannot tell"] * 4
    assert [found.p_adjusted for found in many] == holm([found.p_value for found in many])
    assert many[0].rows_to_settle is not None


def test_correcting_two_metrics_together_is_stricter_than_one_by_one(scored: Row) -> None:
    first, second = answers(scored, [True] * 60 + [False] * 40), answers(scored, [True] * 51 + [False] * 9 + [True] + [False] * 39)
    both = {"a": first, "b": second}
    together = correct([*pairs("a", both, "exact_match"), *pairs("a", both, "accuracy")])
    assert together[0].p_adjusted == 2 * compare("a", both, "exact_match")[0].p_value


def test_what_could_be_shown_is_that_of_holms_first_step_however_often_it_is_corrected(scored: Row) -> None:
    first, second = answers(scored, [True] * 60 + [False] * 40), answers(scored, [True] * 51 + [False] * 9 + [True] + [False] * 39)
    (raw,) = pairs("a", {"a": first, "b": second}, "exact_match")
    (alone,) = correct([raw])
    assert (alone.family, alone.minimum_detectable) == (1, pytest.approx(raw.minimum_detectable))
    twelve = correct([raw] * 12)[0]
    # (t for 0.05 / 12 two-sided + t for 80 % power) / (t for 0.05 + t for 80 %), of 99 degrees of freedom
    assert (twelve.family, twelve.minimum_detectable / raw.minimum_detectable) == (12, pytest.approx((2.9334 + 0.8453) / (1.9842 + 0.8453), abs=1e-4))
    again = correct([*correct([raw] * 5), *[raw] * 7])
    assert [one.minimum_detectable for one in again] == pytest.approx([twelve.minimum_detectable] * 12)
    assert {one.rows_to_settle for one in again} == {twelve.rows_to_settle}


def test_a_difference_as_large_as_could_be_shown_among_a_dozen_is_shown_by_four_studies_of_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 500)  # as the bench does: the last digit is not asked for
    (finding,) = dozens(200)
    assert finding.share >= finding.low == 0.77


def test_macro_f1_is_compared_by_permuting_pairs(scored: Row) -> None:
    references = ["abc"[k % 3] for k in range(90)]
    first = [scored(k, ref, ref if k % 10 else "a") for k, ref in enumerate(references)]
    second = [scored(k, ref, ref if k % 2 else "c") for k, ref in enumerate(references)]
    (found,) = compare("a", {"a": first, "b": second}, "macro_f1")
    assert (found.test, found.outcome, found.rows) == ("paired permutation", "better", "all")
    assert found.difference.low > 0
    assert compare("a", {"a": first, "b": second}, "macro_f1") == (found,)


def test_text_metrics_are_compared_by_permutation(scored: Row) -> None:
    texts = [f"please reset card number {k} before the weekend" for k in range(30)]
    first = [scored(k, text, text.replace("please ", ""), task="generate") for k, text in enumerate(texts)]
    second = [scored(k, text, "reset card", task="generate") for k, text in enumerate(texts)]
    for metric in ("token_f1", "rouge_l", "chrf", "bleu"):
        (found,) = compare("a", {"a": first, "b": second}, metric)
        assert (found.test, found.outcome) == ("paired permutation", "better"), metric


def test_only_rows_in_scope_decide_exact_match(scored: Row) -> None:
    rows = [scored(k, "other" if k < 10 else "a", "a", out_of_scope="other") for k in range(40)]
    (found,) = compare("x", {"x": rows, "y": rows}, "exact_match")
    assert (found.rows, found.difference.n) == ("in scope", 30)
    (declined,) = compare("x", {"x": rows, "y": rows}, "out_of_scope_recall")
    assert (declined.rows, declined.difference.n) == ("out of scope", 10)


def test_different_rows_are_refused_with_their_ids(scored: Row) -> None:
    first = [scored(k, "a", "a") for k in range(4)]
    second = [scored(k, "a", "a") for k in range(1, 6)]
    with pytest.raises(BadData) as caught:
        compare("tuned", {"tuned": first, "plain": second}, "exact_match")
    assert str(caught.value).splitlines() == [
        "bad_record · answers of tuned and plain: 1 rows were answered by tuned only",
        "  got 0000000000000000",
        "  expected the same rows",
        "  fix: evaluate both on the same split of the same data set",
        "answers of tuned and plain: 2 rows were answered by plain only",
        "  got 0000000000000004, 0000000000000005",
        "  expected the same rows",
        "  fix: evaluate both on the same split of the same data set",
    ]


def test_different_references_and_repeated_rows_are_refused(scored: Row) -> None:
    row = scored(0, "a", "a")
    with pytest.raises(BadData, match="1 rows have different references"):
        compare("x", {"x": [row], "y": [scored(0, "b", "a")]}, "exact_match")
    with pytest.raises(BadData, match="the same row twice"):
        compare("x", {"x": [row, row], "y": [row, row]}, "exact_match")


def test_a_metric_that_no_row_shows_cannot_be_compared(scored: Row) -> None:
    row = scored(0, "a", "a")
    with pytest.raises(NotEnoughData, match="perplexity cannot be compared"):
        compare("x", {"x": [row], "y": [row]}, "perplexity")

"""Verdicts over rows made by hand: one test for each decision, and for what must be said beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tunesmith.decide.conclude import conclude
from tunesmith.errors import BadData, NotEnoughData
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.project import Project
from tunesmith.spec.report import Scored
from tunesmith.spec.task import Goal
from tunesmith.spec.verdict import Finalist, Known, Verdict

Judge = Callable[..., Verdict]


def mix(right: int, of: int, *, shift: int = 0) -> str:
    """`right` hits among `of` rows, spread evenly so that candidates with other counts or shifts disagree on some rows both ways."""
    return "".join("+" if (k * 7 + shift) % of < right else "-" for k in range(of))


@pytest.fixture
def judge(
    dataset: Callable[..., Dataset],
    project: Callable[..., Project],
    answers: Callable[..., list[Scored]],
    finalist: Callable[..., Finalist],
) -> Judge:
    def verdict(patterns: Mapping[str, str | tuple[str, str]], looks: int = 1, **goal: Any) -> Verdict:
        rows = {name: answers(*([pattern] if isinstance(pattern, str) else pattern)) for name, pattern in patterns.items()}
        return conclude(
            [finalist(name, found) for name, found in rows.items()], rows, project(goal=Goal(**{"metric": "exact_match", **goal})), dataset(), looks
        )

    return verdict


def test_fine_tuning_pays(judge: Judge) -> None:
    found = judge(
        {
            "tuned": (mix(164, 200), "o" * 45 + "-" * 5),
            "prompt-plain": (mix(60, 200), "o" * 10 + "-" * 40),
            "few-shot": (mix(70, 200), "o" * 5 + "-" * 45),
            "classifier": (mix(120, 200), "o" * 30 + "-" * 20),
            "majority": (mix(7, 200), "-" * 50),
        },
        at_least=0.75,
    )
    assert (found.decision, found.winner, found.metric, found.goal_met) == ("fine-tune", "tuned", "exact_match", True)
    assert found.headline == (
        "Fine-tune: the tuned model gets 82.0 % of the questions in scope exactly right; the prompt with examples gets 35.0 % of the questions "
        "in scope exactly right, and chance does not explain that."
    )
    assert found.reasons[0] == (
        "The goal, exact match of at least 75.0 %, is met: the tuned model reaches 82.0 % (95 % interval 76.1 to 86.7 %, 200 rows)."
    )
    assert found.reasons[1].startswith("The tuned model against the classifier (exact match, rows in scope): better, +22.0 points (95 % interval +")
    assert "p < 0.001, corrected for 8 comparisons)." in found.reasons[1]
    assert len(found.comparisons) == 8  # four rivals, two metrics
    assert {comparison.outcome for comparison in found.comparisons} == {"better"}
    assert not any("opened" in reason for reason in found.reasons)


def test_a_classifier_that_is_better_does_it(judge: Judge) -> None:
    found = judge({"tuned": mix(120, 200), "prompt-plain": mix(40, 200), "classifier": mix(180, 200), "majority": mix(7, 200)})
    assert (found.decision, found.winner) == ("a classifier does it", "classifier")
    assert found.headline == (
        "A classifier does it: it gets 90.0 % of the questions exactly right, better than the tuned model (60.0 %), and costs far less to run."
    )
    assert any(reason.startswith("The tuned model against the best written prompt (exact match): better, +40.0 points") for reason in found.reasons)


def test_a_classifier_s_nearest_rival_is_named_beside_training(judge: Judge) -> None:
    rows = {"tuned": mix(120, 200), "prompt-plain": mix(40, 200), "classifier": mix(180, 200), "majority": mix(7, 200)}
    said = judge(rows | {"few-shot": mix(178, 200, shift=9)}).headline
    assert "better than the tuned model (60.0 %), and costs far less to run. It is no worse than the prompt with examples (89.0 %), as far as" in said
    ahead = judge(rows | {"few-shot": mix(178, 200)} | {"classifier": mix(174, 200)})
    assert "(89.0 %)" not in ahead.headline or "better" not in ahead.headline.split("89.0")[0][-40:]
    behind = judge(rows | {"few-shot": mix(150, 200)}).headline
    assert "75.0 %" not in behind


def test_a_classifier_that_cannot_be_told_apart_does_it_and_nobody_wins(judge: Judge) -> None:
    found = judge({"tuned": mix(160, 200), "prompt-plain": mix(40, 200), "classifier": mix(158, 200, shift=25), "majority": mix(7, 200)})
    assert (found.decision, found.winner) == ("a classifier does it", None)
    assert found.headline == (
        "A classifier does it: it gets 79.0 % of the questions exactly right and costs far less to run; "
        "200 rows do not show that the tuned model (80.0 %) is better."
    )
    (open_one,) = [comparison for comparison in found.comparisons if comparison.outcome == "cannot tell"]
    assert open_one.rival == "classifier"


def test_few_rows_on_the_classifiers_side_say_what_is_known_and_every_kind_of_rival_has_its_line(judge: Judge) -> None:
    found = judge(
        {
            "tuned": "+" * 10 + "-" * 6,
            "prompt-plain": "-" * 14 + "++",
            "few-shot": "-" * 12 + "++++",
            "classifier": "+" * 15 + "-",
            "majority": "+" + "-" * 15,
        }
    )
    assert found.decision == "a classifier does it"
    assert found.headline == (
        "A classifier does it: it gets 93.8 % of the questions exactly right and costs far less to run; "
        "it is no worse than the tuned model (62.5 %), as far as 16 rows can tell."
    )
    (against,) = (one for one in found.comparisons if one.rival == "classifier")
    assert (against.outcome, against.leans) == ("cannot tell", "worse")
    for rival in ("the classifier", "the best written prompt", "the prompt with examples"):
        assert sum(reason.startswith(f"The tuned model against {rival} (exact match): ") for reason in found.reasons) == 1
    assert "The interval leaves out no difference, but the corrected test does not rule out chance; about" in found.reasons[0]


def test_a_classifier_that_declines_far_less_does_not_do_it(judge: Judge) -> None:
    found = judge(
        {
            "tuned": (mix(160, 200), "o" * 55 + "-" * 5),
            "prompt-plain": (mix(40, 200), "-" * 60),
            "classifier": (mix(158, 200, shift=25), "o" * 20 + "-" * 40),
            "majority": (mix(7, 200), "-" * 60),
        }
    )
    assert (found.decision, found.winner) == ("fine-tune", "tuned")
    assert found.headline.endswith(
        "chance does not explain that. The tuned model is ahead of the classifier because it declines more of the questions that are out of scope: "
        "91.7 % against 33.3 %; on the others (80.0 % against 79.0 %) there is no clear difference."
    )


def test_a_prompt_that_the_second_metric_alone_beats_is_not_called_beaten_on_the_first(judge: Judge) -> None:
    found = judge(
        {"tuned": (mix(160, 200), "o" * 55 + "-" * 5), "few-shot": (mix(158, 200, shift=25), "-" * 60), "majority": (mix(7, 200), "-" * 60)}
    )
    assert found.decision == "fine-tune"
    assert "chance" not in found.headline
    assert "The tuned model is ahead of the prompt with examples because it declines more" in found.headline


def test_a_win_on_one_metric_and_a_loss_on_the_other_is_said(judge: Judge) -> None:
    found = judge(
        {
            "tuned": (mix(164, 200), "o" * 10 + "-" * 50),
            "prompt-plain": (mix(60, 200), "o" * 54 + "-" * 6),
            "majority": (mix(7, 200), "-" * 60),
        }
    )
    trade = "But the tuned model declines fewer of the questions that are out of scope: 16.7 % against 90.0 % for the best written prompt."
    assert found.decision == "fine-tune"
    assert found.headline.endswith(trade)
    assert trade in found.reasons


def test_a_loss_on_the_deciding_metric_and_a_win_on_the_other_is_said(judge: Judge) -> None:
    found = judge(
        {
            "tuned": (mix(100, 200), "o" * 54 + "-" * 6),
            "classifier": (mix(170, 200), "o" * 20 + "-" * 40),
            "prompt-plain": (mix(40, 200), "-" * 60),
            "majority": (mix(7, 200), "-" * 60),
        }
    )
    assert found.decision == "a classifier does it"
    assert "But the tuned model declines more of the questions that are out of scope: 90.0 % against 33.3 % for the classifier." in found.headline


def test_prompting_that_is_better_is_enough(judge: Judge) -> None:
    found = judge({"tuned": mix(100, 200), "prompt-plain": mix(90, 200), "few-shot": mix(170, 200), "majority": mix(7, 200)}, at_least=0.88)
    assert (found.decision, found.winner, found.goal_met) == ("prompting is enough", "few-shot", None)
    assert found.headline == (
        "Prompting is enough: the prompt with examples gets 85.0 % of the questions exactly right; the tuned model (50.0 %) adds nothing that matters."
    )
    assert found.reasons[0].startswith(
        "The goal, exact match of at least 88.0 %, cannot be judged with these rows: the prompt with examples reaches 85.0 %"
    )


def test_prompting_that_loses_at_most_two_points_is_enough(judge: Judge) -> None:
    same = mix(900, 1000)
    nearly = same.replace("+", "-", 4)  # 0.4 points less, on 1,000 rows
    found = judge({"tuned": same, "prompt-plain": nearly, "majority": mix(35, 1000)})
    assert (found.decision, found.winner) == ("prompting is enough", None)
    assert any(
        reason.startswith("The best written prompt loses at most 1.") and "up to 2.0 points counts as no loss" in reason for reason in found.reasons
    )


def test_too_few_rows_cannot_tell_and_say_how_many_would(judge: Judge) -> None:
    found = judge({"tuned": mix(36, 60), "few-shot": mix(30, 60, shift=20), "majority": mix(3, 60)}, at_least=0.6)
    assert (found.decision, found.winner, found.goal_met) == ("cannot tell", None, None)
    more = found.comparisons[0].rows_to_settle
    assert more is not None
    assert found.headline == (
        "Cannot tell: the tuned model gets 60.0 % of the questions exactly right, the prompt with examples 50.0 %, and 60 rows are too few to say "
        f"whether that is more than chance; about {more:,} more test rows like these would settle it."
    )


def test_a_difference_next_to_nothing_is_not_settled_by_more_rows(judge: Judge) -> None:
    found = judge({"tuned": mix(100, 200), "few-shot": mix(100, 200, shift=60), "majority": mix(7, 200)})
    assert found.decision == "cannot tell"
    assert found.headline.endswith("no realistic number of rows would settle it.")


def test_nothing_helps_when_nobody_beats_the_majority(judge: Judge) -> None:
    found = judge({"tuned": mix(100, 450), "prompt-plain": mix(90, 450), "classifier": mix(98, 450), "majority": mix(96, 450)}, at_least=0.75)
    assert (found.decision, found.winner, found.goal_met) == ("nothing helps", None, False)
    assert found.headline == (
        "Nothing helps: the tuned model gets 22.2 % of the questions exactly right, and nothing tried is clearly better than always giving the most "
        "frequent answer (21.3 %); a gain of more than 2.2 points is out of the question. The goal is missed: the tuned model gets 22.2 % of the "
        "questions exactly right, and exact match of at least 75.0 % is asked for."
    )
    assert found.recommended is None
    assert "is not met" in found.reasons[0]


def test_a_small_gain_that_is_not_ruled_out_is_no_proof_that_nothing_helps(judge: Judge) -> None:
    both, only, other, none = "+" * 92, "+" * 85 + "-" * 58, "-" * 85 + "+" * 58, "-" * 65
    found = judge(
        {"prompt-plain": both + only + none, "tuned": both + other + none, "few-shot": both + other + none, "majority": both + other + none}
    )
    against = next(one for one in found.comparisons if {one.better, one.rival} == {"prompt-plain", "majority"})
    assert against.p_value < 0.05
    assert found.decision == "cannot tell"  # 9 points of 300 rows, after correction: neither shown nor ruled out
    assert found.recommended is not None


def test_the_gain_that_has_to_be_ruled_out_is_no_more_than_half_of_what_there_is_to_gain(judge: Judge) -> None:
    common = mix(940, 1000)
    rare = judge({"prompt-plain": common.replace("-", "+", 20), "majority": common, "tuned": common})
    assert rare.decision in ("prompting is enough", "cannot tell")  # 94 % and 96 %: a third of the errors, and far below ten points
    same = judge({"prompt-plain": common, "majority": common, "tuned": common})
    assert same.decision == "nothing helps"


def test_few_rows_do_not_prove_that_nothing_helps(judge: Judge) -> None:
    found = judge({"tuned": "++++-+-+--", "prompt-plain": "+-+-+-+---", "majority": "++-+---+-+"})
    assert found.decision == "cannot tell"


def test_a_classifier_no_better_than_the_majority_does_not_do_it(judge: Judge) -> None:
    found = judge({"tuned": mix(56, 100), "classifier": mix(46, 100, shift=30), "prompt-plain": mix(10, 100), "majority": mix(36, 100)})
    assert found.decision == "cannot tell"


def test_the_number_of_looks_is_mentioned_from_the_second_on(judge: Judge) -> None:
    patterns = {"tuned": mix(164, 200), "prompt-plain": mix(60, 200), "majority": mix(7, 200)}
    assert judge(patterns, looks=1).reasons == judge(patterns, looks=3).reasons[:-1]
    last = judge(patterns, looks=3)
    assert last.looks == 3
    assert last.reasons[-1].startswith("This test split has now been opened 3 times.")


def test_without_rivals_there_is_nothing_to_tell(judge: Judge) -> None:
    found = judge({"tuned": mix(164, 200)}, at_least=0.75)
    assert (found.decision, found.winner, found.goal_met, found.comparisons) == ("cannot tell", None, True, ())
    assert found.headline.endswith("nothing else was measured that it could be compared with.")


def test_without_prompting_rivals_that_is_said(judge: Judge) -> None:
    found = judge({"tuned": mix(164, 200), "majority": mix(7, 200)})
    assert found.decision == "fine-tune"
    assert found.reasons[-1] == "No prompt of the untuned model was measured, so nothing is said about fine-tuning against prompting."


def test_a_metric_where_lower_is_better(judge: Judge) -> None:
    found = judge({"tuned": "+" * 190 + "o" * 10, "prompt-plain": "+" * 100 + "o" * 100}, metric="false_refusal_rate", at_least=0.1)
    assert (found.decision, found.goal_met) == ("fine-tune", True)
    assert found.headline.startswith(
        "Fine-tune: the tuned model wrongly declines 5.0 % of the questions; the best written prompt wrongly declines 50.0 %"
    )
    assert found.reasons[0].startswith("The goal, false refusals of at most 10.0 %, is met")


def test_out_of_scope_recall_can_decide_and_is_then_compared_once(judge: Judge) -> None:
    found = judge({"tuned": ("+++", "o" * 60), "prompt-plain": ("+++", "-" * 60)}, metric="out_of_scope_recall")
    assert found.decision == "fine-tune"
    assert [comparison.metric for comparison in found.comparisons] == ["out_of_scope_recall"]
    assert "declines 100.0 % of the questions that are out of scope" in found.headline


def test_macro_f1_can_decide(judge: Judge) -> None:
    found = judge({"tuned": (mix(180, 200), "o" * 50), "prompt-plain": (mix(80, 200), "-" * 50)}, metric="macro_f1")
    assert found.decision == "fine-tune"
    assert "reaches a macro-F1 of" in found.headline


def test_candidates_that_the_metric_cannot_be_measured_on_are_left_out_and_named(
    dataset: Callable[..., Dataset], project: Callable[..., Project], answers: Callable[..., list[Scored]], finalist: Callable[..., Finalist]
) -> None:
    def with_loss(pattern: str, nll: float) -> list[Scored]:
        return [row.model_copy(update={"scores": row.scores | {"nll": nll + k % 3, "tokens": 4.0}}) for k, row in enumerate(answers(pattern))]

    rows = {"tuned": with_loss("+" * 30, 1.0), "prompt-plain": with_loss("+" * 30, 4.0), "classifier": answers("+" * 30)}
    found = conclude([finalist(name, r) for name, r in rows.items()], rows, project(goal=Goal(metric="perplexity")), dataset(), 1)
    assert found.decision == "fine-tune"
    assert "reaches a perplexity of 1.65" in found.headline  # exp(2 / 4)
    assert "classifier was left out of the comparison: perplexity cannot be measured on its answers." in found.reasons


def test_no_row_for_the_deciding_metric_is_refused(judge: Judge) -> None:
    with pytest.raises(NotEnoughData, match="no test row shows out_of_scope_recall"):
        judge({"tuned": "+++"}, metric="out_of_scope_recall")


def test_different_rows_are_refused(judge: Judge) -> None:
    with pytest.raises(BadData, match="were answered by tuned only"):
        judge({"tuned": "++++++", "prompt-plain": "++++"})


def test_the_same_rows_give_the_same_verdict(judge: Judge) -> None:
    patterns = {"tuned": (mix(150, 200), "o" * 30), "prompt-plain": (mix(140, 200, shift=9), "o" * 20 + "-" * 10)}
    assert judge(patterns, metric="macro_f1").model_dump_json() == judge(patterns, metric="macro_f1").model_dump_json()


def test_one_family_of_near_duplicates_decides_nothing_and_is_warned_of(
    dataset: Callable[..., Dataset], project: Callable[..., Project], answers: Callable[..., list[Scored]], finalist: Callable[..., Finalist]
) -> None:
    patterns = {"tuned": "+" * 15, "prompt-plain": "-" * 13 + "++"}
    rows = {
        name: [row.model_copy(update={"cluster": "family"}) if k < 13 else row for k, row in enumerate(answers(pattern))]
        for name, pattern in patterns.items()
    }
    found = conclude([finalist(name, kept) for name, kept in rows.items()], rows, project(), dataset(), 1)
    assert (found.decision, found.winner) == ("cannot tell", None)
    assert "15 rows in 3 clusters are too few to say" in found.headline
    (warning,) = (reason for reason in found.reasons if "near duplicates" in reason)
    assert warning.startswith("The largest cluster holds 13 of these 15 test rows, near duplicates of one another or of one group.")
    assert "the 15 rows count as 3 clusters" in warning
    apart = {name: answers(pattern) for name, pattern in patterns.items()}
    alone = conclude([finalist(name, kept) for name, kept in apart.items()], apart, project(), dataset(), 1)
    assert alone.decision == "fine-tune"
    assert not any("near duplicates" in reason for reason in alone.reasons)


def test_a_training_that_failed_is_said_before_what_it_leaves_open(finalist, answers, project, dataset):
    rows = {"prompt-plain": answers("+" * 80 + "-" * 20), "majority": answers("+" * 20 + "-" * 80)}
    said = "The full training for fine-tuning failed (diverged), so nothing is said about what it would reach."
    found = conclude([finalist(name, kept) for name, kept in rows.items()], rows, project(), dataset(), 1, Known(failed=(said,)))
    assert found.reasons.index(said) + 1 == found.reasons.index("Nothing was fine-tuned, so nothing is said about what training would add.")


def test_that_few_rows_out_of_scope_are_not_compared_is_said(judge: Judge) -> None:
    few = judge({"tuned": (mix(270, 300), "o" * 9), "prompt-plain": (mix(90, 300), "-" * 9)})
    assert any(reason.startswith("Only 9 test rows are out of scope: ") and "fewer than 10" in reason for reason in few.reasons)
    assert not any(found.metric == "out_of_scope_recall" for found in few.comparisons)
    enough = judge({"tuned": (mix(270, 300), "o" * 10), "prompt-plain": (mix(90, 300), "-" * 10)})
    assert not any("out of scope: who" in reason for reason in enough.reasons)
    assert any(found.metric == "out_of_scope_recall" for found in enough.comparisons)

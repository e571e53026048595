"""The verdict's rules where they once gave way: tables made by hand, each of which was answered wrongly before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.decide.conftest import make_answers, make_dataset, make_finalist, make_project
from tunesmith.decide.conclude import conclude
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.task import Goal
from tunesmith.spec.verdict import Known, Side, Verdict

Rows = Mapping[str, str | tuple[str, str]]


def judge(
    patterns: Rows, known: Known | None = None, dataset: Dataset | None = None, on_dev: Mapping[str, float] | None = None, **goal: Any
) -> Verdict:
    rows = {name: make_answers(*((pattern,) if isinstance(pattern, str) else pattern)) for name, pattern in patterns.items()}
    finalists = [make_finalist(name, found, on_dev=(on_dev or {}).get(name)) for name, found in rows.items()]
    return conclude(finalists, rows, make_project(goal=Goal(**{"metric": "exact_match", **goal})), dataset or make_dataset(), 1, known)


def runs(*counts: tuple[int, str]) -> dict[str, str]:
    """Rows by kinds: (how many, who is right in them), one letter each."""
    letters = sorted({letter for _, who in counts for letter in who})
    return {letter: "".join(("+" if letter in who else "-") * count for count, who in counts) for letter in letters}


def without_labels(train: int = 900) -> Dataset:
    made = make_dataset("extract", labels=(), out_of_scope=None)
    return made.model_copy(update={"rows": made.rows | {"train": train}})


# 1,000 rows: `b` right in 700; `r` in the same but four; `p` in 666, where 180 speak for `r` alone and 150 for `p` alone
NEAR = runs((516, "brp"), (180, "br"), (4, "b"), (150, "p"), (150, ""))


def test_what_is_as_good_as_the_leader_still_has_to_be_ahead_of_what_is_cheaper() -> None:
    rows = {"prompt-plain": NEAR["p"], "rag": NEAR["r"], "tuned": "+" * 350 + "-" * 650}
    led = judge(rows | {"tuned-rag": NEAR["b"]})
    assert (led.decision, led.recommended) == ("cannot tell", "rag")  # meanwhile: the best that needs no training
    assert led.headline.startswith(
        "Cannot tell: the model that reads the documents gets 69.6 % of the questions exactly right, the best written prompt 66.6 %, and 1000 rows"
    )
    assert judge(rows).decision == "cannot tell"  # with the leader or without


def test_a_training_under_a_dearer_leader_has_to_be_ahead_of_the_prompt() -> None:
    rows = {"prompt-plain": NEAR["p"], "tuned": NEAR["r"]}
    assert judge(rows | {"tuned-rag": NEAR["b"]}).decision == "cannot tell"
    assert judge(rows | {"remote": NEAR["b"]}, Known(may_leave=True)).decision == "cannot tell"


def test_a_prompt_does_not_pass_over_a_classifier_that_may_be_as_good() -> None:
    found = judge({"classifier": NEAR["p"], "prompt-plain": NEAR["r"], "tuned": NEAR["b"], "majority": "+" * 100 + "-" * 900})
    assert found.decision == "cannot tell"
    assert "whether the best written prompt is better than the classifier." in found.settle


def test_without_labels_nothing_helps_where_nobody_is_ever_right() -> None:
    found = judge({"prompt-plain": "-" * 200, "tuned": "-" * 200, "few-shot": "+" + "-" * 199}, dataset=without_labels(), at_least=0.5)
    assert (found.decision, found.recommended, found.winner, found.goal_met) == ("nothing helps", None, None, False)
    assert found.headline == (
        "Nothing helps: the tuned model gets 0.0 % of the questions exactly right, and nothing tried is clearly better than no answer at all (0.0 %); "
        "more than 2.8 % is out of the question. The goal is missed: the tuned model gets 0.0 % of the questions exactly right, and exact match of at least 50.0 % is asked for."
    )


def test_without_labels_a_handful_of_rows_does_not_prove_that_nothing_helps() -> None:
    assert judge({"prompt-plain": "-" * 12, "tuned": "-" * 12}, dataset=without_labels()).decision == "cannot tell"


def test_without_labels_what_is_next_to_nothing_is_not_taken_for_as_good() -> None:
    rows = {"prompt-plain": "+" * 20 + "-" * 980, "tuned": "+" * 38 + "-" * 962}  # 2.0 and 3.8 %
    assert judge(rows, dataset=without_labels()).decision == "fine-tune"


def test_where_nothing_helps_nobody_is_recommended_until_more_rows_are_there() -> None:
    found = judge({"prompt-plain": "-" * 200, "tuned": "-" * 200}, dataset=without_labels(train=40))
    assert (found.decision, found.recommended) == ("get more rows", None)
    assert "For now: Nothing helps" in found.headline


def test_where_only_a_prompt_wins_over_a_classifier_of_few_rows_more_rows_are_not_the_remedy() -> None:
    made = make_dataset()
    counts = {"train": dict.fromkeys(made.labels, 10)}
    scarce = made.model_copy(update={"rows": made.rows | {"train": 40}, "profile": made.profile.model_copy(update={"labels": counts})})
    found = judge({"prompt-plain": "+" * 800 + "-" * 200, "classifier": "+" * 600 + "-" * 400, "majority": "+" * 100 + "-" * 900}, dataset=scarce)
    assert (found.decision, found.recommended) == ("cannot tell", "prompt-plain")
    assert found.headline.startswith("Cannot tell whether prompting is enough")
    assert found.settle.startswith("What needs more than a prompt, measured on the same rows: training (`rivals.fine_tune`)")


def test_a_missed_goal_stands_in_the_headline() -> None:
    found = judge({"prompt-plain": "+" * 140 + "-" * 60, "tuned": "+" * 60 + "-" * 140}, at_least=0.9)
    assert (found.decision, found.goal_met) == ("prompting is enough", False)
    assert found.headline.endswith(
        "The goal is missed: the best written prompt gets 70.0 % of the questions exactly right, and exact match of at least 90.0 % is asked for."
    )


# 60 rows in scope: 45 against 36, 18 against 9 of them discordant; 40 outside: 10 and 38 declined
APART = runs((27, "tc"), (18, "t"), (9, "c"), (6, ""))


def test_declining_more_does_not_outweigh_a_loss_of_fifteen_points_that_chance_alone_may_explain() -> None:
    rows: Rows = {"tuned": (APART["t"], "o" * 10 + "-" * 30), "classifier": (APART["c"], "o" * 38 + "-" * 2), "majority": ("-" * 60, "-" * 40)}
    found = judge(rows)
    assert (found.decision, found.winner) == ("cannot tell", None)
    assert found.headline.startswith(
        "Cannot tell: the tuned model gets 75.0 % of the questions in scope exactly right, the classifier 60.0 %, and 60 rows"
    )
    assert found.headline.endswith(
        "But the tuned model declines fewer of the questions that are out of scope: 25.0 % against 95.0 % for the classifier."
    )


def test_what_is_ahead_by_declining_is_not_called_better_on_the_deciding_metric() -> None:
    near = runs((140, "tc"), (20, "t"), (18, "c"), (22, ""))
    rows: Rows = {"tuned": (near["t"], "o" * 10 + "-" * 50), "classifier": (near["c"], "o" * 55 + "-" * 5), "majority": ("-" * 200, "-" * 60)}
    found = judge(rows)
    assert (found.decision, found.winner) == ("a classifier does it", "classifier")
    assert found.headline == (
        "A classifier does it: it gets 79.0 % of the questions in scope exactly right and costs far less to run; 200 rows do not show that the tuned model "
        "(80.0 %) is better. The tuned model is behind the classifier because it declines fewer of the questions that are out of scope: 16.7 % "
        "against 91.7 %; on the others (80.0 % against 79.0 %) there is no clear difference."
    )


def test_while_it_is_open_no_question_leaves_the_machine() -> None:
    rows = {"remote": NEAR["b"], "prompt-plain": NEAR["p"]}
    assert judge(rows, Known(may_leave=True)).recommended == "prompt-plain"
    tuned = {"remote": NEAR["b"], "tuned": NEAR["p"], "prompt-plain": "+" * 100 + "-" * 900}
    found = judge(tuned, Known(may_leave=True))
    assert (found.decision, found.recommended) == ("cannot tell", "tuned")
    far = judge({"remote": "+" * 600 + "-" * 400, "prompt-plain": "+" * 950 + "-" * 50}, Known(may_leave=True))
    assert (far.decision, far.recommended) == ("prompting is enough", "prompt-plain")  # something dearer was measured, and is beaten
    yardstick = judge({"remote": "+" * 600 + "-" * 400, "prompt-plain": "+" * 950 + "-" * 50})
    assert (yardstick.decision, yardstick.recommended) == ("cannot tell", "prompt-plain")
    assert "which is a yardstick and may not be recommended" in yardstick.headline
    side = Side(topic="forgetting", candidate="remote", standing="blocks", sentence="It has lost.")
    barred = judge({"remote": "+" * 600 + "-" * 400, "prompt-plain": "+" * 950 + "-" * 50}, Known(sides=(side,)))
    assert (barred.decision, barred.headline) == ("cannot tell", yardstick.headline)
    alone = judge({"remote": "+" * 20 + "-" * 10, "majority": "-" * 10 + "+" * 18 + "--"}, Known(may_leave=True))
    assert (alone.decision, alone.recommended) == ("cannot tell", None)


def test_where_several_surely_reach_the_goal_the_cheapest_of_them_is_decided_for() -> None:
    rows = {"prompt-plain": NEAR["p"], "rag": NEAR["r"], "tuned-rag": NEAR["b"], "tuned": "+" * 350 + "-" * 650}
    found = judge(rows, at_least=0.6)
    assert (found.decision, found.recommended, found.goal_met) == ("prompting is enough", "prompt-plain", True)
    assert found.settle == ""
    assert found.headline == (
        "Prompting is enough: the best written prompt gets 66.6 % of the questions exactly right, the cheapest that reaches the goal (exact match of at "
        "least 60.0 %) beyond doubt and that nothing is shown to beat; whether the model that reads the documents (69.6 %) is better than the best written prompt (66.6 %), 1000 rows "
        "cannot tell."
    )
    assert judge(rows, at_least=0.66).decision == "use RAG"  # the prompt reaches anything between 63.6 and 69.5 %
    assert judge(rows, at_least=0.69).decision == "cannot tell"


def test_a_goal_decides_for_nothing_elsewhere_nor_where_doing_nothing_reaches_it() -> None:
    rows = {"remote": NEAR["b"], "prompt-plain": NEAR["p"], "majority": "+" * 100 + "-" * 900}
    assert judge(rows, Known(may_leave=True), at_least=0.66).decision == "cannot tell"
    assert judge(rows | {"majority": "+" * 600 + "-" * 400}, Known(may_leave=True), at_least=0.5).decision == "cannot tell"
    assert judge(rows, Known(may_leave=True), at_least=0.5).decision == "prompting is enough"


def test_few_training_rows_name_the_labels_with_the_fewest() -> None:
    made = make_dataset(labels=("card_lost", "refund", "transfer", "other"))
    counts = {"train": {"card_lost": 20, "refund": 3, "transfer": 7, "other": 10}}
    scarce = made.model_copy(update={"rows": made.rows | {"train": 40}, "profile": made.profile.model_copy(update={"labels": counts})})
    rows = {"tuned": "+" * 120 + "-" * 180, "prompt-plain": "+" * 60 + "-" * 240, "majority": "+" * 9 + "-" * 291}
    found = judge(rows, dataset=scarce)
    assert found.headline.startswith("Get about 160 more training rows, above all of refund, transfer: 40 are too few")
    assert found.settle == "About 160 more training rows, above all of refund, transfer; then run the project again."


def test_of_labels_all_questions_decide_so_that_declining_nothing_wins_nothing() -> None:
    nearest, tuned = ("+" * 91 + "-" * 9, "o" * 5 + "-" * 35), ("-" * 10 + "+" * 90, "-" * 8 + "o" * 32)
    found = judge({"few-shot-retrieved": nearest, "tuned": tuned}, metric=None)
    assert (found.decision, found.metric, found.recommended) == ("fine-tune", "accuracy", "tuned")
    assert found.headline.startswith("Fine-tune: the tuned model gets 87.1 % of all questions, in scope or not, exactly right")
    assert judge({"few-shot-retrieved": nearest, "tuned": tuned}, metric="exact_match").decision == "fine-tune"  # out-of-scope recall says so there

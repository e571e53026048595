"""Verdicts where more than a tuned model and its prompts compete: RAG, both, models elsewhere, several seeds, curves, suites and prices."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tests.decide.conftest import REMEDIES, make_answers, make_dataset, make_finalist, make_project
from tests.decide.test_conclude import mix
from tunesmith.decide.conclude import conclude
from tunesmith.decide.economy import STAYS, break_even, paces, privacy
from tunesmith.decide.evidence import COST, TIERS, turned, weigh
from tunesmith.spec.candidate import Candidate, Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.report import Answering, Cost, Wait
from tunesmith.spec.task import Goal
from tunesmith.spec.verdict import Finalist, Known, Outlook, Prices, Side, Verdict

Rows = Mapping[str, str]


def judge(patterns: Rows, known: Known | None = None, train: int = 900, on_dev: Mapping[str, float] | None = None, **goal: Any) -> Verdict:
    rows = {name: make_answers(pattern) for name, pattern in patterns.items()}
    finalists = [make_finalist(name, found, on_dev=(on_dev or {}).get(name)) for name, found in rows.items()]
    dataset = make_dataset()
    dataset = dataset.model_copy(update={"rows": dataset.rows | {"train": train}})
    return conclude(finalists, rows, make_project(goal=Goal(**{"metric": "exact_match", **goal})), dataset, 1, known)


def test_every_remedy_has_one_place_in_the_order_of_cost() -> None:
    assert sorted(COST) == sorted(set(REMEDIES.values()))
    assert [remedy for tier in TIERS for remedy in COST if remedy in tier] == list(COST)


def test_rag_that_is_ahead_of_everything_is_used() -> None:
    found = judge({"tuned": mix(90, 300), "prompt-plain": mix(60, 300), "rag": mix(240, 300), "majority": mix(9, 300)})
    assert (found.decision, found.winner, found.recommended) == ("use RAG", "rag", "rag")
    assert found.headline == (
        "Use RAG: the model that reads the documents gets 80.0 % of the questions exactly right; the best written prompt gets 20.0 % of the questions "
        "exactly right, and chance does not explain that. The tuned model (30.0 %) adds nothing that matters."
    )


def test_training_on_top_of_rag_has_to_be_ahead_of_rag() -> None:
    rows = {"prompt-plain": mix(60, 300), "rag": mix(180, 300), "tuned": mix(90, 300)}
    both = judge(rows | {"tuned-rag": mix(270, 300)})
    assert (both.decision, both.winner) == ("fine-tune with RAG", "tuned-rag")
    assert both.headline.startswith("Fine-tune with RAG: the tuned model that reads the documents gets 90.0 %")
    assert "the model that reads the documents gets 60.0 %" in both.headline
    open_one = judge(rows | {"tuned-rag": mix(190, 300, shift=40)})
    assert (open_one.decision, open_one.recommended) == ("cannot tell", "rag")
    assert open_one.headline.startswith("Cannot tell: the tuned model that reads the documents gets 63.3 %")
    assert open_one.settle.startswith("About ")
    assert "whether the tuned model that reads the documents is better than the model that reads the documents." in open_one.settle
    assert re.search(r" As the rows are split now, that takes about [\d,]+ more rows in the files", open_one.settle)


def test_rag_that_loses_nothing_against_both_is_enough() -> None:
    same = mix(900, 1000)
    found = judge({"prompt-plain": mix(300, 1000), "rag": same.replace("+", "-", 4), "tuned": mix(350, 1000), "tuned-rag": same})
    assert (found.decision, found.recommended) == ("use RAG", "rag")
    assert any(reason.startswith("The model that reads the documents loses at most ") for reason in found.reasons)


def test_a_gain_within_the_margin_is_none_even_beyond_doubt() -> None:
    better = "+" * 3560 + "-" * 440
    found = judge({"prompt-plain": "+" * 3520 + "-" * 480, "tuned": better})  # 1.0 points of 4,000 rows: certain, and nothing that matters
    (one,) = found.comparisons
    assert (found.decision, found.winner, one.outcome) == ("prompting is enough", "tuned", "better")


def test_the_model_elsewhere_is_a_yardstick_unless_it_was_asked_for() -> None:
    rows = {"remote": mix(285, 300), "tuned": mix(240, 300), "prompt-plain": mix(90, 300), "majority": mix(9, 300)}
    found = judge(rows)
    assert (found.decision, found.recommended, found.winner) == ("fine-tune", "tuned", None)
    assert any("The tuned model against the model elsewhere (exact match): worse" in reason for reason in found.reasons)
    asked = judge(rows, Known(may_leave=True))
    assert (asked.decision, asked.winner) == ("use the remote model", "remote")
    (bill,) = (bill for bill in asked.bills if bill.candidate == "remote")
    assert bill.privacy == "Every question leaves this machine: it goes to https://example.org/v1, with the prompt and its examples."
    assert all("stay on this machine" in bill.privacy for bill in asked.bills if bill.candidate != "remote")


def test_who_keeps_training_rows_or_shows_documents_says_so_by_what_it_holds_and_not_by_its_remedy() -> None:
    example = Conversation(messages=(Message(role="user", content="Card gone."), Message(role="assistant", content="card_lost")))
    reader = Prompted(name="rag-few-shot", model="tiny", prompt=Prompt(name="rag-few-shot", examples=(example,)))
    candidates: dict[str, Candidate] = {
        "prompt": reader.model_copy(update={"prompt": Prompt(name="plain")}),
        "few-shot": reader,
        "rag": Retrieval(name="rag-few-shot", reader=reader, index="index-0"),
        "tuned-rag": Retrieval(name="tuned-rag", reader=Tuned(name="t", checkpoint="c", prompt=Prompt(name="p")), index="index-0"),
    }
    rows = make_answers("+-")
    kept = {name: privacy(make_finalist("rag", rows).model_copy(update={"candidate": candidate})) for name, candidate in candidates.items()}
    stays, held, shows = STAYS, "Its prompt holds training rows word for word.", "It shows the model passages of the documents word for word."
    assert kept == {
        "prompt": stays,
        "few-shot": f"{stays} {held}",
        "rag": f"{stays} {held} {shows}",
        "tuned-rag": f"{stays} Training rows can stay in its weights. {shows}",
    }


def test_dev_says_whose_gain_is_tested_and_test_rows_have_no_part_in_it() -> None:
    rows = {"tuned": mix(200, 300), "few-shot": mix(203, 300, shift=30), "prompt-plain": mix(90, 300)}
    by_dev = judge(rows, on_dev={"tuned": 0.66, "few-shot": 0.7, "prompt-plain": 0.3})
    by_cost = judge(rows)
    assert {one.better for one in by_dev.comparisons} == {"few-shot"}
    assert {one.better for one in by_cost.comparisons} == {"tuned"}
    assert by_dev.decision == by_cost.decision == "cannot tell"


def test_what_is_ahead_of_the_leader_leads_and_is_compared_with_all() -> None:
    found = judge({"tuned": mix(90, 300), "few-shot": mix(240, 300), "prompt-plain": mix(150, 300), "classifier": mix(180, 300)})
    assert (found.decision, found.winner) == ("prompting is enough", "few-shot")
    assert [(one.better, one.rival) for one in found.comparisons] == [
        ("tuned", "few-shot"), ("tuned", "prompt-plain"), ("tuned", "classifier"), ("few-shot", "prompt-plain"), ("few-shot", "classifier"),
    ]  # fmt: skip
    assert all("corrected for 5 comparisons" in reason for reason in found.reasons if " against " in reason)


def test_a_comparison_turned_round_says_the_same() -> None:
    rows = {"tuned": make_answers(mix(200, 300)), "prompt-plain": make_answers(mix(100, 300))}
    evidence = weigh([make_finalist(name, found) for name, found in rows.items()], rows, Goal(metric="exact_match"), make_dataset(), Known())
    straight, back = evidence.between("tuned", "prompt-plain", "exact_match"), evidence.between("prompt-plain", "tuned", "exact_match")
    assert straight
    assert back
    assert (straight.outcome, back.outcome, back.difference.value) == ("better", "worse", -straight.difference.value)
    assert (back.difference.low, back.difference.high) == (-straight.difference.high, -straight.difference.low)
    assert turned(back) == straight


def seeded(values: Sequence[tuple[str, str, int]], rival: str, **goal: Any) -> Verdict:
    """A verdict over one arm with several seeds, (name, rows, seed) each, and a prompt."""
    rows = {name: make_answers(pattern) for name, pattern, _ in values} | {"prompt-plain": make_answers(rival)}
    finalists = [make_finalist(name, rows[name], seed=seed) for name, _, seed in values] + [make_finalist("prompt-plain", rows["prompt-plain"])]
    return conclude(finalists, rows, make_project(goal=Goal(**{"metric": "exact_match", **goal})), make_dataset(), 1)


def test_seeds_of_one_training_are_one_arm_and_their_mean_is_judged() -> None:
    found = seeded([("tuned", mix(240, 300), 0), ("tuned-again", mix(230, 300, shift=11), 1)], mix(120, 300))
    assert (found.decision, found.winner, found.recommended) == ("fine-tune", "tuned", "tuned")
    (one,) = found.comparisons
    assert one.difference.value == pytest.approx((240 + 230) / 600 - 0.4)
    assert (one.difference.n, one.test) == (300, "paired permutation over 2 seeds")
    assert (
        "The tuned model was trained 2 times: 80.0 % (seed 0), 76.7 % (seed 1); numbers are their mean, and a gain is claimed only where it holds for each."
        in found.reasons
    )
    assert [bill.candidate for bill in found.bills] == ["tuned", "tuned-again", "prompt-plain"]


def test_one_lucky_seed_is_no_gain() -> None:
    lucky, plain = mix(290, 300), mix(170, 300)
    alone = seeded([("tuned", lucky, 0)], plain)
    assert alone.decision == "fine-tune"
    once = "was trained once, with seed 0: its number is that of these weights, and a gain is claimed only beyond what other seeds usually bring"
    assert any(once in reason for reason in alone.reasons)
    both = seeded([("tuned", lucky, 0), ("tuned-again", mix(165, 300, shift=3), 1)], plain)
    assert (both.decision, both.winner) == ("cannot tell", None)


def test_one_training_does_not_claim_what_two_may() -> None:
    better, plain = mix(815, 1000), mix(780, 1000, shift=1)
    once, twice = (seeded([(name, better, k) for k, name in enumerate(names)], plain) for names in (("tuned",), ("tuned", "tuned-again")))
    assert [found.decision for found in (once, twice)] == ["cannot tell", "fine-tune"]
    assert once.comparisons[0].p_adjusted > twice.comparisons[0].p_adjusted
    certain = judge({"rag": better, "prompt-plain": plain})
    assert certain.comparisons[0].p_adjusted < 0.05  # the rows alone would show it


def test_what_trainings_differ_by_is_settled_by_trainings_and_not_by_rows() -> None:
    found = seeded([("tuned", mix(8300, 10000), 0)], mix(7900, 10000, shift=3))
    (one,) = found.comparisons
    assert (found.decision, one.rows_to_settle) == ("cannot tell", None)
    assert one.seeds_to_settle is not None
    assert f"but {one.seeds_to_settle} trainings with different seeds would" in found.headline
    advice = f"(`decide.seeds = {one.seeds_to_settle}`, and time for so many full trainings)"
    assert found.settle.endswith(f"{advice}: whether the tuned model is better than the best written prompt.")


def test_a_cheaper_arm_is_held_against_the_weights_that_there_are() -> None:
    same = mix(950, 1000)
    found = seeded([("tuned", same, 0), ("tuned-again", same, 1)], same.replace("+", "-", 4))
    assert found.decision == "prompting is enough"
    assert any("loses at most 1." in reason and "against the tuned model, as they were trained here; up to" in reason for reason in found.reasons)


def test_a_goal_is_asked_of_the_weights_that_would_be_served() -> None:
    rows = {"tuned": make_answers(mix(900, 1000)), "tuned-again": make_answers(mix(800, 1000, shift=3)), "prompt-plain": make_answers(mix(300, 1000))}
    finalists = [make_finalist(name, rows[name], seed=k, on_dev=0.9 - k / 10) for k, name in enumerate(("tuned", "tuned-again"))]
    finalists.append(make_finalist("prompt-plain", rows["prompt-plain"], on_dev=0.3))
    found = conclude(finalists, rows, make_project(goal=Goal(metric="exact_match", at_least=0.87)), make_dataset(), 1)
    assert (found.decision, found.recommended, found.goal_met) == ("fine-tune", "tuned", True)
    assert found.reasons[0].startswith(
        "The goal, exact match of at least 87.0 %, is met: the tuned model, with the weights that would be served, reaches 90.0 %"
    )
    (mean,) = found.means
    assert (mean.candidate, mean.seeds, mean.value.value) == ("tuned", 2, pytest.approx(0.85))
    assert mean.value.low < 0.8  # 10 points between two seeds: others may be anywhere


def test_seeds_on_both_sides_of_a_rival_are_no_gain() -> None:
    # on 3,000 rows the mean of both is ahead of the prompt by 4.9 points; the second one is behind it
    found = seeded([("tuned", mix(2300, 3000), 0), ("tuned-again", mix(1995, 3000, shift=7), 1)], mix(2000, 3000))
    assert found.comparisons[0].outcome == "cannot tell"


def test_trainings_of_two_bases_are_two_arms() -> None:
    rows = {
        name: make_answers(pattern) for name, pattern in {"tuned": mix(200, 300), "tuned-again": mix(270, 300), "prompt-plain": mix(90, 300)}.items()
    }
    finalists = [
        make_finalist("tuned", rows["tuned"], seed=0, arm="small"),
        make_finalist("tuned-again", rows["tuned-again"], seed=0, arm="large"),
        make_finalist("prompt-plain", rows["prompt-plain"]),
    ]
    found = conclude(finalists, rows, make_project(), make_dataset(), 1)
    assert (found.decision, found.winner) == ("fine-tune", "tuned-again")
    assert found.headline.startswith("Fine-tune: the tuned model tuned-again gets 90.0 %")


def test_too_few_training_rows_ask_for_more_and_say_what_holds_until_then() -> None:
    rows = {"tuned": mix(120, 300), "classifier": mix(210, 300), "prompt-plain": mix(60, 300), "majority": mix(9, 300)}
    found = judge(rows, train=40)
    assert (found.decision, found.recommended) == ("get more rows", "classifier")
    assert found.headline.startswith(
        "Get about 160 more training rows: 40 are too few for what can be learnt (a rule of thumb: too few small trainings were made to show it). "
        "For now: A classifier does it: it gets 70.0 %"
    )
    assert found.settle == "About 160 more training rows; then run the project again."
    outlook = Outlook(
        sentence="With 340 rows 71 to 88 % are to be expected.", rows=40, more=300, expected=0.8, low=0.71, high=0.88, labels=("refund",)
    )
    curved = judge(rows, Known(outlook=outlook), train=40)
    assert curved.headline.startswith("Get about 300 more training rows, above all of refund: 40 are too few for what can be learnt. For now")
    assert outlook.sentence in curved.reasons


def test_more_rows_are_asked_for_where_the_curve_reaches_the_goal_and_nothing_else_does() -> None:
    rows = {"tuned": mix(210, 300), "prompt-plain": mix(60, 300)}
    outlook = Outlook(sentence="With 3,000 rows 86 % are to be expected.", rows=900, more=2100, expected=0.86, low=0.82, high=0.9)
    assert judge(rows, Known(outlook=outlook), at_least=0.85).decision == "get more rows"
    assert judge(rows, Known(outlook=outlook), at_least=0.95).decision == "fine-tune"  # no number of rows is said to reach that
    assert judge(rows, Known(outlook=outlook), at_least=0.6).decision == "fine-tune"  # it is met
    assert judge(rows, Known(outlook=outlook)).decision == "fine-tune"  # it pays already
    assert judge(rows, Known(outlook=outlook.model_copy(update={"more": None})), at_least=0.85).decision == "fine-tune"


def test_more_rows_are_asked_for_where_the_curve_is_sure_to_pass_the_prompt() -> None:
    rows = {"tuned": mix(170, 300), "prompt-plain": mix(200, 300)}
    steep = Outlook(sentence="With 3,000 rows 86 % are to be expected.", rows=900, more=2100, expected=0.86, low=0.8, high=0.9)
    assert judge(rows, Known(outlook=steep)).decision == "get more rows"
    assert judge(rows, Known(outlook=steep.model_copy(update={"low": 0.6}))).decision == judge(rows).decision != "get more rows"


def test_where_there_is_no_room_nothing_asks_for_more_rows() -> None:
    found = judge({"tuned": mix(296, 300), "prompt-plain": mix(296, 300)}, train=40)
    assert found.decision == "prompting is enough"


def test_a_test_set_that_can_judge_no_goal_says_so_and_how_many_rows_would() -> None:
    found = judge({"tuned": mix(11, 16), "prompt-plain": mix(8, 16, shift=5)}, at_least=0.6)
    assert (found.decision, found.goal_met) == ("the goal cannot be judged", None)
    assert found.headline.startswith(
        "The goal cannot be judged with this test set: on 16 rows the best written prompt reaches anything between 28.0 and 72.0 %"
    )
    assert found.settle.startswith("About ")
    assert " more test rows, if the value stays what it is. As the rows are split now" in found.settle


def test_rows_of_questions_over_documents_are_not_asked_for_before_a_reader_was_tuned() -> None:
    """How many rows a model without documents would need says nothing of a task whose answers stand in documents."""
    rows = {"tuned": mix(30, 300), "prompt-plain": mix(28, 300), "rag": mix(60, 300)}
    made = make_dataset("answer", labels=(), out_of_scope=None)
    few = made.model_copy(update={"rows": made.rows | {"train": 36}})
    project = make_project(goal=Goal(metric="token_f1"))

    def decided(**more: str) -> Verdict:
        every = {name: make_answers(pattern) for name, pattern in (rows | more).items()}
        scored = {
            name: [row.model_copy(update={"scores": row.scores | {"token_f1": row.scores["exact_match"]}}) for row in found]
            for name, found in every.items()
        }
        return conclude([make_finalist(name, found) for name, found in scored.items()], scored, project, few, 1)

    assert decided().decision == "use RAG"
    assert decided(rag=mix(33, 300)).decision == "cannot tell"
    assert decided(rag=mix(33, 300), **{"tuned-rag": mix(35, 300, shift=20)}).decision == "get more rows"


def test_two_rows_out_of_scope_are_not_compared() -> None:
    inside = mix(200, 300)
    rows = {"tuned": make_answers(inside, "oo"), "prompt-plain": make_answers(mix(150, 300), "--")}
    found = conclude([make_finalist(name, one) for name, one in rows.items()], rows, make_project(goal=Goal(metric="exact_match")), make_dataset(), 1)
    assert {one.metric for one in found.comparisons} == {"exact_match"}
    more = {"tuned": make_answers(inside, "o" * 10), "prompt-plain": make_answers(mix(150, 300), "-" * 10)}
    found = conclude([make_finalist(name, one) for name, one in more.items()], more, make_project(goal=Goal(metric="exact_match")), make_dataset(), 1)
    assert {one.metric for one in found.comparisons} == {"exact_match", "out_of_scope_recall"}


def test_a_candidate_that_lost_too_much_elsewhere_is_not_recommended() -> None:
    rows = {"tuned": mix(270, 300), "few-shot": mix(180, 300), "majority": mix(9, 300)}
    lost = Side(
        candidate="tuned", topic="forgetting", sentence="The tuned model forgot: 31.0 % of general questions instead of 44.0 %.", standing="blocks"
    )
    found = judge(rows, Known(sides=(lost,)))
    assert (found.decision, found.recommended) == ("prompting is enough", "few-shot")
    assert found.headline.endswith("; the tuned model (90.0 %) lost more elsewhere than is allowed.")
    assert any(lost.sentence in reason for reason in found.reasons)
    told = judge(rows, Known(sides=(lost.model_copy(update={"standing": "worse"}),)))
    assert (told.decision, told.recommended) == ("fine-tune", "tuned")
    assert any(lost.sentence in reason for reason in told.reasons)


def test_where_the_rest_is_open_the_headline_still_names_the_one_that_is_ahead_and_barred() -> None:
    rows = {"tuned-rag": mix(270, 300), "tuned": "+-" * 150, "few-shot": "-+" * 145 + "-" * 10, "majority": mix(9, 300)}
    lost = Side(candidate="tuned-rag", topic="forgetting", sentence="It has forgotten much.", standing="blocks")
    found = judge(rows, Known(sides=(lost,)))
    assert found.decision == "cannot tell"
    assert found.headline.endswith(
        " The tuned model that reads the documents (90.0 %) is ahead beyond doubt and is not recommended: it lost more elsewhere than is allowed (goal.must_not_worsen)."
    )
    assert found.headline.count("90.0 %") == 1  # the question that is open is one among the others
    assert judge(rows).decision == "fine-tune with RAG"


def test_prompting_is_enough_only_beside_something_dearer_or_above_the_goal() -> None:
    rows = {"prompt-plain": mix(150, 300), "few-shot": mix(240, 300)}
    open_ = judge(rows)
    assert (open_.decision, open_.recommended) == ("cannot tell", "few-shot")
    assert open_.headline.startswith("Cannot tell whether prompting is enough: the prompt with examples gets 80.0 %")
    assert open_.settle.startswith("What needs more than a prompt")
    assert judge(rows, at_least=0.9).decision == "cannot tell"
    met = judge(rows, at_least=0.7)
    assert (met.decision, met.goal_met) == ("prompting is enough", True)
    assert judge(rows | {"tuned": mix(240, 300)}).decision == "prompting is enough"


def test_without_anything_that_may_be_recommended_nothing_is() -> None:
    beside = judge({"remote": mix(285, 300), "prompt-plain": mix(90, 300), "majority": mix(9, 300)}).headline
    assert "nothing dearer was measured but the model elsewhere (95.0 %), which is a yardstick and may not be recommended." in beside
    found = judge({"remote": mix(285, 300), "majority": mix(9, 300)})
    assert (found.decision, found.recommended) == ("cannot tell", None)


def test_bills_count_tokens_and_say_when_training_has_paid() -> None:
    rows = {"tuned": make_answers(mix(240, 300)), "few-shot": make_answers(mix(90, 300)), "classifier": make_answers(mix(60, 300))}
    spent = {"tuned": (30_000, 600), "few-shot": (300_000, 600), "classifier": (3_000, 0)}
    finalists = []
    for name, found in rows.items():
        made = make_finalist(name, found)
        tokens = dict(zip(("prompt_tokens", "completion_tokens"), spent[name], strict=True))
        finalists.append(made.model_copy(update={"report": made.report.model_copy(update=tokens)}))
    prices = Prices(currency="€", per_million_prompt_tokens=0.5, per_million_answer_tokens=1.5, per_million_training_tokens=3.0)
    known = Known(prices=prices, training_tokens={"tuned": 2_000_000})
    tuned, few, classifier = conclude(finalists, rows, make_project(), make_dataset(), 1, known).bills
    assert (tuned.prompt_tokens, tuned.answer_tokens) == (100.0, 2.0)
    assert tuned.per_1000_answers == pytest.approx(0.5 * 0.1 + 1.5 * 0.002)
    assert few.per_1000_answers == pytest.approx(0.5 * 1.0 + 1.5 * 0.002)
    assert tuned.training == 6.0
    assert tuned.instead_of == "few-shot"
    assert tuned.break_even == pytest.approx(6.0 / (0.45 / 1000), abs=1)
    assert (few.break_even, few.training, classifier.per_1000_answers) == (None, None, 0.0)
    assert conclude(finalists, rows, make_project(), make_dataset(), 1).bills[0].per_1000_answers is None


@pytest.mark.parametrize(
    ("training", "mine", "theirs", "expected"), [(None, 1.0, 2.0, None), (6.0, None, 2.0, None), (6.0, 2.0, 2.0, None), (6.0, 1.0, 4.0, 2000)]
)
def test_break_even(training: float | None, mine: float | None, theirs: float | None, expected: int | None) -> None:
    assert break_even(training, mine, theirs) == expected


def test_seconds_have_a_break_even_of_their_own() -> None:
    finalists: list[Finalist] = [make_finalist(name, make_answers("+" * 100)) for name in ("tuned", "few-shot", "majority")]
    wait = Wait(n=20, median_s=0.2, p90_s=0.3, p90_least_s=0.2)
    answering = {"tuned": Answering(seconds=10, wait=wait), "few-shot": Answering(seconds=60)}
    training = {"tuned": Cost(seconds=500, rows_per_s=1, peak_memory_bytes=0)}
    tuned, few = paces(finalists, answering, training, Known(prices=Prices(per_hour=3.6)), "few-shot")
    assert (tuned.row_s, tuned.training_s, tuned.break_even, tuned.instead_of) == (0.1, 500, 1000, "few-shot")
    assert tuned.per_1000_answers == pytest.approx(0.1)
    assert (few.training_s, few.break_even, few.instead_of) == (0.0, None, None)
    assert (tuned.wait, few.wait) == (wait, None)


def test_few_clusters_make_every_interval_rough_and_that_is_said(answers: Callable[..., Any]) -> None:
    def clustered(pattern: str, size: int) -> list[Any]:
        return [row.model_copy(update={"cluster": f"c{k // size}"}) for k, row in enumerate(answers(pattern))]

    few = {name: clustered(pattern, 5) for name, pattern in {"tuned": mix(80, 100), "prompt-plain": mix(20, 100)}.items()}
    many = {name: clustered(pattern, 2) for name, pattern in {"tuned": mix(80, 100), "prompt-plain": mix(20, 100)}.items()}
    said, unsaid = (
        [
            reason
            for reason in conclude([make_finalist(n, r) for n, r in rows.items()], rows, make_project(), make_dataset(), 1).reasons
            if "rough" in reason
        ]
        for rows in (few, many)
    )
    assert said == [
        "The interval is rough: these 100 rows fall into only 20 independent clusters, and so is every other one here: a nominal 95 % holds the truth less often."
    ]
    assert unsaid == []


def test_a_classifier_alone_is_compared_with_nothing_dearer() -> None:
    found = judge({"classifier": mix(200, 300), "majority": mix(9, 300)})
    assert (found.decision, found.recommended) == ("a classifier does it", "classifier")
    assert found.headline == "A classifier does it: it gets 66.7 % of the questions exactly right, and costs far less to run than a language model."
    assert "Nothing was fine-tuned, so nothing is said about what training would add." in found.reasons

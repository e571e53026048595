"""A limit on how long an answer may take: by readings that stand in trials and finalists, and by nothing that is guessed."""

from __future__ import annotations

import doctest

from tests.decide.conftest import make_answers, make_dataset, make_finalist, make_project
from tests.decide.planning import LARGE, SMALL, make_facts, measured, names
from tests.decide.test_conclude import mix
from tunesmith.decide import wording
from tunesmith.decide.conclude import conclude, spoken_for
from tunesmith.decide.next import goal_reached, why_not
from tunesmith.decide.reach import going_on
from tunesmith.decide.waits import in_time, too_slow
from tunesmith.spec.candidate import Prompted
from tunesmith.spec.chat import Prompt
from tunesmith.spec.plan import Base, Decide, Facts, Plan, PlannedStep
from tunesmith.spec.report import Wait
from tunesmith.spec.task import Goal
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Verdict

BASES = (Base(id="small", parameters=SMALL, lr=1e-3), Base(id="large", parameters=LARGE, lr=1e-3))
STEP = PlannedStep(name="base-large", kind="base", base="large", can_change="which base is tuned", parts=())
PATTERNS = {"tuned": mix(270, 300), "few-shot": mix(150, 300), "classifier": mix(120, 300), "majority": mix(9, 300)}


def prompted(name: str, median_s: float | None, value: float = 0.5, at_most_ms: float = 200.0) -> Trial:
    """A prompt that was measured on dev; nine of ten take half as long again as the median."""
    trial = measured(Trial(remedy="prompt", candidate=Prompted(name=name, model="small", prompt=Prompt(name=name))), value, 400)
    wait = None if median_s is None else Wait(n=5, median_s=median_s, p90_s=1.5 * median_s, p90_least_s=median_s, at_most_s=at_most_ms / 1000)
    return trial.model_copy(update={"wait": wait})


def limited(at_most_ms: float | None = 200.0) -> Decide:
    return Decide(at_most_ms=at_most_ms, stop_at_goal=True)


def test_the_examples_hold() -> None:
    assert doctest.testmod(wording).failed == 0


def test_another_base_is_left_out_by_what_the_own_one_was_seen_to_take() -> None:
    facts, before = make_facts(bases=BASES), [prompted("prompt-plain", 0.12), prompted("prompt-role", 0.09)]
    said = too_slow(BASES[1], before, facts, limited())
    assert said == "it has 2.7 times the parameters of small, which takes 90 ms for a question: about 240 ms are expected, and 200 ms are allowed"
    assert why_not(STEP, before, facts, Plan(decide=limited(), steps=(STEP,))) == said
    assert too_slow(BASES[1], before, facts, limited(250)) is None
    assert too_slow(BASES[1], before, facts, limited(None)) is None
    assert too_slow(BASES[1], [prompted("prompt-plain", None)], facts, limited()) is None  # nothing was read, and nothing is guessed


def test_a_goal_is_reached_in_time_or_not_at_all() -> None:
    facts: Facts = make_facts(goal=Goal(at_least=0.6))
    plan = Plan(decide=limited(), steps=())
    slow, fast, unread = (prompted(name, seconds, 0.9) for name, seconds in (("slow", 0.14), ("fast", 0.13), ("unread", None)))
    assert slow.wait is not None
    assert (slow.wait.is_too_long, slow.wait.is_in_time) == (False, False)  # it may be in time, and that ends no search
    assert [goal_reached([one], facts, plan) for one in (slow, fast, unread)] == [None, "fast", None]
    assert goal_reached([unread], facts, Plan(decide=limited(None), steps=())) == "unread"


def test_of_two_prompts_the_one_in_time_goes_on() -> None:
    slow, fast = prompted("slow", 0.21, 0.9), prompted("fast", 0.1, 0.8)
    assert names(going_on([slow, fast], make_facts())[0]) == ["fast"]
    assert names(going_on([prompted("unsure", 0.15, 0.9), fast], make_facts())[0]) == ["unsure"]
    assert names(going_on([slow], make_facts())[0]) == ["slow"]  # that nothing is fast enough is for the verdict to say
    assert in_time([]) == []


def judged(waits: dict[str, tuple[float, float]], at_most_ms: float | None = 200.0, patterns: dict[str, str] = PATTERNS) -> Verdict:
    rows = {name: make_answers(pattern) for name, pattern in patterns.items()}
    finalists = [
        make_finalist(name, found).model_copy(
            update={
                "wait": Wait(n=20, median_s=waits[name][0], p90_s=waits[name][1], p90_least_s=0.95 * waits[name][1], at_most_s=at_most_ms / 1000)
                if at_most_ms is not None and name in waits
                else None
            }
        )
        for name, found in rows.items()
    ]
    assert spoken_for(finalists, rows, Goal(), make_dataset()) is not None
    return conclude(finalists, rows, make_project(), make_dataset(), 1)


def test_where_all_are_too_slow_the_best_on_the_locked_rows_is_spoken_for() -> None:
    rows = {name: make_answers(pattern) for name, pattern in PATTERNS.items()}
    slow = Wait(n=20, median_s=0.3, p90_s=0.4, p90_least_s=0.3, at_most_s=0.2)
    on_dev = {"few-shot": 0.99}  # leads on dev, and not on the locked rows
    every = [make_finalist(name, found).model_copy(update={"wait": slow, "on_dev": on_dev.get(name, 0.1)}) for name, found in rows.items()]
    assert spoken_for(every, rows, Goal(), make_dataset()) == "tuned"


def test_what_takes_too_long_is_not_chosen_and_the_reason_has_the_numbers() -> None:
    free = judged({})
    assert (free.decision, free.recommended) == ("fine-tune", "tuned")
    found = judged({"tuned": (0.18, 0.2314), "few-shot": (0.15, 0.19), "classifier": (0.003, 0.0042), "majority": (0.0, 0.0)})
    assert found.recommended == "few-shot"
    assert found.decision == "prompting is enough"
    assert (
        "The tuned model is too slow: it takes up to 231 ms for nine of ten questions that are asked alone (median 180 ms, 20 asked), and 200 ms are allowed."
        in found.reasons
    )
    assert any(reason.startswith("The prompt with examples is fast enough: it takes up to 190 ms") for reason in found.reasons)
    assert "is too slow" in found.headline


def test_what_may_take_too_long_is_left_in_and_said_to() -> None:
    found = judged({"tuned": (0.18, 0.205), "few-shot": (0.15, 0.19), "classifier": (0.003, 0.0042), "majority": (0.0, 0.0)})
    assert (found.decision, found.recommended) == ("fine-tune", "tuned")
    (said,) = [reason for reason in found.reasons if "slow" in reason]
    assert said.startswith(
        "The tuned model may be too slow: it takes up to 205 ms for nine of ten questions that are asked alone (median 180 ms, 20 asked)"
    )
    assert said.endswith("and 200 ms are allowed; so few questions cannot say that it is, and it is left in.")


def test_a_limit_that_all_meet_changes_no_decision() -> None:
    free, found = judged({}), judged(dict.fromkeys(PATTERNS, (0.01, 0.02)))
    assert found.model_copy(update={"reasons": ()}) == free.model_copy(update={"reasons": ()})
    assert [reason for reason in found.reasons if reason not in free.reasons] == [
        "The tuned model is fast enough: it takes up to 20 ms for nine of ten questions that are asked alone (median 10 ms, 20 asked), and 200 ms are allowed."
    ]


def test_where_all_take_too_long_nothing_meets_the_limit() -> None:
    found = judged({"tuned": (0.18, 0.23), "few-shot": (0.15, 0.19), "classifier": (0.003, 0.0042), "majority": (0.0, 0.0)}, at_most_ms=0.001)
    assert (found.decision, found.recommended, found.goal_met) == ("nothing is fast enough", None, False)
    assert found.headline == (
        "Nothing is fast enough: the fastest, the classifier, takes up to 4.2 ms for nine of ten questions that are asked alone (median 3 ms, 20 asked), "
        "and 0.001 ms are allowed."
    )
    slow = [reason for reason in found.reasons if " is too slow: " in reason]
    assert [reason.partition(" is")[0] for reason in slow] == ["The tuned model", "The prompt with examples", "The classifier"]

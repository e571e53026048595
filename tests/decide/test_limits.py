"""What may not get worse: who is shown to lose more than is allowed is not recommended, and where the rows do not show it that is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.decide.conftest import make_answers, make_dataset, make_finalist, make_project
from tunesmith.decide.conclude import conclude
from tunesmith.decide.limits import limited
from tunesmith.spec.report import Scored
from tunesmith.spec.task import Goal, MustNotWorsen
from tunesmith.spec.verdict import Known, Side, Verdict

IN_SCOPE = {"tuned": "+" * 270 + "-" * 30, "prompt-plain": "+" * 150 + "-" * 150, "majority": "-" * 300}


def judge(declined: Mapping[str, int | str], outside: int = 100, **limits: float) -> tuple[tuple[Side, ...], Verdict]:
    """(the sides, the verdict) over rows in scope and `outside` ones, of which each candidate declines so many, or as the pattern says."""
    patterns = {name: found if isinstance(found, str) else "o" * found + "-" * (outside - found) for name, found in declined.items()}
    rows = {name: make_answers(IN_SCOPE[name], pattern) for name, pattern in patterns.items()}
    finalists = [make_finalist(name, found) for name, found in rows.items()]
    goal = Goal(metric="exact_match", must_not_worsen=MustNotWorsen.model_validate(limits))
    sides = limited(finalists, rows, goal)
    return sides, conclude(finalists, rows, make_project(goal=goal), make_dataset(), 1, Known(sides=sides))


def test_a_loss_beyond_its_limit_bars_a_candidate() -> None:
    (side,), found = judge({"tuned": 40, "prompt-plain": 90, "majority": 0}, out_of_scope_recall=0.1)
    assert (side.candidate, side.topic, side.standing, side.is_limited) == ("tuned", "out-of-scope recall", "blocks", True)
    assert side.sentence.startswith("-50.0 points (-")
    assert side.sentence.endswith(
        "100 rows) against the best written prompt: that is worse by more than the 10.0 points that are allowed, beyond doubt."
    )
    assert (found.decision, found.recommended) == ("prompting is enough", "prompt-plain")
    assert found.headline.split(". ")[0].endswith("the tuned model (90.0 %) lost more elsewhere than is allowed")
    assert any(side.sentence in reason for reason in found.reasons)


def test_without_a_limit_the_same_loss_is_told_and_bars_nothing() -> None:
    sides, found = judge({"tuned": 40, "prompt-plain": 90, "majority": 0})
    assert sides == ()
    assert (found.decision, found.recommended) == ("fine-tune", "tuned")
    assert "But the tuned model declines fewer" in found.headline


def test_a_loss_whose_interval_reaches_the_limit_is_left_open_and_said() -> None:
    (side,), found = judge({"tuned": "-" * 10 + "o" * 90, "prompt-plain": 92, "majority": 0}, out_of_scope_recall=0.05)  # 10 against 8 rows
    assert (side.standing, found.decision) == ("cannot tell", "fine-tune")
    assert side.sentence.endswith("whether it is worse by more than the 5.0 points that are allowed, these rows cannot tell.")
    assert f"The tuned model, out-of-scope recall: {side.sentence}" in found.reasons


def test_a_loss_within_its_limit_is_fine_and_one_that_is_certain_is_told() -> None:
    (same,), _ = judge({"tuned": 92, "prompt-plain": 92, "majority": 0}, out_of_scope_recall=0.1)
    assert same.standing == "fine"
    (less,), found = judge({"tuned": 82, "prompt-plain": 92, "majority": 0}, out_of_scope_recall=0.2)
    assert (less.standing, found.decision) == ("worse", "fine-tune")
    assert less.sentence.endswith("worse, and within the 20.0 points that are allowed.")


def test_more_false_refusals_are_a_loss() -> None:
    rows: dict[str, Any] = {"tuned": make_answers("+" * 200 + "o" * 100), "prompt-plain": make_answers("+" * 150 + "-" * 150)}
    (side,) = limited([make_finalist(name, found) for name, found in rows.items()], rows, Goal(must_not_worsen=MustNotWorsen(false_refusal_rate=0.1)))
    assert (side.topic, side.standing) == ("false refusals", "blocks")


def test_what_no_row_shows_or_no_prompt_stands_beside_cannot_be_told() -> None:
    (side,), _ = judge({"tuned": 0, "prompt-plain": 0}, outside=0, out_of_scope_recall=0.1)
    told = "No test answer of the untuned model shows it, so nothing can be said about the limit of 10.0 points."
    assert (side.standing, side.sentence) == ("cannot tell", told)
    (alone,), _ = judge({"tuned": 50, "majority": 0}, out_of_scope_recall=0.1)
    assert alone.standing == "cannot tell"
    assert alone.sentence == "The untuned model was not measured, so nothing can be said about the limit of 10.0 points."


def supported(rate: float, *, shown: bool = True, n: int = 300) -> list[Scored]:
    """Answers of which each says a share of what its passages do not; without passages nobody can tell."""
    scores = {"exact_match": 1.0} | ({"unsupported": rate} if shown else {})
    return [row.model_copy(update={"scores": scores}) for row in make_answers("+" * n)]


def test_what_only_passages_show_is_held_against_the_untuned_model_with_passages() -> None:
    rows = {"prompt-plain": supported(0.0, shown=False), "rag": supported(0.05), "tuned-rag": supported(0.6), "tuned": supported(0.0, shown=False)}
    found = limited([make_finalist(name, one) for name, one in rows.items()], rows, Goal(must_not_worsen=MustNotWorsen(unsupported_rate=0.1)))
    sides = {side.candidate: side for side in found}
    assert set(sides) == {"tuned-rag", "tuned"}
    assert sides["tuned-rag"].standing == "blocks"
    assert sides["tuned"].standing == "cannot tell"
    assert sides["tuned"].sentence.startswith("None of its test answers shows it")


def test_what_another_seed_has_lost_bars_the_training() -> None:
    rows = {name: make_answers(pattern) for name, pattern in {"tuned": "+" * 80 + "-" * 20, "tuned-again": "+" * 82 + "-" * 18}.items()}
    rows["prompt-plain"] = make_answers("+" * 40 + "-" * 60)
    finalists = [
        make_finalist("tuned", rows["tuned"], seed=0, on_dev=0.7),
        make_finalist("tuned-again", rows["tuned-again"], seed=1, on_dev=0.9),  # stands for both
        make_finalist("prompt-plain", rows["prompt-plain"], on_dev=0.4),
    ]
    lost = Side(candidate="tuned", topic="forgetting", sentence="It has forgotten much.", standing="blocks", is_limited=True)
    found = conclude(finalists, rows, make_project(), make_dataset(), 1, Known(sides=(lost,)))
    assert found.recommended == "prompt-plain"
    assert "The tuned model, forgetting: It has forgotten much." in found.reasons


def test_what_was_looked_at_without_an_answer_is_named_in_one_sentence() -> None:
    rows = {name: make_answers(pattern) for name, pattern in IN_SCOPE.items()}
    finalists = [make_finalist(name, found) for name, found in rows.items()]
    sides = tuple(Side(candidate="tuned", topic=topic, sentence="…", standing="cannot tell") for topic in ("hallucination", "memorisation"))
    fine = Side(candidate="tuned", topic="consistency", sentence="…", standing="measured")
    found = conclude(finalists, rows, make_project(), make_dataset(), 1, Known(sides=(*sides, fine)))
    assert "Looked at as well, without a clear answer: hallucination (the tuned model), memorisation (the tuned model)." in found.reasons

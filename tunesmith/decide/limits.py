"""The finalists' test rows and `goal.must_not_worsen` → who is shown to lose more than is allowed, and of whom that cannot be told.

What may not get worse is what the untuned model does with its best prompt, on the same rows; where no prompt can show it (what passages support, for one that is shown
none), with the passages. A limit is held by non-inferiority: a loss blocks where its whole
interval lies beyond what is allowed; it is fine where the interval lies within; and in between that is said, and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tunesmith.decide.evidence import CONTROL, PROMPTING, Arm, arms_of, loss, worst_loss
from tunesmith.decide.wording import NOUNS, SUBJECTS, counted, gap
from tunesmith.measure.quantities import measurable, rows_of
from tunesmith.measure.seeds import compared
from tunesmith.spec.report import Comparison, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist, Known, Side

UNTUNED: tuple[frozenset[Remedy], ...] = (PROMPTING, frozenset({"rag"}))
"""What a limit is held against: the first of these that shows the metric."""


def limited(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal) -> tuple[Side, ...]:
    """A side of every arm but the prompts for every limit of the project that the test rows are held against.

    Raises: BadData if the candidates answered different rows.
    """
    return tuple(side for metric, limit in goal.must_not_worsen.of_rows().items() for side in held(finalists, scored, goal, metric, limit))


def held(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, metric: MetricName, limit: float) -> Iterator[Side]:
    """How every other arm stands to the best untuned one on one metric."""
    arms = [arm for arm in arms_of(finalists, scored, metric, Known()) if arm.remedy != CONTROL]
    shown = {arm.name for arm in arms if all(measurable(metric, rows_of(metric, run)[1]) for run in arm.runs)}
    untuned = next((some for kind in UNTUNED if (some := [arm for arm in arms if arm.remedy in kind and arm.name in shown])), [])
    if not untuned:
        is_there = any(arm.remedy in kind for kind in UNTUNED for arm in arms)
        why = "No test answer of the untuned model shows it" if is_there else "The untuned model was not measured"
        told = f"{why}, so nothing can be said about the limit of {gap(metric, limit).removeprefix('+')}."
        others = (arm for arm in arms if arm.remedy not in PROMPTING)
        yield from (Side(candidate=arm.name, topic=NOUNS[metric], sentence=told, standing="cannot tell", is_limited=True) for arm in others)
        return
    before = max(untuned, key=lambda arm: -1.0 if arm.on_dev is None else arm.on_dev * (-1 if goal.metric in LOWER_IS_BETTER else 1))
    for arm in arms:
        if arm.remedy in PROMPTING or arm.remedy == before.remedy:
            continue
        if arm.name not in shown:
            told = f"None of its test answers shows it, so nothing can be said about its limit against {SUBJECTS[before.remedy]}."
            yield Side(candidate=arm.name, topic=NOUNS[metric], sentence=told, standing="cannot tell", is_limited=True)
            continue
        yield side(arm, compared(arm.name, arm.runs, before.name, before.runs, metric, confidence=goal.confidence), limit, before)


def side(arm: Arm, found: Comparison, limit: float, before: Arm) -> Side:
    """What a paired comparison with the best prompt says of a limit."""
    lost, most = loss(found), worst_loss(found)
    least = found.difference.low if found.metric in LOWER_IS_BETTER else -found.difference.high
    allowed, noun = gap(found.metric, limit).removeprefix("+"), NOUNS[found.metric]
    low, high = gap(found.metric, found.difference.low).removesuffix(" points"), gap(found.metric, found.difference.high)
    numbers = f"{gap(found.metric, found.difference.value)} ({low} to {high}, {counted(found.difference)}) against {SUBJECTS[before.remedy]}"
    if least > limit:
        return Side(
            candidate=arm.name,
            topic=noun,
            sentence=f"{numbers}: that is worse by more than the {allowed} that are allowed, beyond doubt.",
            standing="blocks",
            is_limited=True,
        )
    if most > limit:
        told = f"{numbers}: whether it is worse by more than the {allowed} that are allowed, these rows cannot tell."
        return Side(candidate=arm.name, topic=noun, sentence=told, standing="worse" if least > 0 else "cannot tell", is_limited=True)
    said = f"{numbers}: {'worse, and ' if lost > 0 and least > 0 else ''}within the {allowed} that are allowed."
    return Side(candidate=arm.name, topic=noun, sentence=said, standing="worse" if least > 0 else "fine", is_limited=True)

"""The finalists' test rows and `goal.must_not_worsen` → who is shown to lose more than is allowed, and of whom that cannot be told.

What may not get worse is what the untuned model does with its best prompt, on the same rows; where no prompt can show it (what passages support, for one that is shown
none), with the passages. A limit is held by non-inferiority: a loss blocks where its whole
interval lies beyond what is allowed; it is fine where the interval lies within; and in between that is said, and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tunesmith.decide import evidence
from tunesmith.decide.evidence import CONTROL, PROMPTING, Arm, arms_of, best_gain, loss, worst_loss
from tunesmith.decide.wording import NOUNS, SUBJECTS, counted, gap
from tunesmith.measure.quantities import measurable, rows_of
from tunesmith.spec.report import Comparison, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist, Known, Side, SideStanding

UNTUNED: tuple[frozenset[Remedy], ...] = (PROMPTING, frozenset({"rag"}))
"""What a limit is held against: the first of these that shows the metric."""


def limited(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal) -> tuple[Side, ...]:
    """A side of every arm but the prompts for every limit of the project that the test rows are held against.

    Raises: BadData if the candidates answered different rows.
    """
    every = [(metric, *one) for metric, limit in goal.must_not_worsen.of_rows().items() for one in held(finalists, scored, goal, metric, limit)]
    return tuple(
        Side(candidate=arm.name, topic=NOUNS[metric], sentence=sentence, standing=standing, is_limited=True)
        for metric, arm, sentence, standing in every
    )


def held(
    finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, metric: MetricName, limit: float
) -> Iterator[tuple[Arm, str, SideStanding]]:
    """How every other arm stands to the best untuned one on one metric, in a sentence and in a word."""
    arms = [arm for arm in arms_of(finalists, scored, metric, Known()) if arm.remedy != CONTROL]
    shown = {arm.name for arm in arms if all(measurable(metric, rows_of(metric, run)[1]) for run in arm.runs)}
    untuned = next((some for kind in UNTUNED if (some := [arm for arm in arms if arm.remedy in kind and arm.name in shown])), [])
    if not untuned:
        is_there = any(arm.remedy in kind for kind in UNTUNED for arm in arms)
        why = "No test answer of the untuned model shows it" if is_there else "The untuned model was not measured"
        told = f"{why}, so nothing can be said about the limit of {gap(metric, limit).removeprefix('+')}."
        yield from ((arm, told, "cannot tell") for arm in arms if arm.remedy not in PROMPTING)
        return
    before = max(untuned, key=lambda arm: -1.0 if arm.on_dev is None else arm.on_dev * (-1 if goal.metric in LOWER_IS_BETTER else 1))
    for arm in arms:
        if arm.remedy in PROMPTING or arm.remedy == before.remedy:
            continue
        if arm.name in shown:
            yield arm, *against(evidence.against(arm, before, metric, goal.confidence), limit, before)
        else:
            told = f"None of its test answers shows it, so nothing can be said about its limit against {SUBJECTS[before.remedy]}."
            yield arm, told, "cannot tell"


def against(found: Comparison, limit: float, before: Arm) -> tuple[str, SideStanding]:
    """What a paired comparison with the best untuned arm says of a limit."""
    lost, most = loss(found), worst_loss(found)
    least = -best_gain(found, as_served=True)
    allowed = gap(found.metric, limit).removeprefix("+")
    low, high = gap(found.metric, found.of_these.low).removesuffix(" points"), gap(found.metric, found.of_these.high)
    numbers = f"{gap(found.metric, found.difference.value)} ({low} to {high}, {counted(found.difference)}) against {SUBJECTS[before.remedy]}"
    if least > limit:
        return f"{numbers}: that is worse by more than the {allowed} that are allowed, beyond doubt.", "blocks"
    if most > limit:
        told = f"{numbers}: whether it is worse by more than the {allowed} that are allowed, these rows cannot tell."
        return told, "worse" if least > 0 else "cannot tell"
    said = f"{numbers}: {'worse, and ' if lost > 0 and least > 0 else ''}within the {allowed} that are allowed."
    return said, "worse" if least > 0 else "fine"

"""Trials so far and a plan → what a revision of it has to leave alone, and where it could still save time."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.decide import ladder, prompt_search
from tunesmith.decide.next import chosen_base, next_trial, runs_of
from tunesmith.decide.reach import FINAL_ORDER, best_of, in_full, owner
from tunesmith.spec.plan import Done, Facts, Plan, PlannedTrial
from tunesmith.spec.trial import Remedy, Trial

DISPENSABLE: tuple[Remedy, ...] = ("few-shot-retrieved", "rag", "remote")
"""Rivals that take long to answer and that no verdict needs once they are behind; their steps have the same names."""


def progress(history: Sequence[Trial], facts: Facts, plan: Plan) -> tuple[int, bool]:
    """(Steps of the plan before the proof that were done, begun or passed over, whether the last of them is still under way)."""
    found = next_trial(history, facts, plan)
    if isinstance(found, Done):
        return sum(step.kind != "test" for step in plan.steps), False
    index = next(k for k, step in enumerate(plan.steps) if step.name == found.step)
    is_begun = any(owner(trial) == found.step for trial in history)
    return index + is_begun, is_begun


def under_way(history: Sequence[Trial], facts: Facts, plan: Plan) -> tuple[int, int] | None:
    """(Trials that a search has made, settings that it has tried) while it is on its first rung, where it can still end earlier; None where none is."""
    found = next_trial(history, facts, plan)
    step = next((one for one in plan.steps if isinstance(found, PlannedTrial) and one.name == found.step), None)
    mine = [trial for trial in history if step is not None and owner(trial) == step.name and trial.is_over]
    if step is None or not mine:
        return None
    if step.kind == "prompt-search":
        first = prompt_search.rungs(facts.dev_rows)[0]
        return (len(mine), len(mine)) if all(trial.report.rows == first for trial in mine if trial.report) else None
    if step.kind != "ladder" or any(trial.pilot is None or trial.pilot.share > step.rungs[0] for trial in mine):
        return None
    runs = runs_of(history, chosen_base(history, facts), facts)
    return len(mine), len(ladder.on_rung(runs, step.rungs[0], facts.recipe))


def hopeless(history: Sequence[Trial], facts: Facts) -> tuple[str, ...]:
    """The steps whose finalist is behind the best on dev beyond doubt, of those that can be done without: their intervals do not touch."""
    serious = [remedy for remedy in FINAL_ORDER if remedy != "remote"]
    best = best_of(in_full(history, serious, facts), facts.metric)
    found = {remedy: best_of(in_full(history, (remedy,), facts), facts.metric) for remedy in DISPENSABLE}
    return tuple(remedy for remedy, mine in found.items() if best is not None and mine is not None and mine[1].high < best[1].low)

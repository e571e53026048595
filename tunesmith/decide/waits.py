"""Readings of the clock that stand in trials → who answers in time, and which base surely would not. Pure: a replay takes the same readings from its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.decide.wording import milliseconds
from tunesmith.spec.dataset import SplitName
from tunesmith.spec.plan import Base, Decide, Facts
from tunesmith.spec.trial import Remedy, Trial

ASKED_ALONE: Mapping[SplitName, int] = {"dev": 5, "test": 20}
"""Questions of a split that a candidate is asked one after another, as people ask; on dev only where the project limits how long one may take."""
LONGEST_S: Mapping[SplitName, float] = {"dev": 5.0, "test": 20.0}
"""Once they have taken so long, no further one is asked; two are in any case."""
ALIKE: frozenset[Remedy] = frozenset({"prompt", "few-shot", "fine-tune"})
"""Remedies that ask another base the same in the same way."""


def in_time(trials: Sequence[Trial]) -> list[Trial]:
    """Those that are not surely too slow for the project's limit, as far as the clock was read; all of them where all are."""
    return [trial for trial in trials if trial.wait is None or not trial.wait.is_too_long] or list(trials)


def too_slow(base: Base, before: Sequence[Trial], facts: Facts, decide: Decide) -> str | None:
    """Why a further base surely answers too slowly: by what the project's own one was seen to take, and by how many more parameters it has.

    None where it may be fast enough, where nothing is limited, or where the clock was not read.
    """
    own = facts.bases[0]
    mine = [trial for trial in before if trial.remedy in ALIKE and "@" not in trial.candidate.name]
    seen = min((trial.wait.median_s for trial in mine if trial.wait is not None), default=None)
    if decide.at_most_ms is None or seen is None:
        return None
    expected = seen * base.parameters / own.parameters
    if 1000 * expected <= decide.at_most_ms:
        return None
    times = f"{base.parameters / own.parameters:.1f} times the parameters of {own.id}, which takes {milliseconds(seen)} ms for a question"
    return f"it has {times}: about {milliseconds(expected)} ms are expected, and {decide.at_most_ms:g} ms are allowed"

"""Trials so far and the finalists → what is said of full trainings, and of a model elsewhere, that came to nothing. Small ones stand in the table of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.spec.plan import Done
from tunesmith.spec.trial import Remedy, Trial

CALLED: Mapping[Remedy, str] = {"fine-tune": "fine-tuning", "fine-tune-rag": "fine-tuning with passages"}


def failed_words(history: Sequence[Trial], end: Done) -> tuple[str, ...]:
    """One sentence for each kind of full training of which some failed: why, and what stands for it now; and one for a model elsewhere that did not answer."""
    silent = [
        f"The model elsewhere was {'measured on dev alone' if one.report is not None else 'not measured'}: {one.failure.reason}."
        for one in history
        if one.remedy == "remote" and one.failure is not None
    ]
    return (*(said for remedy in CALLED if (said := of_remedy(history, end, remedy)) is not None), *silent)


def of_remedy(history: Sequence[Trial], end: Done, remedy: Remedy) -> str | None:
    """The sentence about one remedy; None where none of its full trainings failed."""
    full = [trial for trial in history if trial.remedy == remedy and trial.pilot is None]
    why = "; ".join(dict.fromkeys(trial.failure.reason for trial in full if trial.failure is not None))
    if not why:
        return None
    standing = next((trial for trial in end.trials if trial.remedy == remedy), None)
    if standing is None:
        return f"The full training for {CALLED[remedy]} failed ({why}), so nothing is said about what it would reach."
    if standing.pilot is not None:
        return f"The full training for {CALLED[remedy]} failed ({why}); {standing.candidate.name}, a small training, stands for it."
    return f"A full training for {CALLED[remedy]} failed ({why}); what is said of {standing.candidate.name} is said of one that did not."

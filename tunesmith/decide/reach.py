"""Trials → what they reached on dev, on a scale where higher is better, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tunesmith.decide import prompt_search
from tunesmith.decide.waits import in_time
from tunesmith.spec.plan import Facts
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, MetricName
from tunesmith.spec.trial import Remedy, Trial

FINAL_ORDER: tuple[Remedy, ...] = (
    "fine-tune", "fine-tune-rag", "rag", "prompt", "few-shot", "few-shot-retrieved", "classifier", "majority", "remote"
)  # fmt: skip
"""In which those stand that go on to the locked rows: what is tuned first, what others are only compared with last."""
AHEAD = 1.0
"""So many standard errors a small training has to be ahead of the full ones on dev to stand for them: the best of many is partly luck."""
UNPROVEN = "it is behind beyond doubt on dev, and there is no time to prove that"
"""Why a finalist stays on dev."""


class Reach(NamedTuple):
    """A score and its interval. Shares of which fewer are better count as 1 − share; a metric without bounds with its sign turned."""

    score: float
    low: float
    high: float

    @staticmethod
    def flipped(value: float, metric: MetricName) -> float:
        """A value of the metric on that scale.

        >>> Reach.flipped(0.25, "false_refusal_rate"), Reach.flipped(0.25, "exact_match"), Reach.flipped(8.0, "perplexity")
        (0.75, 0.25, -8.0)
        """
        if metric not in LOWER_IS_BETTER:
            return value
        return -value if metric in UNBOUNDED else 1 - value


def reach(trial: Trial, metric: MetricName) -> Reach | None:
    """What the trial reached; None where its report does not say."""
    found = trial.report.metrics.get(metric) if trial.report is not None else None
    if found is None:
        return None
    ends = sorted(Reach.flipped(value, metric) for value in (found.low, found.high))
    return Reach(Reach.flipped(found.value, metric), *ends)


def owner(trial: Trial) -> str:
    """The name of the step that a trial belongs to."""
    name = trial.candidate.name
    if "@" in name:
        return f"base-{name.split('@', 1)[1]}"
    if trial.pilot is not None:
        return "ladder" if name.startswith("ladder-") else name
    match trial.remedy:
        case "majority" | "classifier":
            return "controls"
        case "prompt" | "few-shot" if prompt_search.genome_of(trial) is not None:
            return "prompt-search"
        case "prompt":
            return "prompts"
        case "fine-tune" | "fine-tune-rag":
            return name
        case _:
            return trial.remedy


def best_of(trials: Iterable[Trial], metric: MetricName) -> tuple[Trial, Reach] | None:
    """The trial that reached most (ties: first by name) and what it reached; None where no report tells."""
    known = [(trial, found) for trial in trials if (found := reach(trial, metric)) is not None]
    return min(known, key=lambda pair: (-pair[1].score, pair[0].candidate.name), default=None)


def in_full(trials: Sequence[Trial], remedies: Sequence[Remedy], facts: Facts) -> list[Trial]:
    """The trials of these remedies that were measured on all of dev and could be served: no pilots, no halves of a search."""
    return [
        trial
        for trial in trials
        if trial.remedy in remedies and trial.pilot is None and trial.report is not None and trial.report.rows >= facts.dev_rows
    ]


def rivals_of(trials: Sequence[Trial], facts: Facts) -> list[Trial]:
    """Everything measured in full that is not trained."""
    untrained: tuple[Remedy, ...] = ("majority", "classifier", "prompt", "few-shot", "few-shot-retrieved", "rag")
    return in_full(trials, untrained, facts)


def going_on(trials: Sequence[Trial], facts: Facts) -> tuple[list[Trial], list[Trial]]:
    """(The best of every remedy, the tuned one first; the trainings of tuned ones with other seeds).

    Where there was no full training, the largest of the small ones stands for it; where one of them is ahead of the full ones on dev (`instead`), that one does,
    and the full ones stay behind.
    """
    small = [trial for trial in trials if trial.pilot is not None and reach(trial, facts.metric)]
    better = instead(trials, facts)
    full = [trial for trial in trials if trial.pilot is None and not (better is not None and trial.remedy == "fine-tune")]
    best = [best_of(in_time(in_full(full, (remedy,), facts)), facts.metric) for remedy in FINAL_ORDER]
    found = [one[0] for one in best if one is not None]
    tuned = [trial for trial in full if trial.remedy in ("fine-tune", "fine-tune-rag") and trial.failure is None]
    if better is not None:
        found = [better[0], *found]
    elif small and not any(trial.remedy == "fine-tune" for trial in tuned):
        most = max(trial.pilot.share for trial in small if trial.pilot is not None)
        largest = best_of([trial for trial in small if trial.pilot is not None and trial.pilot.share == most], facts.metric)
        found = [*([largest[0]] if largest else []), *found]
    return found, [trial for trial in tuned if trial not in found]


def instead(trials: Sequence[Trial], facts: Facts) -> tuple[Trial, str] | None:
    """The small training that stands for the full ones, and why: it is ahead of the best of them on dev by more than chance easily brings.

    A full training that was shortened has made fewer passes than a small one may have. None where no full training is behind.
    """
    full = best_of(in_full(trials, ("fine-tune",), facts), facts.metric)
    small = best_of([trial for trial in trials if trial.pilot is not None], facts.metric)
    if full is None or small is None or small[1].score - full[1].score <= AHEAD * (small[1].high - small[1].low) / 3.92:
        return None
    values = [trial.report.metrics[facts.metric].value for trial, _ in (small, full) if trial.report is not None]
    name, share = small[0].candidate.name, small[0].pilot.share if small[0].pilot is not None else 1.0
    reason = f"{name}, trained on {share:.0%} of the rows, is ahead of it on dev ({values[0]:.3g} against {values[1]:.3g}) and stands for fine-tuning"
    return small[0], reason

"""The finalists' answers on the test split → what they show: metrics of each, and the tuned model against every rival.

How the tuned model stands to a rival: the deciding metric decides; where it cannot tell, out-of-scope recall does (if the task has it).
Holm's correction runs over all rivals and both metrics together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunesmith.errors import NotEnoughData
from tunesmith.measure.comparison import correct, pairs
from tunesmith.measure.quantities import measurable, rows_of
from tunesmith.measure.scorers import deciding_metric, metric_of
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Comparison, Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist

MARGIN = 0.02
"""A rival that loses at most so much (of 1; of the value for perplexity) is as good: evidence.md's non-inferiority margin."""
PROMPTING: frozenset[Remedy] = frozenset({"prompt", "few-shot"})

Standing = Literal["ahead", "behind", "open"]


@dataclass(frozen=True)
class Evidence:
    """What was found on test, ready to be weighed."""

    tuned: str
    remedies: Mapping[str, Remedy]
    """Candidate → remedy, of the candidates that the deciding metric can be measured on."""
    unmeasured: tuple[str, ...]
    """Candidates it cannot be measured on (perplexity of a classifier)."""
    answers: Mapping[str, Sequence[Scored]]
    metric: MetricName
    second: MetricName | None
    """Out-of-scope recall, where the task has it and it does not decide already."""
    metrics: Mapping[str, Metric]
    """Candidate → deciding metric."""
    seconds: Mapping[str, Metric]
    """Candidate → second metric; empty where there is none."""
    primary: Mapping[str, Comparison]
    """Rival → the tuned model against it on the deciding metric."""
    secondary: Mapping[str, Comparison]
    goal: Goal

    def rivals(self, remedies: frozenset[Remedy]) -> list[str]:
        """The rivals with one of these remedies, the best one first (ties: as the finalists stand)."""
        sign = 1 if self.metric in LOWER_IS_BETTER else -1
        return sorted((name for name in self.primary if self.remedies[name] in remedies), key=lambda name: sign * self.metrics[name].value)

    def standing(self, rival: str) -> Standing:
        """How the tuned model stands to `rival`."""
        for found in (self.primary[rival], self.secondary.get(rival)):
            if found is not None and found.outcome != "cannot tell":
                return "ahead" if found.outcome == "better" else "behind"
        return "open"

    def is_as_good(self, rival: str) -> bool:
        """True if `rival` is ahead of the tuned model, or loses at most the margin on every metric, by its interval."""
        found = [one for one in (self.primary[rival], self.secondary.get(rival)) if one is not None]
        return self.standing(rival) == "behind" or (self.standing(rival) == "open" and all(worst_loss(one) <= self.margin() for one in found))

    def margin(self) -> float:
        """The largest loss that still counts as none."""
        return MARGIN * self.metrics[self.tuned].value if self.metric == "perplexity" else MARGIN


def worst_loss(found: Comparison) -> float:
    """How much the rival may lose against the tuned model, at the far end of the interval."""
    return -found.difference.low if found.metric in LOWER_IS_BETTER else found.difference.high


def weigh(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, dataset: Dataset) -> Evidence:
    """The evidence: metrics of every candidate, and the tuned model against every rival."""
    remedies = {finalist.candidate.name: finalist.remedy for finalist in finalists}
    tuned = next(name for name, remedy in remedies.items() if remedy == "fine-tune")
    metric = deciding_metric(dataset.task, goal)
    metrics = {name: found for name in remedies if (found := metric_of(metric, scored[name], confidence=goal.confidence)) is not None}
    if tuned not in metrics:
        got = f"{len(scored[tuned])} test rows"
        fix = "enlarge split.test, or choose another goal.metric"
        raise NotEnoughData(f"no test row shows {metric}", where="goal.metric", got=got, expected="at least one row that it rests on", fix=fix)
    answers = {name: scored[name] for name in metrics}
    second = second_metric(metric, scored[tuned], dataset)
    compared = [*pairs(tuned, answers, metric, confidence=goal.confidence)]
    if second is not None:
        compared += pairs(tuned, answers, second, confidence=goal.confidence)
    corrected = correct(compared, confidence=goal.confidence)
    return Evidence(
        tuned=tuned,
        remedies={name: remedies[name] for name in metrics},
        unmeasured=tuple(name for name in remedies if name not in metrics),
        answers=answers,
        metric=metric,
        second=second,
        metrics=metrics,
        seconds={name: found for name in metrics if second and (found := metric_of(second, scored[name], confidence=goal.confidence))},
        primary={found.rival: found for found in corrected if found.metric == metric},
        secondary={found.rival: found for found in corrected if found.metric != metric},
        goal=goal,
    )


def second_metric(metric: MetricName, rows: Sequence[Scored], dataset: Dataset) -> MetricName | None:
    """Out-of-scope recall, if the task has it, the rows show it, and it does not decide anyway."""
    if dataset.out_of_scope is None or metric == "out_of_scope_recall":
        return None
    _, outside = rows_of("out_of_scope_recall", rows)
    return "out_of_scope_recall" if measurable("out_of_scope_recall", outside) else None


def pairs_of(evidence: Evidence, first: str, second: str) -> tuple[Comparison, ...]:
    """Two candidates on the deciding metric, uncorrected."""
    return pairs(first, {name: evidence.answers[name] for name in (first, second)}, evidence.metric, confidence=evidence.goal.confidence)

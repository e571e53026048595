"""What a base and a tuned model made of the same probes → what was lost, how sure that is, and whether the model should be held back.

The gate is that of the project's evidence on forgetting: a warning from two points on where the interval lies below 0, a block from five points on, or where
prose became 1.2 times as surprising. A block asks for an interval that excludes "no loss" as well: with 100 instructions five points are within
chance, and a model that lost nothing would be blocked once in ten times. Nothing is called kept unless the interval rules out the loss that a warning
would be given for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.measure.comparison import p_value_of
from tunesmith.measure.power import minimum_detectable
from tunesmith.measure.quantities import Array, Quantity, difference_of, mean_of, perplexity_of, ratio, table
from tunesmith.measure.scorers import proportion
from tunesmith.measure.statistics import SAME, holm, interval, paired_difference, variance_of
from tunesmith.spec.forgetting import (
    STANDINGS,
    Ability,
    Answered,
    Change,
    Divergence,
    Fluency,
    Followed,
    Forgetting,
    Lost,
    ProbeLimits,
    Prompts,
    Read,
    Standing,
    Taken,
    Tolerance,
)
from tunesmith.spec.probe import ChoiceProbe, Probes
from tunesmith.spec.report import Metric

SHOWN = 5
"""Worst items kept of each ability."""
SHOWN_CHARACTERS = 300
Losses = Sequence[tuple[float, int]]
"""(nats, tokens) of some rows."""


@dataclass(frozen=True)
class Rule:
    """How a comparison is judged."""

    probes: Probes
    limits: ProbeLimits
    tolerance: Tolerance


def forgetting(before: Taken, after: Taken, moved: Mapping[Prompts, Losses], rule: Rule) -> Forgetting:
    """The tuned model beside its base. `moved`: KL(base‖tuned) of each prompt, in nats and with its tokens.

    Raises: ValueError if the two did not take the same probes.
    """
    _check_same(before, after)
    changes = _corrected(
        [found for found in (_questions(before, after, rule), _instructions(before, after, rule)) if found is not None], rule.tolerance
    )
    fluency = _fluency(before.prose, after.prose, rule) if before.prose else None
    divergences = tuple(_divergence(on, losses, rule) for on, losses in moved.items() if losses)
    standings: list[Standing] = [one.standing for one in changes] + ([fluency.standing] if fluency else [])
    standing: Standing = max(standings, key=STANDINGS.index) if standings else "cannot tell"
    return Forgetting(
        probes=before.probes,
        limits=rule.limits,
        tolerance=rule.tolerance,
        changes=changes,
        fluency=fluency,
        divergence=divergences,
        areas=_areas(before, after, rule.probes),
        lost=(*_lost_questions(before, after, rule.probes), *_lost_instructions(before, after, rule.probes)),
        standing=standing,
        sentence=sentence(standing, changes, fluency, rule.tolerance),
    )


def _check_same(before: Taken, after: Taken) -> None:
    for name in ("questions", "instructions", "prose"):
        if [one.id for one in getattr(before, name)] != [one.id for one in getattr(after, name)]:
            raise ValueError(f"the two models did not take the same {name}")
    if before.probes != after.probes:
        raise ValueError("the two models took different versions of the probes")


def _questions(before: Taken, after: Taken, rule: Rule) -> Change | None:
    clusters = {probe.id: probe.cluster for probe in rule.probes.choices}
    pairs = [(float(b.is_right), float(a.is_right), clusters[b.id]) for b, a in zip(before.questions, after.questions, strict=True)]
    return change("questions", pairs, rule) if pairs else None


def _instructions(before: Taken, after: Taken, rule: Rule) -> Change | None:
    pairs = [(float(b.complied), float(a.complied), b.id) for b, a in zip(before.instructions, after.instructions, strict=True)]
    return change("instructions", pairs, rule) if pairs else None


def change(ability: Ability, pairs: Sequence[tuple[float, float, str]], rule: Rule) -> Change:
    """One ability from (right before, right after, cluster) of each item; `p_adjusted` is for this test alone."""
    confidence, seed = rule.tolerance.confidence, rule.limits.seed
    first, second, names = [b for b, _, _ in pairs], [a for _, a, _ in pairs], [c for _, _, c in pairs]
    clusters = names if len(set(names)) < len(names) else None
    old, new = mean_of(first), mean_of(second)
    p_value, test = p_value_of(new, old, clusters, seed=seed)
    units = difference_of(new, old).grouped(clusters)
    variance = variance_of(units, confidence=confidence) * (len(pairs) / len(units.columns))
    difference = paired_difference(new, old, confidence=confidence, seed=seed, groups=clusters)
    return Change(
        ability=ability,
        before=proportion(first, confidence, clusters),
        after=proportion(second, confidence, clusters),
        difference=difference,
        lost=sum(b > a for b, a, _ in pairs),
        won=sum(a > b for b, a, _ in pairs),
        p_value=p_value,
        p_adjusted=p_value,
        test=test,
        minimum_detectable=minimum_detectable(variance, len(pairs), confidence=confidence),
        standing=standing_of(difference, rule.tolerance, p_value),
    )


def standing_of(difference: Metric, tolerance: Tolerance, p_adjusted: float = 0.0) -> Standing:
    """What a difference in the share of right answers means; certain is what interval and test say, corrected for the number of tests.

    >>> standing_of(Metric(value=-0.06, low=-0.09, high=-0.03, n=400, method="bca"), Tolerance())
    'block'
    >>> standing_of(Metric(value=-0.06, low=-0.13, high=0.01, n=100, method="bca"), Tolerance())
    'warn'
    >>> standing_of(Metric(value=0.0, low=-0.04, high=0.04, n=400, method="bca"), Tolerance())
    'cannot tell'
    """
    is_certain = difference.high < 0 and p_adjusted < 1 - tolerance.confidence
    if difference.value <= -tolerance.block + SAME:
        return "block" if is_certain else "warn"
    if difference.value <= -tolerance.warn + SAME and is_certain:
        return "warn"
    return "kept" if difference.low > -tolerance.warn else "cannot tell"


def _corrected(changes: Sequence[Change], tolerance: Tolerance) -> tuple[Change, ...]:
    adjusted = holm([one.p_value for one in changes])
    return tuple(
        one.model_copy(update={"p_adjusted": p, "standing": standing_of(one.difference, tolerance, p)})
        for one, p in zip(changes, adjusted, strict=True)
    )


def _fluency(before: Sequence[Read], after: Sequence[Read], rule: Rule) -> Fluency:
    """Perplexity over all tokens, resampled by passage; the factor is that of the passages' joint likelihood."""
    grows = table([[a.nll - b.nll, b.tokens] for b, a in zip(before, after, strict=True)], 2)
    factor = resampled(grows, perplexity_of, rule)
    if factor.value >= rule.tolerance.perplexity:
        standing: Standing = "block" if factor.low > 1 else "warn"
    else:
        standing = "kept" if factor.high < rule.tolerance.perplexity else "cannot tell"
    return Fluency(before=perplexity(before, rule), after=perplexity(after, rule), ratio=factor, standing=standing)


def perplexity(passages: Sequence[Read], rule: Rule) -> Metric:
    """Perplexity per token over all passages."""
    return resampled(table([[one.nll, one.tokens] for one in passages], 2), perplexity_of, rule)


def _divergence(on: Prompts, losses: Losses, rule: Rule) -> Divergence:
    return Divergence(on=on, nats=resampled(table(losses, 2), ratio, rule), tokens=sum(tokens for _, tokens in losses))


def resampled(columns: Array, value_of: Callable[[Array], Array], rule: Rule) -> Metric:
    """A ratio of sums with its interval over whole rows; where every row has the same ratio there is nothing to estimate (`exact`).

    Such numbers have no greatest value, so a bound from rows that all agree would be infinite: it is the case of a model that was not changed at all.
    """
    each = value_of(columns)
    if len(each) > 1 and float(np.ptp(each)) <= SAME:
        value = float(each[0])
        return Metric(value=value, low=value, high=value, n=len(columns), method="exact")
    return interval(Quantity(columns, value_of, 0.0, float("inf")), confidence=rule.tolerance.confidence, seed=rule.limits.seed)


def _areas(before: Taken, after: Taken, probes: Probes) -> dict[str, tuple[int, int, int]]:
    area_of = {probe.id: probe.area for probe in probes.choices}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for old, new in zip(before.questions, after.questions, strict=True):
        for place, one in enumerate((1, int(old.is_right), int(new.is_right))):
            counts[area_of[old.id]][place] += one
    return {area: (n, old, new) for area, (n, old, new) in sorted(counts.items())}


def _lost_questions(before: Taken, after: Taken, probes: Probes) -> list[Lost]:
    by_id = {probe.id: probe for probe in probes.choices}
    gone = [(old, new) for old, new in zip(before.questions, after.questions, strict=True) if old.is_right and not new.is_right]
    gone.sort(key=lambda pair: (pair[1].margin - pair[0].margin, pair[0].id))
    return [_lost(by_id[old.id], old, new) for old, new in gone[:SHOWN]]


def _lost(probe: ChoiceProbe, old: Answered, new: Answered) -> Lost:
    said = (probe.options[old.chosen], probe.options[new.chosen])
    return Lost(id=probe.id, ability="questions", asked=probe.asked, before=said[0], after=said[1], drop=old.margin - new.margin)


def _lost_instructions(before: Taken, after: Taken, probes: Probes) -> list[Lost]:
    asked = {probe.id: probe.ask for probe in probes.instructions}
    pairs: list[tuple[Followed, Followed]] = list(zip(before.instructions, after.instructions, strict=True))
    return [
        Lost(id=b.id, ability="instructions", asked=asked[b.id], before=b.answer[:SHOWN_CHARACTERS], after=a.answer[:SHOWN_CHARACTERS], drop=1.0)
        for b, a in pairs
        if b.complied and not a.complied
    ][:SHOWN]


def sentence(standing: Standing, changes: Sequence[Change], fluency: Fluency | None, tolerance: Tolerance) -> str:
    """What happened, in plain words and with the numbers that it rests on."""
    opening = {
        "kept": "General ability is kept",
        "cannot tell": f"No loss of general ability is shown, but these probes cannot rule out {100 * tolerance.warn:g} points",
        "warn": "General ability has suffered as measured",
        "block": f"General ability has suffered beyond doubt, and much as measured ({100 * tolerance.block:g} points or more, or perplexity times {tolerance.perplexity:g})",
    }[standing]
    facts = [_words(one) for one in changes]
    if fluency is not None:
        facts.append(
            f"perplexity of neutral prose {fluency.before.value:.1f} before and {fluency.after.value:.1f} after (times {fluency.ratio.value:.2f}, {fluency.ratio.low:.2f} to {fluency.ratio.high:.2f})"
        )
    return f"{opening}: {'; '.join(facts)}." if facts else f"{opening}."


def _words(one: Change) -> str:
    what = {"questions": "everyday questions answered rightly", "instructions": "general instructions followed"}[one.ability]
    points = f"{100 * one.difference.value:+.1f} points, {100 * one.difference.low:+.1f} to {100 * one.difference.high:+.1f}"
    return f"{what} {100 * one.before.value:.1f} % before and {100 * one.after.value:.1f} % after ({points})"

"""Training rows against held-out ones → whether it has learnt the task or the rows: the gap on the metric, and answers that are said by heart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.answer.candidate import last_question
from tunesmith.evaluate.refusals import reference_of
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.material import Material, chosen, cluster_of
from tunesmith.evaluate.suites.wording import counted, percent, points, rough, sentences, share
from tunesmith.measure.memorisation import Copy, Recalled, copied_share, copy_of
from tunesmith.measure.rates import distinct
from tunesmith.measure.scorers import KIND_METRICS, metric_of, score
from tunesmith.measure.text import single_spaced
from tunesmith.spec.candidate import Answer, Candidate
from tunesmith.spec.dataset import Record
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.suite import Example, Memorisation
from tunesmith.spec.task import LOWER_IS_BETTER, NEEDS, UNBOUNDED, MetricName, form_of

WITH_SOURCES: frozenset[MetricName] = frozenset({"unsupported_rate", "supported_share", "perplexity"})
"""Metrics that an answer and its reference alone do not give."""


def memorisation(material: Material, asker: Asker) -> Memorisation | str:
    """The suite; the reason where there is nothing that could have been learnt by heart.

    Raises: Interrupted.
    """
    if not has_learnt(asker.candidate):
        return f"{asker.candidate.name} has learnt no rows: nothing was trained, or it looks training rows up"
    rows = material.train if material.learnt is None else material.learnt
    train = [row for row in rows if row.conversation is not None and row.desirable is not False and reference_of(row)]
    if not train or not material.dev_answers:
        return "there are no training rows with an answer, or no dev answers"
    left_out: dict[str, str] = {}
    metric = comparable(material)
    gap = _gap(material, metric, asker, train)
    if gap is None:
        left_out["gap"] = f"{metric.replace('_', ' ')} has no rows to rest on"
    elif metric != material.metric:
        left_out["deciding metric"] = (
            f"{material.metric.replace('_', ' ')} is not measured again on training rows; {metric.replace('_', ' ')} stands for it"
        )
    recalled = _recalled(material, asker, train)
    if isinstance(recalled, str):
        left_out["recall"] = recalled
    by_heart = recalled if isinstance(recalled, Recollection) else Recollection.none()
    overfits = gap is not None and gap[2].low > 0 and gap[2].value > material.limits.overfit_gap
    memorises = by_heart.difference is not None and by_heart.difference.low > 0
    return Memorisation(
        metric=metric,
        train=gap[0] if gap else None,
        dev=gap[1] if gap else None,
        gap=gap[2] if gap else None,
        recalled_train=by_heart.train,
        recalled_held_out=by_heart.held_out,
        recalled_difference=by_heart.difference,
        copies=by_heart.copies,
        overfits=overfits,
        memorises=memorises,
        left_out=left_out,
        examples=by_heart.examples,
        sentence=_sentence(metric, gap, by_heart, overfits, memorises, left_out),
    )


@dataclass(frozen=True)
class Recollection:
    """What is said by heart."""

    train: Metric | None
    held_out: Metric | None
    difference: Metric | None
    copies: dict[str, int]
    examples: tuple[Example, ...]

    @classmethod
    def none(cls) -> Recollection:
        """Nothing was tried."""
        return cls(None, None, None, {}, ())


def has_learnt(candidate: Candidate) -> bool:
    """True if the candidate was made of the training rows and does not look them up: whoever does finds each with its answer."""
    match candidate.kind:
        case "tuned" | "classifier":
            return True
        case "retrieval":
            return candidate.reader.kind == "tuned" and candidate.shown == "passages"
        case _:
            return False


def comparable(material: Material) -> MetricName:
    """The deciding metric, or the first of the kind's that answer and reference alone give, where it needs more and no training row was scored by it."""
    needs_more = material.metric in NEEDS or material.metric in WITH_SOURCES
    if material.metric not in UNBOUNDED and (material.train_answers or not needs_more):
        return material.metric
    return next(name for name in KIND_METRICS[material.dataset.kind] if name not in NEEDS and name not in WITH_SOURCES)


def _gap(material: Material, metric: MetricName, asker: Asker, train: Sequence[Record]) -> tuple[Metric, Metric, Metric] | None:
    """(train, dev, train minus dev); None where the metric has no rows to rest on."""
    limits = material.limits
    learnt = list(material.train_answers)
    if not learnt:
        some = chosen(train, limits.train_rows, limits.seed, "train")
        answers = asker.ask("training rows", [row.conversation.question() for row in some if row.conversation is not None])
        learnt = [scored(row, answer, material) for row, answer in zip(some, answers, strict=True)]
    mine = metric_of(metric, learnt, confidence=material.confidence, seed=limits.seed)
    other = metric_of(metric, material.dev_answers, confidence=material.confidence, seed=limits.seed)
    if mine is None or other is None:
        return None
    return mine, other, distinct(other, mine) if metric in LOWER_IS_BETTER else distinct(mine, other)


def scored(row: Record, answer: Answer, material: Material) -> Scored:
    """The answer with the scores that it and the reference alone give."""
    assert row.conversation is not None
    reference = reference_of(row)
    return Scored(
        id=row.id,
        origin=row.origin,
        question=last_question(row.conversation.question()),
        reference=reference,
        answer=answer.text,
        confidence=answer.confidence,
        out_of_scope=material.outside(row),
        scores=score(
            material.dataset.kind, answer.text, reference, refusals=material.refusals if material.dataset.out_of_scope is not None else None
        ),
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cluster=row.cluster,
    )


def _recalled(material: Material, asker: Asker, train: Sequence[Record]) -> Recollection | str:
    """What of begun answers is said by heart, of training rows and of held-out ones; the reason where that cannot be asked."""
    limits = material.limits
    if form_of(material.dataset.task) == "classify":
        return "an answer is one label of a closed set: to say it is no memory"
    held_out = [row for row in material.dev if row.conversation is not None and reference_of(row) and not material.outside(row)]
    learnt = [row for row in train if not material.outside(row)]
    own = of_one_row([*material.train, *held_out])
    sides = [
        chosen([row for row in rows if _is_long(row, limits.recalled_tokens) and row.id in own], limits.recalled_rows, limits.seed, "recall")
        for rows in (learnt, held_out)
    ]
    if not all(sides):
        found_in = f"{counted(len(sides[0]), 'training row')} and {counted(len(sides[1]), 'dev row')}"
        return f"no answers are long enough and stand in one row alone: {found_in}"
    both = [row for side in sides for row in side]
    found = asker.recall("begun answers", [row.conversation for row in both if row.conversation is not None])
    if found is None:
        return f"a {asker.candidate.kind} candidate cannot be made to go on with a begun answer"
    ended = [(row, one) for row, one in zip(both, found, strict=True) if one.tokens >= limits.recalled_tokens]
    learnt_ids = {row.id for row in sides[0]}
    mine = [(row, one, copy_of(one, long=limits.copied_tokens)) for row, one in ended if row.id in learnt_ids]
    others = [(row, one, copy_of(one, long=limits.copied_tokens)) for row, one in ended if row.id not in learnt_ids]
    if not mine or not others:
        return f"no answers of at least {limits.recalled_tokens} tokens: {counted(len(mine), 'training row')} and {counted(len(others), 'dev row')}"
    train_share, other_share = _copied(mine, material), _copied(others, material)
    counts = Counter(copy for _, _, copy in mine if copy is not None)
    return Recollection(train_share, other_share, distinct(train_share, other_share), dict(sorted(counts.items())), _examples(mine, limits.examples))


Ended = tuple[Record, Recalled, Copy | None]


def of_one_row(rows: Sequence[Record]) -> set[str]:
    """Ids of the rows whose answer stands in no other row, but for near duplicates of it: whoever says a reply that many rows share, remembers none of them.

    A dev row whose answer was trained on elsewhere is held out in name only.
    """
    clusters: dict[str, set[str]] = {}
    for row in rows:
        clusters.setdefault(single_spaced(reference_of(row)), set()).add(cluster_of(row))
    return {row.id for row in rows if len(clusters[single_spaced(reference_of(row))]) == 1}


def _copied(ended: Sequence[Ended], material: Material) -> Metric:
    return copied_share([copy for _, _, copy in ended], [cluster_of(row) for row, _, _ in ended], material.confidence)


def _is_long(row: Record, tokens: int) -> bool:
    """True if the answer may have so many tokens: how many it has, the model says."""
    return len(reference_of(row)) >= tokens


def _examples(ended: Sequence[Ended], limit: int) -> tuple[Example, ...]:
    """The copies with the longest runs."""
    ranked = sorted(((one.longest, row.id, row, copy) for row, one, copy in ended if copy is not None), key=lambda one: (-one[0], one[1]))
    return tuple(
        Example(
            question=last_question(row.conversation.question()) if row.conversation is not None else "",
            answer=reference_of(row),
            note="the whole second half is said by heart" if copy == "whole" else f"{counted(longest, 'token')} in a row are said by heart",
            origin=row.origin,
        )
        for longest, _, row, copy in ranked[:limit]
    )


def _sentence(
    metric: MetricName, gap: tuple[Metric, Metric, Metric] | None, by_heart: Recollection, overfits: bool, memorises: bool, left_out: dict[str, str]
) -> str:
    told = ""
    if gap is not None:
        train, dev, difference = gap
        seen = f"{metric.replace('_', ' ')} is {share(train)} on training rows and {share(dev)} on dev rows, a gap of {points(difference)}"
        told = f"{seen}: {'it overfits' if overfits else 'no overfitting beyond chance' if difference.low <= 0 else 'there is one, and it is small'}"
    recalled = ""
    if by_heart.train is not None and by_heart.held_out is not None and by_heart.difference is not None:
        of_it = f"begun with their first half, {share(by_heart.train)} of the training answers are ended word for word, and {percent(by_heart.held_out.value)} of the held-out ones"
        recalled = f"{of_it}: {'it says training rows by heart' if memorises else 'no more than by chance'} ({points(by_heart.difference)})"
    return sentences([told, recalled, *left_out.values(), rough([*(gap or ()), by_heart.train])])

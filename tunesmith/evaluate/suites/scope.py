"""Answers that are there → whether it declines what it should, what its confidence is worth, and from which confidence on it should answer. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.evaluate.suites.judging import Judge
from tunesmith.evaluate.suites.material import Material, cluster_of
from tunesmith.evaluate.suites.thresholds import thresholds
from tunesmith.evaluate.suites.wording import counted, rough, sentences, share
from tunesmith.measure.calibration import auroc
from tunesmith.measure.redrawn import redrawn
from tunesmith.measure.scorers import proportion
from tunesmith.measure.selective import Judged, area
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.suite import Covered, Example, OutOfScope, Threshold
from tunesmith.spec.task import form_of


def out_of_scope(material: Material, judge: Judge) -> OutOfScope | str:
    """The suite over the answers that are there; the reason where it has none to look at."""
    rows = list(material.answers)
    if not any(not row.out_of_scope for row in rows):
        return f"no {material.split} row in scope was answered"
    declined = [judge.refused(row) for row in rows]
    outside = [(row, said) for row, said in zip(rows, declined, strict=True) if row.out_of_scope]
    inside = [(row, said) for row, said in zip(rows, declined, strict=True) if not row.out_of_scope]
    recall = _share([row for row, _ in outside], [said for _, said in outside], material)
    refused = [row for row, said in zip(rows, declined, strict=True) if said]
    precision = _share(refused, [row.out_of_scope for row in refused], material)
    false = _share([row for row, _ in inside], [said for _, said in inside], material)
    assert false is not None  # some row is in scope
    sure = judged_rows(rows, judge)
    curve, aurc, by_right, by_scope = _confidence(sure, material)
    proposals = thresholds(material, sure, judged_rows(material.dev_answers, judge))
    return OutOfScope(
        split=material.split,
        recall=recall,
        precision=precision,
        false_refusals=false,
        known_by=dict(sorted(Counter(sign for row in refused if (sign := judge.refusals.sign(row.answer)) is not None).items())),
        frames_trusted=form_of(judge.task) != "generate" or judge.refusals.frames,
        auroc=by_right,
        auroc_scope=by_scope,
        curve=curve,
        aurc=aurc,
        thresholds=proposals,
        examples=_examples(outside, inside, material.limits.examples),
        sentence=_sentence(material, recall, precision, false, by_right, proposals),
    )


def judged_rows(rows: Sequence[Scored], judge: Judge) -> list[Judged]:
    """The rows that carry a confidence."""
    return [
        Judged(row.confidence, judge.right(row), judge.refused(row), row.out_of_scope, cluster_of(row)) for row in rows if row.confidence is not None
    ]


def _share(rows: Sequence[Scored], marks: Sequence[bool], material: Material) -> Metric | None:
    """A share of successes; None for no rows."""
    names = [cluster_of(row) for row in rows]
    clusters = names if len(set(names)) < len(names) else None
    return proportion([float(mark) for mark in marks], material.confidence, clusters) if rows else None


def _confidence(rows: Sequence[Judged], material: Material) -> tuple[tuple[Covered, ...], Metric | None, Metric | None, Metric | None]:
    """(the curve, the area under it, AUROC of right answers, AUROC of questions in scope), where rows carry confidences."""
    if not rows:
        return (), None, None, None
    sure = np.array([row.confidence for row in rows])
    right = np.array([row.right for row in rows])
    inside = np.array([not row.outside for row in rows])
    scoped = np.array([1 - row.confidence if row.declined else row.confidence for row in rows])
    names = [row.cluster for row in rows]
    clusters = names if len(set(names)) < len(names) else None

    def drawn(found: NDArray[np.float64], kind: NDArray[np.bool_]) -> Metric | None:
        worth = int(min(kind.sum(), (~kind).sum()))
        seed, confidence = material.limits.seed, material.confidence
        return redrawn(lambda places: auroc(found[places], kind[places]), len(rows), clusters=clusters, worth=worth, confidence=confidence, seed=seed)

    aurc = redrawn(
        lambda places: area(sure[places], right[places]), len(rows), clusters=clusters, confidence=material.confidence, seed=material.limits.seed
    )
    return curve_of(sure, right, material.limits.curve_points), aurc, drawn(sure, right), drawn(scoped, inside)


def curve_of(confidence: NDArray[np.float64], right: NDArray[np.bool_], points: int) -> tuple[Covered, ...]:
    """The risk–coverage curve, from the most confident answers only to all of them, thinned to so many points; rows of equal confidence come together."""
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], [True]))
    kept = ends[np.unique(np.linspace(0, len(ends) - 1, min(points, len(ends))).astype(int))]
    return tuple(Covered(threshold=float(ranked[k]), coverage=(k + 1) / len(ranked), risk=int(wrong[k]) / (k + 1)) for k in map(int, kept))


def _examples(outside: Sequence[tuple[Scored, bool]], inside: Sequence[tuple[Scored, bool]], limit: int) -> tuple[Example, ...]:
    """Questions out of scope that were answered, the most confident first, and as many in scope that were declined."""

    def surest(row: Scored) -> tuple[float, str]:
        return (-(row.confidence if row.confidence is not None else -1.0), row.id)

    answered = [(row, "out of scope, and answered") for row in sorted((row for row, said in outside if not said), key=surest)]
    refused = [(row, "in scope, and declined") for row in sorted((row for row, said in inside if said), key=surest)]
    half = limit // 2
    shown = answered[: max(half, limit - len(refused))] + refused[: max(limit - half, limit - len(answered))]
    return tuple(Example(question=row.question, answer=row.answer, wanted=row.reference, note=note, origin=row.origin) for row, note in shown[:limit])


def _sentence(
    material: Material, recall: Metric | None, precision: Metric | None, false: Metric, by_right: Metric | None, proposals: Sequence[Threshold]
) -> str:
    found = "" if recall is None else f"it declines {share(recall)} of the {counted(recall.n, 'question')} out of scope"
    if recall is not None and precision is not None:
        found += f", and {share(precision)} of what it declines is out of scope"
    if recall is None:
        found = "no question out of scope was asked, so whether it declines them is not known"
    lost = f"{share(false)} of the {counted(false.n, 'question')} in scope are declined"
    if false.value == 0:
        lost = f"none of the {counted(false.n, 'question')} in scope is declined (at most {100 * false.high:.1f} %)"
    worth = "" if by_right is None else f"its confidence ranks a right answer above a wrong one in {share(by_right)} of cases"
    helpful = [one.sentence for one in proposals if one.value is not None and one.value > 0]
    where = f"measured on {material.split}" if material.split != "test" else ""
    return sentences([found, lost, worth, *helpful[:1], rough([recall, false]), where])

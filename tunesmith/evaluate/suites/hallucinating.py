"""Questions that cannot be known, and answers with what they rest on → how often it answers all the same, and what nothing supports.

Two numbers belong together: the share of invented things that are answered about, and the share of the questions they were made of that are answered. A model that
declines everything is at 0 % of both, one that notices nothing at 100 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.judging import Judge
from tunesmith.evaluate.suites.material import Material, asking, cluster_of
from tunesmith.evaluate.suites.unknowns import KINDS, last_user_text, unknowns
from tunesmith.evaluate.suites.wording import counted, percent, rough, sentences, share
from tunesmith.measure.quantities import clusters_of, rows_of
from tunesmith.measure.rates import failure_rate
from tunesmith.measure.scorers import metric_of, proportion, sources_of
from tunesmith.measure.support import unsupported
from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.suite import Basis, Example, Hallucination, UnknownKind, Unsupported
from tunesmith.spec.task import TaskKind, form_of

NEEDS_KNOWLEDGE: frozenset[TaskKind] = frozenset({"classify", "route", "answer", "chat", "generate"})
"""Whoever translates, rewrites, extracts or writes code can do so with an invented name too: there is nothing to decline."""
RESTS_ON_TEXT: frozenset[TaskKind] = frozenset({"answer", "chat", "generate", "summarise", "rewrite"})
"""Kinds of task whose answers may hold no number or name that was not given."""

PLACES: Mapping[Basis, str] = {
    "question": "no place of the question",
    "question and reference": "neither question nor reference",
    "passages": "neither the passages that were shown nor the question",
}


@dataclass(frozen=True)
class Trap:
    """One question that cannot be answered."""

    asked: Conversation
    question: str
    cluster: str
    origin: Origin
    note: str
    kind: UnknownKind | None = None
    """None: it was passed in."""
    parent: Scored | None = None
    """The answer to the question that it was made of."""


@dataclass(frozen=True)
class Sprung:
    """A trap and what was said."""

    trap: Trap
    answer: str
    confidence: float
    declined: bool


def hallucination(material: Material, judge: Judge, asker: Asker) -> Hallucination | str:
    """The suite; the reason where there is nothing to ask and nothing to look at.

    Raises: Interrupted.
    """
    if form_of(material.dataset.task) == "classify" and material.dataset.out_of_scope is None:
        return "the task has no label for what cannot be known (task.out_of_scope), so every question has to be answered"
    foreign = unheard(material, judge)
    traps = [] if foreign else [*made_traps(material), *given_traps(material)]
    support, lacking = supported(material, judge)
    if not traps and support is None and foreign:
        return foreign
    if not traps and support is None:
        return "no dev question names a thing of the domain that could be exchanged, no unanswerable questions were passed in, and no answer rests on texts"
    answers = asker.ask("questions about what cannot be known", [trap.asked for trap in traps]) if traps else []
    sprung = [Sprung(t, a.text, a.confidence or 0.0, judge.declined(a.text)) for t, a in zip(traps, answers, strict=True)]
    made, given = [one for one in sprung if one.trap.kind is not None], [one for one in sprung if one.trap.kind is None]
    by_kind = {kind: [one for one in made if one.trap.kind == kind] for kind in KINDS}
    parents = {one.trap.parent.id: one.trap.parent for one in made if one.trap.parent is not None}
    found = {"made": _rate(made, material), "given": _rate(given, material)}
    known = _known(list(parents.values()), material, judge)
    echoed = _echoed(made, material, judge)
    return Hallucination(
        made=found["made"],
        parents=known,
        same_answer=echoed,
        given=found["given"],
        by_kind={kind: metric for kind, some in by_kind.items() if (metric := _rate(some, material)) is not None},
        unsupported=support,
        examples=(*_examples(sprung, judge, material.limits.examples), *lacking),
        sentence=sentences([_sentence(found["made"], known, echoed, found["given"], support), foreign]),
    )


def unheard(material: Material, judge: Judge) -> str:
    """Why it cannot be told whether a question is declined: refusals in a model's own words are known in English alone. Empty where it can be told."""
    known = [code for code in material.languages.values() if code]
    english = sum(code == "en" for code in known)
    if judge.refusals.fixed is not None or form_of(material.dataset.task) == "classify" or 2 * english >= len(known):
        return ""
    return (
        "whether it declines what cannot be known was not asked: the questions are not in English, and no fixed answer says what a refusal looks like "
        "(task.out_of_scope)"
    )


def made_traps(material: Material) -> list[Trap]:
    """Dev questions in scope with a known thing exchanged for an invented one; none where unknown names change nothing."""
    if material.dataset.kind not in NEEDS_KNOWLEDGE:
        return []
    rows = {row.id: row for row in material.asked_dev() if not material.outside(row)}
    found = []
    for one in unknowns(list(rows.values()), material.train, material.limits):
        row = rows[one.parent]
        assert row.conversation is not None
        note = f"{one.replaced} → {one.invented}, which does not exist"
        trap = Trap(asking(row.conversation, one.question), one.question, cluster_of(row), one.origin, note, one.kind, material.dev_by_id[one.parent])
        found.append(trap)
    return found


def given_traps(material: Material) -> list[Trap]:
    """The questions that were passed in."""
    rows = [(row, row.conversation) for row in material.unanswerable if row.conversation is not None]
    note = "nobody can answer this"
    return [Trap(asked.question(), last_user_text(asked), cluster_of(row), row.origin, note) for row, asked in rows]


def _rate(sprung: Sequence[Sprung], material: Material) -> Metric | None:
    """The share of traps that were answered; None for none."""
    names = [one.trap.cluster for one in sprung]
    clusters = names if len(set(names)) < len(names) else None
    return failure_rate([float(not one.declined) for one in sprung], material.confidence, clusters) if sprung else None


def _known(parents: Sequence[Scored], material: Material, judge: Judge) -> Metric | None:
    """The share of the original questions that are answered."""
    names = [cluster_of(row) for row in parents]
    clusters = names if len(set(names)) < len(names) else None
    return proportion([float(not judge.refused(row)) for row in parents], material.confidence, clusters) if parents else None


def _echoed(made: Sequence[Sprung], material: Material, judge: Judge) -> Metric | None:
    """The share of traps that got their parent's answer, and no refusal."""
    names = [one.trap.cluster for one in made]
    clusters = names if len(set(names)) < len(names) else None
    same = [float(not one.declined and one.trap.parent is not None and judge.same(one.answer, one.trap.parent.answer)) for one in made]
    return failure_rate(same, material.confidence, clusters) if made else None


def supported(material: Material, judge: Judge) -> tuple[Unsupported | None, tuple[Example, ...]]:
    """What in free answers rests on nothing, and the worst of them; None where answers may say what was not given.

    Where the task has the metric `unsupported_rate`, this is that number with the same rows and the same support: one page may not say two things. Else refusals
    are left aside, and support is the passages where some were shown, or question and reference.
    """
    if material.dataset.kind not in RESTS_ON_TEXT:
        return None, ()
    rate = metric_of("unsupported_rate", material.answers, confidence=material.confidence, seed=material.limits.seed)
    if rate is not None:
        rows = rows_of("unsupported_rate", material.answers)[1]
    else:
        answered = [row for row in material.answers if not row.out_of_scope and row.answer.strip() and not judge.refused(row)]
        rows = [row for row in answered if row.id in material.passages] or answered
    if not rows:
        return None, ()
    support = [rests_on(row, material) for row in rows]
    basis = max((basis for basis, _ in support), key=list(PLACES).index)  # a row that found no passage rests on its question alone
    found = [unsupported(row.answer, texts) for row, (_, texts) in zip(rows, support, strict=True)]
    worst = sorted(zip(rows, found, strict=True), key=lambda pair: (-len(pair[1]), pair[0].id))
    examples = tuple(
        Example(question=row.question, answer=row.answer, wanted=row.reference, note=f"nothing supports {', '.join(lacks[:5])}", origin=row.origin)
        for row, lacks in worst[: material.limits.examples // 2]
        if lacks
    )
    references = [bool(unsupported(row.reference, texts)) for row, (_, texts) in zip(rows, support, strict=True)]
    return Unsupported(
        basis=basis,
        rate=rate or _failing(rows, [bool(lacks) for lacks in found], material),
        per_answer=sum(map(len, found)) / len(found),
        references=_failing(rows, references, material) if basis != "question and reference" else None,
    ), examples


def _failing(rows: Sequence[Scored], marks: Sequence[bool], material: Material) -> Metric:
    return failure_rate([float(mark) for mark in marks], material.confidence, clusters_of(rows))


def rests_on(row: Scored, material: Material) -> tuple[Basis, tuple[str, ...]]:
    """(what the answer may rest on, in words; the texts): as the metrics have it, where they have something for this kind of task."""
    passages = material.passages.get(row.id)
    known = sources_of(material.dataset.kind, row.question, passages, has_documents=material.has_documents)
    if known is not None:
        return "passages" if len(known) > 1 else "question", tuple(known)
    return ("question and reference", (row.question, row.reference)) if passages is None else ("passages", (*passages, row.question))


def _examples(sprung: Sequence[Sprung], judge: Judge, limit: int) -> tuple[Example, ...]:
    """Traps that were answered: the most confident ones first."""
    worst = sorted((one for one in sprung if not one.declined), key=lambda one: (-one.confidence, one.trap.question))
    wanted = judge.refusals.fixed or ""
    return tuple(
        Example(question=one.trap.question, answer=one.answer, wanted=wanted, note=one.trap.note, origin=one.trap.origin) for one in worst[:limit]
    )


def _sentence(made: Metric | None, known: Metric | None, echoed: Metric | None, given: Metric | None, support: Unsupported | None) -> str:
    invented = ""
    if made is not None:
        invented = f"of {counted(made.n, 'question')} about things that do not exist it answers {share(made)}"
        if made.value == 0:
            invented = f"it answers none of {counted(made.n, 'question')} about things that do not exist (at most {percent(made.high)})"
        if known is not None:
            invented += f", of the questions they were made of {percent(known.value)}"
        if echoed is not None and echoed.value > 0:
            invented += f"; {percent(echoed.value)} get the very answer of the question they were made of"
    passed = "" if given is None else f"of {counted(given.n, 'question')} that nobody can answer it answers {share(given)}"
    rests = ""
    if support is not None:
        rests = f"{share(support.rate)} of its answers hold a number or a name that stands in {PLACES[support.basis]}"
        if support.references is not None:
            rests += f" (of the reference answers {percent(support.references.value)})"
    return sentences([invented, passed, rests, rough([made, given])])

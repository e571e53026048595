"""Suites → sections of the report's page: sentences, tables and plots, escaped where the template writes them (`pages/gate.py`). Without torch.

{% for part in evidence %} … part.title, part.sentence, part.figures, part.plots, part.tables, part.examples, part.notes … {% endfor %}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from tunesmith.evaluate import page_methods as methods
from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.page_tables import Cell, Column, Table, used
from tunesmith.evaluate.plots import Interval, intervals, share_bar
from tunesmith.evaluate.suites.suite_plots import reliability, risk_coverage
from tunesmith.measure.agreement import ALIKE
from tunesmith.spec.forgetting import Forgetting
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Calibrated, Consistency, Example, Hallucination, Memorisation, OutOfScope, Slices, Suites, Threshold

SHOWN_SLICES = 20
STANDING_WORDS = {"kept": "kept", "cannot tell": "cannot tell", "warn": "suffered", "block": "suffered much"}
KINDS = {"name": "an invented name", "identifier": "an invented identifier", "number": "a number that is not there", "thing": "an invented thing"}


@dataclass(frozen=True)
class Shown:
    """One answer to be looked at."""

    question: str
    answer: str
    wanted: str
    note: str
    where: str


@dataclass(frozen=True)
class Part:
    """One section. Plots are markup; everything else is text that the template's gate has to pass."""

    ident: str
    title: str
    about: str
    """Name of the candidate."""
    sentence: str
    tables: tuple[Table, ...] = ()
    plots: tuple[tuple[str, Markup], ...] = ()
    examples: tuple[Shown, ...] = ()
    notes: tuple[str, ...] = field(default=())
    beside: str = "wanted"
    """What stands beside the answers that are shown."""


def parts(suites: Suites) -> list[Part]:
    """A section for every suite that says something, and one for what was not examined, with the reasons."""
    name = suites.candidate.name
    found = [
        _scope(suites.out_of_scope, name) if suites.out_of_scope else None,
        _hallucination(suites.hallucination, name) if suites.hallucination else None,
        _consistency(suites.consistency, name) if suites.consistency else None,
        _memorisation(suites.memorisation, name) if suites.memorisation else None,
        _calibration(suites.calibration, name) if suites.calibration else None,
        _slices(suites.slices, name) if suites.slices else None,
    ]
    left = tuple(f"{name}: {why}" for name, why in suites.left_out.items())
    asked = (
        f"{words.plural(suites.asked, 'question')} were put to {name} for this, {words.count(suites.computed_tokens)} tokens went through the model"
    )
    rest = Part("evidence-rest", "What was not examined", name, "Everything was examined." if not left else "", notes=(*left, asked))
    judged = ("evidence-scope", "evidence-confidence")
    said = [replace(part, notes=(suites.right, *part.notes)) if part.ident in judged else part for part in found if part is not None]
    return [*said, rest]


def _scope(found: OutOfScope, about: str) -> Part:
    rows = [
        ("Questions out of scope that are declined", found.recall),
        ("Declined questions that are out of scope", found.precision),
        ("Questions in scope that are declined", found.false_refusals),
        ("Confidence ranks right above wrong (AUROC)", found.auroc),
        ("Confidence ranks in scope above out of scope (AUROC)", found.auroc_scope),
        ("Mean risk over all coverages (AURC, lower is better)", found.aurc),
    ]
    signs = {"fixed": "the project's own refusal", "near": "almost the project's own", "frame": "a general way of declining"}
    notes = (
        [f"Refusals were recognised by {', '.join(f'{signs.get(sign, sign)} ({words.count(n)})' for sign, n in found.known_by.items())}."]
        if found.known_by
        else []
    )
    if not found.frames_trusted:
        notes.append("General ways of declining stand in this task's own right answers, so only the project's refusals count.")
    best = next((one for one in found.thresholds if one.value), None)
    kept = [point.coverage for point in found.curve if best and best.value and point.threshold >= best.value]
    curve = risk_coverage(found.curve, ident="plot-risk", mark=max(kept, default=None))
    return Part(
        "evidence-scope",
        "Does it know what is not its business?",
        about,
        found.sentence,
        (shares(f"Declining, on {found.split} rows", rows), _thresholds(found.thresholds)),
        (("Wrong answers, if only the most confident are given", curve),) if curve else (),
        shown(found.examples),
        (*notes, *(one.sentence for one in found.thresholds if one.sentence not in found.sentence)),
    )


def _thresholds(found: Sequence[Threshold]) -> Table:
    columns = (
        Column("Promise", number=False),
        Column("Decline below"),
        Column("On dev"),
        Column("On test"),
        Column("Kept", number=False),
        Column("Serving can apply it", number=False),
        Column("Declined out of scope, before → after"),
        Column("Wrong among given, before → after"),
    )
    rows = [
        (
            Cell(f"{one.bounded} at most {_percent(one.bound)}"),
            Cell("no such threshold") if one.value is None else Cell(f"{one.value:.3f}"),
            share_cell(one.chosen),
            share_cell(one.checked),
            Cell(one.kept),
            Cell("no", one.unfit) if one.unfit else Cell("yes"),
            _change(one.recall),
            _change(one.risk),
        )
        for one in found
    ]
    return Table("Thresholds to decline below", *used(columns, rows))


def _change(pair: tuple[Metric, Metric] | None) -> Cell:
    return Cell() if pair is None else Cell(f"{_percent(pair[0].value)} → {_percent(pair[1].value)}", words.bounds_of("accuracy", pair[1]))


def _hallucination(found: Hallucination, about: str) -> Part:
    rows = [
        ("Questions about invented things that are answered", found.made),
        *((f"of them with {KINDS.get(kind, kind)}", metric) for kind, metric in found.by_kind.items()),
        ("The questions they were made of that are answered", found.parents),
        ("Invented things that get the very answer of the real one", found.same_answer),
        ("Unanswerable questions that are answered", found.given),
    ]
    notes: tuple[str, ...] = ()
    if found.unsupported is not None:
        rows.append(("Answers with a number or a name that nothing supports", found.unsupported.rate))
        rows.append(("Reference answers with one", found.unsupported.references))
        notes = (f"Support is {found.unsupported.basis}; {found.unsupported.per_answer:.2f} unsupported numbers or names an answer.",)
    return Part(
        "evidence-unknown",
        "Does it make things up?",
        about,
        found.sentence,
        (shares("What cannot be known", rows),),
        (),
        shown(found.examples),
        notes,
    )


def _consistency(found: Consistency, about: str) -> Part:
    columns = (
        Column("The same question", number=False),
        Column("Rows"),
        Column("Pairs of answers that agree"),
        Column("Right on average"),
        Column("Rows that are always right"),
        Column("Sensitivity"),
    )
    some = [one for one in (found.again, found.words, found.prompts) if one is not None]
    rows = [
        (
            Cell(one.how, one.detail),
            Cell(words.count(one.rows)),
            share_cell(one.agreement),
            share_cell(one.mean),
            share_cell(one.worst),
            share_cell(one.sensitivity),
        )
        for one in some
    ]
    table = Table("Agreement of answers to the same question", columns, tuple(rows))
    examples = [example for one in some for example in one.examples]
    left = (f"{part}: {why}" for part, why in found.left_out.items() if part != "asked again")  # that one stands in the sentence
    notes = (
        f"Answers agree, and are right, where they say the same: equal labels, equal JSON, or texts with a token-F1 of {ALIKE:g} or more.",
        *left,
    )
    return Part("evidence-steady", "Does the same question get the same answer?", about, found.sentence, (table,), (), shown(examples), notes)


def _memorisation(found: Memorisation, about: str) -> Part:
    title = words.METRIC_TITLES.get(found.metric, found.metric.replace("_", " "))
    rows = [
        (f"{title} on training rows", found.train),
        (f"{title} on dev rows", found.dev),
        ("Training answers that are ended by heart", found.recalled_train),
        ("Held-out answers that are ended alike", found.recalled_held_out),
    ]
    gaps = [("Train − dev", found.gap), ("Training − held-out answers", found.recalled_difference)]
    points = [Interval(name, m.value, m.low, m.high, words.difference("accuracy", m)) for name, m in gaps if m is not None]
    plot = intervals(points, ident="plot-memory", title="Differences between learnt and held-out rows", axis=_signed, reference=(0.0, "none"))
    return Part(
        "evidence-memory",
        "Has it learnt the task, or the rows?",
        about,
        found.sentence,
        (shares("Learnt rows and held-out rows", rows),),
        (("Differences between learnt and held-out rows", plot),) if plot else (),
        shown(found.examples),
    )


def _calibration(found: Calibrated, about: str) -> Part:
    rows = [
        ("Distance of confidence and correctness (ECE)", found.expected_error),
        ("Right answers", found.accuracy),
        ("AUROC of confidence", found.auroc),
    ]
    plot = reliability(found.bars, ident="plot-reliability")
    notes = (f"Mean confidence {_percent(found.confidence)}. By chance alone the distance would stay below {_percent(found.by_chance)}.",)
    return Part(
        "evidence-confidence",
        "Can its confidence be believed?",
        about,
        found.sentence,
        (shares(f"Confidence on {words.count(found.rows)} {found.split} rows", rows),),
        (("Share of right answers by confidence", plot),) if plot else (),
        (),
        notes,
    )


def _slices(found: Slices, about: str) -> Part:
    columns = (
        Column("Slice", number=False),
        Column("Score"),
        Column("", number=False),
        Column("Rows"),
        Column("Elsewhere"),
        Column("Difference"),
        Column("p (Holm)"),
        Column("Outcome", number=False),
    )
    rows = [
        (
            Cell(one.value, one.column),
            share_cell(one.metric),
            Cell(share_bar(one.metric.value, one.metric.low, one.metric.high)),
            rows_cell(one.metric),
            Cell(_percent(one.rest.value)),
            Cell(words.difference("accuracy", one.difference)),
            Cell(words.p_text(one.p_adjusted)),
            Cell(words.OUTCOMES[one.outcome]),
        )
        for one in found.slices[:SHOWN_SLICES]
    ]
    strong = frozenset(i for i, one in enumerate(found.slices[:SHOWN_SLICES]) if one.outcome == "worse")
    title = (
        f"The {len(rows)} lowest of {words.plural(len(found.slices), 'slice')} by {found.score.replace('_', ' ')}, small ones drawn towards the mean"
    )
    small = [f"{words.plural(n, 'value')} of {column} with too few rows to be judged" for column, n in found.too_small.items()]
    return Part(
        "evidence-slices",
        "Where is it weak?",
        about,
        found.sentence,
        (Table(title, columns, tuple(rows), strong),),
        (),
        shown(found.examples),
        tuple(small),
    )


def forgetting(losses: Sequence[tuple[str, Forgetting]]) -> list[Part]:
    """A section for each tuned finalist of what was there before the tuning: results of the probes, which are a suite of their own."""
    alone = len(losses) == 1
    return [
        _forgetting(found, about, "evidence-forgetting" if i == 0 else f"evidence-forgetting-{i + 1}", "the tuned model" if alone else about)
        for i, (about, found) in enumerate(losses)
    ]


def _forgetting(found: Forgetting, about: str, ident: str, who: str) -> Part:
    columns = (
        Column("General ability", number=False),
        Column("Before"),
        Column("After"),
        Column("Difference"),
        Column("Lost, won"),
        Column("p (Holm)"),
        Column("Standing", number=False),
    )
    rows = [
        (
            Cell(one.ability),
            share_cell(one.before),
            share_cell(one.after),
            Cell(words.difference("accuracy", one.difference)),
            Cell(f"{words.count(one.lost)}, {words.count(one.won)}"),
            Cell(words.p_text(one.p_adjusted)),
            Cell(STANDING_WORDS[one.standing], f"these probes could show {words.amount('accuracy', one.minimum_detectable)} points"),
        )
        for one in found.changes
    ]
    tables = [Table("The shipped probes, before and after the tuning", columns, tuple(rows)), *_fluency(found), *_areas(found)]
    lost = tuple(Shown(one.asked, one.after, one.before, f"lost among {one.ability}; before, it passed", one.id) for one in found.lost)
    moved = tuple(
        f"Forward KL from base to tuned on {one.on} prompts: {one.nats.value:.3f} nats per token [{one.nats.low:.3f}, {one.nats.high:.3f}]."
        for one in found.divergence
    )
    return Part(ident, f"What has {who} forgotten?", about, found.sentence, tuple(tables), (), lost, moved, beside="before the tuning")


def _fluency(found: Forgetting) -> list[Table]:
    if found.fluency is None:
        return []
    columns = (Column("Neutral prose", number=False), Column("Before"), Column("After"), Column("Ratio"), Column("Standing", number=False))
    one = found.fluency
    cells = [Cell(words.value_of("perplexity", m.value), words.bounds_of("perplexity", m)) for m in (one.before, one.after, one.ratio)]
    return [Table("Perplexity of plain texts", columns, ((Cell("perplexity"), *cells, Cell(STANDING_WORDS[one.standing])),))]


def _areas(found: Forgetting) -> list[Table]:
    columns = (Column("Area", number=False), Column("Questions"), Column("Right before"), Column("Right after"))
    order = sorted(found.areas.items(), key=lambda item: (item[1][2] - item[1][1], item[0]))
    rows = [(Cell(area), *(Cell(words.count(n)) for n in counts)) for area, counts in order]
    return [Table("Everyday questions by area, the greatest loss first", columns, tuple(rows))] if rows else []


def shares(caption: str, rows: Sequence[tuple[str, Metric | None]]) -> Table:
    """Named shares with intervals, rows and methods; those that were not measured are left out."""
    columns = (Column("", number=False), Column("Value"), Column("Rows"), Column("Interval", number=False))
    found = [(name, metric) for name, metric in rows if metric is not None]
    cells = [(Cell(name), share_cell(m), rows_cell(m), Cell(methods.cell(m.method))) for name, m in found]
    return Table(caption, columns, tuple(cells))


def share_cell(metric: Metric | None) -> Cell:
    """A share with its interval; a dash where it was not measured."""
    return Cell() if metric is None else Cell(words.value_of("accuracy", metric.value), words.bounds_of("accuracy", metric))


def rows_cell(metric: Metric) -> Cell:
    """Rows, and clusters where rows share some."""
    return Cell(words.count(metric.n), "" if metric.clusters is None else f"in {words.plural(metric.clusters, 'cluster')}")


def shown(examples: Sequence[Example]) -> tuple[Shown, ...]:
    """The examples as a page shows them."""
    return tuple(Shown(one.question, one.answer, one.wanted, one.note, f"{one.origin.file}:{one.origin.line}") for one in examples)


def _percent(value: float) -> str:
    return words.value_of("accuracy", value)


def _signed(value: float) -> str:
    return words.signed("accuracy", value)

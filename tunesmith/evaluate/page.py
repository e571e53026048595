"""A line's report → one self-contained HTML file: no request, no script; phone, print, light, dark.

Everything that comes from data or from the user passes two gates on its way into the page: `shown` (control and direction characters
become escapes) and Jinja's autoescape. Numbers by the clock stand in elements marked `data-clock`; without those the page of two equal
runs is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from tunesmith.evaluate import page_costs as costs
from tunesmith.evaluate import page_methods as methods
from tunesmith.evaluate import page_tables as tables
from tunesmith.evaluate import page_words as words
from tunesmith.evaluate import plots
from tunesmith.evaluate.certificate import worse
from tunesmith.evaluate.page_findings import findings
from tunesmith.evaluate.suites import page_parts
from tunesmith.pages.gate import environment, resource, style, style_digest
from tunesmith.spec.candidate import Answer, Prompted, Retrieval, Tuned
from tunesmith.spec.dataset import Spread
from tunesmith.spec.forgetting import Forgetting
from tunesmith.spec.report import Scored, with_limit
from tunesmith.spec.suite import Suites
from tunesmith.spec.task import EXACT, LOWER_IS_BETTER, MetricName
from tunesmith.spec.verdict import Finalist, LineReport, Measured

GRADED = 10
"""Worst answers shown of each candidate where answers are texts: they are long."""
LOSS_UNITS = {"sft": "nats per token", "dpo": "nats per pair", "kto": "per rated answer"}
CONTENTS = {
    "rivals": "Rivals",
    "training": "Training",
    "answers": "Mistakes",
    "data": "Data",
    "findings": "Findings",
    "prompt": "Prompt",
    "questions": "Sample answers",
    "cost": "Cost",
    "methods": "Methods",
    "again": "Run it again",
}


def page(
    report: LineReport,
    measured: Measured,
    answers: Mapping[str, Sequence[Scored]],
    questions: Sequence[tuple[str, Answer]] = (),
    examined: tuple[Suites, Sequence[tuple[str, Forgetting]]] | None = None,
) -> str:
    """The HTML text of a line's report. `answers`: candidate name → its rows on test; `questions`: asked of the finished model; `examined`: what else was
    found out about the finalist that leads, and what tuning has cost each (finalist, loss).

    Latencies are looked up in `measured.paces`, seconds of training in `measured.costs` under `train`.
    """
    cost = {
        "bills": costs.bills(report),
        "privacy": costs.privacy(report),
        "tokens": tables.tokens(report),
        "paces": costs.paces(report, measured),
        "seconds": tables.seconds(measured),
        "machine": tables.pairs("Machine", ("Fact", "Value"), measured.machine),
    }
    parts: dict[str, Any] = {
        "rivals": _rivals(report, measured),
        "training": _training(report),
        "answers": _answers(report, answers),
        "data": _data(report),
        "findings": findings(report.dataset),
        "prompt": _prompts(report),
        "questions": questions,
        "cost": cost if any(cost.values()) else None,
        "methods": methods.explained(report, [examined[0], *(lost for _, lost in examined[1])] if examined is not None else ()),
        "again": _again(report),
    }
    links = [(part, title) for part, title in CONTENTS.items() if parts[part]]
    more = [(one["ident"], f"Mistakes of {words.clip(one['name'], 40)}") for one in parts["answers"]]
    if len(more) > 1:
        at = links.index(("answers", CONTENTS["answers"]))
        links[at : at + 1] = more
    evidence = page_parts.parts(examined[0]) if examined is not None else []
    evidence += page_parts.forgetting(examined[1]) if examined is not None else []
    at = next((i for i, (part, _) in enumerate(links) if part == "data"), len(links))
    links[at:at] = [(part.ident, part.title) for part in evidence]
    text = template().render(
        evidence=evidence,
        report=report,
        measured=measured,
        verdict=_verdict(report),
        style=Markup(style()),
        style_digest=style_digest(),
        links=links,
        **parts,
    )
    return text.strip() + "\n"


@cache
def template() -> Template:
    """The compiled template."""
    made = environment()
    made.filters |= {
        "count": words.count,
        "duration": words.duration,
        "clip": words.clip,
        "plural": words.plural,
        "forms": words.FORMS.__getitem__,
        "tied": words.tied,
        "percent": partial(words.value_of, "accuracy"),
    }
    return made.from_string(resource("tunesmith.evaluate", "page.html.jinja"))


def _verdict(report: LineReport) -> dict[str, Any]:
    """The decision, the goal, the large numbers, and what is lost."""
    verdict, goal = report.verdict, report.goal
    lost = worse(report.verdict, report.finalists)
    wanted = ""
    if goal.at_least is not None:
        side = "at most" if verdict.metric in LOWER_IS_BETTER else "at least"
        wanted = f"{tables.metric_title(verdict.metric, report)} {side} {words.value_of(verdict.metric, goal.at_least)}"
    if goal.at_least is not None or verdict.goal_met is False:
        chosen = next((finalist.wait for finalist in report.finalists if finalist.candidate.name == verdict.recommended), None)
        wanted = with_limit(wanted, [finalist.wait for finalist in report.finalists], chosen)
    marks = {True: ("✓", "Goal met"), False: ("✗", "Goal not met"), None: ("?", "Goal cannot be judged with these rows")}
    mark, met = marks[verdict.goal_met]
    return {
        "decision": words.capital(verdict.decision),
        "mark": mark,
        "met": met,
        "wanted": wanted,
        "figures": _figures(report),
        "reasons": [reason for reason in verdict.reasons if not reason.endswith(tuple(lost))],  # what is lost stands below, without whom it is about
        "worse": lost,
        "judge": words.judge_words(verdict.known.judge),
    }


def _headline_metrics(report: LineReport) -> list[MetricName]:
    """The deciding metric, and how well a candidate declines."""
    declines: MetricName = "out_of_scope_recall"
    return [report.verdict.metric] if report.verdict.metric == declines else [report.verdict.metric, declines]


def _figures(report: LineReport) -> list[dict[str, str]]:
    """The deciding metric and how well it declines, of the finalist that the page looks into."""
    best = tables.subject(report)
    if best is None:
        return []
    names = _headline_metrics(report)
    found = [(name, best.report.metrics[name]) for name in names if name in best.report.metrics]
    return [
        {
            "title": tables.metric_title(name, report),
            "value": words.value_of(name, m.value),
            "bounds": words.bounds_of(name, m),
            "about": f"{best.candidate.name}, {words.plural(m.n, 'test row')}",
        }
        for name, m in found
    ]


def _rivals(report: LineReport, measured: Measured) -> dict[str, Any] | None:
    """Everything that sets the candidates side by side; None where nothing was measured."""
    if not report.finalists and not report.trials:
        return None
    metric = report.verdict.metric
    goal = report.goal.at_least
    panels = []
    for name in _headline_metrics(report):
        reference = (goal, f"goal {words.value_of(name, goal)}") if goal is not None and name == metric else None
        panels.append((_panel_title(report, name), _panel(report, name, reference)))
    return {
        "table": tables.rivals(report, measured),
        "plots": [(title, plot) for title, plot in panels if plot],
        "comparisons": tables.comparisons(report),
        "trials": tables.trials(report),
        "every": [tables.every_metric(report, finalist) for finalist in tables.looked_into(report)],
        "makings": [(words.REMEDY_TITLES[f.remedy], f.candidate.name, words.describe(f.candidate)) for f in tables.ranked(report)],
    }


def _panel(report: LineReport, name: MetricName, reference: tuple[float, str] | None) -> Markup:
    """The finalists' dots and intervals on one metric."""
    rows = [
        plots.Interval(f.candidate.name, m.value, m.low, m.high, words.measured(name, m), strong=f.candidate.name == report.verdict.winner)
        for f in tables.ranked(report)
        if (m := f.report.metrics.get(name)) is not None
    ]
    reach = 1.0 if words.in_percent(name) else 0.0  # all shares on one scale, so that two plots can be compared
    title = _panel_title(report, name)
    return plots.intervals(rows, ident=f"plot-{name}", title=title, axis=partial(_axis, name), reference=reference, reach=reach)


def _panel_title(report: LineReport, name: MetricName) -> str:
    return tables.metric_title(name, report) + (", lower is better" if name in LOWER_IS_BETTER else "")


def _axis(name: MetricName, value: float) -> str:
    return f"{100 * value:g}{words.NBSP}%" if words.in_percent(name) else f"{value:g}"


def _training(report: LineReport) -> dict[str, Any] | None:
    """Curves and facts of the training run; None where nothing was tuned."""
    found = report.checkpoint
    if found is None:
        return None
    losses = [
        plots.Line("train loss", tuple((p.step, p.train_loss) for p in found.curve if p.train_loss is not None), "first"),
        plots.Line("dev loss", tuple((p.step, p.dev_loss) for p in found.curve if p.dev_loss is not None), "second"),
    ]
    name = found.dev_metric_name(report.verdict.metric in EXACT)  # elsewhere a share of exact answers says nothing
    points = tuple((p.step, p.dev_metric) for p in found.curve if p.dev_metric is not None and name)
    metric = [plots.Line(f"dev {name}", points, "second")]
    titles = (f"Loss, {LOSS_UNITS[found.resolved.method.kind]}", f"{(name or '').capitalize()} on dev rows")
    drawn = [
        (titles[0], plots.curves(losses, ident="plot-loss", title=titles[0], axis=lambda v: f"{v:g}", best=found.best_step)),
        (titles[1], plots.curves(metric, ident="plot-dev", title=titles[1], axis=partial(_axis, "accuracy"), best=found.best_step)),
    ]
    facts = [
        ("Started from", found.parent or found.base),
        ("What was trained", "adapters (LoRA)" if found.kind == "lora" else "every weight"),
        (
            "Steps",
            f"{words.count(found.steps)} of {words.count(found.planned_steps)} planned; the weights of step {words.count(found.best_step)} were kept",
        ),
        ("Ended", f"{'early' if found.stopped == 'early' else 'as planned'}: {found.stop_reason}"),
        ("Best on dev", _best(found.best_dev_metric if name else None, found.best_dev_loss, name or "")),
        ("Rows seen", f"{words.count(found.trained_rows)}, repeats included; {words.count(found.trained_tokens)} tokens with a loss on them"),
        ("Truncated", words.plural(found.truncated_rows, "row") if found.truncated_rows else ""),
    ]
    return {
        "plots": [(title, plot) for title, plot in drawn if plot],
        "facts": [(name, text) for name, text in facts if text],
        "alarms": found.alarms,
    }


def _best(metric: float | None, loss: float | None, name: str) -> str:
    parts = [f"{words.value_of('accuracy', metric)} {name}"] if metric is not None else []
    return ", ".join([*parts, f"loss {loss:.3f}"] if loss is not None else parts)


def _answers(report: LineReport, answers: Mapping[str, Sequence[Scored]]) -> list[dict[str, Any]]:
    """What each finalist that the page looks into got wrong and right, the tuned model first; those with nothing to show are left out."""
    found = [_wrongs(report, finalist, answers.get(finalist.candidate.name, ())) for finalist in tables.looked_into(report)]
    return [one | {"ident": "answers" if i == 0 else f"answers-{i + 1}"} for i, one in enumerate(one for one in found if one is not None)]


def _wrongs(report: LineReport, finalist: Finalist, rows: Sequence[Scored]) -> dict[str, Any] | None:
    """What one finalist got wrong and right; None where there is nothing to show."""
    found, metric = finalist.report, report.verdict.metric
    matrix = ""
    if plots.confusions(found.confusion):
        ident = f"plot-confusion-{finalist.remedy}"
        matrix = plots.confusion(found.confusion, report.dataset.labels, ident=ident, title=f"Right labels and answers of {finalist.candidate.name}")
    graded = tables.is_graded(rows, metric)
    wrong = tables.worst(rows, metric, limit=GRADED) if graded else tables.mistakes(rows, metric)
    if not (found.per_label or wrong or matrix):
        return None
    return {
        "name": finalist.candidate.name,
        "what": what(report, finalist),
        "graded": graded,
        "metric": tables.metric_title(metric, report),
        "matrix": matrix,
        "large": len(found.confusion) > plots.MATRIX_LABELS,
        "confusions": tables.top_confusions(found),
        "recalls": tables.recalls(found),
        "mistakes": [_mistake(row, metric, graded) for row in wrong],
        "sure": any(row.confidence is not None for row in wrong),
    }


def what(report: LineReport, finalist: Finalist) -> str:
    """What a finalist is in this report, in a few words."""
    match finalist.remedy:
        case "fine-tune":
            return "The tuned model" + (f", registered as {report.model}" if report.model else "")
        case "fine-tune-rag":
            return "The model that was tuned to read passages"
        case _:
            return "What is recommended" if finalist.candidate.name == report.verdict.recommended else "The best rival"


def _mistake(row: Scored, metric: MetricName, graded: bool) -> dict[str, Any]:
    """One wrong answer, its cost in words: how sure the model was, and how much of it was right after all."""
    score = tables.score_of(row, metric)
    about = [f"confidence {words.value_of('accuracy', row.confidence)}"] if row.confidence is not None else []
    about += [f"score {words.value_of('accuracy', score)}"] if score is not None and (score or graded) else []
    return {
        "question": row.question,
        "answer": row.answer,
        "reference": row.reference,
        "about": about,
        "where": f"{row.origin.file}:{row.origin.line}",
    }


def _data(report: LineReport) -> dict[str, Any]:
    """The data set: where rows came from, what was removed, what is in it."""
    dataset, profile = report.dataset, report.dataset.profile
    unit = profile.token_unit
    lengths = [
        (title, plots.spread(lengths, ident=ident, title=title, unit=unit), _lengths(lengths))
        for ident, title, lengths in (
            ("plot-inputs", "Length of the questions", profile.input_tokens),
            ("plot-answers", "Length of the answers", profile.answer_tokens),
        )
    ]
    train = profile.labels.get("train", {})
    order = sorted(train.items(), key=lambda item: (-item[1], item[0]))
    tallies = [
        tables.splits(dataset),
        tables.tallies("Removed, by reason", "Reason", profile.removed),
        tables.tallies("Repaired (kept)", "Rule", profile.repaired),
        tables.pairs("Files", ("Source", "Read as"), dataset.formats),
    ]
    return {
        "profile": profile,
        "lengths": [found for found in lengths if found[1]],
        "labels": plots.bars([(name, float(n)) for name, n in order[:60]], ident="plot-labels", title="Training rows per label", unit="rows"),
        "more_labels": max(0, len(order) - 60),
        "tables": [table for table in tallies if table],
        "conflicts": profile.conflicts[:10],
    }


def _lengths(spread: Spread) -> str:
    """A spread in words, for the line under its plot."""
    return f"half up to {words.count(spread.p50)}, 90 % up to {words.count(spread.p90)}, 99 % up to {words.count(spread.p99)}, longest {words.count(spread.max)}; mean {spread.mean:.1f}"


def _prompts(report: LineReport) -> list[dict[str, Any]]:
    """The prompts of the candidates that the page looks into, the tuned model's first; without those that have none, or an empty one."""
    asked = [(found.candidate.name, found.candidate) for found in tables.looked_into(report)]
    readers = [(name, candidate.reader if isinstance(candidate, Retrieval) else candidate) for name, candidate in asked]
    return [
        {"name": name, "prompt": candidate.prompt, "tuned": isinstance(candidate, Tuned)}
        for name, candidate in readers
        if isinstance(candidate, Tuned | Prompted) and (candidate.prompt.system is not None or candidate.prompt.examples)
    ]


def _again(report: LineReport) -> dict[str, Any]:
    """What is needed to run the line again, and to see that the result is the same."""
    tuned = report.checkpoint
    chosen = [*report.choices, *(c for c in (tuned.choices if tuned else ()) if c not in report.choices)]
    found = [
        tables.choices(chosen),
        tables.pairs("Versions and machine facts that results depend on", ("Name", "Version"), tuned.versions if tuned else {}),
        tables.digests(report),
    ]
    return {"tables": [table for table in found if table]}

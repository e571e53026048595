"""A line's report → the tables of its page: plain cells, escaped by the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from tunesmith.evaluate import page_methods as methods
from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.plots import confusions, share_bar
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.spec.recipe import Choice
from tunesmith.spec.report import Comparison, Cost, Metric, Report, Scored
from tunesmith.spec.task import KINDS, LOWER_IS_BETTER, MetricName
from tunesmith.spec.verdict import Finalist, LineReport, Mean, Measured

BESIDE = 4
"""Metrics of its kind of task that stand beside the deciding one, at most."""


@dataclass(frozen=True)
class Cell:
    """What one cell shows: a main text, and a smaller one beside or below it."""

    text: str | Markup = words.NOTHING
    small: str = ""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to show: a phone leaves such a line out."""
        return self.text == words.NOTHING


@dataclass(frozen=True)
class Column:
    """A column's heading. `clock` marks numbers that differ from run to run."""

    title: str
    number: bool = True
    clock: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows. `strong` are the indexes of rows to set off."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    strong: frozenset[int] = field(default=frozenset())

    def __bool__(self) -> bool:
        return bool(self.rows)


def metric_cell(name: MetricName, metric: Metric | None) -> Cell:
    """A metric with its interval; a dash where it was not measured."""
    return Cell(words.value_of(name, metric.value), words.bounds_of(name, metric)) if metric else Cell()


def rows_cell(metric: Metric | None) -> Cell:
    """The rows that a metric rests on and, where rows are alike, in how many independent clusters they are."""
    if metric is None:
        return Cell()
    return Cell(words.count(metric.n), "" if metric.clusters is None else f"in {words.plural(metric.clusters, 'cluster')}")


def used(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """The columns in which at least one row has something to show."""
    kept = [i for i in range(len(columns)) if not all(row[i].is_empty for row in rows)]
    return tuple(columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in rows)


def metric_title(name: MetricName, report: LineReport) -> str:
    """A metric's name; exact match is of rows in scope where the task has others."""
    suffix = " (in scope)" if name == "exact_match" and report.dataset.out_of_scope is not None else ""
    return words.METRIC_TITLES[name] + suffix


def second_look(report: LineReport) -> list[MetricName]:
    """The metrics that stand beside the deciding one, where they were measured: those of the kind of task, how well it declines, and what the user asked for."""
    own = [name for name in KINDS[report.dataset.kind].metrics if name != "accuracy"][:BESIDE]  # accuracy mixes what the first two say apart
    wanted: list[MetricName] = [own[0], "out_of_scope_recall", *own[1:], "own_score", "judge_score"]
    return [name for name in wanted if name != report.verdict.metric]


def ranked(report: LineReport) -> list[Finalist]:
    """The finalists, the best on the deciding metric first."""
    metric = report.verdict.metric
    sign = 1 if metric in LOWER_IS_BETTER else -1

    def key(finalist: Finalist) -> tuple[bool, float]:
        found = finalist.report.metrics.get(metric)
        return (found is None, sign * found.value if found else 0.0)

    return sorted(report.finalists, key=key)


def subject(report: LineReport) -> Finalist | None:
    """The finalist that the page speaks of first: the one to serve, else the winner, else the tuned model, else the best."""
    return next(iter([*served(report), *tuned(report), *ranked(report)]), None)


def served(report: LineReport) -> list[Finalist]:
    """The finalist that is recommended and the one that won, where they are."""
    names = (report.verdict.recommended, report.verdict.winner)
    return [finalist for name in names for finalist in report.finalists if finalist.candidate.name == name]


def tuned(report: LineReport) -> list[Finalist]:
    """The tuned models that answer by themselves, as they stand: the first is the best on dev, whichever seed was lucky on test."""
    return [finalist for finalist in report.finalists if finalist.remedy == "fine-tune"]


def looked_into(report: LineReport) -> list[Finalist]:
    """The finalists whose answers the page shows: the tuned model first, then the best rival where the tuned model is not the whole story.

    That is where a rival was recommended or is ahead, where nothing is clear, and for free text, which is judged by reading it.
    """
    own, order = tuned(report), ranked(report)
    others = [f for f in served(report) + order if f.remedy not in ("fine-tune", "majority")]
    if not own:
        return (served(report) + others + order)[:1]
    plain = report.verdict.decision == "fine-tune" and report.dataset.task != "generate"
    return own[:1] + ([] if plain else others[:1])


def rivals(report: LineReport, measured: Measured) -> Table:
    """The finalists side by side on test."""
    deciding = report.verdict.metric
    others = second_look(report)
    columns = [
        Column("Candidate", number=False),
        Column(metric_title(deciding, report)),
        Column("Rows"),
        *(Column(metric_title(name, report)) for name in others),
        Column("Tokens per answer"),
        Column("Latency", clock=True),
        Column("Training", clock=True),
    ]
    means = {mean.candidate: mean for mean in report.verdict.means}
    rows, strong = list[tuple[Cell, ...]](), set[int]()
    for finalist in ranked(report):
        if (mean := means.get(finalist.candidate.name)) is not None:
            rows.append(_mean(mean, finalist, deciding, others))
        strong |= {len(rows)} if finalist.candidate.name == report.verdict.winner else set()
        rows.append(_rival(finalist, deciding, others, measured))
    return Table("Every finalist on the same locked test rows, best first", *used(columns, rows), frozenset(strong))


def _rival(finalist: Finalist, deciding: MetricName, others: Sequence[MetricName], measured: Measured) -> tuple[Cell, ...]:
    found, name = finalist.report, finalist.candidate.name
    metric = found.metrics.get(deciding)
    tokens = (found.prompt_tokens + found.completion_tokens) / found.rows if found.rows else 0.0
    pace = next((one for one in measured.paces if one.candidate == name), None)
    return (
        Cell(words.REMEDY_TITLES[finalist.remedy], name + (f", seed {finalist.seed}" if finalist.seed is not None else "")),
        metric_cell(deciding, metric),
        rows_cell(metric),
        *(metric_cell(other, found.metrics.get(other)) for other in others),
        Cell(words.count(round(tokens, 1))),
        Cell(*words.latency(pace.wait if pace else None)),
        Cell(words.duration(pace.training_s)) if pace and pace.training_s else Cell(),
    )


def _mean(mean: Mean, finalist: Finalist, deciding: MetricName, others: Sequence[MetricName]) -> tuple[Cell, ...]:
    """What the comparisons are of, in front of the trainings that it is the mean of."""
    title = Cell(words.REMEDY_TITLES[finalist.remedy], words.mean_of(mean))
    return (title, metric_cell(deciding, mean.value), rows_cell(mean.value), *(Cell() for _ in range(len(others) + 3)))


def every_metric(report: LineReport, finalist: Finalist) -> Table:
    """All that was measured of one finalist, with the rows and the method behind each number."""
    columns = (Column("Metric", number=False), Column("Value"), Column("Rows"), Column("Interval", number=False))
    rows = [
        (
            Cell(metric_title(name, report), "lower is better" if name in LOWER_IS_BETTER else ""),
            metric_cell(name, m),
            rows_cell(m),
            Cell(methods.cell(m.method)),
        )
        for name, m in finalist.report.metrics.items()
    ]
    return Table(f"Everything measured of {finalist.candidate.name} on test", columns, tuple(rows))


def comparisons(report: LineReport) -> Table:
    """The paired comparisons that the verdict rests on."""
    columns = [
        Column("Comparison", number=False),
        Column("Difference"),
        Column("p (Holm)"),
        Column("Outcome", number=False),
        Column("Smallest difference these rows can show"),
        Column("What settles it", number=False),
    ]
    rows = [_comparison(c, report) for c in report.verdict.comparisons]
    percent = f"{100 * report.goal.confidence:g}{words.NBSP}%"
    return Table(f"Paired differences on the same rows, with {percent} intervals", *used(columns, rows))


def _comparison(found: Comparison, report: LineReport) -> tuple[Cell, ...]:
    settle = Cell()
    if found.outcome == "cannot tell":
        settle = Cell(words.settles(found))
    detectable = words.amount(found.metric, found.minimum_detectable) + (" points" if words.in_percent(found.metric) else "")
    gap = found.difference
    unit = " points" if words.in_percent(found.metric) else ""
    return (
        Cell(
            f"{found.better} − {found.rival}", f"{words.METRIC_TITLES[found.metric]}, {'all rows' if found.rows == 'all' else 'rows ' + found.rows}"
        ),
        Cell(words.signed(found.metric, gap.value) + unit, f"[{words.signed(found.metric, gap.low)}, {words.signed(found.metric, gap.high)}]"),
        Cell(words.p_text(found.p_adjusted), methods.cell(found.test)),
        Cell(words.OUTCOMES[found.outcome], f"leans to {found.leans}; chance is not ruled out" if found.leans else ""),
        Cell(detectable),
        settle,
    )


def trials(report: LineReport) -> Table:
    """Everything that was tried on dev, in the order it was tried."""
    measured = [report.verdict.metric, *second_look(report)]
    finals = {f.candidate.name for f in report.finalists}
    columns = [
        Column("Trial", number=False),
        *(Column(metric_title(n, report)) for n in measured),
        Column("Rows"),
        Column("Went on to test", number=False),
    ]
    rows, strong = [], set()
    for i, trial in enumerate(report.trials):
        goes_on = trial.candidate.name in finals and trial.failure is None
        strong |= {i} if goes_on else set()
        found = trial.report.metrics if trial.report else {}
        missing = Cell("failed", trial.failure.reason) if trial.failure else Cell("not measured")
        n = Cell(words.count(trial.report.rows)) if trial.report else missing
        cells = [metric_cell(name, found.get(name)) for name in measured]
        name = trial.candidate.name + (f", on {words.count(trial.pilot.rows)} training rows" if trial.pilot else "")
        on = Cell("● yes") if goes_on else Cell("failed there", trial.failure.reason) if trial.failure and trial.report else Cell()
        rows.append((Cell(words.REMEDY_TITLES[trial.remedy], name), *cells, n, on))
    return Table("Tried on the dev rows; the best of each kind went on to the test rows", *used(columns, rows), frozenset(strong))


def score_of(row: Scored, metric: MetricName) -> float | None:
    """How right one answer is, 1 at best: by the deciding metric, or by the nearest one that has a value per row."""
    names = [name for name in (metric, "exact_match", "token_f1") if name in row.scores and name not in LOWER_IS_BETTER]
    return row.scores[names[0]] if names else None


def mistakes(rows: Sequence[Scored], metric: MetricName, limit: int = 20) -> list[Scored]:
    """Answers that are more wrong than right, the most confident first; without confidences, the lowest scores first."""
    scored = [(row, score_of(row, metric)) for row in rows]
    wrong = [(row, score) for row, score in scored if score is not None and score < 0.5]
    wrong.sort(key=lambda pair: (-(pair[0].confidence if pair[0].confidence is not None else -1.0), pair[1], pair[0].id))
    return [row for row, _ in wrong[:limit]]


def worst(rows: Sequence[Scored], metric: MetricName, limit: int = 20) -> list[Scored]:
    """The answers with the lowest scores, those that are not altogether right; of equal ones the most confident first."""
    scored = [(row, score) for row in rows if (score := score_of(row, metric)) is not None and score < 1]
    scored.sort(key=lambda pair: (pair[1], -(pair[0].confidence if pair[0].confidence is not None else -1.0), pair[0].id))
    return [row for row, _ in scored[:limit]]


def is_graded(rows: Sequence[Scored], metric: MetricName) -> bool:
    """True if answers can be partly right on the deciding metric."""
    return any(score not in (None, 0.0, 1.0) for row in rows if (score := score_of(row, metric)) is not None)


def top_confusions(report: Report, limit: int = 12) -> Table:
    """The pairs of labels that are mixed up more than once, most rows first."""
    columns = (Column("Right label", number=False), Column("Answered", number=False), Column("Rows"), Column("Share of that label"))
    rows = [
        (Cell(ref), Cell(got), Cell(words.count(n)), Cell(words.value_of("accuracy", n / total)))
        for ref, got, n, total in confusions(report.confusion)[:limit]
        if n > 1
    ]
    return Table("Labels that are mixed up more than once", columns, tuple(rows))


def recalls(report: Report) -> Table:
    """Recall by label, the worst first."""
    columns = (
        Column("Label", number=False),
        Column("Recall"),
        Column("", number=False),
        Column("Rows"),
        Column("Most often taken for", number=False),
    )
    order = sorted(report.per_label.items(), key=lambda item: (item[1].value, -item[1].n, item[0]))
    rows = [
        (
            Cell(label),
            metric_cell("accuracy", m),
            Cell(share_bar(m.value, m.low, m.high)),
            rows_cell(m),
            Cell(taken_for(report.confusion.get(label, {}), label)),
        )
        for label, m in order
    ]
    return Table("How many rows of each label were answered right, worst label first", columns, tuple(rows))


def taken_for(answers: Mapping[str, int], label: str) -> str:
    """What rows of one label were answered instead, most often; many answers once each are no pattern and are said so."""
    wrong = sorted(((n, got) for got, n in answers.items() if got != label and n), key=lambda pair: (-pair[0], pair[1]))
    if not wrong:
        return words.NOTHING
    if len(wrong) > 1 and wrong[0][0] == 1:
        return f"{len(wrong)} labels, once each"
    return f"{wrong[0][1]} ({words.count(wrong[0][0])})"


def splits(dataset: Dataset) -> Table:
    """How many rows each split has, and how many of them are out of scope."""
    columns = [Column("Split", number=False), Column("Rows"), Column("Labels"), Column("Out of scope")]
    what = {"train": "learnt from", "dev": "for choices: prompts, early stopping", "test": "locked: opened for the verdict only"}
    rows = []
    for split in SPLITS:
        labels = dataset.profile.labels.get(split, {})
        outside = Cell(words.count(labels.get(dataset.out_of_scope, 0))) if dataset.out_of_scope is not None and labels else Cell()
        kinds = Cell(words.count(len(labels))) if labels else Cell()
        rows.append((Cell(split, what[split]), Cell(words.count(dataset.rows.get(split, 0))), kinds, outside))
    return Table("Where the rows went", *used(columns, rows))


def tallies(caption: str, heading: str, found: dict[str, int]) -> Table:
    """Named counts, the largest first."""
    order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return Table(
        caption,
        (Column(heading, number=False), Column("Rows")),
        tuple((Cell(name.replace("_", " ")), Cell(words.count(n))) for name, n in order if n),
    )


def tokens(report: LineReport) -> Table:
    """Tokens as a server that shares nothing would bill them, and those that went through the model."""
    columns = (Column("Step", number=False), Column("Prompt"), Column("Answers"), Column("Logical"), Column("Computed"), Column("Saved by sharing"))
    rows = []
    trained = report.checkpoint
    if trained:
        rows.append(_tokens(Cell("Training", words.plural(trained.trained_rows, "row")), None, None, trained.logical_tokens, trained.computed_tokens))
    for f in ranked(report):
        r = f.report
        rows.append(
            _tokens(
                Cell(f"Test: {f.candidate.name}", words.plural(r.rows, "row")),
                r.prompt_tokens,
                r.completion_tokens,
                r.prompt_tokens + r.completion_tokens,
                r.computed_tokens,
            )
        )
    return Table("Tokens: logical and computed", *used(columns, rows))


def _tokens(step: Cell, prompt: int | None, answers: int | None, logical: int, computed: int) -> tuple[Cell, ...]:
    def cell(n: int | None) -> Cell:
        return Cell() if n is None else Cell(words.count(n))

    saved = Cell(words.value_of("accuracy", 1 - computed / logical)) if logical > computed else Cell()
    return (step, cell(prompt), cell(answers), cell(logical), cell(computed), saved)


def seconds(measured: Measured) -> Table:
    """What each step took, by the clock."""
    columns = [Column("Step", number=False), Column("Time", clock=True), Column("Rows per second", clock=True), Column("Peak memory", clock=True)]

    def row(step: str, cost: Cost) -> tuple[Cell, ...]:
        rate = Cell(words.count(round(cost.rows_per_s, 1))) if cost.rows_per_s > 0 else Cell()
        memory = Cell(words.size(cost.peak_memory_bytes)) if cost.peak_memory_bytes > 0 else Cell()
        return (Cell(step), Cell(words.duration(cost.seconds)), rate, memory)

    return Table("Seconds and memory", *used(columns, [row(step, cost) for step, cost in measured.costs.items()]))


def choices(found: Sequence[Choice]) -> Table:
    """Values that were chosen for the user, with reasons."""
    columns = (Column("Setting", number=False), Column("Value", number=False), Column("Why", number=False))
    return Table("Chosen automatically", columns, tuple((Cell(c.name), Cell(c.value), Cell(c.reason)) for c in found))


def pairs(caption: str, headings: tuple[str, str], found: dict[str, str]) -> Table:
    """Names with what belongs to them, sorted by name."""
    columns = (Column(headings[0], number=False), Column(headings[1], number=False))
    return Table(caption, columns, tuple((Cell(key), Cell(found[key])) for key in sorted(found)))


def digests(report: LineReport) -> Table:
    """The names and hashes that pin what was used."""
    found: list[tuple[str, str]] = [("data set", report.dataset_name)]
    found += [(f"source {name}", digest) for name, digest in sorted(report.dataset.sources.items())]
    found += [(f"rows {name}", digest) for name, digest in sorted(report.dataset.files.items())]
    if report.checkpoint:
        found += [("checkpoint", report.checkpoint_name)] if report.checkpoint_name else []
        found += [(f"base {report.checkpoint.base}", report.checkpoint.base_digest), ("chat template", report.checkpoint.template_digest)]
        found += [(f"weights {name}", digest) for name, digest in sorted(report.checkpoint.files.items())]
    found += [(f"answers of {f.candidate.name}", f.artifact) for f in report.finalists]
    columns = (Column("What", number=False), Column("Name or sha256", number=False))
    return Table("Names and digests", columns, tuple((Cell(what), Cell(digest)) for what, digest in found))

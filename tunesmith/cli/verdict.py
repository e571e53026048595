"""A finished line → the screen that answers "which one, how sure, and what now"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tunesmith.cli.figures import chance, difference, interval, moment, number, seconds, title, whole
from tunesmith.cli.screen import clean, hanging, one_line
from tunesmith.spec.report import Comparison, Metric, with_limit
from tunesmith.spec.task import LOWER_IS_BETTER, MetricName
from tunesmith.spec.verdict import Finalist, LineReport, Measured

SIDE_METRICS: tuple[MetricName, ...] = ("out_of_scope_recall", "macro_f1", "json_valid", "rouge_l", "chrf")


@dataclass(frozen=True)
class Finding:
    """A line artifact, read."""

    name: str
    """Of the artifact."""
    report: LineReport
    measured: Measured
    questions: tuple[dict[str, Any], ...]
    """`question`, `answer` and `confidence` of the answers of whoever leads; empty if none were asked."""
    page: Path | None
    """The HTML report."""

    def to_json(self) -> dict[str, Any]:
        """The two parts that belong together: what can be reproduced, and what the clock decided."""
        return {"report": self.report.model_dump(mode="json"), "measured": self.measured.model_dump(mode="json")}


def show_verdict(console: Console, finding: Finding) -> None:
    """Print the whole screen."""
    report = finding.report
    width = console.width if console.is_terminal else 10_000  # a pipe gets whole lines
    console.print()
    console.print(headline(report), soft_wrap=False)  # in a pipe too: a frame that is not wrapped is cut
    for reason in report.verdict.reasons:
        console.print(hanging(Text.assemble("· ", clean(reason)), 2, width))
    console.print()
    console.print(finalists(finding, console.width))
    for comparison in report.verdict.comparisons:
        console.print(hanging(compared(comparison), 2, width))
    if costs := cost_words(finding):
        console.print(hanging(Text.assemble("· ", clean(costs)), 2, width))
    console.print(goal(report))
    if finding.questions:
        console.print()
        console.print(answers(finding.questions, console.width))
    console.print()
    console.print(places(finding), soft_wrap=True)


def headline(report: LineReport) -> RenderableType:
    """The one sentence for a person in a hurry, in a frame whose colour says whether it is good news."""
    verdict = report.verdict
    colour = "green" if verdict.winner and verdict.goal_met is not False else "yellow"
    look = "" if verdict.looks <= 1 else f" · test rows opened {verdict.looks} times"
    return Panel(
        clean(verdict.headline, "bold"),
        title=Text(f"{one_line(report.project, 40)}: {verdict.decision}{look}"),
        title_align="left",
        border_style=colour,
        box=ROUNDED,
    )


def finalists(finding: Finding, width: int) -> Table:
    """Candidates side by side on the test split, the best first."""
    report = finding.report
    metric = report.verdict.metric
    ordered = sorted(report.finalists, key=lambda f: value_of(f, metric), reverse=metric not in LOWER_IS_BETTER)
    side = next((m for m in SIDE_METRICS if m != metric and any(m in f.report.metrics for f in report.finalists)), None)
    confidence = f"{100 * report.goal.confidence:.0f} %"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", title=None)
    table.add_column("on the test split", overflow="fold")
    table.add_column(f"{title(metric)} [{confidence}]", justify="right", no_wrap=True)
    if side:
        table.add_column(title(side) + (f" [{confidence}]" if width >= 100 else ""), justify="right", no_wrap=width >= 100)
    table.add_column("seconds", justify="right")
    means = {mean.candidate: mean for mean in report.verdict.means}
    for finalist in ordered:
        if (mean := means.get(finalist.candidate.name)) is not None:
            name = one_line(f"{mean.candidate}, mean of {mean.seeds} seeds", 60)
            table.add_row(Text.assemble("  ", clean(name)), metric_text(mean.value, metric, True), *([Text("")] if side else []), Text(""))
        best = finalist.candidate.name == report.verdict.winner
        row = [Text.assemble(("★ " if best else "  ", "yellow"), clean(one_line(finalist.candidate.name, 40), "bold" if best else ""))]
        row.append(metric_text(finalist.report.metrics.get(metric), metric, True))
        if side:
            row.append(metric_text(finalist.report.metrics.get(side), side, width >= 100))
        cost = cost_of(finding.measured, finalist)
        table.add_row(*row, Text("–" if cost is None else f"{cost:.1f}", "dim"))
    return table


def value_of(finalist: Finalist, metric: MetricName) -> float:
    """The deciding value, worst possible where it is absent."""
    found = finalist.report.metrics.get(metric)
    return found.value if found and math.isfinite(found.value) else (math.inf if metric in LOWER_IS_BETTER else -math.inf)


def metric_text(metric: Metric | None, name: str, with_interval: bool) -> Text:
    """One cell: the value, with its interval where there is room."""
    if metric is None:
        return Text("–", "dim")
    return Text(interval(metric, name) if with_interval else number(metric.value, name))


def cost_of(measured: Measured, finalist: Finalist) -> float | None:
    """Seconds that measuring a finalist on test took."""
    for step in (finalist.artifact, f"test {finalist.candidate.name}", finalist.candidate.name):
        if step in measured.costs:
            return measured.costs[step].seconds
    return None


def compared(comparison: Comparison) -> Text:
    """One comparison in words: beyond doubt, or what would settle it."""
    names = f"{one_line(comparison.better, 30)} against {one_line(comparison.rival, 30)}"
    rows = "" if comparison.rows == "all" else f", {comparison.rows}"
    numbers = f"{difference(comparison.difference, comparison.metric)} {title(comparison.metric)}{rows}, {chance(comparison.p_adjusted)}"
    match comparison.outcome:
        case "better":
            return Text.assemble(("✓ ", "green"), (names, "bold"), ": better beyond doubt, ", numbers)
        case "worse":
            return Text.assemble(("✗ ", "red"), (names, "bold"), ": worse beyond doubt, ", numbers)
        case "cannot tell" if comparison.leans is not None:
            rest = f": leans to {comparison.leans}, but {plural_rows(comparison.difference)} do not rule out chance, "
            return Text.assemble(("? ", "yellow"), (names, "bold"), rest, numbers, (f"; {settles(comparison)}", "dim"))
        case "cannot tell":
            return Text.assemble(("? ", "yellow"), (names, "bold"), ": cannot tell, ", numbers, (f"; {settles(comparison)}", "dim"))


def settles(comparison: Comparison) -> str:
    """What would settle one that is open."""
    more, trainings = comparison.rows_to_settle, comparison.seeds_to_settle
    if comparison.is_split:
        return "not every training shows it"
    if more is not None:
        return f"about {whole(more)} more row{'' if more == 1 else 's'} would settle it"
    if trainings is not None:
        return f"{trainings} trainings with different seeds would settle it, no number of rows"
    return "no realistic number of rows would settle it"


def plural_rows(metric: Metric) -> str:
    """The rows that a number rests on: `16 rows`, `15 rows in 3 clusters`."""
    inside = "" if metric.clusters is None else f" in {whole(metric.clusters)} cluster{'' if metric.clusters == 1 else 's'}"
    return f"{whole(metric.n)} row{'' if metric.n == 1 else 's'}{inside}"


def cost_words(finding: Finding) -> str:
    """What the candidate to serve costs, in tokens, in money where tokens have a price, and by the clock; empty where that is not known."""
    verdict = finding.report.verdict
    name = verdict.recommended or verdict.winner
    bill = next((one for one in verdict.bills if one.candidate == name), None)
    pace = next((one for one in finding.measured.paces if one.candidate == name), None)
    if bill is None:
        return ""
    said = [f"{bill.candidate} costs {bill.prompt_tokens + bill.answer_tokens:.0f} tokens an answer ({bill.computed_tokens:.0f} computed)"]
    if bill.per_1000_answers is not None:
        said.append(f"{verdict.known.prices.told(bill.per_1000_answers)} for 1,000 answers")
    if pace is not None:
        if pace.wait is not None:
            said.append(f"a question alone takes {moment(pace.wait.median_s)}, nine of ten at most {moment(pace.wait.p90_s)}")
        said.append(f"a row in a batch {moment(pace.row_s)}")
    if bill.training_tokens:
        took = f" in {seconds(pace.training_s)}" if pace is not None and pace.training_s else ""
        said.append(f"training it took {whole(bill.training_tokens)} tokens{took}")
        if verdict.known.finding_tokens:
            said.append(f"finding it {whole(verdict.known.finding_tokens)} more")
    if bill.break_even is not None:
        said.append(f"pays for itself after {whole(bill.break_even)} answers instead of {bill.instead_of}")
    elif pace is not None and pace.break_even is not None:
        said.append(f"wins its training's time back after {whole(pace.break_even)} answers instead of {pace.instead_of}")
    return ", ".join(said)


def goal(report: LineReport) -> Text:
    """Whether the goal was reached."""
    wanted, metric = report.goal.at_least, report.verdict.metric
    if wanted is None and report.verdict.goal_met is None:
        return Text("· no value to reach was set (goal.at_least)", "dim")
    value = "" if wanted is None else f"{title(metric)} of {'at most' if metric in LOWER_IS_BETTER else 'at least'} {number(wanted, metric)}"
    chosen = next((one.wait for one in report.finalists if one.candidate.name == report.verdict.recommended), None)
    words = with_limit(value, [one.wait for one in report.finalists], chosen)
    match report.verdict.goal_met:
        case True:
            return Text.assemble(("✓ ", "green"), ("goal met", "bold"), f": {words}")
        case False:
            return Text.assemble(("✗ ", "red"), ("goal not met", "bold"), f": {words}")
        case None:
            return Text.assemble(("? ", "yellow"), ("goal cannot be judged", "bold"), f" with these rows: {words}")


def answers(questions: Sequence[dict[str, Any]], width: int) -> Table:
    """What was said to the project's questions."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for entry in questions:
        sure = entry.get("confidence")
        table.add_row(
            clean("“" + one_line(str(entry["question"]), max(24, width // 2 - 6)) + "”"),
            Text("→", "dim"),
            clean(one_line(str(entry["answer"]), 200), "bold"),
            Text("" if sure is None else f"{100 * float(sure):.0f} % sure", "dim"),
        )
    return table


def places(finding: Finding) -> Text:
    """Where the results are, and the commands to try next."""
    report = finding.report
    lines: list[tuple[str, str, str]] = []
    if finding.page is not None:
        lines.append(("report", str(finding.page), ""))
    if report.best is not None:
        lines.append(("best", report.best, f" ({report.verdict.recommended}, as it was measured)"))
    if report.model is not None:
        lines.append(("model", report.model, f" ({report.checkpoint_name})" if report.checkpoint_name else ""))
    text = Text()
    for name, value, rest in lines:
        text.append_text(Text.assemble((f"{name:<8}", "dim"), clean(value, "bold"), clean(rest, "dim"), "\n"))
    for i, (command, why) in enumerate(next_commands(report)):
        text.append_text(Text.assemble((f"{'try' if i == 0 else '':<8}", "dim"), clean(f"{command:<44}", "cyan"), (f"  {why}", "dim"), "\n"))
    text.rstrip()
    return text


def next_commands(report: LineReport) -> list[tuple[str, str]]:
    """What a person may want to do now."""
    found = []
    if report.best is not None:
        found.append((f"tunesmith chat {report.best}", "ask what is recommended"))
    if report.model is not None:
        found.append((f"tunesmith chat {report.model}", "ask the tuned model"))
        found.append((f"tunesmith models lineage {report.model}", "what it was made from"))
    found.append(("tunesmith report latest --json", "every number, for machines"))
    found.append((f"tunesmith data show {report.dataset_name}", "what is in the data"))
    return found

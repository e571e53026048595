"""An examination, or what was mended → one screen for a person: the verdict, the findings by how grave they are, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunesmith.cli.figures import whole
from tunesmith.cli.screen import clean, one_line
from tunesmith.spec.finding import Examination, Finding, Fitness, Severity
from tunesmith.spec.mending import GaveUp, Version
from tunesmith.store.artifacts import Artifact

VERDICTS: dict[Fitness, tuple[str, str]] = {
    "fit": ("✓ fit to train", "bold green"),
    "fit_after_fixes": ("! fit after fixes", "bold yellow"),
    "not_fit": ("✗ not fit to train", "bold red"),
}
MARKS: dict[Severity, tuple[str, str]] = {"block": ("decide", "red"), "mend": ("mend", "yellow"), "review": ("look", "cyan"), "note": ("note", "dim")}
FARTHEST_SHOWN = 3


def show_examination(console: Console, artifact: Artifact, found: Examination, named: str, report: str | None = None) -> None:
    """Print the verdict and the findings, each on one line, and the next command; `named`: the files and options of this one; `report`: where it was
    asked for."""
    words, style = VERDICTS[found.fitness]
    counts = ", ".join(f"{file}: {whole(n)} rows" for file, n in found.rows.items())
    console.print(Text.assemble((words, style), "  ", clean(counts)), soft_wrap=True)
    if found.fitness == "not_fit":
        for reason in found.reasons:
            console.print(clean(f"  {reason}", "red"), soft_wrap=True)
    for file, how in found.taken.items():
        console.print(clean(f"  {file}: {how}", "dim"), soft_wrap=True)
    if found.findings:
        console.print(table(found.findings, several=len(found.rows) > 1))
    for part, why in found.skipped.items():
        console.print(clean(f"not examined: {part}: {why}", "dim"), soft_wrap=True)
    console.print()
    console.print(clean(f"report   {report or artifact.path / 'report.html'}"), soft_wrap=True)
    for line in advice(found, named):
        console.print(clean(line), soft_wrap=True)


def table(findings: Sequence[Finding], *, several: bool) -> Table:
    """One line for each finding; `several`: they are about more than one file."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    made.add_column("")
    made.add_column("kind", overflow="fold")
    if several:
        made.add_column("file", overflow="fold")
    made.add_column("what", overflow="fold", ratio=1)
    made.add_column("lines", overflow="fold")
    for finding in findings:
        mark, style = MARKS[finding.severity]
        cells: list[Text] = [Text(mark, style), Text(finding.kind)]
        if several:
            cells.append(Text(one_line(finding.file, 30)))
        made.add_row(*cells, clean(finding.message), Text(finding.where(), "dim"))
    return made


def advice(found: Examination, named: str) -> list[str]:
    """The next commands that make sense."""
    told = []
    decide = any(f.severity == "block" for f in found.findings)
    if decide:
        told.append(f"decide   tunesmith data fix {named} --personal redact   (or drop, or keep)")
    if any(f.is_mendable for f in found.findings) and not decide:
        told.append(f"mend     tunesmith data fix {named}")
    if any(f.severity == "review" and f.lines for f in found.findings):
        told.append(f"look     tunesmith data check {named} --review look.csv   then: tunesmith data fix {named} --review look.csv")
    return told


def show_mending(console: Console, artifact: Artifact, version: Version, result: Mapping[str, Any]) -> None:
    """Print what was changed, where the files are, and how to go back."""
    for file, one in version.files.items():
        console.print(
            Text.assemble(
                ("✓ ", "green"),
                clean(file),
                f": {whole(one.rows_written)} of {whole(one.rows_read)} rows → ",
                clean(str(result["files"][file]), "bold"),
            ),
            soft_wrap=True,
        )
        for title, tally in (("dropped", one.dropped), ("changed", one.changed)):
            if tally:
                console.print(
                    Text.assemble((f"  {title}  ", "dim"), clean(", ".join(f"{whole(n)} {reason}" for reason, n in tally.items()))), soft_wrap=True
                )
        if one.note:
            console.print(clean(f"  {one.note}", "dim"))
    if version.accepted:
        console.print(
            clean("  kept by decision: " + ", ".join(f"{kind} in {whole(n)} rows" for kind, n in version.accepted.items()), "yellow"), soft_wrap=True
        )
    if version.gave_up is not None:
        show_given_up(console, version.gave_up)
    console.print(clean(f"version  {artifact.name}, made of {result['parent']}; every change: {artifact.path / 'diff.jsonl'}"), soft_wrap=True)
    forgotten = result.get("forgotten")
    if forgotten:
        show_forgotten(console, forgotten)
    if not forgotten or not forgotten["rows"]:
        console.print(clean(f"undo     tunesmith data export {result['parent']} --out before", "dim"), soft_wrap=True)


def show_forgotten(console: Console, forgotten: Mapping[str, Any]) -> None:
    """Print what was erased, and which versions have lost their parent by it."""
    if not forgotten["rows"]:
        console.print(clean("forgotten  nothing: no row was redacted or dropped", "yellow"), soft_wrap=True)
        return
    erased = ", ".join(forgotten["erased"]) or "nothing"
    console.print(clean(f"forgotten  {whole(forgotten['rows'])} rows; erased: {erased}; delete them in your own files yourself"), soft_wrap=True)
    if forgotten["without_undo"]:
        names = ", ".join(forgotten["without_undo"])
        console.print(clean(f"  cannot be undone any more, since what they were made of is erased: {names}", "yellow"), soft_wrap=True)


def show_given_up(console: Console, found: GaveUp) -> None:
    """Print what a selection left out: labels or topics, how far the other rows are from those that are kept, and the farthest."""
    console.print(f"given up: {whole(found.of - found.kept)} of {whole(found.of)} different rows")
    for title, names in (("none is left of", found.lost), ("less than half is left of", found.halved)):
        if names:
            console.print(clean(f"  {title} the {found.by}: {', '.join(one_line(name, 60) for name in names)}", "yellow"), soft_wrap=True)
    distance = f"  distance to the nearest that is kept (1 - cosine): {found.mean_distance:.3f} on average, {found.worst_distance:.3f} at worst"
    console.print(clean(distance), soft_wrap=True)
    for one in found.farthest[:FARTHEST_SHOWN]:
        console.print(clean(f"  far from all that is kept: {one.file} line {one.line}: {one_line(one.text, 100)}", "dim"), soft_wrap=True)
    console.print(clean(f"  {found.worth}", "dim"), soft_wrap=True)
    if found.personal:
        kinds = ", ".join(f"{kind} in {whole(n)} rows" for kind, n in found.personal.items())
        console.print(clean(f"  personal data or secrets stay in what is kept: {kinds}; tunesmith data fix mends that", "red"), soft_wrap=True)

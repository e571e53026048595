"""A data set's manifest → what a person wants to know about it before training."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tunesmith.cli.check_screen import table
from tunesmith.cli.figures import whole
from tunesmith.cli.screen import clean, one_line
from tunesmith.spec.dataset import SPLITS, Dataset, Profile, Spread

LABELS_SHOWN = 40
BAR = "█"
BAR_WIDTH = 12


def show_dataset(console: Console, name: str, dataset: Dataset, rejected: Sequence[dict[str, Any]]) -> None:
    """Print the profile of a data set; `rejected` are the first rows that were not used."""
    profile = dataset.profile
    console.print(
        Text.assemble((name, "bold"), "  ", clean(dataset.project), f" · {dataset.task} ", clean(f"({dataset.task_reason})", "dim")), soft_wrap=True
    )
    console.print(Text.assemble(*rows_line(dataset)))
    for file, why in dataset.formats.items():
        console.print(clean(f"  {file}: {why}", "dim"))
    console.print(lengths(profile))
    if dataset.labels:
        console.print(labels(dataset))
    for title, tally in (("removed", profile.removed), ("repaired", profile.repaired)):
        if tally:
            console.print(
                Text.assemble((f"{title:<10}", "dim"), clean(" · ".join(f"{whole(n)} {reason.replace('_', ' ')}" for reason, n in tally.items())))
            )
    console.print(
        Text.assemble(
            (f"{'clusters':<10}", "dim"),
            f"{whole(profile.near_duplicate_clusters)} of near duplicates with {whole(profile.near_duplicate_rows)} rows, kept within one split",
        )
    )
    console.print(leaks(dataset))
    show_findings(console, dataset)
    show_examples(console, dataset, rejected)


def rows_line(dataset: Dataset) -> list[str | tuple[str, str]]:
    """Counts: read, kept, per split."""
    profile = dataset.profile
    splits = " · ".join(f"{whole(dataset.rows.get(split, 0))} {split}" for split in SPLITS)
    return [("rows      ", "dim"), f"{whole(profile.rows_kept)} of {whole(profile.rows_read)} read: ", (splits, "bold")]


def lengths(profile: Profile) -> RenderableType:
    """Lengths of questions and answers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(one_line(profile.token_unit, 40))
    for heading in ("mean", "half under", "90 % under", "99 % under", "longest"):
        table.add_column(heading, justify="right")
    for title, spread in (("question", profile.input_tokens), ("answer", profile.answer_tokens)):
        table.add_row(title, *spread_cells(spread))
    return table


def spread_cells(spread: Spread) -> list[str]:
    """One spread as cells."""
    return [f"{spread.mean:.1f}", *(whole(v) for v in (spread.p50, spread.p90, spread.p99, spread.max))]


def labels(dataset: Dataset) -> RenderableType:
    """Labels with their rows in all splits, as bars in as many columns as fit."""
    counts = {label: sum(dataset.profile.labels.get(split, {}).get(label, 0) for split in SPLITS) for label in dataset.labels}
    most = max(counts.values(), default=0) or 1
    shown = list(counts.items())[:LABELS_SHOWN]
    width = max((len(one_line(label, 24)) for label, _ in shown), default=0)
    cells = []
    for label, count in shown:
        mark = "*" if label == dataset.out_of_scope else ""
        bar = BAR * max(1 if count else 0, round(count / most * BAR_WIDTH))
        cells.append(Text.assemble(clean(f"{one_line(label, 24) + mark:<{width + 1}}"), f" {whole(count):>6} ", (f"{bar:<{BAR_WIDTH}}", "cyan")))
    if len(counts) > LABELS_SHOWN:
        cells.append(Text(f"and {len(counts) - LABELS_SHOWN} more", "dim"))
    return Columns(cells, padding=(0, 2))


def leaks(dataset: Dataset) -> Text:
    """What was checked between the splits."""
    proof = dataset.leak_proof
    found = proof.exact_pairs + proof.near_pairs
    sign = ("✓ ", "green") if not found else ("! ", "yellow")
    before = (
        f"\n  {whole(proof.kept_in_train)} rows are close to the {whole(proof.ancestor_rows)} that the continued model was trained on: not in dev or test"
        if proof.ancestor_rows
        else ""
    )
    return Text.assemble(
        sign,
        f"{whole(found)} rows of one split found again in another ",
        (f"({whole(proof.pairs_compared)} pairs compared; {one_line(proof.method, 120)})", "dim"),
        before,
    )


def show_findings(console: Console, dataset: Dataset) -> None:
    """Print what is wrong with the rows, and the command that shows all of it."""
    if dataset.findings:
        console.print(table(dataset.findings, several=len(dataset.sources) > 1))
        console.print(clean(f"  why, and what mends it: {shlex.join(['tunesmith', 'data', 'check', *dataset.sources])}", "dim"), soft_wrap=True)


def show_examples(console: Console, dataset: Dataset, rejected: Sequence[dict[str, Any]]) -> None:
    """Print warnings, conflicts, examples and rejected rows."""
    profile = dataset.profile
    for warning in profile.warnings:
        console.print(Text.assemble(("! ", "bold yellow"), clean(warning, "yellow")))
    for conflict in profile.conflicts[:3]:
        where = ", ".join(f"{origin.file} line {origin.line}" for origin in conflict.origins[:3])
        console.print(
            Text.assemble(
                ("! same question, different answers: ", "yellow"), clean(one_line(" / ".join(conflict.answers), 60)), clean(f"  ({where})", "dim")
            )
        )
    if profile.conflict_count > 3:
        console.print(Text(f"  {whole(profile.conflict_count - 3)} more conflicts", "dim"))
    if profile.examples:
        console.print(Text("examples", "dim"))
        for example in profile.examples:
            console.print(Text.assemble("  ", one_line(example, max(40, console.width - 4))))
    if rejected:
        console.print(Text("rows that were not used", "dim"))
        for row in rejected:
            origin = row["origin"]
            console.print(
                clean(f"  {one_line(str(origin['file']), 60)} line {origin['line']}: {row['reason']}, {one_line(str(row['message']), 400)}"),
                soft_wrap=True,
            )

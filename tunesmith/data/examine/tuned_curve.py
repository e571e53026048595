"""A finished run over the same files → its tuned model's learning curve in the place of the classifier's."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from tunesmith.data.examine.kinds_meaning import KINDS
from tunesmith.errors import BadProject, DamagedWeights
from tunesmith.spec.finding import Examination, Finding
from tunesmith.spec.project import parse_project
from tunesmith.spec.verdict import LineReport, Outlook
from tunesmith.store.artifacts import Artifact, Store

KIND = "learning_curve"


def measured(store: Store, digests: Collection[str]) -> tuple[Artifact, Outlook] | None:
    """The newest report of a run that trained on files with exactly these sha256 and measured a learning curve; None where there is none."""
    for artifact in store.artifacts("line"):
        with suppress(DamagedWeights, BadProject):  # of another version of Tunesmith, or damaged: it says nothing here
            report = artifact.load(LineReport)
            outlook = report.verdict.known.outlook
            if outlook is not None and sorted(trained_on(report)) == sorted(digests):
                return artifact, outlook
    return None


def trained_on(report: LineReport) -> list[str]:
    """sha256 of the files that a run drew its training rows from: all but those that only judge."""
    sources = parse_project(report.project_toml, report.project).sources
    return [
        report.dataset.sources[source.file] for source in sources if source.split not in ("dev", "test") and source.file in report.dataset.sources
    ]


def with_outlook(found: Examination, run: str, outlook: Outlook) -> Examination:
    """The examination with what the run called `run` says of more rows instead of what a classifier over embeddings says."""
    kind = KINDS[KIND]
    figures = {"rows": outlook.rows, "more": outlook.more, "expected": outlook.expected, "expected_low": outlook.low, "expected_high": outlook.high}
    told = Finding(
        kind=KIND,
        group=kind.group,
        severity=kind.severity,
        file=next(iter(found.files)),
        lines=(),
        message=f"what more rows would bring to the tuned model; {outlook.sentence}",
        why=kind.why,
        evidence=f"small trainings of {run}, on shares of the same rows; a law of the error through their scores on dev, with its interval",
        fix="nothing to mend: add rows where it says so",
        figures={name: value for name, value in figures.items() if value is not None},
    )
    others = [one for one in found.findings if one.kind != KIND]
    skipped = {part: why for part, why in found.skipped.items() if part != "learning curve"}
    return found.model_copy(update={"findings": (*others, told), "skipped": skipped})

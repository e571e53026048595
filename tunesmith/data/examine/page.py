"""An examination → one self-contained HTML file: the verdict first, then each finding with its lines, why it matters and what mends it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup

from tunesmith.pages.gate import environment, resource, style, style_digest
from tunesmith.spec.finding import MEASURED, SEVERITIES, SEVERITY_TITLES, Examination, Finding, Fitness, Group

FITNESS: dict[Fitness, str] = {"fit": "Fit to train", "fit_after_fixes": "Fit after fixes", "not_fit": "Not fit to train"}
GROUP_TITLES: dict[Group, str] = {
    "text": "Format and text",
    "duplicates": "Duplicates",
    "contradictions": "Contradictions",
    "labels": "Labels",
    "leaks": "Leaks",
    "balance": "Balance and coverage",
    "personal": "Personal data and secrets",
    "language": "Language",
    "usefulness": "Usefulness",
    "amount": "Amount",
}
LINES_SHOWN = 60
CLUSTERS_SHOWN = 8
HEAD_BYTES = 4_096
"""In which a page says what made it."""


def page(found: Examination) -> str:
    """The HTML text."""
    parts = [(SEVERITY_TITLES[one], [f for f in found.findings if f.severity == one]) for one in SEVERITIES]
    return (
        template()
        .render(
            found=found,
            title=FITNESS[found.fitness],
            parts=[(title, findings) for title, findings in parts if findings],
            groups=GROUP_TITLES,
            lines_shown=LINES_SHOWN,
            clusters=_clusters,
            measured=_measured,
            style=Markup(style()),
            style_digest=style_digest(),
        )
        .strip()
        + "\n"
    )


def is_page(path: Path) -> bool:
    """True for a file that is such a page."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b'<meta name="generator" content="Tunesmith">' in file.read(HEAD_BYTES)


@cache
def template() -> Template:
    """The compiled template."""
    return environment().from_string(resource("tunesmith.data.examine", "page.html.jinja"))


def _measured(finding: Finding) -> str:
    """What was reached with how many rows, for people; empty where nothing was measured so."""
    points = sorted((int(name.removeprefix(MEASURED)), value) for name, value in finding.figures.items() if name.startswith(MEASURED))
    return ", ".join(f"{100 * value:.1f} % with {rows:,} rows" for rows, value in points)


def _clusters(finding: Finding) -> list[str]:
    """The largest clusters, each as its places."""
    several = len({place.file for cluster in finding.clusters for place in cluster}) > 1
    return [
        ", ".join(f"{place.file} line {place.line}" if several else f"line {place.line}" for place in cluster[:12])
        + (" …" if len(cluster) > 12 else "")
        for cluster in finding.clusters[:CLUSTERS_SHOWN]
    ]

"""An examination → one self-contained HTML file: the verdict first, then each finding with its lines, why it matters and what mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Template
from markupsafe import Markup

from tunesmith.pages.gate import environment, resource, style, style_digest
from tunesmith.spec.finding import SEVERITIES, SEVERITY_TITLES, Examination, Finding, Fitness, Group

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


def page(found: Examination, overviews: Mapping[str, Sequence[str]]) -> str:
    """The HTML text; `overviews`: file → what is in it, in a few lines."""
    parts = [(SEVERITY_TITLES[one], [f for f in found.findings if f.severity == one]) for one in SEVERITIES]
    return (
        template()
        .render(
            found=found,
            overviews=overviews,
            title=FITNESS[found.fitness],
            parts=[(title, findings) for title, findings in parts if findings],
            groups=GROUP_TITLES,
            lines_shown=LINES_SHOWN,
            clusters=_clusters,
            style=Markup(style()),
            style_digest=style_digest(),
        )
        .strip()
        + "\n"
    )


@cache
def template() -> Template:
    """The compiled template."""
    return environment().from_string(resource("tunesmith.data.examine", "page.html.jinja"))


def _clusters(finding: Finding) -> list[str]:
    """The largest clusters, each as its places."""
    several = len({place.file for cluster in finding.clusters for place in cluster}) > 1
    return [
        ", ".join(f"{place.file} line {place.line}" if several else f"line {place.line}" for place in cluster[:12])
        + (" …" if len(cluster) > 12 else "")
        for cluster in finding.clusters[:CLUSTERS_SHOWN]
    ]

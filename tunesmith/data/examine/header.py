"""How files are read → which column was taken for what, and whether a table's line of names looks like one of its rows: then that row is lost."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunesmith.data.examine.findings import KINDS
from tunesmith.data.personal.masking import masked
from tunesmith.data.sources.columns import NAMES
from tunesmith.data.sources.detection import SAMPLE_ROWS, raw_rows
from tunesmith.data.sources.reading import Plan
from tunesmith.errors import excerpt
from tunesmith.spec.finding import Finding

PARTS = {"input": "question", "output": "answer", "label": "label", "group": "group"}
SENTENCE_WORDS = 6
"""A name of so many words is more likely a text; survey tools write shorter ones, and end them with `:`."""
_ENDS = re.compile(r"\S\s+\S.*[.?!。？！…]\Z", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?\Z")


def taken(settled: Plan) -> str:
    """Which columns are read as what, for people; of other formats than tables, which one it is."""
    source = settled.source
    if source.format != "table":
        return f"read as {source.format}"
    named = [f"{excerpt(name, 40)} as {part}" for key, part in PARTS.items() if (name := getattr(source, key)) is not None]
    return "took " + ", ".join(named)


def lost_headers(settled: Iterable[Plan]) -> Iterator[Finding]:
    """A finding for each table without a line of names, as far as that can be told."""
    kind = KINDS["header_is_row"]
    for plan in settled:
        sample = itertools.islice((row for _, row in raw_rows(plan.path, plan.shape, plan.source.file) if isinstance(row, dict)), SAMPLE_ROWS)
        names = columns_of(plan) if plan.shape.layout == "csv" else []
        if names and (why := looks_like_a_row(names, list(sample))):
            cells = ", ".join(excerpt(masked(name), 60) for name in names)
            yield Finding(
                kind="header_is_row",
                group=kind.group,
                severity=kind.severity,
                file=plan.source.file,
                lines=(),
                message=f"{kind.title}: {cells}; {masked(why)}",
                why=kind.why,
                evidence=kind.evidence,
                fix=kind.fix,
            )


def columns_of(settled: Plan) -> list[str]:
    """The columns that are read as something."""
    return [name for key in PARTS if (name := getattr(settled.source, key)) is not None]


def looks_like_a_row(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Why these names of columns look like texts of a row; empty: they do not, or one of them is a usual name.

    >>> looks_like_a_row(["Where is my card?", "card_lost"], [{"Where is my card?": "It is gone", "card_lost": "card_lost"}])
    '"Where is my card?" ends like a sentence'
    >>> looks_like_a_row(["text", "spam"], [{"text": "Win now!", "spam": "spam"}])
    ''
    """
    usual = {word for words in NAMES.values() for word in words}
    if any(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") in usual for name in names):
        return ""
    others = [row for row in rows if any(str(row.get(name)).strip() != name for name in names)]  # a line of names may stand twice
    for name in names:
        values = [str(row.get(name)).strip() for row in others]
        if _ENDS.search(name):
            return f"{excerpt(name, 60)} ends like a sentence"
        if len(name.split()) >= SENTENCE_WORDS:
            return f"{excerpt(name, 60)} has {len(name.split())} words"
        if name in values:
            return f"{excerpt(name, 60)} also stands below, in {values.count(name):,} rows"
        if _NUMBER.match(name) and values and all(map(_NUMBER.match, values)):
            return f"{excerpt(name, 60)} is a number, like all below it"
    return ""

"""Column names and sample rows → which column is the question, the answer, the label, the group, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NAMES: dict[str, tuple[str, ...]] = {
    "input": ("text", "question", "query", "utterance", "input", "message", "sentence", "prompt", "request", "body", "comment", "review", "ticket", "email",
              "description", "content", "instruction", "title", "subject", "source"),
    "output": ("answer", "output", "response", "completion", "reply", "solution", "summary", "translation", "target", "resolution", "agent_reply"),
    "label": ("label", "intent", "category", "class", "sentiment", "topic", "tag", "type", "department", "queue", "priority", "rating"),
    "group": ("group", "customer", "customer_id", "user_id", "conversation_id", "thread_id", "session_id", "document_id", "doc_id", "author"),
}  # fmt: skip
MAX_LABEL_CHARACTERS = 60


@dataclass(frozen=True)
class Guess:
    """A column taken for something, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class Column:
    """What the sample shows of one column."""

    name: str
    filled: int
    distinct: int
    mean_characters: float
    longest: int

    def repeats(self) -> bool:
        """True if its values are short and come again and again, as labels do."""
        return self.longest <= MAX_LABEL_CHARACTERS and 2 <= self.distinct <= max(2, self.filled // 3)


def describe(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[Column]:
    """What each column holds in the sample."""
    found = []
    for name in names:
        values = [str(row[name]).strip() for row in rows if row.get(name) is not None and str(row[name]).strip()]
        lengths = [len(value) for value in values] or [0]
        found.append(Column(name, len(values), len(set(values)), sum(lengths) / len(lengths), max(lengths)))
    return found


def guess_columns(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> dict[str, Guess]:
    """Guesses by kind (`input`, `output`, `label`, `group`); a kind that nothing points to is left out.

    Names decide first, in the order in which they are usually meant; then what the columns hold.
    """
    columns = {c.name: c for c in describe(names, rows)}
    found: dict[str, Guess] = {}
    for kind in ("label", "output", "input"):
        named = by_name(kind, [n for n in names if n not in {g.column for g in found.values()}])
        if named and not (kind == "label" and rows and not _label_like(columns[named.column])):
            found[kind] = named
    free = [c for c in columns.values() if c.filled and c.name not in {g.column for g in found.values()}]
    if "label" not in found and "output" not in found:
        repeating = sorted((c for c in free if c.repeats()), key=lambda c: c.distinct)
        if repeating and len(columns) > 1:
            c = repeating[0]
            found["label"] = Guess(c.name, f"{c.distinct} different short values in {c.filled} rows")
            free.remove(c)
    if "input" not in found and free:
        longest = max(free, key=lambda c: c.mean_characters) if "output" in found or "label" in found else free[0]
        found["input"] = Guess(
            longest.name,
            f"the longest text that is left ({longest.mean_characters:.0f} characters on average)" if len(free) > 1 else "the column that is left",
        )
        free.remove(longest)
    if "label" not in found and "output" not in found and free:
        longest = max(free, key=lambda c: c.mean_characters)
        found["output"] = Guess(longest.name, f"the longest other text ({longest.mean_characters:.0f} characters on average)")
    group = by_name("group", [n for n in names if n not in {g.column for g in found.values()}])
    if group and columns[group.column].distinct < columns[group.column].filled:
        found["group"] = Guess(group.column, f"{group.reason}, and its values repeat: rows of one value stay in one split")
    return found


def _label_like(column: Column) -> bool:
    return column.longest <= MAX_LABEL_CHARACTERS and column.distinct <= max(2, 0.7 * column.filled)


def by_name(kind: str, names: Sequence[str]) -> Guess | None:
    """The column whose name says that it is of this kind: the whole name first, then one of its words."""
    folded = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(names)}
    for word in NAMES[kind]:
        if word in folded:
            return Guess(folded[word], f"named `{word}`")
    for word in NAMES[kind]:
        for key, name in reversed(folded.items()):
            if word in key.split("_"):
                return Guess(name, f"its name holds `{word}`")
    return None

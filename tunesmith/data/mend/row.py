"""A row as it stands in the file → the row mended: every text in it, wherever it stands, and its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from tunesmith.data.clean import repair, trim
from tunesmith.data.mend.plan import Step
from tunesmith.data.personal.masking import masked
from tunesmith.data.personal.redact import Placeholders, redact
from tunesmith.data.profile import renaming
from tunesmith.errors import excerpt
from tunesmith.spec.dataset import Source
from tunesmith.spec.mending import Done

FENCED = ("label_in_fence", "json_in_fence")
SHOWN_CHARACTERS = 60
ROLES = ("role", "from")
"""Keys whose texts are names of roles, not said by anybody."""
_FENCE = re.compile(r"\A\s*```[\w+-]*[ \t]*\n?(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)


def mended(
    row: Mapping[str, Any], steps: Sequence[Step], source: Source, renames: Mapping[str, str], book: Placeholders
) -> tuple[dict[str, Any], list[Done]]:
    """(the row after these steps, none of which drops it; what was changed in fact)."""
    made = dict(deepcopy(row))
    done: list[Done] = []
    for step in steps:
        before = deepcopy(made)
        detail = step.detail
        match step.action:
            case "repair":
                made = over_texts(made, lambda text: trim(repair(text)[0]))
                if step.reason in FENCED:
                    made = over_answer(made, source, unfenced)
            case "rename":
                made, detail = renamed(made, source, renames)
            case "redact":
                kinds: list[str] = []
                made = over_texts(made, lambda text: _redacted(text, book, kinds))  # noqa: B023  used at once
                detail = ", ".join(dict.fromkeys(kinds))
            case "answer":
                made, detail = answered(made, source, step.value or "")
            case "drop":
                raise AssertionError("a dropped row is not mended")
        if made != before:
            done.append(Done(action=step.action, reason=step.reason, detail=detail))
    return made, done


def _redacted(text: str, book: Placeholders, kinds: list[str]) -> str:
    masked, found = redact(text, book)
    kinds += found
    return masked


def over_texts(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """`value` with every text in it changed, but for keys and the names of roles."""
    if isinstance(value, str):
        return value if key in ROLES else change(value)
    if isinstance(value, dict):
        return {name: over_texts(part, change, name) for name, part in value.items()}
    if isinstance(value, list):
        return [over_texts(part, change, key) for part in value]
    return value


def over_answer(row: dict[str, Any], source: Source, change: Callable[[str], str]) -> dict[str, Any]:
    """The row with its answer changed, in whatever format it stands; a row without an answer as a text stays as it is."""
    place = answer_place(row, source)
    if place is None:
        return row
    holder, key = place
    holder[key] = change(str(holder[key]))
    if source.format == "table" and source.output is not None and source.label is not None and row.get(source.label) == row.get(source.output):
        row[source.label] = holder[key]
    return row


def answered(row: dict[str, Any], source: Source, answer: str) -> tuple[dict[str, Any], str]:
    """(the row with this answer, what it was and what it is, without personal data)."""
    place = answer_place(row, source)
    before = place[0][place[1]] if place else ""
    detail = " → ".join(excerpt(masked(text), SHOWN_CHARACTERS) for text in (before, answer))
    return over_answer(row, source, lambda _: answer), detail


def answer_place(row: dict[str, Any], source: Source) -> tuple[dict[str, Any], str] | None:
    """(the object that holds the answer, its key there); None where there is none, or where it is no text."""
    match source.format:
        case "table":
            return _text_at(row, source.output or source.label or "")
        case "completion":
            return _text_at(row, "completion")
        case "alpaca":
            return _text_at(row, "output")
        case "chat" | "rated" | "sharegpt":
            turns = next((row[name] for name in ("messages", "conversations", "conversation") if isinstance(row.get(name), list)), None)
            if turns is None:
                return _text_at(row, "completion")
            said = [turn for turn in turns if isinstance(turn, dict)]
            return next((place for name in ("content", "value") if said and (place := _text_at(said[-1], name))), None)
        case _:
            return None


def _text_at(holder: dict[str, Any], key: str) -> tuple[dict[str, Any], str] | None:
    return (holder, key) if isinstance(holder.get(key), str) else None


def renamed(row: dict[str, Any], source: Source, renames: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """(the row with its label spelt as it should be, how it was spelt)."""
    detail = ""
    place = answer_place(row, source)
    holders = [place] if place else []
    if source.label is not None and isinstance(row.get(source.label), str):
        holders.append((row, source.label))
    for holder, key in holders:
        new = renames.get(holder[key].strip())
        if new is not None and holder[key] != new:
            detail = renaming(holder[key].strip()[:SHOWN_CHARACTERS], new[:SHOWN_CHARACTERS])
            holder[key] = new
    return row, detail


def unfenced(text: str) -> str:
    """The text without the Markdown fence around the whole of it.

    >>> unfenced("```json\\n{}\\n```"), unfenced("say `hi`")
    ('{}', 'say `hi`')
    """
    match = _FENCE.match(text)
    return match[1] if match and "```" not in match[1] else text

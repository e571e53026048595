"""Rows of a file → answers in a form that few of them have: JSON or text, other keys, Markdown or not, no result line; and rare labels that are a slip from a frequent one."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from tunesmith.data.examine.balance import label_counts
from tunesmith.data.examine.findings import Suspicion
from tunesmith.data.examine.rows import Rows
from tunesmith.data.profile import listed, renaming
from tunesmith.data.spool import I64

MINORITY = 0.2
MOST = 0.8
NEARLY_ALL = 0.9
MOST_ENDS = 1_000
ENDED = "."
MIN_ROWS = 20
MIN_PROSE = 80
"""Shorter answers have no room for Markdown."""
TYPO_LETTERS = 6
TYPO_ROWS = 3
TYPO_RATIO = 20
_MARKDOWN = re.compile(
    r"^#{1,6} \S|^\|.*\|\s*$|\*\*[^*\n]{1,200}\*\*|(?<![\w_])__(?!\w+__)[^_\n]{1,200}__(?![\w_])|\[[^\]\n]{1,200}\]\(https?://", re.MULTILINE
)
_RESULT = re.compile(r"(#{3,6}|[^\W\d_]+(?: [^\W\d_]+){0,3} ?[:=]|the (?:final )?answer is)\s*\S.{0,60}\Z", re.IGNORECASE)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
_ASKS_JSON = re.compile(r"json|schema|\bkeys?\b|structured", re.IGNORECASE)


@dataclass
class Forms:
    """In which form each answer is, from one pass over the rows."""

    keys: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Row with a JSON object → its keys, sorted."""
    markdown: list[int] = field(default_factory=list)
    plain: list[int] = field(default_factory=list)
    ends: dict[str, array[int]] = field(default_factory=dict)
    """How a last line begins that announces a result (`####`, `Answer:`) → the rows; ENDED: it does not, but the answer has an end; "": it has none."""
    asked_for_json: set[int] = field(default_factory=set)
    """Rows whose question or system prompt speaks of JSON; only of those that answer in JSON."""

    def see(self, row: int, said: str, around: str) -> None:
        """Note one answer; `around`: what stands before it."""
        mark = _ending(said.rstrip())
        self.ends.setdefault(mark if mark in self.ends or len(self.ends) < MOST_ENDS else ENDED, array("q")).append(row)
        if said.lstrip().startswith("{"):
            try:
                value = json.loads(said)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                self.keys[row] = tuple(sorted(value))
        if said.lstrip()[:1] in ("{", "["):
            if _ASKS_JSON.search(around):
                self.asked_for_json.add(row)
        elif len(said) >= MIN_PROSE:
            (self.markdown if _MARKDOWN.search(_CODE.sub("", said)) else self.plain).append(row)


def outputs(rows: Rows, mask: NDArray[np.bool_]) -> Iterator[Suspicion]:
    """What is inconsistent about the form of these rows' answers."""
    counts = label_counts(rows, mask)
    if counts:
        yield from _typos(rows, mask, counts)
        return
    if int(mask.sum()) < MIN_ROWS or not (rows.facts.is_json[mask].any() or (rows.facts.short_answer[mask] < 0).any()):
        return
    forms = forms_of(rows, mask)
    yield from _mixed_json(rows, mask, forms)
    odd = odd_keys(forms.keys)
    if odd:
        yield Suspicion("json_keys", np.asarray(sorted(odd), dtype=np.int64), listed(sorted(set(odd.values()))), notes=odd)
    yield from _mixed_markdown(forms)
    yield from _without_result(forms.ends)


def forms_of(rows: Rows, mask: NDArray[np.bool_]) -> Forms:
    """The forms of the answers of these rows, from one pass over the scratch file."""
    forms = Forms()
    for row, line in enumerate(rows.spool.lines()):
        if mask[row]:
            *before, last = json.loads(line)["conversation"]["messages"]
            if not last.get("tool_calls"):
                forms.see(row, last.get("content") or "", _said_before(before))
    return forms


def _said_before(turns: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(turn.get("content") or "" for turn in turns)


def _mixed_json(rows: Rows, mask: NDArray[np.bool_], forms: Forms) -> Iterator[Suspicion]:
    is_json = rows.facts.is_json & mask
    total, many = int(mask.sum()), int(is_json.sum())
    if 0 < many < MINORITY * total:
        strange = np.asarray([row for row in np.flatnonzero(is_json).tolist() if row not in forms.asked_for_json], dtype=np.int64)
        detail = f"{total - many:,} rows answer with text"
    elif MINORITY * total > total - many > 0:
        strange, detail = np.flatnonzero(mask & ~is_json & ~rows.facts.is_outside), f"{many:,} rows answer with JSON"
    else:
        return
    if len(strange):
        yield Suspicion("mixed_json", strange, detail)


def _mixed_markdown(forms: Forms) -> Iterator[Suspicion]:
    total = len(forms.markdown) + len(forms.plain)
    few, what = min((forms.markdown, "have Markdown"), (forms.plain, "are plain text"), key=lambda one: len(one[0]))
    if total >= MIN_ROWS and 0 < len(few) < MINORITY * total:
        yield Suspicion("mixed_markdown", np.asarray(few, dtype=np.int64), f"of {total:,} longer answers {len(few):,} {what}")


def _ending(said: str) -> str:
    if found := _RESULT.match(said.rpartition("\n")[2].strip()):
        return found[1].casefold()
    return "" if said[-1:].isalnum() or said[-1:] in tuple(",-(&/=+*:") else ENDED


def _without_result(ends: Mapping[str, Sequence[int]]) -> Iterator[Suspicion]:
    usual, having = max(ends.items(), key=lambda one: len(one[1]), default=("", ()))
    lacking, total = ends.get("", ()), sum(map(len, ends.values()))
    if usual not in ("", ENDED) and lacking and total >= MIN_ROWS and len(having) >= NEARLY_ALL * total:
        detail = f"{len(having):,} of {total:,} answers have a last line that begins with `{usual}`"
        notes = dict.fromkeys(lacking, f"the last line does not begin with `{usual}`")
        yield Suspicion("truncated_answer", np.asarray(lacking, dtype=np.int64), detail, notes=notes)


def odd_keys(keys: Mapping[int, tuple[str, ...]]) -> dict[int, str]:
    """Row → how its keys differ from those of the rest.

    >>> odd_keys({row: ("city", "day") for row in range(30)} | {30: ("city",)})
    {30: 'lacks `day`'}
    """
    if len(keys) < MIN_ROWS:
        return {}
    usual, count = Counter(keys.values()).most_common(1)[0]
    if count >= MOST * len(keys):
        return {row: _difference(own, usual) for row, own in keys.items() if own != usual}
    present = Counter(key for own in keys.values() for key in own)
    needed = {key for key, n in present.items() if NEARLY_ALL * len(keys) <= n < len(keys)}
    return {row: _difference(own, tuple({*own, *missing})) for row, own in keys.items() if (missing := needed - set(own))}


def _difference(own: Sequence[str], usual: Sequence[str]) -> str:
    lacks, has = sorted(set(usual) - set(own)), sorted(set(own) - set(usual))
    parts = [f"{verb} {', '.join(f'`{key[:30]}`' for key in names[:4])}" for verb, names in (("lacks", lacks), ("has besides", has)) if names]
    return "; ".join(parts)


def _typos(rows: Rows, mask: NDArray[np.bool_], counts: Mapping[str, int]) -> Iterator[Suspicion]:
    slips = typos(counts)
    if slips:
        answers = rows.spool.answers.texts
        numbers = [answers.index(label) for label in slips]
        wrong: I64 = np.flatnonzero(mask & np.isin(rows.facts.short_answer, numbers))
        meant = {row: slips[answers[int(rows.facts.short_answer[row])]] for row in wrong.tolist()}
        detail = listed([renaming(old, new) for old, new in sorted(slips.items())])
        yield Suspicion("label_typo", wrong, detail, notes={row: f"probably `{label}`" for row, label in meant.items()}, suggestions=meant)


def typos(counts: Mapping[str, int]) -> dict[str, str]:
    """Rare label → the frequent one that it is a slip of the hand away from.

    >>> typos({"card_lost": 60, "card_lsot": 1, "card_linked": 60, "grade_1": 90, "grade_2": 1})
    {'card_lsot': 'card_lost'}
    """
    found = {}
    for label, count in counts.items():
        if count > TYPO_ROWS or len(label) < TYPO_LETTERS:
            continue
        near = sorted((other for other, n in counts.items() if n >= TYPO_RATIO * count and is_slip(label, other)), key=lambda other: -counts[other])
        if near and len(set(map(_spelt, near))) == 1:
            found[label] = near[0]
    return found


def is_slip(label: str, other: str) -> bool:
    """True if one letter was missed, doubled, swapped or mistaken; a digit, or a letter put in front, makes another word. Letter case and what stands
    between words do not count.

    >>> is_slip("card_lsot", "card_lost"), is_slip("Card lsot", "card_lost"), is_slip("typical", "atypical"), is_slip("tier_1x", "tier_2x")
    (True, True, False, False)
    """
    label, other = _spelt(label), _spelt(other)
    if abs(len(label) - len(other)) > 1 or label == other or OSA.distance(label, other, score_cutoff=1) != 1:
        return False
    if re.sub(r"[^0-9]", "", label) != re.sub(r"[^0-9]", "", other):
        return False
    return len(label) == len(other) or (label[1:] != other and label != other[1:])


def _spelt(label: str) -> str:
    return re.sub(r"[\s_-]+", "_", label.strip().casefold())

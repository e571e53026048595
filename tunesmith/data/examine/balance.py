"""Rows → what is lopsided or missing: labels, lengths, system prompts, rows that decline, and whether there are enough of them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.findings import Suspicion, share
from tunesmith.data.examine.rows import Rows
from tunesmith.data.kind import are_labels
from tunesmith.data.labels import spellings
from tunesmith.data.profile import FEW_PER_CLASS, IMBALANCE, listed, named, quoted, renaming, some
from tunesmith.data.spool import I64
from tunesmith.measure.declining import LONGEST, declines
from tunesmith.measure.text import normalise

LONG_FACTOR = 10
FEW_ROWS = 50
FORM_ROWS = 200
GOOD_ROWS = 1_000
SEVERAL_SYSTEMS = 0.5
NONE = np.zeros(0, np.int64)
_OUTSIDE = re.compile(
    r"\A(?:oos|out[ _-]?of[ _-]?(?:scope|domain)|other|none|unknown|off[ _-]?topic|fallback|no[ _-]?intent|irrelevant)\Z", re.IGNORECASE
)
_DECLINES = re.compile(
    r"\b(?:can(?:no|['’])t (?:help|answer|assist)|unable to (?:help|answer|assist)|only (?:help|answer)|outside (?:of )?(?:my|the) (?:scope|area)|don['’]t (?:know|have (?:that|this|any) information)|not able to (?:help|answer)|kann (?:dir|ihnen|ich) .{0,40}nicht|ne peux pas|no puedo|não posso|non posso)\b",
    re.IGNORECASE,
)


def label_counts(rows: Rows, mask: NDArray[np.bool_]) -> dict[str, int]:
    """Label → rows, if the answers of these rows are labels: one of a few short texts that come again; else nothing."""
    short = rows.facts.short_answer[mask]
    if not len(short) or (short < 0).any() or rows.spool.answers.is_full or rows.facts.is_json[mask].all():
        return {}
    if not _is_label_column(rows, mask) and not are_labels(short):
        return {}
    numbers, counts = np.unique(short, return_counts=True)
    return {rows.spool.answers.texts[n]: c for n, c in zip(numbers.tolist(), counts.tolist(), strict=True)}


def _is_label_column(rows: Rows, mask: NDArray[np.bool_]) -> bool:
    """True if every answer is what stands in the column of labels."""
    pairs = np.unique(np.stack([rows.facts.label[mask], rows.facts.short_answer[mask]]), axis=1).T.tolist()
    return all(label >= 0 and rows.spool.labels.texts[label].strip() == rows.spool.answers.texts[answer] for label, answer in pairs)


def about_labels(rows: Rows, mask: NDArray[np.bool_], out_of_scope: str | None) -> list[Suspicion]:
    """Labels that are spelt in several ways, rare, lopsided, or alone."""
    counts = label_counts(rows, mask)
    if not counts:
        return []
    found = [*_spellings(rows, mask, counts)]
    if len(counts) == 1:
        return [*found, Suspicion("one_answer", NONE, f"`{next(iter(counts))}` in all {int(mask.sum()):,} rows")]
    few = sorted((label for label, n in counts.items() if n < FEW_PER_CLASS), key=lambda label: (counts[label], label))
    if few:
        detail = f"{named(few, 'has', 'have')} fewer than {FEW_PER_CLASS} rows ({some([f'{label} ({counts[label]})' for label in few])})"
        found.append(Suspicion("rare_label", _with_answers(rows, mask, few), detail))
    sizes = sorted(((n, label) for label, n in counts.items() if label != out_of_scope), reverse=True)
    if len(sizes) > 1 and sizes[0][0] > IMBALANCE * sizes[-1][0]:
        found.append(Suspicion("lopsided_labels", NONE, f"`{sizes[0][1]}` has {sizes[0][0]:,} rows, `{sizes[-1][1]}` {sizes[-1][0]:,}"))
    return found


def _spellings(rows: Rows, mask: NDArray[np.bool_], counts: dict[str, int]) -> list[Suspicion]:
    renames = {other: group[0] for group in spellings(counts) for other in group[1:]}
    if not renames:
        return []
    wrong = _with_answers(rows, mask, sorted(renames))
    notes = {int(row): f"should be {quoted(renames[rows.spool.answers.texts[int(rows.facts.short_answer[row])]])}" for row in wrong}
    told = listed([renaming(old, new) for old, new in sorted(renames.items())])
    return [Suspicion("label_spelling", wrong, told, notes=notes, renames=renames)]


def _with_answers(rows: Rows, mask: NDArray[np.bool_], labels: list[str]) -> I64:
    numbers = [rows.spool.answers.texts.index(label) for label in labels]
    return np.flatnonzero(mask & np.isin(rows.facts.short_answer, numbers))


def about_scope(rows: Rows, mask: NDArray[np.bool_], out_of_scope: str | None) -> list[Suspicion]:
    """Whether some rows decline."""
    total = int(mask.sum())
    if total < FEW_ROWS:
        return []
    counts = label_counts(rows, mask)
    if counts:
        outside = [label for label in counts if label == out_of_scope or _OUTSIDE.match(label.strip())]
        return (
            []
            if outside
            else [Suspicion("no_out_of_scope", NONE, "no label means `not our business`; if every question gets one of these labels, that is fine")]
        )
    fixed = normalise(out_of_scope) if out_of_scope is not None else None
    if any(_says_no(text, fixed) for text in _short_answers(rows, mask)) or _declining(rows, mask, fixed):
        return []
    return [Suspicion("no_out_of_scope", NONE, "no answer says that it cannot help with this")]


def _short_answers(rows: Rows, mask: NDArray[np.bool_]) -> list[str]:
    numbers = np.unique(rows.facts.short_answer[mask])
    return [rows.spool.answers.texts[n] for n in numbers.tolist() if n >= 0]


def _says_no(text: str, fixed: str | None) -> bool:
    """True for the project's own words of declining, for any that the metrics know, and for the usual ones somewhere in an answer."""
    return _DECLINES.search(text[:400]) is not None or (fixed is not None and len(text) <= LONGEST and normalise(text) == fixed) or declines(text)


def _declining(rows: Rows, mask: NDArray[np.bool_], fixed: str | None) -> bool:
    """True if some longer answer declines; looked for in the first 20,000 rows."""
    long = np.flatnonzero(mask & (rows.facts.short_answer < 0))[:20_000]
    return any(
        _says_no(record.conversation.messages[-1].content or "", fixed) for record in rows.records(long).values() if record.conversation is not None
    )


def about_systems(rows: Rows, mask: NDArray[np.bool_]) -> list[Suspicion]:
    """One system prompt, several, or some rows without."""
    numbers = rows.system[mask]
    total, without = len(numbers), int((numbers == -1).sum())
    different = len(np.unique(numbers[numbers >= 0]))
    found = []
    if 1 < different < SEVERAL_SYSTEMS * total:
        found.append(Suspicion("several_system_prompts", NONE, f"{different:,} different prompts in {total - without:,} rows"))
    if different and without and without < total:
        found.append(Suspicion("system_prompt_missing", np.flatnonzero(mask & (rows.system == -1))))
    return found


def about_lengths(rows: Rows, mask: NDArray[np.bool_]) -> list[Suspicion]:
    """Rows far longer than nearly all others."""
    size = rows.question_characters + rows.answer_characters
    if mask.sum() < FEW_ROWS:
        return []
    usual = float(np.percentile(size[mask], 99))
    long = np.flatnonzero(mask & (size > max(LONG_FACTOR * usual, 2_000)))
    if not len(long):
        return []
    long = long[np.argsort(-size[long], kind="stable")]
    return [Suspicion("long_row", long, f"99 % of the rows have at most {usual:,.0f} characters", scores={int(r): float(size[r]) for r in long[:50]})]


def about_amount(rows: Rows, mask: NDArray[np.bool_]) -> list[Suspicion]:
    """Too little to learn from, by the guide."""
    total = int(mask.sum())
    labels = label_counts(rows, mask)
    if total < FEW_ROWS:
        return [Suspicion("few_rows", NONE, f"{total:,} rows; below {FEW_ROWS} write a prompt instead")]
    if labels:
        per = total / len(labels)
        return (
            []
            if per >= FEW_PER_CLASS
            else [
                Suspicion(
                    "few_rows", NONE, f"{total:,} rows for {len(labels):,} labels: {per:.0f} for each; {FEW_PER_CLASS} are the least, 100 are good"
                )
            ]
        )
    if total < FORM_ROWS:
        return [
            Suspicion(
                "few_rows", NONE, f"{total:,} rows: enough to learn a form, not to learn facts; {GOOD_ROWS:,} and more are good", severity="note"
            )
        ]
    return []


def overview(rows: Rows, mask: NDArray[np.bool_], repeated: int) -> list[str]:
    """What is in a file, in a few lines for people."""
    total = int(mask.sum())
    counts = label_counts(rows, mask)
    said = [f"{total:,} rows that can be used"]
    if counts:
        sizes = sorted(counts.values())
        said.append(f"{len(counts):,} labels with {sizes[0]:,} to {sizes[-1]:,} rows each")
    else:
        q, a = rows.question_characters[mask], rows.answer_characters[mask]
        if total:
            said.append(f"questions of {np.median(q):,.0f} characters (median), answers of {np.median(a):,.0f}")
    if repeated:
        said.append(f"{repeated:,} repeat another ({share(repeated, total)})")
    return said

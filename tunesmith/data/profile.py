"""What was kept and what was removed → the profile a person reads before anything is trained, with warnings that name their fix."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from tunesmith.spec.dataset import SplitName, Spread

BATCH_ROWS = 1_000
REMEMBERED = 4_000
FEW_PER_CLASS = 20
IMBALANCE = 20
LONG_TOKENS = 2_048
FEW_TO_JUDGE = 100
JUDGING: tuple[SplitName, ...] = ("test", "dev")


@dataclass
class Lengths:
    """Lengths of questions and answers, in tokens where a tokenizer is given, else in words; texts are taken a batch at a time.

    A question's length is the sum over its turns, each counted alone. Turns that come again (system prompts) are counted once.
    """

    tokenizer: Tokenizer | None
    questions: array[int] = field(default_factory=lambda: array("q"))
    answers: array[int] = field(default_factory=lambda: array("q"))
    _known: dict[str, int] = field(default_factory=dict)
    _waiting: list[tuple[list[str], str]] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path | None) -> Lengths:
        """Lengths by the tokenizer.json at `path`; its own padding and truncation would falsify them and are switched off."""
        if path is None:
            return cls(None)
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer)

    def add(self, turns: list[str], answer: str) -> None:
        """Count one row: the turns of its question, and its answer."""
        self._waiting.append((turns, answer))
        if len(self._waiting) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Count what is waiting."""
        if len(self._known) > REMEMBERED:
            self._known.clear()
        fresh = [text for text in dict.fromkeys(text for turns, answer in self._waiting for text in (*turns, answer)) if text not in self._known]
        if self.tokenizer is None:
            self._known.update((text, len(text.split())) for text in fresh)
        else:
            encoded = self.tokenizer.encode_batch_fast(fresh, add_special_tokens=False)
            self._known.update((text, len(tokens)) for text, tokens in zip(fresh, encoded, strict=True))
        self.questions.extend(sum(self._known[text] for text in turns) for turns, _ in self._waiting)
        self.answers.extend(self._known[answer] for _, answer in self._waiting)
        self._waiting.clear()


def spread(values: Sequence[int] | array[int]) -> Spread:
    """The distribution of some lengths; all zero where there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return Spread(n=0, mean=0, p50=0, p90=0, p99=0, max=0)
    p50, p90, p99 = np.percentile(numbers, (50, 90, 99))
    return Spread(n=len(numbers), mean=float(numbers.mean()), p50=float(p50), p90=float(p90), p99=float(p99), max=float(numbers.max()))


def half_width(rows: int, share: float = 0.8, z: float = 1.96) -> float:
    """Half the width of the 95 % Wilson interval around a share seen in so many rows.

    >>> round(half_width(100), 3)
    0.078
    """
    return z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))


@dataclass(frozen=True)
class Seen:
    """What the warnings look at."""

    rows: dict[SplitName, int]
    labels: dict[SplitName, dict[str, int]]
    rows_read: int
    removed: Counter[str]
    largest_cluster: int
    question: Spread
    answer: Spread
    unit: str


def warnings(seen: Seen) -> list[str]:
    """Likely mistakes in how the rows were split and for this model, each with its fix; silence where all is well."""
    found = [*size_warnings(seen), *label_warnings(seen)]
    lost = seen.rows_read - sum(seen.rows.values()) - seen.removed["duplicate"] - seen.removed["near_duplicate"]
    if lost > 0.1 * seen.rows_read:
        worst = ", ".join(f"{reason} {n:,}" for reason, n in seen.removed.most_common(3) if reason not in ("duplicate", "near_duplicate"))
        found.append(f"{lost:,} of {seen.rows_read:,} rows could not be used ({worst}): read rejected.jsonl, which names each line and its fix")
    if seen.largest_cluster > max(10, 0.2 * sum(seen.rows.values())):
        found.append(
            f"{seen.largest_cluster:,} rows are near duplicates of one another or of one group and stay in one split: raise cleaning.near_duplicate_similarity, or drop near duplicates"
        )
    if seen.unit != "words" and seen.question.max + seen.answer.max > LONG_TOKENS:
        found.append(
            f"the longest question has {seen.question.max:,.0f} tokens and the longest answer {seen.answer.max:,.0f}: rows beyond train.budget.max_length are cut at the front and counted; shorten or split them"
        )
    return found


def size_warnings(seen: Seen) -> list[str]:
    """Too little to judge with."""
    found = []
    for name in JUDGING:
        rows = seen.rows[name]
        if rows < FEW_TO_JUDGE:
            width = half_width(rows)
            found.append(
                f"{name} has {rows} rows: a share of 80 % is then known to within ±{100 * width:.0f} points; {FEW_TO_JUDGE} rows give ±{100 * half_width(FEW_TO_JUDGE):.0f}, 500 give ±{100 * half_width(500):.1f}; raise split.{name} or add rows"
            )
    return found


def label_warnings(seen: Seen) -> list[str]:
    """Labels that cannot be judged."""
    total: Counter[str] = Counter()
    for counts in seen.labels.values():
        total.update(counts)
    if not total:
        return []
    found = []
    once = sorted(label for label, n in total.items() if n == 1)
    if once:
        found.append(
            f"{named(once, 'stands', 'stand')} in one row only ({some(once)}): such a row is in train and cannot be judged; add rows or merge labels"
        )
    absent = sorted(label for label in total if total[label] > 1 and not seen.labels["test"].get(label))
    if absent:
        found.append(f"{named(absent, 'does', 'do')} not stand in test ({some(absent)}): recall will not be known; add rows or raise split.test")
    return found


def named(labels: Sequence[str], one: str, many: str) -> str:
    """How many labels, with the verb that fits."""
    return f"1 label {one}" if len(labels) == 1 else f"{len(labels):,} labels {many}"


def some(names: Sequence[str], n: int = 5) -> str:
    """The first few names, and how many more there are."""
    return listed([quoted(name) for name in names], n)


def listed(parts: Sequence[str], n: int = 5) -> str:
    """The first few of some words, and how many more there are."""
    return ", ".join(parts[:n]) + (f" and {len(parts) - n} more" if len(parts) > n else "")


def quoted(name: str) -> str:
    """A name between marks that do not stand in it.

    >>> quoted("card_lost"), quoted("```json")
    ('`card_lost`', '"```json"')
    """
    return f'"{name}"' if "`" in name else f"`{name}`"


def renaming(old: str, new: str) -> str:
    """Which name becomes which."""
    return f"{quoted(old)} → {quoted(new)}"

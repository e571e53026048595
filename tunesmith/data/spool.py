"""Cleaned records → lines in a scratch file plus a few numbers a row, so that memory follows the numbers and not the texts.

A row costs about 100 bytes of memory here. Records, folded questions and shingles lie in scratch files and are read again by offset.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.fold import answered, asked, fold, key, setting
from tunesmith.data.shingles import U64, bitmaps, is_short, shingle
from tunesmith.spec.dataset import Origin, Record

BATCH_ROWS = 2_000
MAX_NAMES = 20_000
SHORT_ANSWER_CHARACTERS = 80
NAMES = ("answers", "labels", "groups", "sources")
I64 = NDArray[np.int64]


class Names:
    """Texts → small numbers, in the order of their first appearance; stops remembering beyond a bound."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}
        self.is_full = False

    @classmethod
    def of(cls, texts: Sequence[str]) -> Names:
        """Names that were given before, in their order."""
        names = cls()
        names.texts, names._numbers = list(texts), {text: number for number, text in enumerate(texts)}
        names.is_full = len(texts) >= MAX_NAMES
        return names

    def number(self, text: str | None, *, bounded: bool = False) -> int:
        """The number of `text`; -1 for None, and for a new text once a bounded table is full."""
        if text is None:
            return -1
        found = self._numbers.get(text)
        if found is None:
            if bounded and len(self.texts) >= MAX_NAMES:
                self.is_full = True
                return -1
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


@dataclass(frozen=True)
class Facts:
    """What the later steps need of each row; index i is the i-th row that was kept by reading."""

    ids: U64
    asked: U64
    """Key of the folded question without system turns: rows that are equal here must stay in one split."""
    question: U64
    """Key of the folded question with system turns and tools: rows equal here and different in `answer` contradict one another."""
    row: U64
    """Key of question, answer and rejected answer: rows that are equal here are duplicates."""
    answer: U64
    short_answer: I64
    """Number of the answer's text among `answers`; -1 if it is long."""
    label: I64
    group: I64
    source: I64
    line: I64
    is_json: NDArray[np.bool_]
    """The answer is a JSON object or array."""
    is_outside: NDArray[np.bool_]
    """The answer is the one that means: not our business."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Texts:
    """Folded questions and their shingles, on disk."""

    folder: Path
    text_offsets: I64
    shingle_offsets: I64
    is_short: NDArray[np.bool_]
    maps: U64

    def shingles(self) -> U64:
        """All shingle hashes, mapped from disk; row i has `[shingle_offsets[i]:shingle_offsets[i + 1]]`."""
        if self.shingle_offsets[-1] == 0:
            return np.zeros(0, np.uint64)
        return np.memmap(self.folder / "shingles.u64", dtype=np.uint64, mode="r").view(np.ndarray)  # a plain array is sliced five times as fast

    def folded(self) -> FoldedTexts:
        """Folded questions by row number."""
        return FoldedTexts(self)


class FoldedTexts:
    """Folded questions, mapped from disk."""

    def __init__(self, texts: Texts) -> None:
        self._offsets = texts.text_offsets
        self._bytes = (
            np.memmap(texts.folder / "folded.txt", dtype=np.uint8, mode="r").view(np.ndarray) if texts.text_offsets[-1] else np.zeros(0, np.uint8)
        )

    def __getitem__(self, row: int) -> str:
        return self._bytes[self._offsets[row] : self._offsets[row + 1]].tobytes().decode()


@dataclass
class _Columns:
    """Growing columns of numbers."""

    ids: array[int] = field(default_factory=lambda: array("Q"))
    asked: array[int] = field(default_factory=lambda: array("Q"))
    question: array[int] = field(default_factory=lambda: array("Q"))
    row: array[int] = field(default_factory=lambda: array("Q"))
    answer: array[int] = field(default_factory=lambda: array("Q"))
    short_answer: array[int] = field(default_factory=lambda: array("q"))
    label: array[int] = field(default_factory=lambda: array("q"))
    group: array[int] = field(default_factory=lambda: array("q"))
    source: array[int] = field(default_factory=lambda: array("q"))
    line: array[int] = field(default_factory=lambda: array("q"))
    is_json: array[int] = field(default_factory=lambda: array("B"))
    is_outside: array[int] = field(default_factory=lambda: array("B"))


class Spool:
    """Takes records while sources are read; gives facts and texts once all are in. Scratch files go when it closes."""

    def __init__(self, folder: Path, out_of_scope: str | None = None) -> None:
        self.folder, self.out_of_scope = folder, out_of_scope
        folder.mkdir(parents=True, exist_ok=True)
        self.answers, self.labels, self.groups, self.sources = Names(), Names(), Names(), Names()
        self._columns = _Columns()
        self._records = (folder / "records.jsonl").open("wb")
        self._folded = (folder / "folded.txt").open("wb")
        self._shingles = (folder / "shingles.u64").open("wb")
        self._text_offsets, self._shingle_offsets = array("q", [0]), array("q", [0])
        self._short = array("B")
        self._maps: list[U64] = []
        self._waiting: list[str] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with ExitStack() as all_of_it:  # on a full disk closing a file fails as well, and just then the room is needed
            all_of_it.callback(self.folder.rmdir)
            for file in (self._records, self._folded, self._shingles):
                all_of_it.callback(Path(file.name).unlink, missing_ok=True)
                all_of_it.callback(file.close)

    @classmethod
    def reopened(cls, folder: Path, names: Mapping[str, Sequence[str]]) -> Spool:
        """A spool that was released in `folder`, to read from; `names`: the texts of its answers, labels, groups and sources."""
        spool = cls.__new__(cls)
        spool.folder, spool.out_of_scope = folder, None
        spool.answers, spool.labels, spool.groups, spool.sources = (Names.of(names[kind]) for kind in NAMES)
        return spool

    def release(self) -> None:
        """Close the scratch files and leave them: `reopened` finds them."""
        for file in (self._records, self._folded, self._shingles):
            file.close()

    def __len__(self) -> int:
        return len(self._text_offsets) - 1 + len(self._waiting)

    def add(self, record: Record) -> None:
        """Keep one record."""
        question, answer, around = asked(record), answered(record), setting(record)
        rejected = "\n".join(fold(m.content or "") for m in record.rejected or ())
        folded_answer = fold(answer)
        c = self._columns
        c.ids.append(int(record.id, 16))
        c.asked.append(key(question))
        verdict = "" if record.desirable is None else f"\0{record.desirable}"
        mine = f"\0{folded_answer}" if record.desirable is False else ""  # that an answer was disliked contradicts no other answer
        c.question.append(key(f"{around}\0{question}{verdict}{mine}"))
        c.row.append(key(f"{around}\0{question}\0{folded_answer}\0{rejected}{verdict}"))
        c.answer.append(key(folded_answer))
        is_short_answer = len(answer) <= SHORT_ANSWER_CHARACTERS and "\n" not in answer
        c.short_answer.append(self.answers.number(answer.strip() if is_short_answer else None, bounded=True))
        c.label.append(self.labels.number(record.label))
        c.group.append(self.groups.number(record.group))
        c.source.append(self.sources.number(record.origin.file))
        c.line.append(record.origin.line)
        c.is_json.append(holds_json(answer))
        c.is_outside.append(answer.strip() == self.out_of_scope)
        self._records.write(record.model_dump_json(exclude_none=True).encode() + b"\n")
        self._waiting.append(question)
        if len(self._waiting) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self.shingle(self._waiting)
            self._waiting.clear()

    def shingle(self, texts: Sequence[str]) -> None:
        """Keep these folded texts and their shingles; for those that are no records' questions, too."""
        hashes, offsets = shingle(texts)
        self._shingles.write(hashes.tobytes())
        base = self._shingle_offsets[-1]
        self._shingle_offsets.extend((offsets[1:] + base).tolist())
        self._maps.append(bitmaps(hashes, offsets))
        encoded = [text.encode() for text in texts]
        self._folded.write(b"".join(encoded))
        self._text_offsets.extend([*accumulate(map(len, encoded), initial=self._text_offsets[-1])][1:])
        self._short.extend(map(is_short, texts))

    def finish(self) -> tuple[Facts, Texts]:
        """Everything that was added, as arrays; nothing can be added afterwards."""
        self._flush()
        for file in (self._records, self._folded, self._shingles):
            file.flush()
        c = self._columns

        def unsigned(values: array[int]) -> U64:
            return np.array(values, dtype=np.uint64)

        def signed(values: array[int]) -> I64:
            return np.array(values, dtype=np.int64)

        facts = Facts(
            ids=unsigned(c.ids),
            asked=unsigned(c.asked),
            question=unsigned(c.question),
            row=unsigned(c.row),
            answer=unsigned(c.answer),
            short_answer=signed(c.short_answer),
            label=signed(c.label),
            group=signed(c.group),
            source=signed(c.source),
            line=signed(c.line),
            is_json=np.array(c.is_json, dtype=bool),
            is_outside=np.array(c.is_outside, dtype=bool),
        )
        self._columns = _Columns()  # frees the growing copies
        maps = np.concatenate(self._maps) if self._maps else np.zeros((0, 4), np.uint64)
        self._maps.clear()
        offsets = np.array(self._text_offsets, dtype=np.int64), np.array(self._shingle_offsets, dtype=np.int64)
        return facts, Texts(self.folder, *offsets, np.array(self._short, dtype=bool), maps)

    def origin(self, facts: Facts, row: int) -> Origin:
        """Where row `row` came from."""
        return Origin(file=self.sources.texts[int(facts.source[row])], line=int(facts.line[row]))

    def lines(self) -> Iterator[bytes]:
        """The records again as lines of JSON, in the order in which they were added."""
        with (self.folder / "records.jsonl").open("rb") as file:
            yield from file


def holds_json(answer: str) -> bool:
    """True if the answer is a JSON object or array."""
    if not answer.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True

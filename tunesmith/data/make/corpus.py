"""Documents → pieces of text for continued pre-training: cleaned, said once, cut at the document's own structure, each with its source."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from tunesmith.data.intake import look
from tunesmith.data.make.chunks import Chunk, Chunker, Count
from tunesmith.data.make.documents import documents
from tunesmith.data.make.passage_repeats import Repeats
from tunesmith.data.make.tally import Tally
from tunesmith.errors import BadProject
from tunesmith.spec.job import Monitor
from tunesmith.spec.making import Cited, CorpusWishes, Limits, Made
from tunesmith.spec.passage import Passage, Skipped, Spot

REMEMBERED = 50_000
SMALL_CHARACTERS = 2_000
WORDS = {
    "boilerplate": "stands in many of the documents",
    "equal": "stands at an earlier place already",
    "near_duplicate": "nearly the same stands at an earlier place",
    "too_short": "stands in a chunk of fewer tokens than `min_tokens`",
    "heading": "is a heading with nothing under it",
}
_WIDE = re.compile(r"[\u3040-\u9fff\uac00-\ud7a3]")


def corpus(
    paths: Sequence[str | Path],
    root: Path,
    monitor: Monitor,
    wishes: CorpusWishes | None = None,
    *,
    limits: Limits | None = None,
    tally: Tally | None = None,
) -> Iterator[Made | Skipped]:
    """A row for every chunk of the documents, and what could not be read; every passage counts in `tally` as used, or as passed over with its reason.

    Raises: BadData if a path does not exist, BadProject for a tokenizer that cannot be read, MissingDependency, Interrupted.
    """
    wanted = wishes or CorpusWishes()
    counts = tally or Tally("corpus", "passages", wanted)
    count, counts.token_unit = counter(wanted.tokenizer, root)
    counts.tokens = 0
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        repeats = Repeats(folder)
        for one in spool(documents(paths, root, monitor, limits=limits, tally=counts), folder, repeats, counts):
            yield counts.skip(one)

        def tick(done: int) -> None:
            look(monitor, "looking for repeated passages", done, counts.read, "passages")

        reasons = repeats.found(wanted.similarity, wanted.boilerplate_files, tick)
        chunker = Chunker(count, wanted.chunk_tokens, with_headings=wanted.with_headings)
        for number, (_, group) in enumerate(itertools.groupby(numbered(folder), key=lambda one: one[1].spot.file)):
            look(monitor, "cutting documents", number, repeats.files, "files")
            kept: list[Passage] = []
            for i, passage in group:
                if i in reasons:
                    yield passed_over(passage, reasons[i], counts)
                else:
                    kept.append(passage)
            yield from of_document(kept, chunker, wanted, counts)


def spool(found: Iterator[Passage | Skipped], folder: Path, repeats: Repeats, tally: Tally) -> Iterator[Skipped]:
    """What cannot be read; every passage goes to disk and to `repeats`."""
    file = ""
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as out:
        for one in found:
            if isinstance(one, Skipped):
                yield one
            elif one.kind != "faq":  # it stands in the visible text as well
                if one.spot.file != file:
                    repeats.next_file()
                    file = one.spot.file
                tally.read += 1
                repeats.add(one)
                out.write(one.model_dump_json(exclude_defaults=True) + "\n")


def numbered(folder: Path) -> Iterator[tuple[int, Passage]]:
    """The passages again, each with its number."""
    with (folder / "passages.jsonl").open(encoding="utf-8") as lines:
        for i, line in enumerate(lines):
            yield i, Passage.model_validate_json(line)


def of_document(passages: Sequence[Passage], chunker: Chunker, wishes: CorpusWishes, tally: Tally) -> Iterator[Made | Skipped]:
    """The rows of one document, and the passages that stand in none."""
    used: set[int] = set()
    small: set[int] = set()
    for chunk in chunker.chunks(passages):
        if chunk.tokens < wishes.min_tokens:
            small.update(map(id, chunk.passages))
            continue
        used.update(map(id, chunk.passages))
        assert tally.tokens is not None
        tally.tokens += chunk.tokens
        yield tally.made(row_of(chunk))
    tally.used += len(used)
    for passage in passages:
        if id(passage) not in used:
            yield passed_over(passage, "too_short" if id(passage) in small else "heading", tally)


def passed_over(passage: Passage, reason: str, tally: Tally) -> Skipped:
    """A passage that stands in no row."""
    return tally.pass_over(Skipped(spot=passage.spot, reason=reason, message=WORDS[reason]))


def row_of(chunk: Chunk) -> Made:
    """A chunk as a row."""
    first = chunk.passages[0]
    path = first.headings if first.kind != "heading" else (*first.headings, first.text)
    lines = [number for passage in chunk.passages for number in (passage.spot.line, passage.spot.last_line) if number is not None]
    spot = first.spot.model_copy(update={"last_line": max(lines)}) if lines else first.spot
    details: dict[str, str | int | float | bool] = {"tokens": chunk.tokens}
    return Made(text=chunk.text, group=first.spot.file, how="chunk", source=Cited.of(Spot.model_validate(spot.model_dump()), path), details=details)


def counter(tokenizer: str | None, root: Path) -> tuple[Count, str]:
    """(what counts the tokens of a text, what they are called).

    Raises: BadProject for a tokenizer.json that cannot be read.
    """
    if tokenizer is None:
        return words_in, "words"
    path = root / tokenizer
    known: Tokenizer | None = None
    got = "not JSON" if path.is_file() else "no such file"
    if path.is_file():
        with contextlib.suppress(ValueError, OSError):
            known, got = tokenizer_at(path)
    if known is None:
        raise BadProject(
            "is not a tokenizer that can be read", where=str(tokenizer), got=got, expected="a tokenizer.json", fix="name the one of your model"
        )

    @lru_cache(maxsize=REMEMBERED)
    def small(text: str) -> int:
        return len(known.encode(text, add_special_tokens=False))

    def count(text: str) -> int:
        return small(text) if len(text) <= SMALL_CHARACTERS else len(known.encode(text, add_special_tokens=False))

    return count, f"tokens of {path.parent.name or path.name}"


def tokenizer_at(path: Path) -> tuple[Tokenizer | None, str]:
    """(the tokenizer of a file, what is wrong with it)."""
    text = path.read_text("utf-8")
    value = json.loads(text)
    if not isinstance(value, dict) or not isinstance(value.get("model"), dict):
        return None, "JSON without a model"
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, ""


def words_in(text: str) -> int:
    """How many words a text has; each letter of a script without spaces counts as one.

    >>> words_in("two words"), words_in("你好 ok")
    (2, 3)
    """
    wide = len(_WIDE.findall(text))
    return wide + sum(bool(_WIDE.sub("", word)) for word in text.split()) if wide else len(text.split())

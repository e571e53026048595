"""The project's documents → excerpts: what retrieval searches and shows.

Cut simply: at every heading, and where a section has more than 180 words, between its passages (`make/chunks.py`). No overlap; each excerpt begins
with the headings over it, so that it can be understood by itself. 180 words are about what the sentence encoder reads (256 tokens).
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from tunesmith.data.fold import fold
from tunesmith.data.make.chunks import Chunk, Chunker
from tunesmith.data.make.corpus import words_in
from tunesmith.data.make.documents import documents, files_at
from tunesmith.data.make.file_kind import named_kind
from tunesmith.data.make.read import NOTICES
from tunesmith.data.personal.spans import KINDS, kinds_in
from tunesmith.data.writing import sha256
from tunesmith.errors import BadData, Problem
from tunesmith.spec.index import Document, Excerpt, Passages
from tunesmith.spec.job import Monitor, Note
from tunesmith.spec.making import Limits
from tunesmith.spec.noun import digest
from tunesmith.spec.passage import Passage, Skipped, Spot

VERSION = 1
"""Part of every key that passages stand under; raised when the same documents would give others."""
LONGEST_WORDS = 180
PASSAGES_FILE, SKIPPED_FILE = "passages.jsonl", "skipped.jsonl"
TOLD = 5
"""Problems that are told one by one; the others are counted."""


def document_digests(wanted: Sequence[Document], root: Path) -> dict[str, str]:
    """sha256 of each document's bytes, by its name for the user.

    Raises: BadData naming every path that leads to no document.
    """
    paths, _ = paths_of(wanted, root)
    return {name: sha256(path) for path, name in files_at(paths, root)[0]}


def paths_of(wanted: Sequence[Document], root: Path) -> tuple[list[str], list[Skipped]]:
    """(files and folders that the documents name, patterns followed; files that a pattern fits and that are no documents by their name).

    Raises: BadData naming every pattern that fits no document.
    """
    paths: list[str] = []
    others: list[Skipped] = []
    problems: list[Problem] = []
    for one in wanted:
        if not glob.has_magic(one.file) or (root / one.file).exists():
            paths.append(one.file)
            continue
        fitting = [name for name in sorted(glob.glob(one.file, root_dir=root, recursive=True)) if (root / name).is_file()]
        known = [name for name in fitting if named_kind(Path(name)) is not None]
        others += [not_a_document(name) for name in fitting if name not in set(known)]
        paths += known
        if not known:
            got = f"{len(fitting)} other files" if fitting else "no file"
            problems.append(
                Problem("fits no document", one.file, got, "PDF, Word (.docx), HTML, Markdown, reStructuredText or text", "mend the pattern")
            )
    if problems:
        raise BadData(problems=problems)
    return paths, others


def not_a_document(file: str) -> Skipped:
    """A file that lies among documents and is none."""
    fix = "save it as PDF, Word (.docx), HTML, Markdown or text, or name it by itself"
    return Skipped(spot=Spot(file=file), reason="not_a_document", message="is not named like a document", fix=fix)


def take_in(wanted: Sequence[Document], root: Path, folder: Path, monitor: Monitor, limits: Limits | None = None) -> Passages:
    """The manifest; passages.jsonl and skipped.jsonl lie in `folder`. What could not be read is told, and does not stop the others.

    Raises: BadData if a path leads nowhere or nothing can be read, MissingDependency, Interrupted.
    """
    paths, others = paths_of(wanted, root)
    with ExitStack() as open_:
        files = [open_.enter_context((folder / name).open("w", encoding="utf-8")) for name in (PASSAGES_FILE, SKIPPED_FILE)]
        written = Written(*files)
        for one in others:
            written.skip(one)
        chunker = Chunker(words_in, LONGEST_WORDS)
        waiting: list[Passage] = []
        for found in documents(paths, root, monitor, limits=limits):
            if isinstance(found, Skipped):
                written.skip(found)
                continue
            if waiting and waiting[0].spot.file != found.spot.file:
                written.add(waiting, chunker)
                waiting = []
            if found.kind != "faq":  # it stands in the visible text as well
                waiting.append(found)
        written.add(waiting, chunker)
    tell(written, monitor)
    if not written.excerpts:
        told = "; ".join(f"{one.spot.words()}: {one.message}" for one in written.first.values())
        raise BadData(
            "the documents hold no text",
            where=", ".join(one.file for one in wanted),
            got=told or "no words",
            fix="see what could not be read, and why",
        )
    return Passages(
        documents=document_digests(wanted, root),
        excerpts=written.excerpts,
        words=written.words,
        longest=LONGEST_WORDS,
        repeated=written.repeated,
        personal=dict(sorted(written.personal.items())),
        problems=dict(sorted(written.problems.items())),
        first=tuple(written.first.values()),
        files={name: sha256(folder / name) for name in (PASSAGES_FILE, SKIPPED_FILE)},
    )


class Written:
    """What was written so far."""

    def __init__(self, passages: TextIO, skipped: TextIO) -> None:
        self._passages, self._skipped = passages, skipped
        self._known: set[str] = set()
        self.excerpts = self.words = self.repeated = 0
        self.problems: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()
        self.first: dict[str, Skipped] = {}
        self.notices: list[Skipped] = []
        self.faults: list[Skipped] = []
        """The first few of them."""

    def skip(self, one: Skipped) -> None:
        """Something that could not be used, or should be known."""
        self._skipped.write(one.model_dump_json(exclude_defaults=True) + "\n")
        if one.reason in NOTICES:
            self.notices.append(one)
            return
        self.problems[one.reason] += 1
        self.first.setdefault(one.reason, one)
        if len(self.faults) < TOLD:
            self.faults.append(one)

    def add(self, document: Sequence[Passage], chunker: Chunker) -> None:
        """The passages of one document."""
        for section in sections(document):
            for chunk in chunker.chunks(section):
                excerpt = excerpt_of(chunk)
                if (words := fold(excerpt.text)) in self._known:
                    self.repeated += 1
                    continue
                self._known.add(words)
                self.excerpts += 1
                self.words += words_in(excerpt.text)
                self.personal.update(KINDS[kind].title for kind in kinds_in(excerpt.text))
                self._passages.write(excerpt.model_dump_json(exclude_defaults=True) + "\n")


def sections(document: Sequence[Passage]) -> Iterator[list[Passage]]:
    """Each heading with what stands under it before the next one."""
    section: list[Passage] = []
    for passage in document:
        if passage.kind == "heading" and section:
            yield section
            section = []
        section.append(passage)
    if section:
        yield section


def excerpt_of(chunk: Chunk) -> Excerpt:
    """A chunk with its place and headings. Half letters, which no file and no model can take, become question marks."""
    first = chunk.passages[0]
    lines = [number for passage in chunk.passages for number in (passage.spot.line, passage.spot.last_line) if number is not None]
    spot = first.spot.model_copy(update={"last_line": max(lines)}) if lines else first.spot
    text = whole(chunk.text)
    headings = first.headings if first.kind != "heading" else (*first.headings, first.text)
    ident = digest({"spot": spot.model_dump(mode="json"), "text": text})[:16]
    return Excerpt(id=ident, text=text, headings=tuple(map(whole, headings)), spot=spot)


def whole(text: str) -> str:
    """`text` with a question mark for each half of a letter."""
    return text.encode("utf-8", "replace").decode()


def tell(written: Written, monitor: Monitor) -> None:
    """Say what could not be read, and what should not be told."""
    for one in written.notices[:TOLD]:
        monitor.emit(Note(text=f"{one.spot.words()} {one.message}"))
    for one in written.faults:
        monitor.emit(Note(level="warning", text=f"{one.spot.words()}: {one.message}" + (f"; {one.fix}" if one.fix else "")))
    rest = sum(written.problems.values()) - len(written.faults)
    if rest > 0:
        monitor.emit(Note(level="warning", text=f"{rest} more files or parts of documents could not be used; {SKIPPED_FILE} lists them all"))
    if written.personal:
        kinds = ", ".join(f"{kind}: {count}" for kind, count in written.personal.most_common())
        text = f"passages hold personal data or secrets ({kinds}), and answers may repeat them; take out of the documents what nobody may be told"
        monitor.emit(Note(level="warning", text=text))


def read_excerpts(folder: Path) -> list[Excerpt]:
    """The excerpts of a passages artifact, in the order of the documents."""
    with (folder / PASSAGES_FILE).open("rb") as lines:
        return [Excerpt.model_validate_json(line) for line in lines]

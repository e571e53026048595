"""Excerpts of documents or worked examples ↔ an index on disk: their vectors, and the weights of their words (BM25).

Nothing in it can run: vectors are safetensors, BM25's arrays are NumPy files read without pickle, all else is JSON. The folder is an artifact: its
hashes are checked before it is read.

    entries.jsonl · vectors.safetensors · bm25/ (data, indices, indptr, vocabulary, parameters)

Source: BM25 as Lucene computes it (k1 = 1.5, b = 0.75) by bm25s 0.3 (Lù 2024, 2407.03618), which weighs all words when the index is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bm25s
import numpy as np
from pydantic import TypeAdapter
from safetensors.numpy import load_file, save_file

from tunesmith.answer.embed import Embedder
from tunesmith.errors import DamagedWeights, Interrupted, NotEnoughData
from tunesmith.spec.index import Content, Entry, Index
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Artifact
from tunesmith.store.disk import file_digest

ENTRIES, VECTORS, WORDS = "entries.jsonl", "vectors.safetensors", "bm25"
K1, B = 1.5, 0.75
BEGINS = ""
"""A mark before the words of every entry, so that one without words has a length; no question holds it."""
_WIDE = r"\u3040-\u9fff\uac00-\ud7a3"
_WORD = re.compile(rf"[{_WIDE}]|[^\W_{_WIDE}]+")
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


@dataclass(frozen=True, eq=False)
class OpenIndex:
    """An index in memory."""

    about: Index
    entries: tuple[Entry, ...]
    """Sorted by id, as the rows of all arrays are."""
    vectors: np.ndarray
    """[N, D] float32 unit vectors."""
    weights: bm25s.BM25


def words(text: str) -> list[str]:
    """The words of a text as BM25 counts them: letters and digits without case; each letter of a script without spaces is one.

    >>> words("Don't use os.path_join2 你好")
    ['don', 't', 'use', 'os', 'path', 'join2', '你', '好']
    """
    return _WORD.findall(text.casefold())


def plain(text: str) -> str:
    """`text` as an encoder can take it: half letters become question marks."""
    return text.encode("utf-8", "replace").decode()


def build(entries: Iterable[Entry], content: Content, source: str, encoder: tuple[LocalModel, Embedder], folder: Path, monitor: Monitor) -> Index:
    """The manifest; the index lies in `folder`. The same entries give the same files in any order; of entries with one id the first counts.

    Raises: NotEnoughData if there are none, Interrupted.
    """
    model, embedder = encoder
    by_id: dict[str, Entry] = {}
    for entry in entries:
        by_id.setdefault(entry.id, entry)
    kept = [by_id[ident] for ident in sorted(by_id)]
    if not kept:
        raise NotEnoughData("there is nothing to look up", where=source, expected="passages, or rows with one question and its answer")
    texts = [plain(entry.searched()) for entry in kept]
    (folder / ENTRIES).write_text("".join(entry.model_dump_json(exclude_none=True) + "\n" for entry in kept), encoding="utf-8")

    def tell(done: int) -> None:
        monitor.emit(Progress(label="reading what can be looked up", done=done, total=len(texts), unit=content))
        if monitor.stopping():
            raise Interrupted("stopped while an index was built", where="index", fix="run the same command again")

    save_file({"vectors": embedder.embed(texts, tell)}, folder / VECTORS)
    vocabulary = weigh([words(text) for text in texts], folder / WORDS)
    return Index(
        content=content,
        source=source,
        embedder=model.id,
        embedder_digest=model.digest,
        entries=len(kept),
        width=embedder.width,
        words=vocabulary,
        files={str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()},
    )


def weigh(texts: Sequence[Sequence[str]], folder: Path) -> int:
    """How many different words the texts have; their weights lie in `folder`."""
    vocabulary = {word: i for i, word in enumerate([BEGINS, *sorted({word for text in texts for word in text})])}
    numbered = [[0, *(vocabulary[word] for word in text)] for text in texts]
    weights = bm25s.BM25(k1=K1, b=B, method="lucene")
    weights.index((numbered, vocabulary), create_empty_token=False, show_progress=False)
    weights.save(folder, allow_pickle=False, show_progress=False)
    return len(vocabulary) - 1


def open_index(artifact: Artifact) -> OpenIndex:
    """The index in memory, after every file was compared with its hash.

    Raises: DamagedWeights, NotFound if it was erased.
    """
    entries, about = read_entries(artifact), artifact.load(Index)
    vectors = load_file(artifact.path / VECTORS)["vectors"]
    weights = bm25s.BM25.load(artifact.path / WORDS, load_corpus=False, mmap=False, allow_pickle=False, show_progress=False)
    if len(entries) != about.entries or vectors.shape != (about.entries, about.width) or weights.scores["num_docs"] != about.entries:
        raise DamagedWeights("its parts do not belong together", where=str(artifact.path), fix="delete the folder and run the project again")
    return OpenIndex(about, entries, vectors, weights)


def read_entries(artifact: Artifact) -> tuple[Entry, ...]:
    """What can be found, sorted by id, after every file of the index was compared with its hash.

    Raises: as `open_index`.
    """
    artifact.verify()
    with (artifact.path / ENTRIES).open("rb") as lines:
        return tuple(_ENTRY.validate_json(line) for line in lines)

"""An index on disk: the same bytes for the same entries, whole when it is read, and nothing in it that could run."""

from __future__ import annotations

import doctest
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.ears import Ears
from tunesmith.answer import index
from tunesmith.answer.embed import Embedder
from tunesmith.answer.index import build, open_index, words
from tunesmith.errors import DamagedWeights, Interrupted, NotEnoughData
from tunesmith.spec.index import Example, Excerpt
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot
from tunesmith.store.artifacts import Artifact, Store

TEXTS = ["A loan can be renewed twice.", "Opening hours: nine to five.", "", "The café is beside the entrance.", "贷款可以续借两次"]


def excerpts(texts: list[str]) -> list[Excerpt]:
    return [Excerpt(id=f"{i:016x}", text=text, spot=Spot(file="a.md", line=i + 1)) for i, text in enumerate(texts)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Embedder]:
    found = tiny.found(tiny.save_encoder(tmp_path_factory.mktemp("models") / "encoder"))
    return found, Embedder(found, tiny.CPU)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def kept(store: Store, encoder) -> Callable[..., Artifact]:
    """An index as an artifact."""

    def keep(entries, content="passages") -> Artifact:
        with store.work(f"{random.Random(len(list(entries))).getrandbits(128):032x}", stage="rivals", title="index") as work:
            return work.finish("index", build(entries, content, "passages-0", encoder, work.path, Silent()))

    return keep


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(index).failed == 0


def test_it_reads_back_as_it_was_built(kept, encoder) -> None:
    found = open_index(kept(excerpts(TEXTS)))
    assert [entry.searched() for entry in found.entries] == TEXTS
    np.testing.assert_array_equal(found.vectors, encoder[1].embed(TEXTS))
    assert (found.about.entries, found.about.width, found.about.content) == (5, 32, "passages")
    assert found.about.words == len({word for text in TEXTS for word in words(text)})
    loan = found.weights.get_scores_from_ids(found.weights.get_tokens_ids(words("renew a LOAN")))
    assert int(loan.argmax()) == 0
    assert loan[2] == 0


def test_the_order_of_entries_changes_nothing(tmp_path, encoder) -> None:
    made = []
    for name, entries in (("a", excerpts(TEXTS)), ("b", excerpts(TEXTS)[::-1]), ("c", excerpts(TEXTS) + excerpts(["other words under a known id"]))):
        (tmp_path / name).mkdir()
        made.append(build(entries, "passages", "passages-0", encoder, tmp_path / name, Silent()))
    assert made[0] == made[1] == made[2]
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in made[0].files)


def test_rows_are_found_by_their_questions(kept) -> None:
    found = open_index(
        kept([Example(id="2", conversation=tiny.chat("hello", "there")), Example(id="1", conversation=tiny.chat("the", "end"))], "rows")
    )
    assert [(entry.id, entry.searched()) for entry in found.entries] == [("1", "the"), ("2", "hello")]


def test_nothing_in_it_can_run(kept) -> None:
    artifact = kept(excerpts(TEXTS))
    files = {str(path.relative_to(artifact.path)) for path in artifact.path.rglob("*") if path.is_file()} - {"sidecar.json", "manifest.json"}
    assert {Path(name).suffix for name in files} == {".jsonl", ".safetensors", ".npy", ".json"}
    for name in files:
        if name.endswith(".npy"):
            np.load(artifact.path / name, allow_pickle=False)
        elif name.endswith(".json"):
            json.loads((artifact.path / name).read_bytes())


@pytest.mark.parametrize("file", ["entries.jsonl", "vectors.safetensors", "bm25/vocab.index.json", "bm25/data.csc.index.npy"])
def test_a_changed_file_is_refused(kept, file: str) -> None:
    artifact = kept(excerpts(TEXTS))
    path = artifact.path / file
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedWeights, match="is not what was stored"):
        open_index(artifact)


def test_parts_that_do_not_belong_together_are_refused(store, encoder) -> None:
    with store.work("ab" * 16, stage="rivals", title="index") as work:
        about = build(excerpts(TEXTS), "passages", "passages-0", encoder, work.path, Silent())
        artifact = work.finish("index", about.model_copy(update={"entries": 4}))
    with pytest.raises(DamagedWeights, match="do not belong together"):
        open_index(artifact)


@pytest.mark.parametrize("texts", [[""], ["", "?!"], ["\ud800"], ["x"] * 3])
def test_texts_with_little_in_them(tmp_path, encoder, texts) -> None:
    entries = [Excerpt(id=str(i), text=text.encode("utf-8", "replace").decode(), spot=Spot(file="a.md")) for i, text in enumerate(texts)]
    assert build(entries, "passages", "passages-0", encoder, tmp_path, Silent()).entries == len(texts)


def test_an_index_of_nothing_is_refused(tmp_path, encoder) -> None:
    with pytest.raises(NotEnoughData, match="nothing to look up"):
        build([], "passages", "passages-0", encoder, tmp_path, Silent())


def test_a_stop_is_obeyed(tmp_path, encoder) -> None:
    with pytest.raises(Interrupted):
        build(excerpts(TEXTS), "passages", "passages-0", encoder, tmp_path, Ears(stops=True))

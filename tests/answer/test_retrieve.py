"""What is found: fused ranks, never what must stay apart, and the same whoever asks beside."""

from __future__ import annotations

import doctest
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tiny
from tunesmith.answer import retrieve
from tunesmith.answer.embed import Embedder
from tunesmith.answer.index import build, open_index, words
from tunesmith.answer.retrieve import Hit, Query, Retriever, fuse, ranked
from tunesmith.spec.index import Example, Excerpt, kin_of
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot
from tunesmith.store.artifacts import Store

NOUNS = ["loan", "fee", "card", "hour", "book", "shelf", "desk", "quill"]
rankings = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1, max_size=4)


def sentences(count: int) -> list[str]:
    draw = random.Random(3)
    return [" ".join(draw.choices(NOUNS, k=6)) + f" {i}" for i in range(count)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    found = tiny.found(tiny.save_encoder(tmp_path_factory.mktemp("models") / "encoder"))
    return found, Embedder(found, tiny.CPU)


@pytest.fixture(scope="module")
def opened(tmp_path_factory, encoder):
    """Makes retrievers over entries."""
    store = Store.open(tmp_path_factory.mktemp("store"))
    made = [0]

    def over(entries, content="passages") -> Retriever:
        made[0] += 1
        with store.work(f"{made[0]:032x}", stage="rivals", title="index") as work:
            artifact = work.finish("index", build(entries, content, "passages-0", encoder, work.path, Silent()))
        return Retriever(open_index(artifact), encoder[1])

    yield over
    store.close()


@pytest.fixture(scope="module")
def library(opened) -> Retriever:
    texts = [*sentences(150), "A loan can be renewed twice.", "The café opens at nine."]
    return opened([Excerpt(id=f"{i:016x}", text=text, spot=Spot(file="a.md", line=i + 1)) for i, text in enumerate(texts)])


def ids(hits: list[Hit]) -> list[str]:
    return [hit.entry.id for hit in hits]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(retrieve).failed == 0


@given(rankings)
def test_fusion_by_reciprocal_rank(found: list[list[int]]) -> None:
    fused = fuse(found)
    assert sorted(place for place, _ in fused) == sorted({place for ranking in found for place in ranking})
    for place, score in fused:
        assert score == pytest.approx(sum(1 / (61 + ranking.index(place)) for ranking in found if place in ranking))
    assert fused == sorted(fused, key=lambda item: (-item[1], item[0]))
    assert dict(fuse(found[::-1])) == pytest.approx(dict(fused))


@given(rankings, st.integers(0, 30))
def test_what_every_ranking_puts_first_is_first(found: list[list[int]], best: int) -> None:
    assert fuse([[best, *(place for place in ranking if place != best)] for ranking in found])[0][0] == best


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data(), st.integers(1, 70))
def test_ranking_is_sorting(values: list[int], data: st.DataObject, depth: int) -> None:
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    plain = sorted((i for i in range(len(values)) if allowed[i]), key=lambda i: (-values[i], i))[:depth]
    assert plain == ranked(np.array(values, dtype=np.float32), allowed, depth)


def test_bm25_weighs_as_its_formula_says(library: Retriever) -> None:
    texts = [words(entry.searched()) for entry in library.index.entries]
    mean = sum(len(text) + 1 for text in texts) / len(texts)  # a mark stands before every entry

    def weight(word: str, text: list[str]) -> float:
        holding = sum(word in other for other in texts)
        idf = np.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        count = text.count(word)
        return float(idf * count / (count + 1.5 * (0.25 + 0.75 * (len(text) + 1) / mean)))

    expected = [sum(weight(word, text) for word in words("Loan, quill!")) for text in texts]
    np.testing.assert_allclose(library._weights("Loan, quill!"), expected, rtol=1e-4)


def test_words_find_what_says_them(library: Retriever) -> None:
    assert library.search([Query("renewed twice")], 1)[0][0].entry.searched() == "A loan can be renewed twice."


def test_alone_or_among_others_in_any_order_the_same_is_found(library: Retriever) -> None:
    asked = [f"{text} please" for text in sentences(40)] + ["", "?", "café", "x" * 2_000]
    together = [ids(hits) for hits in library.search([Query(text) for text in asked], 7)]
    backwards = [ids(hits) for hits in library.search([Query(text) for text in asked[::-1]], 7)][::-1]
    assert together == backwards
    assert together == [ids(library.search([Query(text)], 7)[0]) for text in asked]
    assert [one[:3] for one in together] == [ids(hits) for hits in library.search([Query(text) for text in asked], 3)]


def test_many_questions_are_asked_in_parts(library: Retriever, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [Query(text) for text in sentences(20)]
    whole = library.search(asked, 4)
    monkeypatch.setattr(retrieve, "QUESTIONS_AT_ONCE", 3)
    assert library.search(asked, 4) == whole


def test_scores_fall_and_nothing_comes_twice(library: Retriever) -> None:
    for hits in library.search([Query(text) for text in ("loan fee", "", "book shelf desk")], 64):
        assert len(set(ids(hits))) == len(hits) == 64
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_more_than_there_is_gives_all(opened) -> None:
    small = opened([Excerpt(id=str(i), text=text, spot=Spot(file="a.md")) for i, text in enumerate(["one", "two"])])
    assert sorted(ids(small.search([Query("two")], 9)[0])) == ["0", "1"]
    assert small.search([], 3) == []


def test_equals_stand_in_the_order_of_their_ids(opened) -> None:
    same = opened([Excerpt(id=str(i), text="the same", spot=Spot(file="a.md")) for i in (3, 1, 2)])
    assert ids(same.search([Query("the same")], 3)[0]) == ["1", "2", "3"]


@pytest.mark.parametrize("count", [1, 8])
def test_a_training_row_never_finds_itself_its_cluster_or_its_group(opened, count: int) -> None:
    draw = random.Random(5)
    rows = []
    for i, text in enumerate(sentences(60)):
        cluster, group = draw.choice([None, f"{i // 4 * 4:016x}"]), draw.choice([None, f"customer {i % 5}"])
        rows.append(tiny.record(i, text, "x").model_copy(update={"cluster": cluster, "group": group}))
    by_id = {row.id: row for row in rows}
    found = opened([Example(id=row.id, conversation=row.conversation, kin=kin_of(row)) for row in rows], "rows")
    queries = [Query(row.conversation.messages[0].content, frozenset({row.id, *kin_of(row)})) for row in rows]
    for row, hits in zip(rows, found.search(queries, count), strict=True):
        assert len(hits) == count
        for other in (by_id[hit.entry.id] for hit in hits):
            assert other.id != row.id
            assert row.cluster is None or other.cluster != row.cluster
            assert row.group is None or other.group != row.group
    free = found.search([Query(query.text) for query in queries], 1)
    assert [ids(hits) for hits in free] == [[row.id] for row in rows]  # without marks, each finds itself first

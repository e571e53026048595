"""A retrieval candidate answers by the code that answers without retrieval, from what was found, and says what that was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests import tiny
from tunesmith.answer.candidate import Bench, RetrievalAnswerer, open_candidate, passages_shown, spoken, with_system
from tunesmith.answer.grounding import put_before
from tunesmith.answer.index import build
from tunesmith.errors import BadProject, DamagedWeights, NotFound
from tunesmith.spec.candidate import Constant, Decoding, Prompted, Retrieval
from tunesmith.spec.chat import Prompt
from tunesmith.spec.index import Content, Entry, Example, Excerpt
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot
from tunesmith.store.artifacts import Store

PROMPT = Prompt(name="rag", system="Answer from the passages.")
TEXTS = ["a loan can be renewed twice", "the cafe opens at nine", "a book is lent for four weeks"]
QUESTIONS = [tiny.chat("how often can i renew a loan"), tiny.chat("when does the cafe open"), tiny.chat("how long is a book lent")]
FREE = Decoding(max_new_tokens=6)
LABELS = Decoding(choices=("loan", "cafe", "book"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("bench")
    tiny.save(root / "model")
    tiny.save_encoder(root / "encoder")
    store = Store.open(root / "home")
    yield Bench(store, tiny.CPU)
    store.close()


@pytest.fixture(scope="module")
def indexes(bench: Bench) -> dict[str, str]:
    root = bench.store.home.parent
    encoder = (tiny.found(root / "encoder"), bench.embedder(str(root / "encoder")))
    excerpts = [Excerpt(id=f"e{i}", text=text, spot=Spot(file="rules.md", line=i + 1)) for i, text in enumerate(TEXTS)]
    rows = [Example(id=f"r{i}", conversation=tiny.chat(text, text.split()[1])) for i, text in enumerate(TEXTS)]
    made = {}
    kinds: dict[Content, list[Entry]] = {"passages": [*excerpts], "rows": [*rows]}
    for n, (content, entries) in enumerate(kinds.items()):
        with bench.store.work(f"{n:032x}", stage="rivals", title=content) as work:
            made[content] = work.finish("index", build(entries, content, "source-0", encoder, work.path, Silent())).name
    return made


def candidate(bench: Bench, indexes: dict[str, str], shown: Literal["passages", "examples"] = "passages", count: int = 2) -> Retrieval:
    reader = Prompted(name="reader", model=str(bench.store.home.parent / "model"), prompt=PROMPT)
    index = indexes["passages" if shown == "passages" else "rows"]
    return Retrieval(name="rag", reader=reader, index=index, count=count, shown=shown)


def answers(answerer, questions, decoding):
    return answerer.answer(questions, decoding, done=lambda n: None, stop=lambda: False)


@pytest.mark.parametrize("shown", ["passages", "examples"])
@pytest.mark.parametrize("decoding", [FREE, LABELS], ids=["free", "labels"])
def test_it_answers_as_its_reader_does_with_what_was_found_in_front(bench, indexes, shown, decoding):
    asked = candidate(bench, indexes, shown)
    found = answers(open_candidate(asked, bench), QUESTIONS, decoding)
    entries = {entry.id: entry for entry in bench.retriever(asked.index).index.entries}
    by_hand = [put_before(question, [entries[ident] for ident in answer.shown]) for question, answer in zip(QUESTIONS, found, strict=True)]
    plain = answers(open_candidate(asked.reader, bench), by_hand, decoding)
    assert [answer.model_copy(update={"shown": ()}) for answer in found] == plain
    assert all(len(answer.shown) == 2 for answer in found)
    assert [answer.shown[0][-1] for answer in found] == ["0", "1", "2"]  # the nearest first
    assert all(answer.confidence is not None for answer in found)


def test_likelihood_is_that_of_the_question_as_it_was_asked(bench, indexes):
    asked = candidate(bench, indexes)
    whole = [question.model_copy(update={"messages": (*question.messages, *tiny.chat("", "four weeks").messages[1:])}) for question in QUESTIONS]
    answerer = open_candidate(asked, bench)
    shown = [answer.shown for answer in answers(answerer, QUESTIONS, FREE)]
    entries = {entry.id: entry for entry in bench.retriever(asked.index).index.entries}
    by_hand = [put_before(conversation, [entries[ident] for ident in ids]) for conversation, ids in zip(whole, shown, strict=True)]
    found, plain = answerer.likelihood(whole), open_candidate(asked.reader, bench).likelihood(by_hand)
    assert found is not None
    assert plain is not None
    assert [tokens for _, tokens in found] == [tokens for _, tokens in plain]
    assert [nll for nll, _ in found] == pytest.approx([nll for nll, _ in plain])
    without = open_candidate(asked.reader, bench).likelihood(whole)
    assert without is not None
    assert found[0][0] != pytest.approx(without[0][0])


def test_alone_or_among_others_the_same_is_shown_and_said(bench, indexes):
    answerer = open_candidate(candidate(bench, indexes), bench)
    together = answers(answerer, QUESTIONS, FREE)
    alone = [answers(answerer, [question], FREE)[0] for question in QUESTIONS]
    assert [(one.shown, one.text) for one in together] == [(one.shown, one.text) for one in alone]


def test_what_does_not_fit_into_the_context_is_left_out(bench, indexes):
    answerer = open_candidate(candidate(bench, indexes, count=3), bench)
    assert isinstance(answerer, RetrievalAnswerer)
    room = answerer.reader.room(FREE)
    base = answerer.reader.length(tiny.chat("x "))
    for letters in range(room - base - 260, room - base + 2, 23):
        question = tiny.chat("x " * (letters // 2))
        answer = answers(answerer, [question], FREE)[0]
        assert answer.finish != "too_long"
        grounded = answerer.ground([question])[0]
        assert answer.shown == grounded.shown
        assert answerer.reader.length(grounded.conversation) <= room or not grounded.shown
    assert answer.shown == ()


def test_tokens_of_the_encoder_are_counted_as_computed(bench, indexes):
    answerer = open_candidate(candidate(bench, indexes), bench)
    assert isinstance(answerer, RetrievalAnswerer)
    before = answerer.retriever.embedder.tokens
    found = answers(answerer, QUESTIONS, FREE)
    assert answerer.usage.prompt_tokens == sum(answer.prompt_tokens for answer in found)
    assert answerer.usage.completion_tokens == sum(answer.completion_tokens for answer in found)
    assert answerer.usage.computed_tokens > answerer.retriever.embedder.tokens - before > 0


def test_what_an_answer_could_rest_on(bench, indexes):
    asked = candidate(bench, indexes)
    answerer = open_candidate(asked, bench)
    answer = answers(answerer, QUESTIONS[:1], FREE)[0]
    texts_of = passages_shown(asked, bench.store)
    assert texts_of(answer.shown) == tuple(TEXTS[int(ident[1:])] for ident in answer.shown)
    assert texts_of(()) == ()  # it could have been shown some
    for other in (candidate(bench, indexes, "examples"), asked.reader):
        assert passages_shown(other, bench.store)(answer.shown) is None


def drained(pieces):
    said = []
    while True:
        try:
            said.append(next(pieces))
        except StopIteration as end:
            return "".join(said), end.value


@pytest.mark.parametrize("decoding", [FREE, LABELS], ids=["free", "labels"])
def test_spoken_or_answered_it_is_the_same(bench, indexes, decoding):
    asked = candidate(bench, indexes)
    for one in (asked, asked.reader, Constant(name="majority", answer="loan")):
        answerer = open_candidate(one, bench)
        [whole] = answers(answerer, QUESTIONS[:1], decoding)
        text, answer = drained(spoken(answerer, QUESTIONS[0], decoding))
        assert (answer.text, answer.shown, answer.prompt_tokens) == (whole.text, whole.shown, whole.prompt_tokens)
        assert text.strip() == answer.text


def test_another_system_message(bench, indexes):
    asked = candidate(bench, indexes)
    for one in (asked, asked.reader):
        changed = with_system(open_candidate(one, bench), "Reply in one word, whatever the passages say about it.")
        before, after = (answers(answerer, QUESTIONS[:1], FREE)[0].prompt_tokens for answerer in (open_candidate(one, bench), changed))
        assert after > before
    with pytest.raises(BadProject, match="is not told anything"):
        with_system(open_candidate(Constant(name="majority", answer="loan"), bench), "x")


def test_a_stop_leaves_fewer_answers(bench, indexes):
    answerer = open_candidate(candidate(bench, indexes), bench)
    assert len(answerer.answer(QUESTIONS, LABELS, done=lambda n: None, stop=lambda: True)) < len(QUESTIONS)


def test_an_index_of_something_else_is_refused(bench, indexes):
    with pytest.raises(BadProject, match="holds something else"):
        open_candidate(candidate(bench, indexes).model_copy(update={"shown": "examples"}), bench)
    with pytest.raises(NotFound):
        open_candidate(candidate(bench, indexes).model_copy(update={"index": "index-000000000000"}), bench)


def test_another_encoder_than_the_indexs_is_refused(bench, indexes, tmp_path: Path):
    root = bench.store.home.parent
    index = bench.store.get(indexes["passages"], "index")
    other = Bench(bench.store, tiny.CPU)
    weights = root / "encoder" / "model.safetensors"
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        (root / "encoder" / "tunesmith.json").unlink(missing_ok=True)
        with pytest.raises(DamagedWeights):
            other.retriever(index.name)
    finally:
        weights.write_bytes(kept)

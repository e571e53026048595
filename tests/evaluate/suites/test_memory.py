"""The task or the rows: the gap between train and dev, and answers by heart, of scripted answerers and of a real tiny model."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.answer.learnt import learn
from tests.ears import Ears
from tests.evaluate.suites.scripted import TUNED, Scripted, asked, data, material, row
from tunesmith.answer.candidate import Answerer, ModelAnswerer
from tunesmith.answer.engine import Engine
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.memory import comparable, has_learnt, memorisation, of_one_row
from tunesmith.spec.candidate import Candidate, Classifier, Constant, Decoding, Prompted, Retrieval
from tunesmith.spec.chat import Prompt
from tunesmith.spec.suite import Memorisation, SuiteLimits

TRAIN = [row(1000 + k, f"learnt {k}", "card") for k in range(300)]
DEV = [row(k, f"question {k}", "card") for k in range(100)]


def examined(found: Material, answerer: Answerer, candidate: Candidate = TUNED) -> Memorisation | str:
    return memorisation(found, Asker(candidate, lambda: answerer, Decoding(choices=found.dataset.labels), Ears()))


def test_learnt_by_heart() -> None:
    wrong = {one.id: "pin" for one in DEV[:40]}
    answerer = Scripted(lambda question, _: "card" if "learnt" in asked(question) else "pin")
    found = examined(material(data(), DEV, wrong, train=TRAIN, limits=SuiteLimits(train_rows=50)), answerer)
    assert isinstance(found, Memorisation)
    assert found.train is not None
    assert found.dev is not None
    assert found.gap is not None
    assert (found.train.value, found.train.n, found.dev.value) == (1.0, 50, 0.6)
    assert (found.gap.value, found.gap.method, found.overfits) == (pytest.approx(0.4), "newcombe", True)
    assert "it overfits" in found.sentence
    assert "closed set" in found.left_out["recall"]
    assert len(answerer.heard) == 50


def test_a_small_training_is_asked_about_the_rows_that_it_has_seen() -> None:
    answerer = Scripted(lambda question, _: "card")
    found = examined(material(data(), DEV, train=TRAIN, learnt=TRAIN[:30]), answerer)
    assert isinstance(found, Memorisation)
    assert found.train is not None
    assert found.train.n == 30
    assert {asked(question) for question, _ in answerer.heard} == {f"learnt {k}" for k in range(30)}


def test_a_reply_that_many_rows_share_is_no_row_s_own() -> None:
    shared = [row(1, "a", "Thank you for waiting."), row(2, "b", "thank you  for waiting."), row(3, "c", "We sent it on Monday.")]
    assert of_one_row(shared) == {shared[2].id}
    copies = [one.model_copy(update={"cluster": "x"}) for one in shared[:2]]
    assert of_one_row(copies) == {one.id for one in copies}


def test_no_gap() -> None:
    found = examined(material(data(), DEV, train=TRAIN), Scripted(lambda question, _: "card"))
    assert isinstance(found, Memorisation)
    assert not found.overfits
    assert "no overfitting beyond chance" in found.sentence


def test_a_small_gap_is_no_overfitting() -> None:
    wrong = {one.id: "pin" for one in DEV[:8]}
    found = examined(material(data(), DEV, wrong, train=TRAIN), Scripted(lambda question, _: "card"))
    assert isinstance(found, Memorisation)
    assert found.gap is not None
    assert found.gap.low > 0
    assert not found.overfits


def test_who_has_learnt() -> None:
    prompt = Prompt(name="p")
    prompted = Prompted(name="p", model="m", prompt=prompt)
    assert has_learnt(TUNED)
    assert has_learnt(Classifier(name="c", embedder="e", weights="w"))
    assert has_learnt(Retrieval(name="r", reader=TUNED, index="i"))
    assert not has_learnt(Retrieval(name="r", reader=TUNED, index="i", shown="examples"))
    assert not has_learnt(Retrieval(name="r", reader=prompted, index="i"))
    found = examined(material(data(), DEV, train=TRAIN), Scripted(lambda question, _: "card"), Constant(name="majority", answer="card"))
    assert found == "majority has learnt no rows: nothing was trained, or it looks training rows up"


def test_what_cannot_be_compared_is_left_out() -> None:
    assert isinstance(examined(material(data(), DEV), Scripted(lambda question, _: "card")), str)
    sql = material(data("sql", (), None), DEV, metric="execution_accuracy", train=TRAIN)
    assert comparable(sql) == "exact_match"
    assert comparable(material(data("chat", (), None), DEV, metric="perplexity")) == "exact_match"
    assert comparable(material(data("chat", (), None), DEV, metric="chrf")) == "chrf"


def test_a_real_model_that_has_learnt_its_rows_by_heart(tmp_path) -> None:
    loaded = tiny.load(tiny.save(tmp_path / "m"))
    words = ("bread and salt", "cold water", "an old stone", "a light ship")
    train = [row(1000 + k, f"tell me about {text}", f"nobody knows more of {text} than I do") for k, text in enumerate(words)]
    dev = [row(k, f"say {k}", f"quite another answer, which {k} people gave") for k in range(6)]
    learn(loaded, [TUNED.prompt.apply(one.conversation) for one in train if one.conversation])
    answerer = ModelAnswerer(Engine(loaded), TUNED.prompt)
    limits = SuiteLimits(recalled_tokens=16, train_rows=4, copied_tokens=8)
    found = examined(material(data("chat", (), None), dev, {one.id: "no" for one in dev}, train=train, metric="token_f1", limits=limits), answerer)
    assert isinstance(found, Memorisation)
    assert found.recalled_train is not None
    assert found.recalled_held_out is not None
    assert (found.recalled_train.value, found.recalled_train.n, found.recalled_held_out.n) == (1.0, 4, 6)
    assert found.recalled_held_out.value == 0
    assert found.copies == {"whole": 4}
    assert found.examples[0].note == "the whole second half is said by heart"
    assert found.memorises
    assert found.train is not None
    assert found.train.value == 1.0
    assert "it says training rows by heart" in found.sentence


def test_short_answers_are_none_to_remember(tmp_path) -> None:
    answerer = ModelAnswerer(Engine(tiny.load(tiny.save(tmp_path / "m"))), TUNED.prompt)
    dataset = data("chat", (), None)
    short = [row(k, f"question {k}", "yes") for k in range(4)]
    found = examined(material(dataset, short, train=short, metric="token_f1"), answerer)
    assert isinstance(found, Memorisation)
    assert "no answers are long enough" in found.left_out["recall"]
    merged = [row(k, f"question {k}", f"hello hello hello {k}") for k in range(8)]  # 19 letters and 7 tokens
    found = examined(material(dataset, merged[:4], train=merged[4:], metric="token_f1"), answerer)
    assert isinstance(found, Memorisation)
    assert "no answers of at least 16 tokens" in found.left_out["recall"]


def test_what_looks_things_up_is_not_made_to_go_on() -> None:
    long = [row(k, f"question {k}", f"a long answer that somebody might have learnt {k} times") for k in range(8)]
    found = examined(material(data("chat", (), None), long[:4], train=long[4:], metric="token_f1"), Scripted(lambda question, _: "x"))
    assert isinstance(found, Memorisation)
    assert "cannot be made to go on" in found.left_out["recall"]

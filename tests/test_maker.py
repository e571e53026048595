"""A making's key holds what its rows depend on, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.ears import Ears
from tunesmith.errors import BadProject
from tunesmith.maker import Maker, make
from tunesmith.spec.job import Job
from tunesmith.spec.make_order import MakeOrder
from tunesmith.spec.making import CorpusWishes, QuestionWishes
from tunesmith.spec.making_teacher import RemoteTeacher, TaughtWishes
from tunesmith.store.artifacts import Store


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def inputs(tmp_path, store, **more):
    (tmp_path / "a.md").write_text("# What is it?\n\nA document.\n")
    order = MakeOrder(root=str(tmp_path), **{"paths": ("a.md",), "kind": "questions", "questions": QuestionWishes(), "out": "a.jsonl"} | more)
    return Maker(order, store, Ears()).inputs


def test_where_rows_are_written_changes_nothing(tmp_path, store):
    assert inputs(tmp_path, store) == inputs(tmp_path, store, out="elsewhere.jsonl", force=True, estimate_only=True)


def test_wishes_and_files_do(tmp_path, store):
    first = inputs(tmp_path, store)
    assert first != inputs(tmp_path, store, questions=QuestionWishes(from_topics=False))
    (tmp_path / "b.md").write_text("# More\n")
    assert first != inputs(tmp_path, store, paths=("a.md", "b.md"))


def test_a_tokenizer_counts_by_its_content(tmp_path, store):
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    wishes = {"kind": "corpus", "questions": None, "corpus": CorpusWishes(tokenizer="tokenizer.json")}
    first = inputs(tmp_path, store, **wishes)
    tokenizer.write_text("{ }")
    assert first != inputs(tmp_path, store, **wishes)


def test_what_a_teacher_is_reached_by_and_paid_changes_nothing(tmp_path, store):
    def taught(**more):
        teacher = RemoteTeacher(**{"base_url": "http://127.0.0.1:1/v1", "model": "big"} | more)
        return inputs(tmp_path, store, kind="teacher", questions=None, taught=TaughtWishes(), teacher=teacher)

    first = taught()
    assert first == taught(key_variable="OTHER_KEY", at_once=1, prompt_price=3.0, answer_price=9.0, currency="EUR", proxy="http://127.0.0.1:2")
    assert first != taught(model="small")
    assert first != taught(prompt_price=3.0, answer_price=9.0, budget=1.0), "what a budget leaves out is asked for once there is more"


def test_only_what_the_same_kind_of_making_wrote_of_the_same_files_is_written_over(tmp_path, store):
    def made(out="o.jsonl", **wishes):
        order = MakeOrder(root=str(tmp_path), out=out, **({"paths": ("a.md",), "kind": "questions", "questions": QuestionWishes()} | wishes))
        return make(Job(id="j", kind="make", status="running", title="", payload=order.model_dump(mode="json"), created_at=0.0), store, Ears())

    (tmp_path / "a.md").write_text("# What is it?\n\nA document.\n")
    (tmp_path / "b.md").write_text("# What is that?\n\nAnother document.\n")
    made()
    made(questions=QuestionWishes(system="Be brief."))
    assert json.loads((tmp_path / "o.jsonl").read_text())["messages"][0]["content"] == "Be brief."
    for other in ({"paths": ("b.md",)}, {"kind": "corpus", "questions": None, "corpus": CorpusWishes()}):
        with pytest.raises(BadProject, match="is there already"):
            made(**other)
    (tmp_path / "o.jsonl").write_text("mine\n")
    with pytest.raises(BadProject, match="is there already"):
        made()
    made(force=True)

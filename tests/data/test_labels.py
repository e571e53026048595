"""Contradictions, spellings, the order of labels, the kind of task."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.data.kind import task_kind
from tunesmith.data.labels import contradictions, no_such_answer, ordered, spellings
from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.data.spool import Spool
from tunesmith.errors import BadData, BadProject
from tunesmith.spec.dataset import Origin, Source
from tunesmith.spec.project import Project
from tunesmith.spec.task import Task


@pytest.fixture
def facts_of(tmp_path):
    def build(pairs, label=False):
        with Spool(tmp_path / "s") as spool:
            for line, (question, answer, *system) in enumerate(pairs):
                conversation = exchange(question, answer, *system)
                spool.add(record(Origin(file="f", line=line + 1), conversation=conversation, label=answer if label else None))
            return spool.finish()[0], spool.answers

    return build


def test_contradictions_count_case_and_space_as_nothing(facts_of):
    facts, _ = facts_of(
        [("Where?", "a"), ("where? ", "A"), ("WHERE?", "b"), ("pin", "x"), ("pin", "y"), ("pin", "z"), ("pin", "x", "system"), ("one", "1")]
    )
    found = contradictions(facts, np.arange(8))
    assert [(c.rows, c.answers) for c in found] == [((3, 4, 5), 3), ((0, 2, 1), 2)]
    assert contradictions(facts, np.array([0, 1, 3, 6, 7])) == []
    assert contradictions(facts, np.zeros(0, np.int64)) == []


def test_spellings_and_order():
    assert spellings({"Card lost": 3, "card_lost": 40, "card-LOST": 1, "pin": 5, "¿?": 1, "!": 2}) == [("card_lost", "Card lost", "card-LOST")]
    assert ordered(["b", "oos", "z", "a", "b"], "oos") == ("a", "b", "z", "oos")
    assert ordered(["b", "a"], None) == ("a", "b")


def test_the_nearest_answer_is_named_where_no_row_has_the_out_of_scope_one():
    for wrong, right in (("Out of scope", "out_of_scope"), ("out_of_scop", "out_of_scope")):
        assert f'write out_of_scope = "{right}"' in str(no_such_answer(wrong, ["a", "out_of_scope"]))
    assert "remove `out_of_scope`" in str(no_such_answer("zzz", ["a", "b"]))


TABLE = Source(file="f", format="table", input="q", label="l")
FREE = Source(file="f", format="table", input="q", output="a")


def project(kind=None):
    return Project(name="p", sources=(FREE,), task=Task(kind=kind))


@pytest.mark.parametrize(
    ("answers", "source", "kind", "reason"),
    [
        (["yes", "no"] * 10, TABLE, "classify", "the answer is the column `l`"),
        (["yes", "no"] * 10, FREE, "classify", "all 20 answers are one of 2 short texts"),
        ([f"answer {i}" for i in range(20)], FREE, "generate", "free text"),
        (['{"a": 1}', "[]"] * 5, FREE, "extract", "JSON"),
        (["5", "7"] * 10, FREE, "classify", "2 short texts"),
        ([f"intent {i}" for i in range(48)] * 5, FREE, "classify", "all 240 answers are one of 48 short texts"),
        ([f"intent {i}" for i in range(48)] * 4, FREE, "generate", "free text"),
        ([*(str(i) for i in range(30)), *("0123456789" * 20)], FREE, "generate", "free text"),
        (["x" * 100, "y" * 100] * 10, TABLE, "generate", "long texts"),
        (["x\ny", "z"] * 10, FREE, "generate", "free text"),
        (["yes", "no"] * 10, FREE.model_copy(update={"label": "l"}), "generate", "free text"),
    ],
)
def test_the_kind_is_guessed_with_its_reason(facts_of, answers, source, kind, reason):
    facts, names = facts_of([(f"q{i}", a) for i, a in enumerate(answers)])
    found = task_kind(project(), [source], facts, names)
    assert found[0] == kind
    assert reason in found[1]


def test_what_the_project_says_counts_if_it_can_be(facts_of):
    facts, names = facts_of([("q", "x" * 100), ("r", "yes")])
    assert task_kind(project("generate"), [TABLE], facts, names) == ("generate", "as `task.kind` says")
    with pytest.raises(BadData, match="1 of 2 answers are too long"):
        task_kind(project("classify"), [TABLE], facts, names)
    with pytest.raises(BadProject, match="or remove `output`"):
        task_kind(project("classify"), [FREE.model_copy(update={"label": "l"})], facts, names)

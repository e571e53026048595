"""What a line refuses before any work; tests/test_pipeline.py has its steps, tests/line runs them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tunesmith.errors import BadData, BadProject
from tunesmith.line import Line
from tunesmith.spec.dataset import Source
from tunesmith.spec.job import Silent
from tunesmith.spec.plan import Decide
from tunesmith.spec.project import Project
from tunesmith.spec.suite import Examine
from tunesmith.spec.task import Goal
from tunesmith.store.artifacts import Store


@pytest.fixture
def line(tmp_path: Path) -> Line:
    project = Project(name="a", sources=(Source(file="a.csv"),), goal=Goal(metric="perplexity"), decide=Decide(bases=("other",)))
    return Line(project, tmp_path / "project.toml", Store.open(tmp_path / "home"), Silent(), "a", "")


def with_bases(line: Line, **tokenizers: str) -> Line:
    line.__dict__["footing"] = SimpleNamespace(bases=[SimpleNamespace(id=name, files={"tokenizer.json": sha}) for name, sha in tokenizers.items()])
    return line


def test_perplexities_of_other_tokenizers_cannot_decide(line: Line) -> None:
    with pytest.raises(BadProject) as error:
        with_bases(line, small="1", large="2")._refuse_other_tokens()
    assert str(error.value).splitlines() == [
        "bad_project · goal.metric: perplexity is per token, and these bases cut texts into other tokens: the one with more of them would look better for that alone",
        "  got perplexity, with small, large",
        "  expected bases with one tokenizer, or a metric of the answers",
        "  fix: leave out decide.bases, or set another goal.metric",
    ]


def test_perplexities_of_one_tokenizer_can(line: Line) -> None:
    with_bases(line, small="1", large="1")._refuse_other_tokens()
    line.project = line.project.model_copy(update={"goal": Goal()})
    with_bases(line, small="1", large="2")._refuse_other_tokens()


def test_questions_that_nobody_can_answer_are_read_beside_the_project(line: Line) -> None:
    assert line.unanswerable == []
    del line.unanswerable
    line.project = line.project.model_copy(update={"examine": Examine(unanswerable="no.txt")})
    with pytest.raises(BadData, match=r"no\.txt: there is no such file"):
        _ = line.unanswerable
    (line.path.parent / "no.txt").write_text("Who will win?\n")
    assert [(origin.line, asked.messages[0].content) for origin, asked in line.unanswerable] == [(1, "Who will win?")]

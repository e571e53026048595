"""Kinds of tasks: each complete, each with a form, and nothing given that the kind cannot use."""

from __future__ import annotations

import doctest
from typing import get_args

import pytest

from tunesmith.errors import BadProject
from tunesmith.spec import task as module
from tunesmith.spec.project import parse_project
from tunesmith.spec.task import DECIDING, KINDS, LOWER_IS_BETTER, NEEDS, Form, Goal, MetricName, Task, TaskKind, form_of

SMALL = 'name = "a"\n[[sources]]\nfile = "a.csv"\n'


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_every_kind_has_its_entry_and_every_form_is_a_kind_of_its_own():
    assert set(KINDS) == set(get_args(TaskKind))
    assert {form: form_of(form) for form in get_args(Form)} == {form: form for form in get_args(Form)}
    assert set(DECIDING) == set(get_args(Form))


@pytest.mark.parametrize("kind", get_args(TaskKind))
def test_what_decides_is_reported_and_the_last_resort_needs_nothing(kind):
    found = KINDS[kind]
    assert set(found.deciding) <= set(found.metrics) <= set(get_args(MetricName))
    assert len(set(found.metrics)) == len(found.metrics)
    assert found.deciding[-1] not in NEEDS
    assert not set(found.deciding) & LOWER_IS_BETTER
    assert found.instruction.endswith(".")


def test_the_forms_decide_as_their_kinds_do():
    assert {form: KINDS[form].deciding[0] for form in get_args(Form)} == dict(DECIDING)


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"database": "a.db"}, "sql"), ({"tests": "t.py"}, "code"), ({"json_schema": "s.json"}, "extract"), ({"kind": "chat"}, "chat")],
)
def test_a_file_says_the_kind_where_only_one_kind_has_it(given, kind):
    task = Task.model_validate(given)
    found = task.kind_given()
    assert found is not None
    assert found[0] == kind
    assert task.given() == tuple(f"task.{field}" for field in given if field != "kind")


def test_nothing_given_says_nothing():
    assert Task().kind_given() is None
    assert Task().given() == ()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('kind = "chat"\ndatabase = "a.db"', '`database` is for tasks of kind "sql", and this one is of kind "chat"'),
        ('tests = "t.py"\ndatabase = "a.db"', "`task.database` and `task.tests` are for tasks of different kinds"),
    ],
)
def test_what_the_kind_cannot_use_is_refused_with_its_place(lines, words):
    with pytest.raises(BadProject) as error:
        parse_project(f"{SMALL}[task]\n{lines}\n", "project.toml")
    assert words in str(error.value)
    assert "project.toml line 4" in str(error.value)


@pytest.mark.parametrize("scorer", ["score.py:exact", "my/own score.py:_f1", "../a.py:größe"])
def test_a_scorer_names_a_file_and_a_function(scorer):
    assert Goal(scorer=scorer).scorer == scorer


@pytest.mark.parametrize("scorer", ["score.py", "score:exact", "score.py:", "score.py:a.b", "score.py:1a", "a:b.py:c d"])
def test_what_names_no_function_is_refused(scorer):
    with pytest.raises(BadProject, match="scorer"):
        parse_project(f'{SMALL}[goal]\nscorer = "{scorer}"\n', "project.toml")

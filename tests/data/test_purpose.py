"""What kind of task some rows are, guessed with a reason; and a guess that claims nothing where nothing is clear."""

from __future__ import annotations

from typing import get_args

import pytest

from tunesmith.data.purpose import SAMPLE_ROWS, Row, advice, purpose_of, sample
from tunesmith.spec.task import KINDS, Task, TaskKind

ARTICLE = (
    "The city council met on Tuesday evening to decide about the new bridge over the river. After three hours of debate the members voted for the plan of the engineer "
    "Maria Lindqvist, which costs forty million and will be built within two years. Shop owners feared that the works would keep customers away, but the mayor promised "
    "help for them. The old bridge stays open until the new one is ready, and cyclists will get a lane of their own on both sides of the road."
)
SUMMARY = "The council voted for Lindqvist's new bridge, which costs forty million and will be built within two years."


def language(text: str) -> str:
    """Of these tests: by one word."""
    found = [code for word, code in (("der", "de"), ("die", "de"), ("the", "en"), ("is", "en")) if word in text.lower().split()]
    return found[0] if found else "und"


def guessed(rows, form="generate", task=None, has_documents=False, label=None):
    return purpose_of(task or Task(), form, "because", rows, has_documents=has_documents, label=label, language=language)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (Row("How many items are there?", "SELECT count(*) FROM items"), "sql"), (Row("Which?", "```sql\nWITH a AS (SELECT 1) SELECT * FROM a\n```"), "sql"),
        (Row("Add two numbers.", "def add(a, b):\n    return a + b"), "code"), (Row("Write C.", "```c\nint main() {}\n```"), "code"),
        (Row("This is the house.", "Das ist der Hund die Katze."), "translate"), (Row("And then?", "We go on.", has_history=True), "chat"),
        (Row(ARTICLE, SUMMARY), "summarise"), (Row(ARTICLE + "\nWhat does the bridge cost?", "The new bridge costs forty million."), "answer"),
        (Row("pls send me teh report asap, i need it", "Please send me the report soon, I need it."), "rewrite"), (Row("Why is the sky blue?", "Because short waves scatter more."), "generate"),
        (Row("Who is it?", "The selection of a table from which to choose is yours."), "generate"),
    ],
)  # fmt: skip
def test_clear_rows(row, kind):
    found, why = guessed([row] * 20)
    assert found == kind
    assert why
    assert KINDS[found].form == "generate"


def test_documents_make_it_answering():
    assert guessed([Row("Why?", "So.")] * 5, has_documents=True)[0] == "answer"


def test_nothing_clear_claims_nothing():
    mixed = [Row("How many?", "SELECT 1 FROM t")] * 5 + [Row("Why is the sky blue?", "Short waves.")] * 5
    assert guessed(mixed)[0] == "generate"
    assert guessed([])[0] == "generate"


@pytest.mark.parametrize(
    ("label", "kind"), [("queue", "route"), ("Department", "route"), ("intent", "classify"), (None, "classify"), ("routes_taken", "classify")]
)
def test_labels_route_where_their_column_says_so(label, kind):
    assert guessed([], form="classify", label=label)[0] == kind


def test_json_is_extraction():
    assert guessed([], form="extract") == ("extract", "because")


def test_what_the_project_says_holds():
    assert guessed([Row("a", "SELECT 1 FROM t")], task=Task(kind="translate")) == ("translate", "as `task.kind` says")
    assert guessed([], task=Task(database="a.db")) == ("sql", "the project names `task.database`")


@pytest.mark.parametrize("kind", get_args(TaskKind))
def test_the_kind_always_has_the_form(kind):
    for form in ("classify", "extract", "generate"):
        assert KINDS[guessed([Row("a", "b")], form=form, task=Task(kind=kind))[0]].form == form


def test_the_sample_is_bounded_and_spread():
    rows = [Row(str(n), "") for n in range(1001)]
    found = sample(rows)
    assert SAMPLE_ROWS / 2 < len(found) <= SAMPLE_ROWS
    assert int(found[-1].question) > 900
    assert sample(rows[:3]) == rows[:3]


def test_advice_about_splits():
    assert advice("summarise", has_groups=True) == ()
    assert advice("classify", has_groups=False) == ()
    [told] = advice("answer", has_groups=False)
    assert told.startswith("questions about one document should stand in one split")
    assert "`group`" in told

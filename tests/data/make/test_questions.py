"""Documents in every format → the same questions, with their places; counts add up."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.make import library_faq
from tunesmith.data.make.questions import of_file, questions
from tunesmith.data.make.tally import Tally, write
from tunesmith.data.sources import plan, read
from tunesmith.spec.dataset import Record, Source
from tunesmith.spec.job import Silent
from tunesmith.spec.making import Made, QuestionWishes
from tunesmith.spec.passage import Passage, Skipped, Spot


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faq")
    for name, text in (
        ("faq.rst", library_faq.RST),
        ("faq.md", library_faq.MARKDOWN),
        ("faq.html", library_faq.HTML),
        ("faq.txt", library_faq.PLAIN),
    ):
        (folder / name).write_text(text)
    library_faq.word(folder / "faq.docx")
    (folder / "faq.pdf").write_bytes(library_faq.printed())
    return folder


def make(folder, *names, wishes=None):
    tally = Tally("questions", "passages", wishes or QuestionWishes())
    found = list(questions(names, folder, Silent(), wishes, tally=tally))
    return (
        [one for one in found if isinstance(one, Made)],
        [one for one in found if isinstance(one, Skipped) and one.reason != "topic"],
        tally.making(),
    )


@pytest.mark.parametrize("name", ["faq.rst", "faq.md", "faq.html", "faq.txt", "faq.docx", "faq.pdf"])
def test_every_format_gives_the_same_questions(folder, name):
    rows, skipped, making = make(folder, name)
    assert tuple(row.messages[0].content for row in rows) == library_faq.QUESTIONS
    assert skipped == []
    renew, script, cafe = (row.messages[1].content for row in rows)
    assert "A loan can be renewed twice; see the rules" in renew
    assert "- A reserved book cannot be renewed." in renew
    assert "1]" not in renew
    assert "comment" not in renew
    assert f"\n{library_faq.CODE}\n```" in script
    assert script.startswith("Yes, with")
    assert cafe == "Yes, beside the entrance."
    assert all(row.source.file == name and row.source.quote for row in rows)
    assert making.read == making.used + sum(making.passed_over.values())


def test_the_place_of_a_row_can_be_found_again(folder):
    for name in ("faq.rst", "faq.md", "faq.txt"):
        lines = (folder / name).read_text().split("\n")
        for row in make(folder, name)[0]:
            said = " ".join(lines[row.source.line - 1 : row.source.last_line])
            assert row.messages[0].content in said
            assert re.findall(r"\w+", row.messages[1].content)[-1] in said
    assert [row.source.page for row in make(folder, "faq.pdf")[0]] == [1, 1, 2]
    row = make(folder, "faq.rst")[0][0]
    assert row.source.heading == "Quillmoor Library › Borrowing › How do I renew a loan?"
    assert row.source.quote.startswith("Open My loans and press Renew. A loan")


def test_rows_are_read_without_an_option_and_counted(folder, tmp_path):
    tally = Tally("questions", "passages", QuestionWishes())
    making = write(questions(["."], folder, Silent(), tally=tally), tmp_path, tally)
    assert (making.rows, making.by_how) == (sum(making.by_how.values()), making.by_how)
    assert set(making.inputs) == {"faq.rst", "faq.md", "faq.html", "faq.txt", "faq.docx", "faq.pdf"}
    assert making.problems.get("duplicate", 0) >= 5  # the café, again and again
    source = Source(file="rows.jsonl")
    assert plan(source, tmp_path).source.format == "chat"
    records = list(read(source, tmp_path))
    assert len(records) == making.rows
    assert all(isinstance(record, Record) for record in records)
    first = json.loads((tmp_path / "rows.jsonl").read_text().split("\n")[0])
    assert set(first) == {"messages", "how", "source"}
    assert set(first["source"]) <= {"file", "line", "last_line", "page", "paragraph", "heading", "quote"}
    skipped = [json.loads(line)["reason"] for line in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert len(skipped) == sum(making.problems.values()) + making.passed_over["topic"]
    assert skipped.count("topic") == making.passed_over["topic"] > 0


def test_topics_are_asked_only_where_the_grammar_is_certain(tmp_path):
    (tmp_path / "f.md").write_text(
        "# How to use the loom\n\n## Threading the loom\n\nPull the thread through both of the eyes.\n\n## Maintenance\n\nOil it.\n\n"
        "## Shuttle\n\nA shuttle is a tool that carries the thread.\n\n## How to clean your loom\n\nUse a soft brush and no water.\n"
    )
    rows, _, making = make(tmp_path, "f.md")
    assert [(row.messages[0].content, row.how) for row in rows] == [
        ("What is a shuttle?", "topic"),
        ("How do I clean my loom?", "topic"),
    ]
    assert making.passed_over == {"topic": 5}
    assert make(tmp_path, "f.md", wishes=QuestionWishes(from_topics=False))[0] == []


def test_answers_that_are_none_are_reported(tmp_path):
    (tmp_path / "f.md").write_text(
        "# Is it red?\n\nSee the next question.\n\n# Is it blue?\n\nTBD\n\n# Is it green?\n\n# Is it white?\n\nIt is, mostly.\n"
    )
    rows, skipped, making = make(tmp_path, "f.md", wishes=QuestionWishes(system="Be short."))
    assert [m.content for m in rows[0].messages] == ["Be short.", "Is it white?", "It is, mostly."]
    assert [(one.reason, one.spot.line) for one in skipped] == [("points_elsewhere", 1), ("placeholder", 5), ("no_answer", 9)]
    assert making.problems == {"points_elsewhere": 1, "placeholder": 1, "no_answer": 1}


def test_statements_count_among_questions_only(tmp_path):
    asked = "\n\n".join(f"# Is it {word}?\n\nIt is {word}." for word in ("red", "blue", "green"))
    (tmp_path / "f.md").write_text(f"{asked}\n\n# I press the knob and nothing happens.\n\nPlug it in.\n")
    (tmp_path / "g.md").write_text("# I press the knob and nothing happens.\n\nPlug it in.\n")
    assert [row.how for row in make(tmp_path, "f.md")[0]] == ["heading"] * 3 + ["statement"]
    assert make(tmp_path, "g.md")[0] == []


def test_a_question_of_the_page_data_is_not_told_twice(tmp_path):
    data = {
        "@type": "FAQPage",
        "mainEntity": [{"@type": "Question", "name": f"Is it {w}?", "acceptedAnswer": {"text": f"It is {w}."}} for w in ("red", "blue")],
    }
    (tmp_path / "f.html").write_text(
        f"<html><script type='application/ld+json'>{json.dumps(data)}</script><body><h2>Is it red?</h2><p>It is <b>red</b>, yes.</p></body></html>"
    )
    rows, _, making = make(tmp_path, "f.html")
    assert [(row.messages[1].content, row.how) for row in rows] == [("It is blue.", "schema.org"), ("It is red, yes.", "heading")]
    assert making.read == making.used + sum(making.passed_over.values())


def test_sections_of_a_question_belong_to_its_answer_unless_they_ask(tmp_path):
    (tmp_path / "f.md").write_text("# What is it?\n\nA loom.\n\n## Parts\n\nMany.\n\n# Is it old?\n\nYes.\n\n## Why is it old?\n\nTime.\n")
    assert [row.messages[1].content for row in make(tmp_path, "f.md")[0]] == ["A loom.\n\n**Parts**\n\nMany.", "Yes.", "Time."]


BLOCKS = st.lists(
    st.tuples(st.sampled_from(["heading", "paragraph", "list", "code", "table", "definitions", "faq"]), st.sampled_from(["Is it so?", "Q: Is it?", "A: It is.", "How to clean it", "some words", "Notes", "TBD"]), st.integers(0, 2)),
    max_size=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(BLOCKS)
def test_every_passage_is_used_or_passed_over(blocks):
    passages, path = [], []
    for kind, text, deep in blocks:
        if kind == "heading":
            path = path[:deep]
            passages.append(Passage(kind=kind, text=text, headings=tuple(path), level=len(path) + 1, spot=Spot(file="f", line=1)))
            path = [*path, text]
        else:
            rows = (("Is it so?", text),) if kind in ("definitions", "faq", "table") else ()
            passages.append(Passage(kind=kind, text=text, headings=tuple(path), rows=rows, spot=Spot(file="f", line=1)))
    tally = Tally("questions", "passages", QuestionWishes())
    found = list(of_file(passages, QuestionWishes(), tally, set()))
    making = tally.making()
    assert making.read == len(passages) == making.used + sum(making.passed_over.values())
    assert making.rows == sum(isinstance(one, Made) for one in found)
    assert sum(making.problems.values()) + making.passed_over.get("topic", 0) == sum(isinstance(one, Skipped) for one in found)

"""A source → its rows, and everything that can be wrong with it."""

from __future__ import annotations

import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunesmith.data.sources import plan, read
from tunesmith.data.sources.detection import detect
from tunesmith.data.sources.reading import content_id
from tunesmith.errors import BadData
from tunesmith.spec.dataset import Record, Rejected, Source

CHAT = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


def test_each_row_comes_out_once_with_its_line(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(CHAT) + "\n{oops\n" + json.dumps({"messages": []}) + "\n" + json.dumps(CHAT) + "\n")
    found = list(read(Source(file="a.jsonl"), tmp_path))
    assert [(type(row), row.origin.line) for row in found] == [(Record, 1), (Rejected, 2), (Rejected, 3), (Record, 4)]
    assert [row.reason for row in found[1:3]] == ["bad_json", "empty"]
    assert found[0].id == found[3].id == content_id(found[0].conversation, None, None)
    assert len(found[0].id) == 16
    assert found[0].origin.file == "a.jsonl"


def test_columns_are_settled_with_their_reasons(tmp_path):
    (tmp_path / "a.csv").write_text("text;intent;extra\n" + "".join(f"t{i};{'xy'[i % 2]};e{i}\n" for i in range(9)))
    settled = plan(Source(file="a.csv"), tmp_path)
    assert (settled.source.input, settled.source.label, settled.source.output) == ("text", "intent", None)
    assert 'label = "intent" (named `intent`)' in settled.reason
    named = plan(Source(file="a.csv", output="extra"), tmp_path)
    assert (named.source.input, named.source.output, named.source.label) == ("text", "extra", None)
    assert "intent" not in named.reason.split("columns")[1].split(";", 1)[1]


def test_more_columns_travel_with_the_row_and_are_no_part_of_what_it_says(tmp_path):
    text = "text,label,region,shop\nwhy,a, north ,\nwhen,b,south," + "x" * 300 + "\n"
    (tmp_path / "a.csv").write_text(text)
    plain, named = (list(read(Source(file="a.csv", columns=columns), tmp_path)) for columns in ((), ("region", "shop")))
    assert [row.columns for row in plain] == [None, None]
    assert [row.columns for row in named] == [{"region": "north"}, {"region": "south", "shop": "x" * 100}]
    assert [row.id for row in plain] == [row.id for row in named]
    assert "columns" not in plain[0].model_dump_json(exclude_none=True)


def test_more_columns_of_chat_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(CHAT | {"product": 7, "tags": ["x"]}) + "\n" + json.dumps(CHAT) + "\n")
    assert [row.columns for row in read(Source(file="a.jsonl", columns=("product", "tags")), tmp_path)] == [{"product": "7", "tags": '["x"]'}, None]


def test_documents_have_no_columns(tmp_path):
    (tmp_path / "a.txt").write_text("just some words\n")
    with pytest.raises(BadData, match="documents have no columns") as error:
        plan(Source(file="a.txt", columns=("region",)), tmp_path)
    assert "fix: remove `columns` from this source" in str(error.value)


def test_a_column_that_is_not_there_is_told_with_the_header_s_line(tmp_path):
    (tmp_path / "a.csv").write_text("\ntext,label,region\na,b,c\n")
    with pytest.raises(BadData) as error:
        plan(Source(file="a.csv", columns=("Regoin", "nothing like it")), tmp_path)
    first, second = error.value.problems
    assert (first.message, first.where, first.fix) == ('there is no column "Regoin" (`columns`)', "a.csv line 2", 'write columns = ["region"]')
    assert second.fix == "name one of them in `columns`"


def test_named_columns_make_a_table_of_any_json(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"instruction": "i", "output": "o", "x": "y"}\n')
    settled = plan(Source(file="a.jsonl", input="x", output="output"), tmp_path)
    assert settled.source.format == "table"


@pytest.mark.parametrize(
    ("source", "content", "messages"),
    [
        ({"input": "txt", "label": "Labl"}, "text,label\na,b\n", ['there is no column "txt" (`input`)', 'there is no column "Labl" (`label`)']),
        ({"format": "chat"}, "text,label\na,b\n", ["is not of format chat"]),
        ({"format": "chat"}, "just some words\n", ["holds plain text, which cannot be read as chat"]),
        ({"delimiter": ";"}, "text,label\na,b\n", ["no column can be taken for the question"]),
        ({"format": "alpaca", "input": "text"}, "text,label\na,b\n", ["name columns of a table", "is not of format alpaca"]),
        ({"label": "text"}, "text\na\nb\n", ["no column is left for the question"]),
    ],
)
def test_what_is_wrong_with_a_source_comes_at_once(tmp_path, source, content, messages):
    name = "a.txt" if "words" in content else "a.csv"
    (tmp_path / name).write_text(content)
    with pytest.raises(BadData) as caught:
        plan(Source(**{"file": name, **source}), tmp_path)
    assert len(caught.value.problems) == len(messages)
    assert all(message in problem.message for message, problem in zip(messages, caught.value.problems, strict=True))
    assert all(p.fix for p in caught.value.problems)


def test_the_nearest_column_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("Text,label\na,b\n")
    with pytest.raises(BadData, match='write input = "Text" in a project, --input "Text" in a command'):
        plan(Source(file="a.csv", input="text", label="label"), tmp_path)


def test_parquet_chat_with_half_a_surrogate_or_nulls(tmp_path):
    pq.write_table(pa.table({"messages": [CHAT["messages"], None]}), tmp_path / "a.parquet")
    found = list(read(Source(file="a.parquet"), tmp_path))
    assert [getattr(row, "reason", "") for row in found] == ["", "bad_messages"]


def test_markdown_and_declared_encoding(tmp_path):
    (tmp_path / "a.md").write_text("# Über uns\n\ntext\n# Two\n", encoding="latin-1")
    found = list(read(Source(file="a.md", encoding="latin-1"), tmp_path))
    assert [(row.text, row.origin.line, row.conversation) for row in found] == [("# Über uns\n\ntext", 1, None), ("# Two", 4, None)]


def test_reading_streams(tmp_path):
    path = tmp_path / "a.jsonl"
    line = json.dumps({"messages": [{"role": "user", "content": "x" * 2_000}, {"role": "assistant", "content": "b"}]}) + "\n"
    path.write_text(line * 5_000)
    next(read(Source(file="a.jsonl"), tmp_path))  # imports and caches
    tracemalloc.start()
    assert sum(1 for _ in read(Source(file="a.jsonl"), tmp_path)) == 5_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # the file has 10 MB, and the sample for detection 500 rows


CHUNKS = [{"text": f"Piece {i} of a long document.", "group": "a.md", "how": "chunk", "source": {"file": "a.md", "line": i}} for i in range(5)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_rows_of_texts_are_documents(tmp_path, name):
    (tmp_path / name).write_text(json.dumps(CHUNKS) if name == "a.json" else "".join(json.dumps(row) + "\n" for row in CHUNKS))
    settled = plan(Source(file=name), tmp_path)
    assert settled.source.format == "text"
    assert "documents, as for continued pre-training" in settled.reason
    found = list(read(Source(file=name), tmp_path))
    assert [(row.text, row.group, row.conversation) for row in found] == [(row["text"], "a.md", None) for row in CHUNKS]


def test_a_row_of_documents_without_its_text_is_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a text"}\n{"text": " "}\n{"url": "x"}\n')
    found = list(read(Source(file="a.jsonl"), tmp_path))
    assert [getattr(row, "reason", "") for row in found] == ["", "empty", "missing_key"]


@pytest.mark.parametrize("row", [{"text": "t", "intent": "x"}, {"text": "t", "kind": "x"}, {"text": "t", "answer": "x"}, {"text": ["t"], "id": 1}])
def test_a_text_with_anything_that_could_answer_it_is_no_document(tmp_path, row):
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    found = detect(tmp_path / "a.jsonl")
    assert (found.format, "documents" in found.reason) == ("table", False)


def test_whoever_names_columns_of_documents_means_a_table(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CHUNKS))
    settled = plan(Source(file="a.jsonl", label="how"), tmp_path)
    assert (settled.source.format, settled.source.input, settled.source.label) == ("table", "text", "how")


def test_a_chat_row_says_itself_what_it_belongs_to(tmp_path):
    rows = [CHAT | {"group": "ticket 7"}, CHAT, CHAT | {"group": None}, CHAT | {"group": 12}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.group for row in read(Source(file="a.jsonl"), tmp_path)] == ["ticket 7", None, None, "12"]
    (tmp_path / "b.csv").write_text("text,label,group\na,x,1\nb,y,2\n")
    table = Source(file="b.csv", input="text", label="label")
    assert [row.group for row in read(table, tmp_path)] == [None, None], "a column is only taken where it is named"

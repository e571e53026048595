"""Rows in = rows written + rows dropped, in the layout that came; the diff tells every change and no value that was masked."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ears import Ears
from tunesmith.data.intake import plans
from tunesmith.data.mend.plan import Plan, Step
from tunesmith.data.mend.writing import write_mended
from tunesmith.data.personal.redact import Placeholders
from tunesmith.errors import BadData
from tunesmith.spec.dataset import Source


def write(root, source, mending):
    (settled,) = plans([source], root)
    diff = io.BytesIO()
    out = root / "out"
    out.mkdir(exist_ok=True)
    made = write_mended(settled, 1, mending, out, diff, Placeholders(), Ears())
    return made, (out / made.stored), [json.loads(line) for line in diff.getvalue().splitlines()]


def test_a_table_keeps_its_columns_and_delimiter(tmp_path):
    (tmp_path / "a.tsv").write_text('text\tlabel\tnote\nx y\tpin\t1\n"two\nlines"\tcard\t2\nwrite eve@mail.org\tpin\t3\n')
    mending = Plan()
    mending.add("a.tsv", 3, Step("drop", "duplicate", "of a.tsv line 2"))
    mending.add("a.tsv", 5, Step("redact", "email"))
    made, path, diff = write(tmp_path, Source(file="a.tsv", input="text", label="label"), mending)
    assert path.read_text() == "text\tlabel\tnote\nx y\tpin\t1\nwrite [EMAIL_1]\tpin\t3\n"
    assert (made.rows_read, made.rows_written, made.dropped, made.changed) == (3, 2, {"duplicate": 1}, {"email": 1})
    assert diff == [
        {"file": "a.tsv", "line": 3, "became": None, "done": [{"action": "drop", "reason": "duplicate", "detail": "of a.tsv line 2"}]},
        {"file": "a.tsv", "line": 5, "became": 2, "done": [{"action": "redact", "reason": "email", "detail": "email"}]},
    ]


@pytest.mark.parametrize("layout", ["json", "jsonl", "parquet"])
def test_rows_keep_what_was_not_changed(tmp_path, layout):
    rows = [{"prompt": "x", "completion": "ü", "extra": {"n": 1}}, {"prompt": "y", "completion": "b", "extra": {"n": 2}}]
    path = tmp_path / f"a.{layout}"
    if layout == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows) if layout == "json" else "".join(json.dumps(row) + "\n" for row in rows))
    made, out, diff = write(tmp_path, Source(file=path.name), Plan())
    text = out.read_text()
    assert (json.loads(text) if layout == "json" else [json.loads(line) for line in text.splitlines()]) == rows
    assert (diff, made.dropped) == ([], {})
    assert made.note == ("was Parquet, is lines of JSON" if layout == "parquet" else "")


def test_a_row_that_cannot_be_read_is_left_out_and_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "x", "completion": "y"}\n{broken\n')
    made, out, diff = write(tmp_path, Source(file="a.jsonl"), Plan())
    assert made.dropped == {"unusable_bad_json": 1}
    assert [(d["line"], d["done"][0]["action"]) for d in diff] == [(2, "drop")]
    assert len(out.read_text().splitlines()) == 1


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), drop=st.sets(st.integers(0, 7)))
def test_no_row_is_lost(tmp_path_factory, rows, drop):
    root = tmp_path_factory.mktemp("mend")
    path = root / "a.jsonl"
    path.write_text("".join(json.dumps({"prompt": a, "completion": b}) + "\n" for a, b in rows), encoding="utf-8")
    mending = Plan()
    for i in drop:
        mending.add("a.jsonl", i + 1, Step("drop", "review"))
    made, out, _ = write(root, Source(file="a.jsonl", format="completion"), mending)
    kept = [{"prompt": a, "completion": b} for i, (a, b) in enumerate(rows) if i not in drop]
    assert [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]] == kept
    assert made.rows_read == made.rows_written + sum(made.dropped.values())


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6))
def test_a_table_is_written_as_it_can_be_read(tmp_path_factory, rows):
    root = tmp_path_factory.mktemp("mend")
    rows = [(f"q{a}", f"a{b}") for a, b in rows]
    with (root / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("question", "answer"), *rows])
    _, out, _ = write(root, Source(file="a.csv", input="question", output="answer"), Plan())
    with out.open(encoding="utf-8", newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [("question", "answer"), *rows]


def test_an_array_on_one_line_loses_only_the_rows_that_are_dropped(tmp_path):
    rows = [{"prompt": "x", "completion": "a"}, {"prompt": "y", "completion": "b"}, {"prompt": "x", "completion": "a"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    mending = Plan()
    mending.add("a.json", 3, Step("drop", "duplicate"))
    made, out, diff = write(tmp_path, Source(file="a.json"), mending)
    assert json.loads(out.read_text()) == rows[:2]
    assert (made.dropped, [change["line"] for change in diff]) == ({"duplicate": 1}, [3])


def test_a_cell_with_a_carriage_return_is_quoted(tmp_path):
    (tmp_path / "a.csv").write_text('question,answer\n"old\rMac",x\n"new\r\nline",y\n', newline="")
    _, out, _ = write(tmp_path, Source(file="a.csv", input="question", output="answer"), Plan())
    with out.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["question", "answer"], ["old\rMac", "x"], ["new\r\nline", "y"]]


def test_numbers_that_are_none_become_null(tmp_path):
    pq.write_table(pa.table({"prompt": ["x"], "completion": ["y"], "score": [float("nan")], "most": [float("inf")]}), tmp_path / "a.parquet")
    _, out, _ = write(tmp_path, Source(file="a.parquet"), Plan())
    assert json.loads(out.read_text()) == {"prompt": "x", "completion": "y", "score": None, "most": "inf"}


def test_an_answer_that_is_no_single_text_is_not_replaced_in_silence(tmp_path):
    row = {"prompt": "x", "chosen": "a", "rejected": "b"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    mending = Plan()
    for line in (1, 2):
        mending.add("a.jsonl", line, Step("answer", "review", value="c"))
    with pytest.raises(BadData) as told:
        write(tmp_path, Source(file="a.jsonl"), mending)
    assert [problem.where for problem in told.value.problems] == ["a.jsonl line 1", "a.jsonl line 2"]

"""CSV, TSV and Parquet rows with their lines."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data.sources import tables
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.tables import csv_rows, likely_delimiter, parquet_rows
from tunesmith.errors import BadData


def rows(tmp_path, text, delimiter=","):
    path = tmp_path / "f.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(csv_rows(path, "utf-8", "f.csv", delimiter))


def test_a_row_begins_on_its_physical_line(tmp_path):
    found = rows(tmp_path, 'q,a\n"one\ntwo\nthree",1\n\nx,2\r\n"a ""b""",3\n')
    assert found == [(2, {"q": "one\ntwo\nthree", "a": "1"}), (6, {"q": "x", "a": "2"}), (7, {"q": 'a "b"', "a": "3"})]


def test_a_ragged_row_shows_counts_and_values(tmp_path):
    (_, good), (line, fault), (_, few) = rows(tmp_path, "q,a\nx,1\nwhere, is my card,lost\nonly\n")
    assert good == {"q": "x", "a": "1"}
    assert line == 3
    assert (
        str(fault) == 'has 3 cells where the header has 2 ("q", "a"): "where", " is my card", "lost"; fix: quote the field that holds the delimiter'
    )
    assert "has 1 cells where the header has 2" in str(few)


def test_quotes_out_of_order(tmp_path):
    found = rows(tmp_path, 'q,a\n"x" y,1\nz,2\n"open,3\n')
    assert [(line, row.reason if isinstance(row, RowFault) else row) for line, row in found] == [
        (2, "bad_quotes"),
        (3, {"q": "z", "a": "2"}),
        (4, "bad_quotes"),
    ]
    assert "text follows a closing quote" in str(found[0][1])
    assert str(found[2][1]) == 'a quote opened on line 4 is never closed; fix: close the quote, or write "" for a quote inside a quoted field'


SWALLOWED = {
    "to the end": (
        '"two\nlines",1\n"open,2\n' + "y,3\n" * 30,
        4,
        "a quote opened on line 4 is never closed",
        "swallowed the 30 lines after it, up to line 34",
    ),
    "to the next quote": (
        'x,1\n"open,2\ny,3\n"z, too",4\nw,5\n',
        3,
        "a quote opened on line 3 is closed only on line 5, in front of text",
        "swallowed the 2 lines after",
    ),
    "into one cell": ('x,1\n"open,2\ny,3\n"\nw,5\n', 3, "has 1 cells", "the quote opened on line 3 swallowed the 2 lines after it, up to line 5"),
    "in the second cell": ('x,"a ""b""\n', 2, "a quote opened on line 2 is never closed", ""),
    "behind a field of two lines": (
        '"a\nb","c\nd,e\n',
        2,
        "a quote opened on line 3 is never closed",
        "swallowed the line after it, up to line 4",
    ),
}


@pytest.mark.parametrize("case", SWALLOWED)
def test_an_open_quote_says_where_it_opened_and_what_it_took(tmp_path, case):
    text, line, *words = SWALLOWED[case]
    found = [row for row in rows(tmp_path, "q,a\n" + text) if isinstance(row[1], RowFault)]
    assert len(found) == 1
    assert found[0][0] == line
    assert [word for word in words if word not in str(found[0][1])] == []
    assert "; fix: close the quote" in str(found[0][1])


def test_an_open_quote_does_not_swallow_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROW_LINES", 50)
    with pytest.raises(BadData, match="not closed within 50 lines") as caught:
        rows(tmp_path, 'q,a\nx,1\n"open,2\n' + "y,3\n" * 100)
    assert caught.value.problems[0].where == "f.csv line 3"


def test_fields_longer_than_the_modules_default_limit(tmp_path):
    assert rows(tmp_path, "q,a\n" + "x" * 150_000 + ",1\n")[0][1] == {"q": "x" * 150_000, "a": "1"}


def test_header_faults_and_cells_with_bad_bytes(tmp_path):
    with pytest.raises(BadData, match='"q" stands twice'):
        rows(tmp_path, "q, q\n1,2\n")
    found = rows(tmp_path, "q,a\né,1\nü,2\n".encode() + b"caf\xe9,3\n")
    assert [row.reason if isinstance(row, RowFault) else "" for _, row in found] == ["", "", "encoding"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1), st.text('ab\n",;', min_size=1)),
        min_size=1,
        max_size=8,
    )
)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, cells):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("q", "a"), *cells])
    path = tmp_path_factory.mktemp("c") / "f.csv"
    path.write_bytes(out.getvalue().encode())
    assert [(row["q"], row["a"]) for _, row in csv_rows(path, "utf-8", "f", ",")] == cells


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [("a,b\n1,2\n", ","), ("a\tb\n1,5\t2\n", "\t"), ("a;b;c\n1,5;2;3\n", ";"), ("just words\nmore words\n", None), ("a|b\n1|2\n", "|")],
)
def test_delimiters(text, delimiter):
    found = likely_delimiter(text.splitlines(keepends=True))
    assert (found and found[0]) == delimiter


def test_parquet_rows_and_damage(tmp_path):
    path = tmp_path / "f.parquet"
    messages = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes", "weight": 1}]] * 3
    pq.write_table(pa.table({"messages": messages, "n": [1, None, 3]}), path)
    found = list(parquet_rows(path, "f"))
    assert [number for number, _ in found] == [1, 2, 3]
    assert found[1][1]["messages"][1] == {"role": "assistant", "content": "yes", "weight": 1}
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadData, match="Parquet"):
        list(parquet_rows(path, "f"))


def test_a_column_name_that_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(BadData, match="a column name holds bytes that are not UTF-8"):
        rows(tmp_path, b"text\xff,label\n\xc3\xbc,a\n\xc3\xb6,b\n")


def test_a_damaged_parquet_file_is_refused_in_words(tmp_path):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"text": ["some words here"] * 3}), path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"some words", b"some\xff\xffrds"))
    with pytest.raises(BadData, match="is not a Parquet file that can be read"):
        list(parquet_rows(path, "f.parquet"))

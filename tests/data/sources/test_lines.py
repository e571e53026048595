"""Physical lines, encodings and their faults."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.sources import lines
from tunesmith.data.sources.lines import Position, check_file, judge_encoding, likely_encoding, read_lines, text_encoding
from tunesmith.errors import BadData


def texts(path, codec="utf-8"):
    return [(line.number, line.text, line.fault) for line in read_lines(path, codec, "f")]


def test_lines_end_where_an_editor_ends_them(tmp_path):
    path = tmp_path / "f"
    path.write_bytes("a\r\nb\u2028c\x0bd\ne\rf".encode())
    assert texts(path) == [(1, "a\r\n", ""), (2, "b\u2028c\x0bd\n", ""), (3, "e\r", ""), (4, "f", "")]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_lines_are_those_of_python_universal_newlines(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        path.write_bytes(text.encode())
        assert [line.text for line in read_lines(path, "utf-8", "f")] == list(io.StringIO(text, newline=""))


def test_one_bad_byte_among_good_utf8_spoils_one_line(tmp_path):
    path = tmp_path / "f"
    path.write_bytes("café\nnaïve\n".encode() + b"caf\xe9\n" + b"plain\n")
    assert [fault for _, _, fault in texts(path)] == ["", "", "encoding", ""]


def test_a_file_in_another_encoding_is_refused_with_line_offset_and_suggestion(tmp_path):
    path = tmp_path / "f"
    path.write_bytes("text\nplain\nune carte bloquée\n".encode("cp1252"))
    with pytest.raises(BadData) as caught:
        texts(path)
    (problem,) = caught.value.problems
    assert problem.where == "f line 3"
    assert "byte 0xE9 at offset 26" in problem.got
    assert 'encoding = "cp1252"' in problem.fix
    assert "--encoding cp1252" in problem.fix
    assert "is not UTF-8" in str(caught.value)


def test_judging_lets_a_few_bad_lines_pass(tmp_path):
    path = tmp_path / "f"
    path.write_bytes("é\né\n".encode() + b"\xff\n")
    assert judge_encoding(path, "f") is None


@pytest.mark.parametrize(("text", "encoding"), [("Très bien, déjà vu", "cp1252"), ("Где моя карта", "cp1251"), ("我的银行卡在哪里", "gb18030")])
def test_the_suggested_encoding_decodes_the_text(text, encoding):
    assert text.encode(encoding).decode(likely_encoding(text.encode(encoding))) == text


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(tmp_path, codec):
    path = tmp_path / "f"
    path.write_bytes("zwei Wörter\nnoch eins".encode(codec))
    assert text_encoding(path, None, "f") == (codec, "its byte-order mark")
    assert [text for _, text, _ in texts(path, codec)] == ["zwei Wörter\n", "noch eins"]


def test_utf16_without_a_mark_is_named(tmp_path):
    path = tmp_path / "f"
    path.write_bytes("text,label\n".encode("utf-16-le"))
    with pytest.raises(BadData, match='encoding = "utf-16-le"'):
        text_encoding(path, None, "f")


@pytest.mark.parametrize(("head", "what"), [(b"\x1f\x8b\x08\0", "gzip"), (b"PK\x03\x04", "Excel"), (b"%PDF-1.7", "PDF"), (b"\x80\x04\x95", "pickle")])
def test_binary_files_are_named(tmp_path, head, what):
    path = tmp_path / "f.csv"
    path.write_bytes(head)
    with pytest.raises(BadData, match=what):
        text_encoding(path, None, "f.csv")


def test_declared_encodings(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfa")
    assert text_encoding(path, "UTF8", "f")[0] == "utf-8-sig"
    with pytest.raises(BadData, match="unknown encoding"):
        text_encoding(path, "utf-9", "f")
    path.write_bytes("ok\nein Ä".encode("utf-16-le")[:-1])
    with pytest.raises(BadData, match="is not utf-16-le"):
        texts(path, "utf-16-le")


def test_an_over_long_line_comes_once_and_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_CHARACTERS", 2_000)
    path = tmp_path / "f"
    path.write_text("a\n" + "x" * 10_000 + "\nb\n")
    found = texts(path)
    assert [(number, fault) for number, _, fault in found] == [(1, ""), (2, "too_long"), (3, "")]
    assert len(found[1][1]) == 1_000


def test_what_cannot_be_a_source(tmp_path):
    (tmp_path / "other.csv").write_text("x")
    (tmp_path / "empty").write_text("")
    for name, message in (("", "is a folder"), ("nope.csv", "there is no such file"), ("empty", "is empty")):
        with pytest.raises(BadData, match=message):
            check_file(tmp_path / name, name)
    with pytest.raises(BadData, match=r"other\.csv"):
        check_file(tmp_path / "nope.csv", "nope.csv")


def test_who_asks_for_a_table_is_told_which_tables_are_there(tmp_path):
    for name in ("orders.csv", "project.toml", "run.log"):
        (tmp_path / name).write_text("x")
    with pytest.raises(BadData, match="there is no such file") as told:
        check_file(tmp_path / "missing-tickets.csv", "sources[0]")
    assert "files there: orders.csv" in str(told.value)
    assert "run.log" not in str(told.value)
    with pytest.raises(BadData, match=r"files there: orders\.csv, project\.toml, run\.log"):
        check_file(tmp_path / "rows.parquet", "sources[0]")


def test_position_ends_at_the_size(tmp_path):
    path = tmp_path / "f"
    path.write_text("a\n" * 3_000)
    position = Position()
    seen = {position.done for _ in read_lines(path, "utf-8", "f", position)}
    assert len(seen) >= 1
    assert (position.done, position.total) == (6_000, 6_000)

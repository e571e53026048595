"""JSON Lines and JSON arrays, read strictly and in a window."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data.sources import json_rows
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.json_rows import decode, json_array, json_lines
from tunesmith.errors import BadData


def array(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return [(line, str(row) if isinstance(row, RowFault) else row) for line, row in json_array(path, "utf-8", "f.json")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1', "bad_json"),
        ("{'a': 1}", "bad_json"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": NaN}', "not_a_number"),
        ('{"a": -Infinity}', "not_a_number"),
        ('{"a": 1e999}', "not_a_number"),
        ('{"a": "\\ud800"}', "encoding"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "bad_json"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "bad_json"),
        ('{"a": ' + "9" * 5_000 + "}", "bad_json"),
        ('{"a": "\x00"}', "bad_json"),
        ('{"a": 1} {"b": 2}', "bad_json"),
    ],
)
def test_what_strict_json_refuses(text, reason):
    with pytest.raises(RowFault) as caught:
        decode(text)
    assert caught.value.reason == reason


def test_what_strict_json_takes():
    assert decode('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
    assert decode('{"a": [' + "[]," * 200 + "[]]}")["a"][0] == []


def test_lines_keep_their_physical_numbers(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('\n{"a": 1}\n\n{"a": \n[1]\n{"a": 2}')
    found = list(json_lines(path, "utf-8", "f"))
    assert [line for line, _ in found] == [2, 4, 5, 6]
    assert [row.reason if isinstance(row, RowFault) else row for _, row in found] == [{"a": 1}, "bad_json", "not_an_object", {"a": 2}]
    assert "column" in str(found[1][1])


def test_hostile_text_is_escaped_in_faults(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"a": \x1b[31m}\n')
    ((_, fault),) = json_lines(path, "utf-8", "f")
    assert "\x1b" not in str(fault)
    assert "\\x1b[31m" in str(fault)


def test_an_array_with_its_lines(tmp_path):
    assert array(tmp_path, '[\n {"a": 1},\n\n {"a":\n  2}, 7,\n {"a": NaN}, {"a": 3}\n]\n') == [
        (2, {"a": 1}),
        (4, {"a": 2}),
        (5, "is 7; expected an object with keys".replace("7", '"7"')),
        (6, "NaN is not JSON; write null, or leave the key out"),
        (7, {"a": 3}),
    ]
    assert array(tmp_path, " [ ] ") == []


def test_every_element_of_an_array_on_one_line_has_a_number_of_its_own(tmp_path):
    assert array(tmp_path, '[{"a": 1}, {"a": 2}, {"a": 3}]') == [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3})]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('[\n{"a": 1}\n{"a": 2}]', "expected `,` or `]`", 3),
        ('[\n{"a": 1},\n{"a": }]', "is not JSON", 3),
        ('[\n{"a": 1},\n', "is not JSON", 3),
        ('[{"a": 1}', "ends inside the array", 1),
        ('[{"a": 1}] x', "text after the array's end", 1),
        ("[" * 100_000, "nested", 1),
        ('[{"a": ' + "9" * 5_000 + "}]", "cannot be read", 1),
    ],
)
def test_a_broken_array_names_the_line(tmp_path, text, message, line):
    with pytest.raises(BadData, match=message) as caught:
        array(tmp_path, text)
    assert caught.value.problems[0].where == f"f.json line {line}"
    assert "one JSON object per line" in caught.value.problems[0].fix


ROWS = st.lists(
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=40), st.lists(st.booleans(), max_size=3)), max_size=3), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, indent=st.sampled_from([None, 1]), window=st.sampled_from([1, 7, 64]))
def test_any_window_reads_what_json_loads_reads(tmp_path_factory, rows, indent, window):
    path = tmp_path_factory.mktemp("a") / "f.json"
    path.write_text(json.dumps(rows, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "WINDOW_CHARACTERS", window)
        assert [row for _, row in json_array(path, "utf-8", "f")] == rows


def test_an_array_on_one_line_is_not_held_in_memory(tmp_path):
    path = tmp_path / "f.json"
    path.write_text("[\n" + ",\n".join(json.dumps({"a": "x" * 1_000}) for _ in range(20_000)) + "]")
    tracemalloc.start()
    assert sum(1 for _ in json_array(path, "utf-8", "f")) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # the file has 20 MB


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"messages": [{"role": "user", "content": "a"}', 'delimiter at column 47, near ""content": "a"}"; fix: the text ends too early'),
        ('{"a": 1 "b": 2}\n', 'delimiter at column 9, near "{"a": 1 "b": 2}"; fix: mend it there'),
        ('{"a": "x}', "Unterminated string starting at column 7, near"),
        ('{"a": "x\n"}', "Invalid control character at column 9"),
        ("{'a': 1}\n", "at column 2"),
    ],
)
def test_the_column_is_that_of_the_fault(line, words):
    with pytest.raises(RowFault) as caught:
        decode(line)
    assert words in str(caught.value)


def test_a_fault_at_the_end_of_a_line_of_an_array_is_told_on_that_line(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[\n  {"a": 1\n   "b": 2}\n]\n')
    with pytest.raises(BadData, match="at column 10, near") as caught:
        list(json_array(path, "utf-8", "a.json"))
    assert caught.value.problems[0].where == "a.json line 2"

"""Numbers on disk: what was finished stays, what was not is computed again, what belongs to something else is not taken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tunesmith.data.examine.kept import KeptRows

BLOCK = np.arange(6, dtype=np.float16).reshape(3, 2)


def test_finished_rows_are_there_for_the_next_process(tmp_path: Path) -> None:
    first = KeptRows(tmp_path / "v", "a", 2)
    assert first.read().shape == (0, 2)
    first.add(BLOCK)
    first.add(BLOCK + 6)
    again = KeptRows(tmp_path / "v", "a", 2)
    assert again.done == 6
    np.testing.assert_array_equal(again.read(), np.arange(12).reshape(6, 2))


def test_what_a_killed_process_did_not_count_is_written_over(tmp_path: Path) -> None:
    KeptRows(tmp_path / "v", "a", 2).add(BLOCK)
    with (tmp_path / "v.rows").open("ab") as file:
        file.write(b"half a ro")
    again = KeptRows(tmp_path / "v", "a", 2)
    again.add(BLOCK)
    np.testing.assert_array_equal(again.read(), np.concatenate([BLOCK, BLOCK]))


def test_rows_made_from_something_else_are_not_taken(tmp_path: Path) -> None:
    KeptRows(tmp_path / "v", "a", 2).add(BLOCK)
    for made_from, width, dtype in (("b", 2, np.float16), ("a", 3, np.float16), ("a", 2, np.float32)):
        assert KeptRows(tmp_path / "v", made_from, width, dtype).done == 0
        KeptRows(tmp_path / "v", "a", 2).add(BLOCK)


def test_a_header_that_counts_more_than_there_is_does_not_invent_rows(tmp_path: Path) -> None:
    KeptRows(tmp_path / "v", "a", 2).add(BLOCK)
    header = tmp_path / "v.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"done": 99}))
    assert KeptRows(tmp_path / "v", "a", 2).done == 3
    for damaged in ("", "[]", "{}", '{"done": "x"}'):
        header.write_text(damaged)
        assert KeptRows(tmp_path / "v", "a", 2).done == 0

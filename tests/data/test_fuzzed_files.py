"""Whatever is in a file, the data doctor neither crashes nor loses a row in silence; `python -m bench.fuzz --files 5000` asks more often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.data.fuzz_doctor import fate_of
from tests.data.fuzzed import Fuzzed, anything

ENOUGH = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])


def test_no_file_crashes_the_doctor_and_no_row_is_lost(tmp_path_factory):
    fates: Counter[str] = Counter()

    @ENOUGH
    @given(anything)
    def every(file: Fuzzed) -> None:
        fates[fate_of(tmp_path_factory.mktemp("fuzz"), file)[0]] += 1

    every()
    assert min(fates["refused"], fates["mended"]) >= 30, fates  # both ways out are met


QUESTION = "how do I change the address of my account?"


@pytest.mark.parametrize(
    ("file", "fate", "rows"),
    [
        (Fuzzed("a.jsonl", b'{"prompt": "a b", "completion": "x"}\n{oops\n', None), "mended", 2),
        (Fuzzed("a.csv", f"text,label\n{QUESTION},a\n{QUESTION.upper()},A\nsomething else,b\n".encode(), None), "mended", 3),
        (Fuzzed("a.csv", f"text,label\n{QUESTION},a\nsomething else,b\n".encode("utf-16"), None), "examined", 2),
        (Fuzzed("a.json", b'[\n{"prompt": "a b", "completion": "x"},\n{"prompt": "c d", "completion": "y"}\n]', None), "examined", 2),
        (Fuzzed("a.jsonl", b"[" * 100_000, None), "refused", 0),
        (Fuzzed("a.md", b"# Only\n\ndocuments\n", None), "refused", 0),
        (Fuzzed("a.txt", b"\x00\x01\x02\xff", None), "refused", 0),
    ],
)
def test_the_ways_out(tmp_path: Path, file: Fuzzed, fate: str, rows: int):
    assert fate_of(tmp_path, file) == (fate, rows)

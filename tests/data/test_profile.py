"""Lengths and warnings."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tunesmith.data.profile import Lengths, Seen, half_width, spread, warnings
from tunesmith.spec.dataset import Spread

GOOD = {
    "rows": {"train": 800, "dev": 100, "test": 200},
    "labels": {"train": {"a": 400, "b": 400}, "dev": {"a": 50, "b": 50}, "test": {"a": 100, "b": 100}},
    "rows_read": 1_100,
    "removed": Counter(),
    "largest_cluster": 2,
    "question": Spread(n=1, mean=9, p50=9, p90=9, p99=9, max=30),
    "answer": Spread(n=1, mean=9, p50=9, p90=9, p99=9, max=30),
    "unit": "tokens of x",
}


def test_silence_where_all_is_well():
    assert warnings(Seen(**GOOD)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"rows": {"train": 800, "dev": 100, "test": 40}},
            "test has 40 rows: a share of 80 % is then known to within ±12 points; 100 rows give ±8, 500 give ±3.5; raise split.test",
        ),
        ({"rows_read": 2_000, "removed": Counter(bad_json=900)}, "900 of 2,000 rows could not be used (bad_json 900): read rejected.jsonl"),
        ({"largest_cluster": 500}, "500 rows are near duplicates of one another"),
        ({"question": Spread(n=1, mean=9, p50=9, p90=9, p99=9, max=3_000)}, "the longest question has 3,000 tokens"),
        (
            {"labels": {"train": {"a": 20, "b": 20, "c": 1}, "dev": {}, "test": {"a": 9, "b": 9}}},
            "1 label stands in one row only (`c`)",
        ),
        ({"labels": {"train": {"a": 700, "b": 90}, "dev": {}, "test": {"a": 9}}}, "1 label does not stand in test (`b`)"),
    ],
)
def test_each_mistake_has_one_warning_with_its_fix(change, message):
    rows = sum(change.get("rows", GOOD["rows"]).values())
    found = warnings(Seen(**{**GOOD, "rows_read": rows, **change}))
    assert len(found) == 1
    assert message in found[0]


def test_a_spread_by_hand():
    assert spread([1, 2, 3, 4, 100]).model_dump() == pytest.approx({"n": 5, "mean": 22, "p50": 3, "p90": 61.6, "p99": 96.16, "max": 100})
    assert spread([]).n == 0


def test_half_width_is_wilsons():
    """For 80 of 100: (0.711, 0.867), as any table has it."""
    assert half_width(100) == pytest.approx((0.8666 - 0.7112) / 2, abs=1e-4)


def test_lengths_ignore_the_tokenizers_own_truncation_and_padding(tmp_path):
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=5)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"]
    for path, expected in ((tmp_path / "tokenizer.json", [7, 2]), (None, [6, 2])):
        lengths = Lengths.of(path)
        lengths.add(["be brief", "a b c d!"], "yes")
        lengths.add(["be brief"], "no no")
        lengths.flush()
        assert list(lengths.questions) == expected
        assert list(lengths.answers) == [1, 2]

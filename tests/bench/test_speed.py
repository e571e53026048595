"""The tables of docs/speed.md say what the records say."""

from __future__ import annotations

import pytest

from bench import speed
from bench.facts import BREAKDOWN, BREAKDOWN_FIELDS, FIELDS, RESULTS, read


def line(**given: str) -> dict[str, str]:
    return dict.fromkeys(FIELDS, "") | {"date": "2026-01-02", "commit": "abc-dirty", "work": "w", "rounds": "3", "matmul_gflops": "400"} | given


RESULTS_HERE = [
    line(commit="old", side="ours", rows_per_s="1", slower_than_ours="1"),
    line(side="ours", rows_per_s="2.5", slower_than_ours="1", share_of_peak="0.592"),
    line(work="other", side="ours", rows_per_s="7"),
    line(commit="abc", side="theirs", rows_per_s="0.5", slower_than_ours="5", trajectory_gap="0.02", float32_gap="0.0028"),
]


def test_a_table_holds_the_last_run_of_its_work_and_the_columns_that_are_filled() -> None:
    page = speed.renewed("# Speed\n\n<!-- w -->\nold words\n<!-- /w -->\n\nBehind it.\n", RESULTS_HERE, [])
    assert "old words" not in page
    assert page.startswith("# Speed\n\n<!-- w -->\n| side | rows/s | times slower | share of peak | losses apart | in float32 |\n| --- |")
    assert "| ours | 2.5 |  | 59 % |  |  |\n| theirs | 0.5 | 5 |  | 2 % | 0.28 % |\n\n" in page
    assert "2026-01-02, commit abc with changes that were not committed, " in page
    assert "; 3 rounds; bf16 matrix products 400 GFLOP/s.\n" in page
    assert page.endswith("<!-- /w -->\n\nBehind it.\n")
    assert speed.renewed(page, RESULTS_HERE, []) == page


def test_where_some_sides_ran_less_often_each_says_how_often() -> None:
    lines = [line(commit="abc", side="ours", rounds="3"), line(commit="abc", side="theirs", rounds="1")]
    page = speed.renewed("<!-- w -->\n<!-- /w -->", lines, [])
    assert "| side | rounds |\n| --- | --- |\n| ours | 3 |\n| theirs | 1 |\n\n2026-01-02, commit abc, " in page
    assert "rounds;" not in page


def test_where_a_step_went_is_sorted_and_crumbs_are_left_out() -> None:
    part = dict.fromkeys(BREAKDOWN_FIELDS, "") | {"date": "2026-01-02", "commit": "abc", "work": "w"}
    shares = [
        ("norms", "arithmetic", "0.2", ""),
        ("layers", "product", "0.6", "391.6"),
        ("layers", "copy", "0.1", ""),
        ("crumbs", "copy", "0.004", ""),
    ]
    lines = [part | {"part": name, "kind": kind, "share": share, "gflops": rate} for name, kind, share, rate in shares]
    page = speed.renewed("<!-- step of w -->\n<!-- /step of w -->", [], lines)
    assert "| part | share | matrix products | copies | other arithmetic | GFLOP/s of its products |\n" in page
    assert "| layers | 70 % | 60 % | 10 % |  | 392 |\n| norms | 20 % |  |  | 20 % |  |\n\n" in page


def test_a_table_without_a_line_is_told() -> None:
    with pytest.raises(ValueError, match="no line is recorded of 'v'"):
        speed.renewed("<!-- v -->\n<!-- /v -->", RESULTS_HERE, [])


def test_the_page_is_as_the_records() -> None:
    page = speed.PAGE.read_text()
    assert speed.renewed(page, read(RESULTS), read(BREAKDOWN)) == page, "python -m bench.speed writes its tables anew"
    assert all(f"<!-- {name} -->" in page for name in ("gsm8k", "answers gsm8k", "answers banking77"))

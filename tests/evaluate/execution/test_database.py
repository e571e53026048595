"""Queries scored in a process of their own, which survives what a query does to it."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.execution.test_sql import ENDLESS, made
from tunesmith.errors import BadData, BadProject, NotFound
from tunesmith.evaluate.execution import database as module
from tunesmith.evaluate.execution.database import Database, SqlScorer
from tunesmith.evaluate.execution.sql import Bounds
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Scored

QUIET: dict[str, Any] = {"done": lambda n: None, "stop": lambda: False}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that runs queries may take long to begin on a busy machine."""
    monkeypatch.setattr(module, "GRACE_S", 300.0)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return made(tmp_path)


def row(answer: str, reference: str, number: int = 0, out_of_scope: bool = False) -> Scored:
    return Scored(
        id=f"{number:016x}", origin=Origin(file="rows.jsonl", line=number + 1), question="q", reference=reference, answer=answer, confidence=None,
        out_of_scope=out_of_scope, scores={}, prompt_tokens=1, completion_tokens=1,
    )  # fmt: skip


def test_answers_are_scored_by_what_they_find(shop):
    reference = "SELECT name FROM items WHERE price < 5"
    rows = [
        row("```sql\nSELECT name FROM cheap;\n```", reference, 0), row("SELECT name FROM items", reference, 1), row("SELECT nothing FROM items", reference, 2),
        row("SELECT name FROM items WHERE price < 5 ORDER BY name DESC", reference, 3), row("SELECT name FROM items ORDER BY price", "SELECT name FROM items ORDER BY price DESC", 4),
        row("cannot tell", "cannot tell", 5, out_of_scope=True),
    ]  # fmt: skip
    heard: list[int] = []
    found = SqlScorer.open(shop).scores(rows, done=heard.append, stop=lambda: False)
    assert found == [
        {"query_runs": 1.0, "same_result": 1.0}, {"query_runs": 1.0, "same_result": 0.0}, {"query_runs": 0.0, "same_result": 0.0}, {"query_runs": 1.0, "same_result": 1.0},
        {"query_runs": 1.0, "same_result": 0.0}, {},
    ]  # fmt: skip
    assert heard == [1, 2, 3, 4, 5, 6]


def test_reference_queries_that_do_not_run_are_told_with_their_lines(shop):
    with pytest.raises(BadData) as error:
        SqlScorer.open(shop).scores(
            [row("SELECT 1", "SELECT weight FROM items", 0), row("SELECT 1", "SELECT 1", 1), row("SELECT 1", "DROP TABLE items", 2)], **QUIET
        )
    text = str(error.value)
    assert "rows.jsonl line 1: the reference query does not run" in text
    assert "no such column: weight" in text
    assert "rows.jsonl line 3" in text
    assert "line 2" not in text


def test_the_process_goes_on_after_a_query_that_overstays_and_after_its_own_death(shop):
    with Database(shop, Bounds(seconds=0.5)) as database:
        assert "longer than 0.5 s" in str(database.find(ENDLESS + "SELECT count(*) FROM n").error)
        assert database.find("SELECT 1").rows == ((1,),)
        assert database._process is not None
        os.kill(database._process.pid, signal.SIGKILL)
        assert database.find("SELECT 2").error is not None
        assert database.find("SELECT 3").rows == ((3,),)
        process = database._process
    assert process is not None
    assert process.poll() is not None


def test_memory_is_bounded(shop):
    hungry = ENDLESS + "SELECT group_concat(printf('%9000000d', i)) FROM n"
    with Database(shop, Bounds(seconds=2, memory_bytes=512 << 20)) as database:
        assert database.find(hungry).error is not None
        assert database.find("SELECT 1").rows == ((1,),)


def test_numbers_and_texts_survive_the_way(shop):
    with Database(shop) as database:
        found = database.find("SELECT 9223372036854775807, 0.5, 'é\n\u2028', NULL, x'ff', 1e999")
    assert found.rows == ((9223372036854775807, 0.5, "é\n\u2028", None, "x'ff'", "inf"),)


def test_a_stop_gives_fewer(shop):
    assert SqlScorer.open(shop).scores([row("SELECT 1", "SELECT 1")], done=lambda n: None, stop=lambda: True) == []


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(NotFound, match=r"task\.database"):
        SqlScorer.open(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("hello " * 1000, encoding="utf-8")
    with pytest.raises(BadProject, match="is no SQLite file"):
        SqlScorer.open(tmp_path / "text.sqlite")


def test_the_files_bytes_are_its_identity(shop):
    before = SqlScorer.open(shop).identity
    assert SqlScorer.open(shop).identity == before
    with sqlite3.connect(shop) as connection:
        connection.execute("DELETE FROM items")
    connection.close()
    assert SqlScorer.open(shop).identity != before

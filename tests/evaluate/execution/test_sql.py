"""Queries on a real file: results compared by hand, and hostile ones refused."""

from __future__ import annotations

import doctest
import hashlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import computing
from tunesmith.evaluate.execution import sql
from tunesmith.evaluate.execution.sql import Bounds, open_read_only, orders, plain, run, same_result

SHORT = Bounds(seconds=1.0, rows=1000)
rows = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=6)


def made(folder: Path) -> Path:
    path = folder / "shop's #1.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE items (id INTEGER, name TEXT, price REAL); INSERT INTO items VALUES (1, 'tea', 2.5), (2, 'cup', 4.0), (3, 'pot', 12.25);"
            "CREATE VIEW cheap AS SELECT name FROM items WHERE price < 5;"
        )
    connection.close()
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return made(tmp_path)


def test_examples():
    assert doctest.testmod(sql).failed == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT name FROM items WHERE price < 3", (("tea",),)), ("SELECT count(*), sum(price) FROM items;", ((3, 18.75),)), ("SELECT * FROM cheap ORDER BY name", (("cup",), ("tea",))),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n", ((1,), (2,), (3,))), ("VALUES (1, NULL)", ((1, None),)),
        ("SELECT avg(price) OVER (ORDER BY id) FROM items LIMIT 1", ((2.5,),)), ("SELECT value FROM json_each('[1, \"a\"]')", ((1,), ("a",))), ("SELECT x'00ff'", (("x'00ff'",),)),
        ("SELECT strftime('%Y', '2024-05-03'), upper('ä'), 'é'", (("2024", "ä", "é"),)), ("SELECT 1 WHERE 0", ()),
    ],
)  # fmt: skip
def test_what_a_query_finds(query, expected, shop):
    assert run(open_read_only(shop), query, SHORT).rows == expected


HOSTILE = [
    "DROP TABLE items", "DELETE FROM items", "INSERT INTO items VALUES (4, 'x', 1)", "UPDATE items SET price = 0", "CREATE TABLE x (a)", "CREATE TEMP TABLE x (a)",
    "ATTACH DATABASE '/tmp/stolen.db' AS x", "ATTACH ':memory:' AS x", "DETACH main", "PRAGMA query_only = OFF", "PRAGMA writable_schema = 1", "SELECT * FROM pragma_table_info('items')",
    "SELECT load_extension('/tmp/x.so')", "SELECT writefile('/tmp/x', 'a')", "SELECT readfile('/etc/passwd')", "SELECT fts3_tokenizer('simple')", "VACUUM INTO '/tmp/copy.db'", "VACUUM",
    "BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT x", "REINDEX", "ANALYZE", "SELECT 1; DROP TABLE items", "CREATE VIRTUAL TABLE x USING fts5(a)", "INSERT INTO items SELECT * FROM items RETURNING *",
    "WITH x AS (SELECT 1) DELETE FROM items RETURNING id", "SELECT randomblob(10)", "REPLACE INTO items VALUES (1, 'x', 1)", "ALTER TABLE items RENAME TO y", "EXPLAIN DELETE FROM items",
    "", "   ", "-- nothing", "no sql at all", "SELECT \0", "SELECT '", "SELECT ?", "SELECT :a", "SELECT \ud800", "SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "1+" * 20000 + "1",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: repr(query[:40]))
def test_nothing_but_reading_is_allowed(query, shop):
    before = hashlib.sha256(shop.read_bytes()).hexdigest()
    found = run(open_read_only(shop), query, SHORT)
    assert found.error is not None
    assert found.rows == ()
    assert hashlib.sha256(shop.read_bytes()).hexdigest() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]
    assert not Path("/tmp/stolen.db").exists()
    assert not Path("/tmp/copy.db").exists()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "


@pytest.mark.parametrize(
    "query",
    [ENDLESS + "SELECT count(*) FROM n", ENDLESS + "SELECT i FROM n", "SELECT count(*) FROM " + ", ".join(f"items a{n}" for n in range(30)), ENDLESS + "SELECT max(i) FROM n WHERE i < 0"],
)  # fmt: skip
def test_endless_queries_are_ended(query, shop):
    with computing(30):
        found = run(open_read_only(shop), query, SHORT)
    assert found.error in ("it took longer than 1 s", "it gives more than 1,000 rows")


def test_a_connection_goes_on_after_a_bad_query(shop):
    connection = open_read_only(shop)
    assert run(connection, "SELECT nothing", SHORT).error is not None
    assert run(connection, ENDLESS + "SELECT count(*) FROM n", Bounds(seconds=0.2)).error is not None
    assert run(connection, "SELECT 1", SHORT).rows == ((1,),)


def test_large_values_are_refused(shop):
    assert "too big" in str(run(open_read_only(shop), "SELECT zeroblob(100000000)", SHORT).error)


def test_what_is_no_database(tmp_path):
    (tmp_path / "text").write_text("hello " * 1000, encoding="utf-8")
    with pytest.raises(sqlite3.DatabaseError):
        open_read_only(tmp_path / "text")
    with pytest.raises(sqlite3.OperationalError):
        open_read_only(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_write_ahead_log_is_read_too(tmp_path):
    path = tmp_path / "log.sqlite"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (a)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.commit()
    assert run(open_read_only(path), "SELECT a FROM t", SHORT).rows == ((1,),)
    writer.close()


@pytest.mark.parametrize(
    ("answer", "reference", "in_order", "expected"),
    [
        ([(1,), (2,)], [(2,), (1,)], False, True), ([(1,), (2,)], [(2,), (1,)], True, False), ([(1,), (1,)], [(1,)], False, False), ([], [], False, True), ([], [(1,)], False, False),
        ([(1, 2)], [(2, 1)], False, False), ([(1, None)], [(1, None)], False, True), ([("1",)], [(1,)], False, False),
    ],
)  # fmt: skip
def test_same_results_by_hand(answer, reference, in_order, expected):
    assert same_result(answer, reference, in_order=in_order) is expected


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_count(found, generator):
    other = list(found)
    generator.shuffle(other)
    assert same_result(found, other, in_order=False)
    assert same_result(found, found, in_order=True)
    assert not same_result(found, [*found, (9, "z")], in_order=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.0, 1), (0.1 + 0.2, 0.3), (1e300, 1e300), (float("inf"), "inf"), (True, True), (None, None), (2**62, 2**62), (1 / 3, 0.333333333)],
)
def test_values_in_one_form(value, expected):
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select a from t order   by a limit 3", True), ("SELECT a FROM t ORDER\n BY a", True), ("SELECT max(a) OVER (ORDER BY b) FROM t", False), ("SELECT * FROM (SELECT 1 ORDER BY 1)", False),
        ("SELECT 'x order by y' FROM t", False), ("SELECT a FROM t -- order by a", False), ("SELECT a FROM t /* order by a */", False), ('SELECT "order by" FROM t', False),
        ("SELECT a FROM t ORDER /* so */ BY a", True), ("SELECT order_by FROM t", False), ("SELECT [order by] FROM t", False), ("WITH x AS (SELECT 1 ORDER BY 1) SELECT * FROM x ORDER BY 1", True),
    ],
)  # fmt: skip
def test_which_queries_ask_for_an_order(query, expected):
    assert orders(query) is expected

"""Opening: fresh, old, new, foreign, damaged, read-only, full, and by many at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tunesmith.errors import Busy, StoreUnusable
from tunesmith.store import database as module
from tunesmith.store import migrate
from tunesmith.store.artifacts import Store
from tunesmith.store.database import KNOWN, SCHEMA, Database
from tunesmith.store.tables import METADATA


def test_the_schema_that_code_expects_is_the_one_that_migrations_make(store):
    assert migrate.known()[-1] == SCHEMA
    assert set(migrate.known()) == KNOWN
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_transaction_is_all_or_nothing(store):
    def half():
        with store.database.write() as connection:
            connection.exec_driver_sql("INSERT INTO forgotten VALUES ('a', 1.0, 'x')")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM forgotten").scalar() == 0


def test_eight_processes_open_a_fresh_home_at_once(tmp_path):
    start, go = os.pipe()
    children = []
    for _ in range(8):
        if (pid := os.fork()) == 0:
            try:
                os.close(go)
                os.read(start, 1)
                Store.open(tmp_path / "new" / "home").artifacts()
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(pid)
    os.close(go)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
    os.close(start)


def test_killed_while_it_creates_the_schema_it_opens_again(tmp_path, die_at):
    for step in (1, 5, 10, 20, 40, 60):
        home = tmp_path / str(step)
        die_at(step, lambda home=home: Store.open(home).close())
        store = Store.open(home)
        assert store.artifacts() == []
        store.close()


def break_into(path, statement):
    raw = sqlite3.connect(path)
    raw.execute(statement)
    raw.commit()
    raw.close()


def test_a_newer_schema_is_left_alone(store):
    store.close()
    break_into(store.home / "store.db", "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable, match="was written by a newer Tunesmith") as caught:
        Store.open(store.home)
    assert caught.value.problems[0].got == "schema 9999"
    assert "upgrade Tunesmith" in caught.value.problems[0].fix


def test_a_foreign_database_is_left_alone(tmp_path):
    break_into(tmp_path / "store.db", "CREATE TABLE photos (id)")
    with pytest.raises(StoreUnusable, match="is a database of another program"):
        Store.open(tmp_path)


def test_a_file_that_is_no_database_is_named_and_kept(tmp_path):
    (tmp_path / "store.db").write_bytes(b"this is not a database, it is a text\n" * 200)
    with pytest.raises(StoreUnusable, match="is damaged, or not a database") as caught:
        Store.open(tmp_path)
    assert "stored artifacts are found again" in caught.value.problems[0].fix
    assert (tmp_path / "store.db").read_bytes().startswith(b"this is not")


def test_a_home_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "home").write_text("x")
    with pytest.raises(StoreUnusable, match="is not a folder"):
        Store.open(tmp_path / "home")


def test_a_writer_that_never_ends_is_busy_not_a_traceback(store, monkeypatch):
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    impatient = Database(store.home / "store.db")
    with store.database.write(), pytest.raises(Busy, match="another process has been writing"), impatient.write():
        pass
    impatient.close()


def as_nobody(act):
    """What `act` raised, as text, in a child without root's rights."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            act()
            os.write(write, b"nothing")
        except BaseException as error:
            os.write(write, f"{type(error).__name__} {error}".encode()[:4000])
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as pipe:
        return pipe.read().decode()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_read_only_home_says_so(is_new):
    home = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folder is closed to others
    try:
        if not is_new:
            Store.open(home).close()
        for folder in [home, *(p for p in home.rglob("*") if p.is_dir())]:
            folder.chmod(0o555)
        for file in home.glob("store.db*"):
            file.chmod(0o444)

        def use():
            with Store.open(home).database.write() as connection:
                connection.exec_driver_sql("INSERT INTO forgotten VALUES ('a', 1.0, 'x')")

        said = as_nobody(use)
        assert said.startswith("StoreUnusable store_unusable · ")
        assert "cannot write here" in said
        assert "fix: set TUNESMITH_HOME" in said
    finally:
        for folder in [home, *(p for p in home.rglob("*") if p.is_dir())]:
            folder.chmod(0o755)
        shutil.rmtree(home)


FULL = """
import sys; from pathlib import Path
from tunesmith.errors import StoreUnusable; from tunesmith.spec.recipe import Choice; from tunesmith.store.artifacts import Store
home = Path(sys.argv[1]); store = Store.open(home)
def said(act):
    try: act()
    except StoreUnusable as error: print(error)
    else: print("nothing")
def fill():
    with store.work("a" * 64, stage="s", title="t") as work:
        with (work.path / "big").open("wb") as file:
            while True: file.write(b"x" * 100_000)
def finish():
    with store.work("a" * 64, stage="s", title="t") as work: work.finish("line", Choice(name="n", value="v" * 500_000, reason="r"))
def rows():
    for n in range(4000):
        with store.database.write() as c: c.exec_driver_sql("INSERT INTO forgotten VALUES (?, 1.0, ?)", (str(n), "x" * 1000))
said(fill); said(finish); said(rows)
(home / "work" / ("a" * 16) / "big").unlink()
with store.work("a" * 64, stage="s", title="t") as work: print(work.finish("line", Choice(name="n", value="v", reason="r")).name)
print(len(store.artifacts()))
"""


def test_a_full_disk_is_named_wherever_it_is_met_and_room_is_all_it_takes_to_go_on(tmp_path):
    inside = f'mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}/home'
    found = subprocess.run(["unshare", "-Urm", "sh", "-c", inside, FULL], capture_output=True, text=True, cwd=os.getcwd())
    if "unshare" in found.stderr or "mount" in found.stderr:
        pytest.skip("this machine allows no file system of a test's own")
    assert found.stderr == ""
    assert found.stdout.count("the disk is full, or its quota is spent") == 3
    assert found.stdout.count(f"bytes free on the file system at {tmp_path}") == 3
    assert found.stdout.splitlines()[-2:] == ["line-" + found.stdout.splitlines()[-2].partition("-")[2], "1"]

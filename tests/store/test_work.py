"""Unfinished work: one owner, nothing lost, nothing half-visible, whatever kills it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from tunesmith.errors import Busy
from tunesmith.spec.recipe import Choice
from tunesmith.store.artifacts import Store


def key(letter):
    return letter * 64


NOUN = Choice(name="a", value="b", reason="c")


def fill_and_finish(home):
    store = Store.open(home)
    with store.work(key("a"), stage="train", title="training") as work:
        (work.path / "deep").mkdir(exist_ok=True)
        (work.path / "deep" / "weights.bin").write_bytes(b"w" * 1000)
        (work.path / "curve.jsonl").write_text("{}\n")
        (work.scratch / "state.pt").write_text("resume point")
        return work.finish("checkpoint", NOUN)


def test_finished_work_is_one_folder_with_the_payload_only(store):
    artifact = fill_and_finish(store.home)
    found = sorted(str(p.relative_to(artifact.path)) for p in artifact.path.rglob("*") if p.is_file())
    assert found == ["curve.jsonl", "deep/weights.bin", "manifest.json", "sidecar.json"]
    assert artifact.load(Choice) == NOUN
    assert list(store.shelf.work.iterdir()) == []
    assert store.find(key("a")).name == artifact.name
    assert not os.stat(artifact.path / "curve.jsonl").st_mode & 0o222


@pytest.mark.long
def test_killed_before_each_touch_of_the_disk_it_opens_whole_and_ends_with_the_same_name(tmp_path, die_at):
    expected = fill_and_finish(tmp_path / "undisturbed").name
    Store.open(tmp_path / "fresh").close()
    promoted, step = 0, 0
    while True:
        step += 1
        home = tmp_path / str(step)
        shutil.copytree(tmp_path / "fresh", home)
        lived = die_at(step, lambda home=home: fill_and_finish(home))
        store = Store.open(home)
        every = store.artifacts()
        for artifact in every:
            artifact.verify()
            assert not [p for p in artifact.path.iterdir() if p.name.startswith(".")]
        found = store.find(key("a"))
        assert [a.name for a in every] == ([found.name] if found else [])
        promoted += found is not None and not lived
        assert (found or fill_and_finish(home)).name == expected
        store.close()
        if lived:
            break
    assert step > 30
    assert promoted > 3  # deaths between the rename and the row, mended at the opening


def test_the_next_owner_gets_the_folder_as_it_was(store):
    with store.work(key("b"), stage="s", title="t") as work:
        (work.scratch / "state").write_text("step 7")
        (work.path / "half").write_text("h")
    with store.work(key("b"), stage="s", title="t") as work:
        assert (work.scratch / "state").read_text() == "step 7"
        assert (work.path / "half").read_text() == "h"


def test_busy_names_the_holder_and_a_dead_owners_lease_is_free_at_once(store):
    script = (
        "import sys, time; from pathlib import Path; from tunesmith.store.artifacts import Store\n"
        f"with Store.open(Path(sys.argv[1])).work({key('c')!r}, stage='train', title='training router') as w:\n"
        "    (w.path / 'mine').write_text('x'); print('held', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(store.home)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
    assert other.stdout.readline() == "held\n"
    with pytest.raises(Busy) as caught, store.work(key("c"), stage="train", title="again"):
        pass
    assert f"{socket.gethostname()}:{other.pid} since " in caught.value.problems[0].got
    assert caught.value.problems[0].got.endswith(", training router")
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    started = time.monotonic()
    with store.work(key("c"), stage="train", title="again") as work:
        assert (work.path / "mine").exists()
    assert time.monotonic() - started < 60, "nobody waits for a sign of life that will never come"


def test_equal_content_is_stored_once_and_both_keys_lead_to_it(store, make):
    first = make(store, "1", "line", {"a": "same"}, ("p",))
    second = make(store, "2", "line", {"a": "same"}, ("q",))
    assert first.name == second.name
    assert store.find(key("1")).path == store.find(key("2")).path
    assert store.get(first.name).parents == ("p", "q")
    assert list(store.shelf.work.iterdir()) == []


def test_a_damaged_artifact_is_replaced_by_the_same_content_made_again(store, make):
    artifact = make(store, "1", "line", {"a": "same"})
    (artifact.path / "a").chmod(0o644)
    (artifact.path / "a").write_text("bad")
    make(store, "1", "line", {"a": "same"}).verify()
    assert (artifact.path / "a").read_text() == "same"


def test_a_link_is_no_payload(store, tmp_path):
    with store.work(key("d"), stage="s", title="t") as work:
        (work.path / "link").symlink_to(tmp_path)
        with pytest.raises(ValueError, match="is a link"):
            work.finish("line", NOUN)


def test_a_key_is_hexadecimal(store):
    with pytest.raises(ValueError, match="16 hex digits"), store.work("../escape", stage="s", title="t"):
        pass

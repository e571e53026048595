"""Forgotten rows are gone from everything that was made of them, even where forgetting was interrupted."""

from __future__ import annotations

import json
import shutil

import pytest

from tunesmith.errors import BadData, Busy, NotFound
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Report
from tunesmith.store.artifacts import Store
from tunesmith.store.ledger import Ledger
from tunesmith.store.shelf import row_hash
from tunesmith.store.work import Work

GONE = f"{2:016x}"
STAYS = f"{1:016x}"


def traces(home, secret):
    """Files below the store's folders that still show the row, its id or its text."""
    words = (secret[:30].encode(), GONE.encode())
    return [
        str(p.relative_to(home))
        for part in ("artifacts", "work")
        for p in (home / part).rglob("*")
        if p.is_file() and any(w in p.read_bytes() for w in words)
    ]


def test_rows_leave_the_data_set_and_all_descendants(store, family, secret):
    made = family(store)
    other = store.home / "work" / ("9" * 16)
    other.mkdir()
    (other / "train.jsonl").write_text(secret)
    assert len(traces(store.home, secret)) >= 7
    done = store.forget(made["dataset"].name, [GONE], reason="asked by letter")
    assert traces(store.home, secret) == []
    assert set(done.redacted) == {made["dataset"].name, made["evaluation"].name}
    assert set(done.erased) == {made["checkpoint"].name, made["verdict"].name}
    assert done.sources == ("bank.csv",)
    assert [json.loads(line)["id"] for line in (made["dataset"].path / "train.jsonl").read_text().splitlines()] == [STAYS]
    assert [json.loads(line)["id"] for line in (made["evaluation"].path / "answers.jsonl").read_text().splitlines()] == [STAYS]
    assert len((made["dataset"].path / "rejected.jsonl").read_text().splitlines()) == 1
    assert [p.name for p in made["checkpoint"].path.iterdir()] == ["tombstone.json"]
    assert not other.exists()


def test_tombstones_keep_hashes_time_and_reason(store, family):
    made = family(store)
    files = {name: a.recorded() for name, a in made.items()}
    store.forget(made["dataset"].name, [GONE], reason="asked by letter")
    for name, artifact in made.items():
        stone = store.get(artifact.name).tombstone()
        assert stone["files"] == files[name]
        assert stone["digest"] == artifact.digest
        assert [(e["reason"], e["rows"]) for e in stone["erasures"]] == [("asked by letter", [row_hash(GONE)])]
    entry = Ledger(store).entries(made["dataset"].name)[-1]
    assert (entry.action, entry.detail["rows"], entry.detail["reason"]) == ("forget", [row_hash(GONE)], "asked by letter")


def test_erased_artifacts_say_so_and_their_keys_lead_nowhere(store, family):
    made = family(store)
    store.register("router", made["checkpoint"].name)
    store.forget(made["dataset"].name, [GONE], reason="asked by letter")
    for artifact, noun in ((made["dataset"], Dataset), (made["evaluation"], Report), (made["checkpoint"], Dataset)):
        assert store.find(artifact.key) is None
        found = store.get(artifact.name)
        for act in (found.verify, lambda found=found, noun=noun: found.load(noun)):
            with pytest.raises(NotFound, match=r"its content was erased on \d{4}-") as caught:
                act()
            assert caught.value.problems[0].got == "reason given: asked by letter"
    assert store.registered() == {}
    assert store.artifacts() == []
    with pytest.raises(NotFound, match="version 1 of this model was erased"):
        store.get("router")
    assert len(store.lineage(made["verdict"].name)) == 4


def test_an_earlier_version_of_a_model_is_offered_not_taken(store, family, make):
    older = make(store, "7", "checkpoint", {"w": "older"})
    made = family(store)
    store.register("router", older.name)
    store.register("router", made["checkpoint"].name)
    store.forget(made["dataset"].name, [GONE], reason="r")
    with pytest.raises(NotFound, match=f"use an earlier version by its own name: {older.name}"):
        store.get("router")
    assert [v.artifact for v in store.registered()["router"]] == [older.name]


def test_unknown_rows_are_all_named_and_nothing_changes(store, family):
    made = family(store)
    with pytest.raises(NotFound) as caught:
        store.forget("dataset", [GONE, "feed" * 4, "f00d" * 4], reason="r")
    assert [p.got for p in caught.value.problems] == ["'f00df00df00df00d'", "'feedfeedfeedfeed'"]
    for artifact in made.values():
        store.get(artifact.name).verify()


def test_a_second_row_can_be_forgotten_later(store, family):
    made = family(store)
    store.forget(made["dataset"].name, [GONE], reason="first")
    store.forget(made["dataset"].name, [STAYS], reason="second")
    assert (made["dataset"].path / "train.jsonl").read_text() == ""
    assert [e["reason"] for e in store.get(made["checkpoint"].name).tombstone()["erasures"]] == ["first", "second"]


def test_a_forgotten_row_cannot_come_back_and_the_source_line_is_named(store, family):
    made = family(store)
    store.forget(made["dataset"].name, [GONE], reason="asked by letter")
    with pytest.raises(BadData, match=r"bank\.csv line 3: this row was forgotten on"):
        family(store)


def test_without_the_row_the_project_runs_again(store, family, make, secret):
    made = family(store)
    store.forget(made["dataset"].name, [GONE], reason="r")
    rows = (made["dataset"].path / "train.jsonl").read_text()
    again = make(store, "d", "dataset", {"train.jsonl": rows})
    checkpoint = make(store, "c", "checkpoint", {"adapter.safetensors": f"learnt {secret}"}, (again.name,))  # the very same bytes may be made anew
    assert checkpoint.name == made["checkpoint"].name
    store.get(checkpoint.name).verify()
    assert store.find("c" * 64).parents == (again.name,)


def test_other_data_sets_with_the_row_are_named(store, family, make):
    made = family(store)
    twin = make(store, "8", "dataset", {"dev.jsonl": (made["dataset"].path / "train.jsonl").read_text()})
    assert store.forget(made["dataset"].name, [GONE], reason="r").elsewhere == (twin.name,)


def test_work_on_other_things_keeps_its_folder(store, family, make):
    made = family(store)
    other = make(store, "8", "dataset", {"train.jsonl": ""})
    for letter, parents in (("a", (other.name,)), ("b", (made["dataset"].name,)), ("5", ())):
        with store.work(letter * 64, stage="train", title="t", parents=parents) as work:
            (work.scratch / "state").write_text("x")
    store.forget(made["dataset"].name, [GONE], reason="r")
    assert sorted(p.name for p in store.shelf.work.iterdir() if p.is_dir()) == ["a" * 16]


def test_forgetting_waits_for_nobody_and_says_who_is_working(store, family):
    made = family(store)
    with store.work("a" * 64, stage="train", title="training router"), pytest.raises(Busy, match="training router"):
        store.forget(made["dataset"].name, [GONE], reason="r")
    store.get(made["dataset"].name).verify()


@pytest.mark.long
def test_killed_at_many_touches_of_the_disk_it_is_all_or_nothing_after_the_next_opening(tmp_path, family, secret, die_at):
    original = Store.open(tmp_path / "original")
    made = family(original)
    original.close()
    completed, step = 0, 0
    while True:
        step += 3  # every third touch: each is a whole store, killed and opened again
        home = tmp_path / str(step)
        shutil.copytree(tmp_path / "original", home)
        lived = die_at(step, lambda home=home, name=made["dataset"].name: Store.open(home).forget(name, [GONE], reason="r"))
        store = Store.open(home)
        is_erased = store.get(made["dataset"].name).erased_at is not None
        completed += is_erased and not lived
        for artifact in (store.get(a.name) for a in made.values()):
            assert (artifact.erased_at is not None) == is_erased
            assert ((artifact.path / "tombstone.json").exists()) == is_erased
            if not is_erased:
                artifact.verify()
        if is_erased:
            assert traces(home, secret) == []
            assert len(Ledger(store).entries(made["dataset"].name)) == 1
        store.close()
        if lived:
            break
    assert completed > 10


def test_work_that_was_sealed_but_never_entered_does_not_escape(store, family, monkeypatch, secret):
    made = family(store)
    with monkeypatch.context() as patch, store.work("5" * 64, stage="train", title="t", parents=(made["dataset"].name,)) as work:
        patch.setattr(type(store.shelf), "enter", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        (work.path / "w").write_text(secret)
        with pytest.raises(KeyboardInterrupt):
            Work.finish(work, "checkpoint", made["dataset"].load(Dataset), parents=(made["dataset"].name,))
    store.forget(made["dataset"].name, [GONE], reason="r")
    assert traces(store.home, secret) == []

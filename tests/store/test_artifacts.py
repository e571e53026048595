"""Names, keys, registered models and lineage; damage is told, not served."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tunesmith.errors import DamagedWeights, NotFound
from tunesmith.spec.noun import digest
from tunesmith.spec.recipe import Choice, Lora
from tunesmith.store.artifacts import Store
from tunesmith.store.disk import file_digest
from tunesmith.store.ledger import Ledger


def test_the_name_is_the_kind_and_the_payloads_hash(store, make):
    artifact = make(store, "1", "line", {"a.txt": "hi"})
    files = {name: file_digest(artifact.path / name) for name in ("a.txt", "manifest.json")}
    assert artifact.name == f"line-{digest(files)[:12]}"
    assert artifact.sidecar()["files"] == files
    assert {"host", "versions", "commit", "dirty", "finished_at", "python"} <= set(artifact.sidecar())


def test_get_takes_name_prefix_hash_registered_name_and_latest(store, make):
    first = make(store, "1", "checkpoint", {"w": "1"})
    second = make(store, "2", "line", {"w": "2"})
    store.register("router", first.name)
    for name in (first.name, first.name[:14], first.name.partition("-")[2][:6], "checkpoint", "router"):
        assert store.get(name).name == first.name
    assert store.get("latest").name == second.name
    assert store.get("latest", "checkpoint").name == first.name
    assert [a.name for a in store.artifacts()] == [second.name, first.name]


def test_not_found_says_what_is_near_and_what_is_ambiguous(store, make):
    store.register("router", make(store, "1", "checkpoint", {"w": "1"}).name)
    make(store, "2", "checkpoint", {"w": "2"})
    with pytest.raises(NotFound, match=r"fix: did you mean router\?"):
        store.get("ruoter")
    with pytest.raises(NotFound, match="could be any of 2"):
        store.get("check")
    with pytest.raises(NotFound, match="is no data set"):
        store.get("router", "dataset")
    with pytest.raises(NotFound, match="run a project first"):
        store.get("latest", "verdict")


def test_a_model_name_means_its_newest_version(store, make):
    first, second = (make(store, n, "checkpoint", {"w": n}).name for n in "12")
    for name in (first, second, second):
        store.register("router", name)
    versions = store.registered()["router"]
    assert [(v.number, v.artifact) for v in versions] == [(1, first), (2, second)]
    assert store.get("router").name == second
    assert [(e.action, e.detail) for e in Ledger(store).entries(second)] == [("register", {"model": "router", "version": 2})]


def test_lineage_is_every_ancestor_once_breadth_first(store, make):
    data = make(store, "1", "dataset", {"train.jsonl": ""})
    parent = make(store, "2", "checkpoint", {"w": "2"}, (data.name,))
    child = make(store, "3", "checkpoint", {"w": "3"}, (parent.name, data.name))
    assert [a.name for a in store.lineage(child.name)] == [child.name, parent.name, data.name]


@pytest.mark.parametrize("file", ["w", "manifest.json"])
def test_verify_names_the_file_that_changed(store, make, file):
    artifact = make(store, "1", "checkpoint", {"w": "weights"})
    (artifact.path / file).chmod(0o644)
    (artifact.path / file).write_text("{}")
    with pytest.raises(DamagedWeights, match=f"{file}: is not what was stored") as caught:
        artifact.verify()
    assert caught.value.problems[0].fix.startswith("delete the folder and run the project again")


def test_verify_names_missing_and_foreign_files_together(store, make):
    artifact = make(store, "1", "checkpoint", {"w": "weights"})
    (artifact.path / "w").unlink()
    (artifact.path / "new").write_text("?")
    with pytest.raises(DamagedWeights) as caught:
        artifact.verify()
    assert [p.message for p in caught.value.problems] == ["does not belong here", "is missing"]


def test_a_record_of_hashes_that_was_changed_with_its_file_is_found_out(store, make):
    artifact = make(store, "1", "checkpoint", {"w": "weights"})
    (artifact.path / "w").chmod(0o644)
    (artifact.path / "w").write_text("other")
    sidecar = artifact.sidecar()
    sidecar["files"]["w"] = file_digest(artifact.path / "w")
    (artifact.path / "sidecar.json").chmod(0o644)
    (artifact.path / "sidecar.json").write_text(json.dumps(sidecar))
    with pytest.raises(DamagedWeights, match=r"sidecar\.json"):
        artifact.verify()


def test_load_refuses_a_changed_manifest_and_another_noun(store, make):
    artifact = make(store, "1", "checkpoint", {})
    assert artifact.load(Choice).name == "x"
    with pytest.raises(DamagedWeights, match="is no Lora of this version"):
        artifact.load(Lora)
    (artifact.path / "manifest.json").chmod(0o644)
    (artifact.path / "manifest.json").write_text("{}")
    with pytest.raises(DamagedWeights, match="is not what was stored"):
        artifact.load(Choice)


def test_a_deleted_folder_is_made_again(store, make):
    artifact = make(store, "1", "line", {"a": "1"})
    for file in artifact.path.iterdir():
        file.unlink()
    artifact.path.rmdir()
    assert store.find(artifact.key) is None
    make(store, "1", "line", {"a": "1"}).verify()
    assert store.find(artifact.key) is not None


def test_an_index_that_is_lost_is_rebuilt_from_the_folders(store, make):
    artifact = make(store, "1", "line", {"a": "1"}, ("parent",))
    store.close()
    for file in store.home.glob("store.db*"):
        file.unlink()
    again = Store.open(store.home)
    assert again.find(artifact.key) == artifact
    again.close()


def test_importing_the_store_loads_neither_alembic_nor_torch():
    script = "import sys, tunesmith.store.artifacts, tunesmith.store.ledger; print([m for m in ('alembic', 'torch', 'transformers', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"

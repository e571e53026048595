"""The catalogue's entries are sound, and names lead to models or to the nearest ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tunesmith.catalogue import manifest
from tunesmith.catalogue.manifest import model_id, read_manifest
from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import entries, find, installed, local, unknown, verify
from tunesmith.errors import DamagedWeights, NotFound, UnsafeWeights
from tunesmith.spec.job import Silent

MIB, GIB = 2**20, 2**30


@pytest.fixture
def stored(tmp_path, model_folder):
    """A store's models folder with one model in it."""
    source = shutil.copytree(model_folder, tmp_path / "tiny")
    pull(str(source), tmp_path / "models", Silent(), offline=True)
    shutil.rmtree(source)
    return tmp_path / "models"


def test_ids_are_folders_and_appear_once():
    ids = [entry.id for entry in entries()]
    assert len(ids) == len(set(ids)) >= 20
    assert ids == [model_id(name) for name in ids]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_an_entry_is_plausible(entry):
    assert re.fullmatch(r"20(2[1-6])-(0[1-9]|1[0-2])", entry.released)
    assert 10_000_000 < entry.parameters < 9_000_000_000
    assert 128 <= entry.context <= 262_144
    assert entry.hub is None or re.fullmatch(r"[\w.-]+/[\w.-]+", entry.hub)
    assert all(re.fullmatch(r"[0-9a-f]{64}", wheel.sha256) for wheel in entry.wheels)
    assert entry.verified == bool(entry.wheels)  # we have read the files of exactly those that we can fetch


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_memory_follows_the_stated_formula(entry):
    serve = 4 * entry.parameters + 512 * MIB
    assert entry.serve_bytes == serve
    assert entry.tune_bytes == (serve if entry.use == "embed" else 4 * entry.parameters + 2 * GIB)


def test_an_entry_is_found_by_id_and_by_hub_id_in_any_case():
    assert find("qwen3-0.6b") is find("Qwen/Qwen3-0.6B") is find("QWEN3-0.6B")


@pytest.mark.parametrize(
    ("wrong", "right"), [("smolm2-135m", "smollm2-135m-instruct"), ("quen3-0.6", "qwen3-0.6b"), ("minilm-l6", "all-minilm-l6-v2")]
)
def test_a_misspelt_name_names_the_nearest(wrong, right):
    with pytest.raises(NotFound) as caught:
        find(wrong)
    assert right in caught.value.problems[0].fix


def test_a_model_is_found_by_id_and_by_path(stored):
    model = local(stored, "tiny")
    assert str(stored / "tiny") == model.folder
    assert model == local(stored, str(stored / "tiny"))


def test_the_store_can_move(stored, tmp_path):
    os.rename(stored, tmp_path / "elsewhere")
    model = local(tmp_path / "elsewhere", "tiny")
    assert str(tmp_path / "elsewhere" / "tiny") == model.folder
    verify(model, full=True)


def test_a_folder_outside_the_store_is_used_where_it_lies(tmp_path, model_folder, stored):
    folder = shutil.copytree(model_folder, tmp_path / "Mine")
    before = sorted(folder.iterdir())
    model = local(stored, str(folder))
    assert (str(folder), str(folder)) == (model.id, model.folder)
    assert model == local(stored, model.id)  # a checkpoint remembers the id, and is used from other working folders
    assert local(stored, "tiny").digest == model.digest  # the same files have the same digest wherever they lie
    verify(model, stored)
    assert before == sorted(folder.iterdir())  # nothing of ours is written there
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(DamagedWeights, match=r"config\.json"):
        verify(model, stored)


@pytest.mark.parametrize("name", ["gemma-3-270m", "Qwen/Qwen3-0.6B", "somebody/unknown-model"])
def test_a_model_that_is_not_here_says_how_to_get_it(name, stored):
    with pytest.raises(NotFound) as caught:
        local(stored, name)
    assert f"tunesmith models pull {name}" == caught.value.problems[0].fix


def test_a_misspelt_local_name_names_the_nearest(stored):
    with pytest.raises(NotFound, match="did you mean tiny"):
        local(stored, "tinyy")


def test_a_model_that_is_pulled_and_in_the_catalogue_is_named_once():
    error = unknown("smollm2-135m-instrukt", ["smollm2-135m-instruct", *(entry.id for entry in entries())])
    assert error.problems[0].fix.count("smollm2-135m-instruct") == 1


def test_an_empty_machine_has_no_models(tmp_path):
    assert installed(tmp_path / "nothing") == []


def test_damage_is_found_by_stamp_and_in_full(stored):
    model = local(stored, "tiny")
    path = stored / "tiny" / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamagedWeights) as caught:
        verify(model)
    assert [(str(path), "tunesmith models pull tiny")] == [(problem.where, problem.fix) for problem in caught.value.problems]
    assert model.files["model.safetensors"][:12] == caught.value.problems[0].expected


def test_damage_that_keeps_size_and_time_is_found_in_full(stored):
    model = local(stored, "tiny")
    verify(model)
    path = stored / "tiny" / "model.safetensors"
    kept = path.stat()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    verify(model)  # what daily use believes
    with pytest.raises(DamagedWeights, match="is damaged"):
        verify(model, full=True)


def test_all_missing_files_are_named(stored):
    model = local(stored, "tiny")
    (stored / "tiny" / "tokenizer.json").unlink()
    (stored / "tiny" / "generation_config.json").unlink()
    with pytest.raises(DamagedWeights) as caught:
        verify(model)
    assert [problem.message for problem in caught.value.problems] == ["is missing", "is missing"]


def test_a_pickle_that_appears_in_the_store_is_refused(stored):
    model = local(stored, "tiny")
    (stored / "tiny" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin"):
        verify(model)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x"}'])
def test_an_unreadable_manifest_is_damage(content, stored):
    (stored / "tiny" / "tunesmith.json").write_text(content)
    with pytest.raises(DamagedWeights, match="tunesmith models pull tiny"):
        local(stored, "tiny")


def test_a_manifest_that_contradicts_itself_is_damage(stored):
    path = stored / "tiny" / "tunesmith.json"
    body = json.loads(path.read_text())
    body["files"]["config.json"] = "0" * 64
    path.write_text(json.dumps(body))
    with pytest.raises(DamagedWeights, match="contradicts itself"):
        read_manifest(stored / "tiny")


def test_lost_or_foreign_stamps_only_cost_time(stored):
    model = local(stored, "tiny")
    for content in ("", "{", "[1]", '{"config.json": 3}', '{"config.json": [[1, 2], "wrong"]}'):
        (stored / "tiny" / manifest.STAMPS).write_text(content)
        verify(model)


def test_reading_the_catalogue_loads_no_torch():
    code = "import sys, tunesmith.catalogue.read, tunesmith.catalogue.pull; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(("name", "expected"), [("My Model/v2", "my-model--v2"), ("../x", "x"), ("...", "model"), ("ÜBER", "ber")])
def test_any_name_becomes_a_safe_folder(name, expected):
    assert expected == model_id(name)

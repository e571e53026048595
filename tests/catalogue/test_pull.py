"""A pull ends with a whole model or with nothing, whoever kills it and however many there are at once."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys

import pytest

from tunesmith.catalogue.pull import pull, writing
from tunesmith.catalogue.read import installed, local, verify
from tunesmith.errors import DamagedWeights, Interrupted, NotFound, StoreUnusable, UnsafeWeights, Unsupported
from tunesmith.spec.job import Silent


@pytest.fixture
def folder(tmp_path, model_folder):
    return shutil.copytree(model_folder, tmp_path / "My Tiny Model")


@pytest.fixture
def models(tmp_path):
    return tmp_path / "home" / "models"


def test_a_folder_is_copied_described_and_verified(folder, models, log):
    model = pull(str(folder), models, log(), offline=True)
    assert ("my-tiny-model", f"folder {folder}", "") == (model.id, model.origin, model.note)
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} == set(model.files)
    verify(model)
    verify(model, full=True)
    assert [model] == installed(models)
    assert model == local(models, "my-tiny-model")
    (folder / "config.json").write_text("{}")  # later edits of the source do not reach the store
    verify(model, full=True)


def test_pulling_again_changes_nothing(folder, models, log):
    first = pull(str(folder), models, log(), offline=True)
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file() and ".locks" not in path.parts}
    monitor = log()
    assert first == pull(str(folder), models, monitor, offline=True)
    assert monitor.texts() == ["my-tiny-model is there already"]
    assert before == {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file() and ".locks" not in path.parts}


def test_a_changed_folder_becomes_another_model(folder, models):
    first = pull(str(folder), models, Silent(), offline=True)
    (folder / "tokenizer_config.json").write_text("{}")
    second = pull(str(folder), models, Silent(), offline=True)
    assert second.id.startswith("my-tiny-model-")
    assert (first.use, second.use) == ("chat", "text")
    assert {first.id, second.id} == {model.id for model in installed(models)}
    verify(first, full=True)


def test_a_folder_cannot_take_a_curated_name(model_folder, tmp_path, models):
    source = shutil.copytree(model_folder, tmp_path / "smollm2-135m-instruct")
    assert pull(str(source), models, Silent(), offline=True).id.startswith("smollm2-135m-instruct-")


def test_a_gguf_file_is_converted_and_says_so(gguf_file, models):
    model = pull(str(gguf_file), models, Silent(), offline=True)
    assert model.id == "tiny-model.f32"
    assert model.origin.startswith(f"gguf {gguf_file} sha256:")
    assert model.note.startswith("converted from a GGUF file in F32")
    assert model == pull(str(gguf_file), models, Silent(), offline=True)


def test_damaged_weights_are_pulled_again(folder, models, log):
    model = pull(str(folder), models, Silent(), offline=True)
    weights = models / model.id / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(DamagedWeights):
        verify(model)
    monitor = log()
    again = pull(str(folder), models, monitor, offline=True)
    assert "pulling again: is damaged" in monitor.texts()[0]
    assert model == again
    verify(again, full=True)


def test_pickles_are_refused(tmp_path, models, folder):
    (tmp_path / "model.bin").write_bytes(pickle.dumps(1))
    with pytest.raises(UnsafeWeights, match=r"safetensors or GGUF"):
        pull(str(tmp_path / "model.bin"), models, Silent(), offline=True)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin"):
        pull(str(folder), models, Silent(), offline=True)
    assert installed(models) == []


def test_a_pickle_beside_safetensors_is_left_behind(folder, models):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(1))
    assert "pytorch_model.bin" not in pull(str(folder), models, Silent(), offline=True).files


def test_an_unknown_architecture_is_refused(folder, models):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "novel9000"}))
    with pytest.raises(Unsupported, match=r"(?s)unknown architecture.*novel9000"):
        pull(str(folder), models, Silent(), offline=True)
    assert [path.name for path in models.iterdir()] == [".locks"]


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c"])
def test_a_path_to_nowhere_is_not_found(name, models):
    with pytest.raises(NotFound, match="no such file or folder"):
        pull(name, models, Silent(), offline=True)


def test_an_unknown_name_suggests_the_nearest(models):
    with pytest.raises(NotFound, match=r"did you mean smollm2-135m-instruct"):
        pull("smollm2-135m-instrukt", models, Silent(), offline=True)


@pytest.mark.parametrize("name", ["qwen3-0.6b", "somebody/some-model", "somebody/some-model@main"])
def test_offline_forbids_the_hub(name, models):
    with pytest.raises(Unsupported, match="HF_HUB_OFFLINE"):
        pull(name, models, Silent(), offline=True)


def test_a_lone_safetensors_file_points_to_its_folder(folder, models):
    with pytest.raises(Unsupported) as caught:
        pull(str(folder / "model.safetensors"), models, Silent(), offline=True)
    assert f"tunesmith models pull {folder}" in str(caught.value)


def test_a_stop_leaves_nothing_visible_and_can_be_gone_on_from(gguf_file, models, log):
    with pytest.raises(Interrupted):
        pull(str(gguf_file), models, log("converting"), offline=True)
    assert installed(models) == []
    assert pull(str(gguf_file), models, Silent(), offline=True).id == "tiny-model.f32"
    assert sorted(path.name for path in models.iterdir()) == [".locks", "tiny-model.f32"]


SLOW = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
from tunesmith.catalogue.pull import pull
class Slow:
    def emit(self, event):
        if event.kind == "progress":
            print("working", flush=True)
            time.sleep(600)
    def stopping(self):
        return False
pull(sys.argv[1], Path(sys.argv[2]), Slow(), offline=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_pull_leaves_nothing_visible_and_no_lock(how, gguf_file, models):
    with subprocess.Popen([sys.executable, "-c", SLOW, str(gguf_file), str(models)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"working\n"
        child.send_signal(how)
        child.wait(timeout=300)
    assert (models / ".partial-tiny-model.f32").is_dir()  # it really was half-way
    assert installed(models) == []
    assert [pull(str(gguf_file), models, Silent(), offline=True)] == installed(models)
    assert not list(models.glob(".partial-*"))


def pull_in_child(source, models, results):
    results.put(pull(source, models, Silent(), offline=True).digest)


def test_two_pulls_at_once_agree(gguf_file, models):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    children = [context.Process(target=pull_in_child, args=(str(gguf_file), models, results)) for _ in range(2)]
    for child in children:
        child.start()
    digests = [results.get(timeout=600) for _ in children]
    for child in children:
        child.join(timeout=300)
    assert [child.exitcode for child in children] == [0, 0]
    assert digests[0] == digests[1] == installed(models)[0].digest


def test_waiting_for_another_pull_can_be_stopped(gguf_file, models, log):
    with subprocess.Popen([sys.executable, "-c", SLOW, str(gguf_file), str(models)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        child.stdout.readline()
        monitor = log()
        monitor.stopping = lambda: bool(monitor.texts())
        with pytest.raises(Interrupted, match="waiting for another pull"):
            pull(str(gguf_file), models, monitor, offline=True)
        child.kill()
    assert "another pull of tiny-model.f32 is at work" in monitor.texts()[0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_the_store_s_error(code, models):
    with pytest.raises(StoreUnusable, match="TUNESMITH_HOME"), writing(models):
        raise OSError(code, os.strerror(code), str(models))


def test_other_trouble_stays_what_it_is(models):
    with pytest.raises(IsADirectoryError), writing(models):
        raise OSError(errno.EISDIR, "x")

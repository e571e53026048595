"""The hub's protocol, spoken by a small server on this machine: only safetensors, configuration and tokenizer are asked for."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tunesmith.catalogue.hub import HubName, fetch, hub_name
from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import installed, local, verify
from tunesmith.errors import Interrupted, NotFound, UnsafeWeights
from tunesmith.spec.job import Silent

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/Tiny-Chat"


class Hub(ThreadingHTTPServer):
    """Serves one folder as one repository and keeps the paths it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.gated = False
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args) -> None:
        """Keep the test's output quiet."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if with_body:
            self.server.sent.append(path.rpartition("/")[2])
        if self.server.gated:
            return self.send(403, b"{}", {"X-Error-Code": "GatedRepo"}, with_body)
        if re.fullmatch(rf"/api/models/{REPO}(/revision/(main|v1|{COMMIT}))?", path):
            files = [p for p in sorted(self.server.folder.rglob("*")) if p.is_file()]
            listed = [{"rfilename": p.relative_to(self.server.folder).as_posix(), "size": p.stat().st_size} for p in files]
            return self.send(200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": listed}).encode(), {}, with_body)
        if path.startswith("/api/models/"):
            code = "RevisionNotFound" if path.startswith(f"/api/models/{REPO}/") else "RepoNotFound"
            return self.send(404, b"{}", {"X-Error-Code": code}, with_body)
        file = self.server.folder / path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
        if not file.is_file():
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
        body = file.read_bytes()
        return self.send(200, body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}, with_body)

    def send(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


class LateStop:
    """Asks for a stop once more than a few kilobytes have come: the small files are there, the weights are not."""

    def __init__(self) -> None:
        self.done = 0.0

    def emit(self, event) -> None:
        self.done = max(self.done, event.done)

    def stopping(self) -> bool:
        return self.done > 50_000


@pytest.fixture
def hub(tmp_path, model_folder):
    folder = shutil.copytree(model_folder, tmp_path / "repository")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(1))
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    server = Hub(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_comes_from_the_hub_without_pickles_and_code(hub, tmp_path, log):
    monitor = log()
    model = pull(REPO, tmp_path / "models", monitor, offline=False, endpoint=hub.address)
    assert ("someone--tiny-chat", f"hub {REPO}@{COMMIT}", "mit") == (model.id, model.origin, model.licence)
    assert {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} == set(model.files)
    assert not [path for path in hub.asked if path.endswith((".bin", ".py"))]
    verify(model, full=True)
    done = [event for event in monitor.events if event.kind == "progress" and event.label == f"downloading {REPO}"]
    assert done[-1].done == done[-1].total == sum((hub.folder / name).stat().st_size for name in model.files)


def test_a_pulled_model_is_found_by_its_hub_id_and_not_asked_for_again(hub, tmp_path):
    model = pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)
    assert model == local(tmp_path / "models", REPO) == local(tmp_path / "models", REPO.lower())
    hub.asked.clear()
    assert model == pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)
    assert hub.asked == []


def test_a_revision_is_a_model_of_its_own(hub, tmp_path):
    assert pull(f"{REPO}@v1", tmp_path / "models", Silent(), offline=False, endpoint=hub.address).id == "someone--tiny-chat--v1"


def test_pickles_only_are_refused_before_anything_is_fetched(hub, tmp_path):
    (hub.folder / "model.safetensors").unlink()
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin"):
        pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)
    assert not [path for path in hub.asked if "/resolve/" in path]


def test_a_repository_of_gguf_files_says_what_to_do(hub, tmp_path):
    (hub.folder / "model.safetensors").rename(hub.folder / "tiny.gguf")
    (hub.folder / "pytorch_model.bin").unlink()
    with pytest.raises(NotFound, match=r"download tiny\.gguf"):
        pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)


def test_an_interrupted_download_goes_on(hub, tmp_path, log):
    with pytest.raises(Interrupted):
        pull(REPO, tmp_path / "models", LateStop(), offline=False, endpoint=hub.address)
    assert installed(tmp_path / "models") == []
    assert "config.json" in hub.sent
    hub.sent.clear()
    pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)
    assert len(installed(tmp_path / "models")) == 1
    assert "config.json" not in hub.sent
    assert "model.safetensors" in hub.sent


@pytest.mark.parametrize(("name", "words"), [("someone/absent", "the hub has no such model"), (f"{REPO}@v9", "no such revision")])
def test_what_the_hub_does_not_have_is_not_found(name, words, hub, tmp_path):
    with pytest.raises(NotFound, match=words):
        pull(name, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)


def test_a_gated_model_says_how_to_get_access(hub, tmp_path):
    hub.gated = True
    with pytest.raises(NotFound, match=r"(?s)accept its licence.*hf auth login"):
        pull(REPO, tmp_path / "models", Silent(), offline=False, endpoint=hub.address)


def test_a_hub_that_does_not_answer_is_named_as_such(tmp_path):
    with pytest.raises(NotFound, match="the hub cannot be reached"):
        fetch(HubName(REPO), tmp_path, Silent(), offline=False, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", HubName("a/b", None)),
        ("Qwen/Qwen3-0.6B@main", HubName("Qwen/Qwen3-0.6B", "main")),
        ("a/b/c", None),
        ("../b", None),
        ("plain", None),
        ("a/b@", None),
        ("a b/c", None),
    ],
)
def test_hub_names_are_told_from_paths(text, expected):
    assert expected == hub_name(text)

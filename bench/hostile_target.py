"""Empty folders → a server with something of everything in its store, and a look at all that it could have written.

The working folder, the user's home and the folder for temporary files are the server's own, so that whatever is written outside the store is seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from openai import OpenAI

from bench.hostile_requests import MARK
from bench.peers import ROOT
from tests.finetune.conftest import chat, lines, put


@dataclass
class Target:
    """A server, and where it lives."""

    folder: Path
    port: int
    process: psutil.Process

    @property
    def store(self) -> Path:
        """Its home."""
        return self.folder / "store"

    def outside(self) -> dict[str, tuple[int, int]]:
        """Every file that it could have written and must not: path → size, time."""
        found = [path for name in ("home", "cwd", "tmp") for path in (self.folder / name).rglob("*")]
        found += [path for path in self.folder.iterdir() if path.name not in ("store", "home", "cwd", "tmp", "serve.log")]
        return {str(path.relative_to(self.folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    def memory(self) -> dict[str, int]:
        """Bytes of the console and the engine."""
        found = {"console": self.process.memory_info().rss}
        for child in self.process.children():
            with suppress(psutil.Error):
                if any("serve.run" in part for part in child.cmdline()):
                    found["engine"] = child.memory_info().rss
        return found

    def logs(self) -> Iterator[tuple[str, str]]:
        """(name, text) of everything that it wrote down."""
        for path in [self.folder / "serve.log", *(self.store / "run").glob("*.log"), *(self.store / "jobs").glob("*.log")]:
            yield path.name, path.read_text("utf-8", "replace")


@contextmanager
def serving(folder: Path, secret: str) -> Iterator[Target]:
    """A server in folders of its own, until the block ends."""
    for name in ("store", "home", "cwd", "tmp"):
        (folder / name).mkdir()
    put(folder / "store")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TUNESMITH_", "XDG_"))}
    places = {"TUNESMITH_HOME": str(folder / "store"), "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    environment = (
        kept | places | {"TUNESMITH_API_KEY": secret, "TUNESMITH_THREADS": "1", "TUNESMITH_DTYPE": "float32", "PYTHONDONTWRITEBYTECODE": "1"}
    )
    command = [sys.executable, "-m", "tunesmith", "serve", "--json", "--port", "0"]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder / "cwd", env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        yield Target(folder, int(address.rpartition(":")[2].partition("/")[0]), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)


def client_of(target: Target, secret: str) -> OpenAI:
    """The official client, patient while the engine starts."""
    return OpenAI(base_url=f"http://127.0.0.1:{target.port}/v1", api_key=secret, max_retries=8, timeout=60)


def ask(client: OpenAI) -> None:
    """A chat, which must be answered."""
    said = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": MARK}], max_tokens=4)
    assert said.usage is not None


def things(client: OpenAI) -> tuple[dict[str, str], list[str]]:
    """(name → id of one of each kind of thing, their paths): made for one key, wanted by another."""

    def upload(rows: list[Any], purpose: Any, name: str) -> str:
        data = BytesIO(lines(rows).encode())
        data.name = name
        return client.files.create(file=data, purpose=purpose).id

    marked = [{"messages": [*chat(i)["messages"][:-1], {"role": "assistant", "content": MARK}]} for i in range(12)]
    body = {"model": "tiny", "messages": [{"role": "user", "content": MARK}], "max_tokens": 2}
    batch_rows = [{"custom_id": f"{MARK}-{i}", "method": "POST", "url": "/v1/chat/completions", "body": body} for i in range(3)]
    made = {"training_file": upload(marked, "fine-tune", f"{MARK}.jsonl"), "input_file_id": upload(batch_rows, "batch", f"{MARK}-batch.jsonl")}
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}
    job = client.fine_tuning.jobs.create(model="tiny", training_file=made["training_file"], method=method)
    made["job"] = job.id
    made["batch"] = client.batches.create(input_file_id=made["input_file_id"], endpoint="/v1/chat/completions", completion_window="24h").id
    made["upload"] = client.uploads.create(bytes=10, filename=f"{MARK}.txt", mime_type="text/plain", purpose="user_data").id
    made["response"] = client.responses.create(model="tiny", input=MARK, max_output_tokens=16).id
    kept: Any = client.chat.completions.create(**body, store=True)  # type: ignore[call-overload]
    made["completion"] = kept.id
    schema: Any = {"type": "custom", "item_schema": {"type": "object"}, "include_sample_schema": True}
    check: Any = {"type": "string_check", "name": MARK, "input": "{{ sample.output_text }}", "reference": MARK, "operation": "eq"}
    made["eval"] = client.evals.create(name=MARK, data_source_config=schema, testing_criteria=[check]).id
    source: Any = {"type": "jsonl", "source": {"type": "file_content", "content": [{"item": {"a": MARK}, "sample": {"output_text": MARK}}]}}
    made["run"] = client.evals.runs.create(made["eval"], data_source=source).id
    give_up = time.monotonic() + 120
    while (model := client.fine_tuning.jobs.retrieve(job.id)).fine_tuned_model is None and time.monotonic() < give_up:
        time.sleep(0.5)
    made["model"] = str(model.fine_tuned_model)
    paths = [
        f"files/{made['training_file']}", f"files/{made['training_file']}/content", f"fine_tuning/jobs/{made['job']}", f"fine_tuning/jobs/{made['job']}/events",
        f"fine_tuning/jobs/{made['job']}/checkpoints", f"fine_tuning/jobs/{made['job']}/pause", f"batches/{made['batch']}", f"uploads/{made['upload']}/complete",
        f"uploads/{made['upload']}/cancel", f"responses/{made['response']}", f"responses/{made['response']}/input_items", f"chat/completions/{made['completion']}",
        f"chat/completions/{made['completion']}/messages", f"evals/{made['eval']}", f"evals/{made['eval']}/runs", f"evals/{made['eval']}/runs/{made['run']}",
        f"evals/{made['eval']}/runs/{made['run']}/output_items", f"models/{made['model']}", f"fine_tuning/checkpoints/{made['model']}/permissions",
    ]  # fmt: skip
    return made, [f"/v1/{path}" for path in paths]

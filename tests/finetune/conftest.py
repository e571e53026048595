"""A home with a tiny base model, and jobs of the API in its queue."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tunesmith.catalogue.folder import inspect
from tunesmith.catalogue.manifest import write_manifest
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.queue import Queue
from tunesmith.jobs.service import SERVICE
from tunesmith.spec.job import Job
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Store

WORDS = ["apple", "bread", "cherry", "date", "egg", "fig"]
SYSTEM = "Name the first letter."


def chat(number: int, system: str | None = SYSTEM) -> dict[str, Any]:
    word = WORDS[number % 6]
    asked = [{"role": "system", "content": system}] if system else []
    return {"messages": [*asked, {"role": "user", "content": f"{word} {number}"}, {"role": "assistant", "content": word[0]}]}


def pair(number: int) -> dict[str, Any]:
    row = chat(number)["messages"]
    other = {"role": "assistant", "content": "no idea at all"}
    return {"input": {"messages": row[:-1]}, "preferred_output": row[-1:], "non_preferred_output": [other]}


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@dataclass
class Place:
    """Where jobs are done."""

    queue: Queue
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.queue.store.home

    def enqueue(self, training: str, validation: str | None = None, *, name: str = "ftjob-a", method: str = "supervised", **more: Any) -> Job:
        """A job as the API makes it."""
        folder = self.home / "jobs" / name
        folder.mkdir()
        (folder / "training.jsonl").write_text(training)
        if validation is not None:
            (folder / "validation.jsonl").write_text(validation)
        hyperparameters = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"} | more.pop("hyperparameters", {})
        payload = {
            "model": "tiny", "base": "tiny", "start": None, "training_file": "file-a", "validation_file": "file-b" if validation else None,
            "training_path": f"jobs/{name}/training.jsonl", "validation_path": f"jobs/{name}/validation.jsonl" if validation else None,
            "method": {"type": method, method: {"hyperparameters": hyperparameters}}, "suffix": "mine", "seed": 7, "metadata": None, "integrations": [],
            "organization": "org-tunesmith", "owner": "key-1", "block_personal_data": False,
        } | more  # fmt: skip
        return self.queue.enqueue("finetune", "fine-tune", payload, name=name, owner="key-1", phase="validating", shared=True)

    def supervisor(self, *options: str) -> subprocess.Popen[bytes]:
        """A supervisor process of this home."""
        environment = os.environ | {"TUNESMITH_THREADS": "1", "TUNESMITH_DTYPE": "float32"}
        self.running.append(subprocess.Popen([*SERVICE, str(self.home), *options], env=environment, stderr=subprocess.PIPE))
        return self.running[-1]

    def work(self) -> None:
        """Do all jobs."""
        process = self.supervisor()
        _, said = process.communicate(timeout=900)
        assert process.returncode == 0, said.decode()

    def told(self, name: str = "ftjob-a") -> list[Any]:
        """Everything the job said but its progress."""
        return [event for _, _, event in events_since(self.queue, name, 0) if event.kind != "progress"]


def put(home: Path, name: str = "tiny") -> None:
    """A tiny random base model in the store."""
    folder = tiny.save(home / "models" / name)
    found = tiny.found(folder)
    model = LocalModel.model_validate(found.model_dump() | {"id": name, "folder": str(folder), "origin": "hub Owner/Tiny@abc"})
    assert inspect(folder).parameters == model.parameters
    write_manifest(model, folder)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A home of this test's own."""
    home = tmp_path / "home"
    store = Store.open(home)
    put(home)
    made = Place(Queue(store))
    yield made
    for process in made.running:
        if process.returncode is None:
            process.kill()
            process.communicate()
    store.close()


__all__ = ["Place", "chat", "lines", "pair", "put"]

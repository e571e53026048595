"""A folder with a tiny random model, a small data set and a project about them; and the real command line to run it with."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import tunesmith
from tests import tiny
from tunesmith.spec.verdict import LineReport
from tunesmith.store.artifacts import Store

TIMEOUT_S = 1800
ROOT = Path(tunesmith.__file__).parents[1]
WORDS = {"card": ("card", "plastic", "chip"), "money": ("send", "pay", "wire"), "loan": ("loan", "borrow", "credit"), "other": ("dog", "sun", "sea")}
SHORT = """[decide]
pilots = []
search = 0
prompt_search = 0
seeds = 1

[probes]
questions = 12
instructions = 3
passages = 2
task_prompts = 3
general_prompts = 3
"""
PROJECT = (
    """name = "tiny"
model = "base"
questions = ["card a1 now"]

[[sources]]
file = "rows.csv"
input = "text"
label = "label"

[task]
kind = "classify"
instruction = "Name the topic."
out_of_scope = "other"

[split]
dev = 8
test = 8
dev_out_of_scope = 3
test_out_of_scope = 3

[rivals]
classifier = false
few_shot = 2
few_shot_retrieved = 0

"""
    + SHORT
    + """
[train]
weights = { kind = "lora", r = 4, dropout = 0.05 }

[train.budget]
max_steps = 24
rows_per_step = 8
epochs = 8
dev_time_share = 1.0
patience = 100
checkpoint_seconds = 0
"""
)
GENERATE = (
    """name = "tiny-chat"
model = "base"

[[sources]]
file = "chat.jsonl"
columns = ["region"]

[task]
kind = "generate"
max_new_tokens = 8

[goal]
metric = "token_f1"

[split]
dev = 6
test = 6

[rivals]
prompts = false
few_shot = 0
few_shot_retrieved = 0

[examine]
unanswerable = "unknown.txt"
temperature = 0.7
repeats = 2
slice_rows = 2

"""
    + SHORT
    + """
[train]
weights = { kind = "full" }
budget.max_steps = 2
budget.rows_per_step = 8
"""
)
EXTRACT = (
    """name = "tiny-json"
model = "base"

[[sources]]
file = "extract.csv"
input = "text"
output = "data"

[task]
kind = "extract"
max_new_tokens = 12

[split]
dev = 6
test = 6

[rivals]
prompts = false
few_shot = 0
few_shot_retrieved = 0

"""
    + SHORT
    + """
[train.budget]
max_steps = 2
rows_per_step = 8
"""
)

READING = (
    """name = "tiny-reader"
model = "base"

[[sources]]
file = "hours.csv"
input = "question"
output = "answer"

[[documents]]
file = "docs"

[task]
kind = "generate"
max_new_tokens = 8

[split]
dev = 6
test = 6

[rivals]
prompts = false
few_shot = 0
few_shot_retrieved = 2
rag = 2
embedder = "encoder"

"""
    + SHORT
    + """
[train.budget]
max_steps = 2
rows_per_step = 8
"""
)


def rows(count: int = 48, seed: int = 0) -> list[tuple[str, str]]:
    """(text, label): three topics, and as many rows as of one of them about something else; all different."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count * 4 // 3:
        label = draw.choice(["card", "money", "loan"]) if len(found) < count else "other"
        found[f"{draw.choice(WORDS[label])} {draw.choice('abcdefgh')}{draw.randrange(100)} {draw.choice(['now', 'pls', 'today', 'ok'])}"] = label
    return list(found.items())


def write_csv(path: Path, found: list[tuple[str, str]]) -> None:
    """The rows as a file that a person would have."""
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in found))


def make(folder: Path) -> Path:
    """The folder with project.toml, chat.toml, extract.toml and reading.toml, their data, and their models beside them."""
    tiny.save(folder / "base")
    write_csv(folder / "rows.csv", rows())
    turns = [
        {"region": "south" if n % 2 else "north", "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"{label} it is"}]}
        for n, (text, label) in enumerate(rows(30, 1))
    ]
    (folder / "chat.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    (folder / "unknown.txt").write_text("who is the king of cards\nwhat is my name\n")
    lines = [f'{text},"{{""topic"": ""{label}""}}"\n' for text, label in rows(30, 2)]
    (folder / "extract.csv").write_text("text,data\n" + "".join(lines))
    tiny.save_encoder(folder / "encoder")
    (folder / "docs").mkdir()
    shops = [f"{first}{last}" for first in ("north", "south", "east", "west", "old", "new") for last in ("gate", "field", "bridge", "wick", "ham")]
    for n, shop in enumerate(shops):
        (folder / "docs" / f"{shop}.md").write_text(f"# {shop}\n\nThe shop in {shop} opens at {n % 9 + 4}.\n")
    (folder / "docs" / "logo.png").write_bytes(b"\x89PNG")
    asked = [f"when does the shop in {shop} open,at {n % 9 + 4}\n" for n, shop in enumerate(shops)]
    (folder / "hours.csv").write_text("question,answer\n" + "".join(asked))
    for name, text in (("project", PROJECT), ("chat", GENERATE), ("extract", EXTRACT), ("reading", READING)):
        (folder / f"{name}.toml").write_text(text)
    return folder


@dataclass(frozen=True)
class Home:
    """One store, and the command line that uses it, in a child process as users have it."""

    path: Path
    folder: Path
    """Where the project lies. Commands run somewhere else: nothing may depend on the working folder."""

    def environment(self) -> Mapping[str, str]:
        """Two threads and bf16: the machine's facts are fixed, so that the same run gives the same bits."""
        mine = {"TUNESMITH_HOME": str(self.path), "TUNESMITH_THREADS": "2", "TUNESMITH_DTYPE": "bfloat16", "TUNESMITH_DEVICE": "cpu"}
        return os.environ | mine | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}

    def start(self, *arguments: str) -> Running:
        """A command, started and left running."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "tunesmith", *arguments]
        out, err = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115 — closed by `end`; a pipe that nobody reads would stop it
        process = subprocess.Popen(words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=self.environment(), cwd=self.path.parent)
        return Running(process, out, err)

    def run(self, *arguments: str, status: int = 0) -> Ran:
        """A command to its end, which must be `status`."""
        ran = self.start(*arguments).end()
        assert ran.status == status, f"{arguments} ended with {ran.status}\n{ran.out}\n{ran.err}"
        return ran

    def project(self, name: str = "project") -> str:
        """Path of a project file."""
        return str(self.folder / f"{name}.toml")

    def store(self) -> Store:
        """The store, opened in this process."""
        return Store.open(self.path)

    def report(self) -> tuple[str, str, str]:
        """(name of the checkpoint, digest of its manifest and weights, the latest line's reproducible report as JSON)."""
        store = self.store()
        line = store.get("latest", "line").load(LineReport)
        assert line.checkpoint_name is not None
        found = line.checkpoint_name, store.get(line.checkpoint_name).digest, line.model_dump_json()
        store.close()
        return found

    def names(self) -> set[str]:
        """All artifacts."""
        store = self.store()
        found = {artifact.name for artifact in store.artifacts()}
        store.close()
        return found


@dataclass(frozen=True)
class Running:
    """A command that goes on."""

    process: subprocess.Popen[bytes]
    out: IO[str]
    err: IO[str]

    def said(self) -> str:
        """Standard error so far. Read beside the file's position, which is the command's too: it goes on writing there."""
        return os.pread(self.err.fileno(), os.fstat(self.err.fileno()).st_size, 0).decode()

    def end(self) -> Ran:
        """What it printed and its status, once it has ended."""
        try:
            status = self.process.wait(timeout=TIMEOUT_S)
        finally:
            self.process.kill()
        self.out.seek(0)
        with self.out, self.err:
            return Ran(status, self.out.read(), self.said())


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Standard output as one JSON object."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def steps(self) -> dict[str, bool]:
        """Title of every step → True if it was really done, False if it was found in the store."""
        found = re.findall(r"^✓ (.+?)\s{2,}(from the store|[\d.]+ \w+)", self.err, re.MULTILINE)
        return {(title.partition(" ")[0] if title.startswith("fine-tune") else title): took != "from the store" for title, took in found}

    def done(self) -> list[str]:
        """Titles of the steps that were really done, in their order."""
        return [title for title, is_done in self.steps().items() if is_done]

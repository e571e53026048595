"""A served model → whether the hosted service's scripts run on it, and how long people wait while it trains.

    python -m bench.sdk [--model smollm2-135m-instruct] [--chats 50] [--only scripts|waiting]

Starts `tunesmith serve` on a new home (the weights are those of TUNESMITH_HOME) and prints two tables. Scripts: bench/peers/openai_cookbook.py
under openai 1.109.1, 2.54.0 and the project's 3.x, told only an address, a key and a model. Waiting: seconds to the first token of a streamed
chat, one at a time, idle and while a job trains; then so many chats at once while it trains: how many were answered, and the engine's peak memory.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from openai import OpenAI

from bench.peers import ROOT, python
from tunesmith.settings import settings

COOKBOOK = ROOT / "bench" / "peers" / "openai_cookbook.py"
GENERATIONS = ("openai1", "openai2", "openai3")
ROUNDS = 20
ROWS = 200
SYSTEM = "Name the intent of this mail to a bank."


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    url: str
    key: str
    process: psutil.Process

    def client(self) -> OpenAI:
        """The official client."""
        return OpenAI(base_url=self.url, api_key=self.key, timeout=300)

    def engine(self) -> psutil.Process:
        """Its process that answers."""
        return next(child for child in self.process.children(recursive=True) if any("tunesmith.serve.run" in part for part in child.cmdline()))


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """`tunesmith serve` on `home`, until the block ends."""
    (home / "models").symlink_to(settings().home / "models")
    environment = os.environ | {"TUNESMITH_HOME": str(home)}
    with (home / "serve.log").open("ab") as log:
        command = [sys.executable, "-m", "tunesmith", "serve", "--json", "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Served(said["address"], said["key"], psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)


def run_script(server: Served, generation: str, model: str) -> dict[str, Any]:
    """What the cookbook's script says under one generation of the package; `error` where it fails."""
    interpreter = sys.executable if generation == "openai3" else str(python(generation))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TUNESMITH_", "PYTHON"))}
    environment = kept | {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": server.key}
    done = subprocess.run([interpreter, str(COOKBOOK), model], env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        return {"openai": generation, "error": done.stderr.strip().splitlines()[-1]}
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def first_token(client: OpenAI, model: str, number: int, max_tokens: int = 1) -> float:
    """Seconds from the question to the first text of its answer; the answer is read to its end."""
    began, first = time.perf_counter(), 0.0
    question = [{"role": "user", "content": f"My card number {number} has been stolen, what shall I do?"}]
    stream = client.chat.completions.create(model=model, messages=question, max_tokens=max_tokens, stream=True)
    for chunk in stream:
        if not first and chunk.choices and chunk.choices[0].delta.content:
            first = time.perf_counter() - began
    return first or time.perf_counter() - began


def training_file(client: OpenAI) -> str:
    """The id of a file that is trained on for minutes."""
    with (ROOT / "bench" / "data" / "banking77-train.csv").open() as file:
        found = [row for _, row in zip(range(ROWS), csv.DictReader(file), strict=False)]
    text, label = list(found[0])[:2]
    rows = [[{"role": "system", "content": SYSTEM}, {"role": "user", "content": r[text]}, {"role": "assistant", "content": r[label]}] for r in found]
    data = BytesIO("".join(json.dumps({"messages": row}) + "\n" for row in rows).encode())
    data.name = "banking77.jsonl"
    return client.files.create(file=data, purpose="fine-tune").id


def wait_for(client: OpenAI, job: str, condition: Any) -> None:
    """Return once the condition holds for the job's newest events."""
    give_up = time.monotonic() + 300
    while not condition(client.fine_tuning.jobs.list_events(job, limit=5).data):
        assert time.monotonic() < give_up, client.fine_tuning.jobs.retrieve(job).status
        time.sleep(0.5)


def measure_waiting(server: Served, model: str, chats: int) -> None:
    """Print how long people wait."""
    client = server.client()
    print("\nwaiting                                   median      p95      max")
    # The engine takes seconds to start and says 503 until then: this client is patient, the others are as they come.
    show("first chat after the start", [first_token(client.with_options(max_retries=20), model, -1)])
    show("first token, idle", [first_token(client, model, n) for n in range(ROUNDS)])
    hyperparameters = {"n_epochs": 10, "batch_size": 4}
    job = client.fine_tuning.jobs.create(
        model=model, training_file=training_file(client), method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    )  # fmt: skip
    wait_for(client, job.id, lambda events: any(event.type == "metrics" for event in events))
    show("first token while a job trains", [first_token(client, model, n) for n in range(ROUNDS)])
    engine = server.engine()
    before, peak = engine.memory_info().rss, 0
    with ThreadPoolExecutor(chats) as people:
        began = time.perf_counter()
        asked = [people.submit(first_token, client, model, 100 + n, 32) for n in range(chats)]
        while not all(one.done() for one in asked):
            peak = max(peak, engine.memory_info().rss)
            time.sleep(0.1)
        seconds = time.perf_counter() - began
    lost = [one.exception() for one in asked if one.exception() is not None]
    show(f"first token of {chats} chats at once, training", [one.result() for one in asked if one.exception() is None])
    print(
        f"{chats - len(lost)} of {chats} answered in {seconds:.1f} s; the engine's memory went from {before / 2**20:.0f} to at most {peak / 2**20:.0f} MiB"
    )
    print(*{repr(error)[:200] for error in lost}, sep="\n")
    print(f"the job was {client.fine_tuning.jobs.retrieve(job.id).status} meanwhile")
    client.fine_tuning.jobs.cancel(job.id)


def show(what: str, seconds: list[float]) -> None:
    """One line of the table."""
    ordered = sorted(seconds)
    if ordered:
        p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        print(f"{what:<38} {statistics.median(ordered):7.2f} s {p95:6.2f} s {ordered[-1]:6.2f} s", flush=True)


def main() -> int:
    """Exit 1 if a script failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--only", choices=("scripts", "waiting"))
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        if asked.only != "waiting":
            print("scripts      supervised, 12 rows   preferences, 12 rows   chat     answer")
            for generation in GENERATIONS:
                told = run_script(server, generation, asked.model)
                failed += "error" in told
                numbers = told.get("error") or f"{told['sft_s']:17.1f} s {told['dpo_s']:20.1f} s {told['chat_s']:6.2f} s  {told['answer']!r}"
                print(f"{told['openai']:<10} {numbers}", flush=True)
        if asked.only != "scripts":
            measure_waiting(server, asked.model, asked.chats)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

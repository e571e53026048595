"""`kill -9` at random moments of a server with jobs → one line per kill, and whether every job ends as without.

    python bench/service_kills.py --kills 30 [--jobs 6] [--seed 0]

`tunesmith serve` on a tiny random model; the jobs have different seeds. What is killed is drawn: the worker, the supervisor, the engine, or the server
with everything beneath it, which is then started again on its port. In the end every job must have succeeded, with the weights of an undisturbed server,
and have told every step once, in order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import psutil
from openai import APIConnectionError, InternalServerError, OpenAI

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.finetune.conftest import chat, lines, put
from tunesmith.store.artifacts import Store
from tunesmith.store.objects import Objects

ROOT = Path(__file__).resolve().parents[1]
KEY = "sk-a-key-for-the-kills-bench-only"
ROWS, VALIDATION = 24, 12
HYPERPARAMETERS = {"n_epochs": 40, "batch_size": 4}
VICTIMS = ("worker", "supervisor", "engine", "server")
PAUSE_S = (0.3, 3.0)


@dataclass
class Server:
    """One home and its server, which may be started again."""

    home: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start it, on the port it had."""
        environment = os.environ | {
            "TUNESMITH_HOME": str(self.home),
            "TUNESMITH_API_KEY": KEY,
            "TUNESMITH_THREADS": "1",
            "TUNESMITH_DTYPE": "float32",
        }
        command = [sys.executable, "-m", "tunesmith", "serve", "--json", "--port", str(self.port)]
        with (self.home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.port = int(told["address"].rpartition(":")[2].partition("/")[0])

    def client(self) -> OpenAI:
        """The official client, patient while the server starts."""
        return OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key=KEY, max_retries=8, timeout=60)

    def pid(self, victim: str) -> int | None:
        """The process id of one of them, if it is there."""
        assert self.process is not None
        if victim == "server":
            return self.process.pid
        word = {"supervisor": "jobs.service", "engine": "serve.run", "worker": "jobs.worker"}[victim]
        with suppress(psutil.Error):
            found = [
                child.pid for child in psutil.Process(self.process.pid).children(recursive=True) if any(word in part for part in child.cmdline())
            ]
            return found[-1] if found else None  # the worker comes behind the process that it was forked from
        return None

    def kill(self, victim: str) -> bool:
        """Kill it; a killed server is started again. False where it is not there."""
        pid = self.pid(victim)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if victim == "server":
            assert self.process is not None
            self.process.wait()
            self.start()
        return True

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """A server on a new home."""
    home.mkdir()
    put(home)
    server = Server(home)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def create(client: OpenAI, count: int) -> list[str]:
    """The ids of so many jobs."""
    files = []
    for rows in (range(ROWS), range(100, 100 + VALIDATION)):
        data = BytesIO(lines([chat(n) for n in rows]).encode())
        data.name = "rows.jsonl"
        files.append(client.files.create(file=data, purpose="fine-tune").id)
    method = {"type": "supervised", "supervised": {"hyperparameters": HYPERPARAMETERS}}
    return [
        client.fine_tuning.jobs.create(model="tiny", training_file=files[0], validation_file=files[1], method=method, seed=seed).id
        for seed in range(count)
    ]


def ended(client: OpenAI, jobs: list[str]) -> list[str]:
    """The states of the jobs; empty while the server cannot be asked."""
    try:
        return [client.fine_tuning.jobs.retrieve(job).status for job in jobs]
    except (APIConnectionError, InternalServerError):
        return []


def wait(client: OpenAI, jobs: list[str], seconds: float = 600) -> None:
    """Until all have ended."""
    give_up = time.monotonic() + seconds
    while (states := ended(client, jobs)) == [] or not set(states) <= {"succeeded", "failed", "cancelled"}:
        if time.monotonic() > give_up:
            raise SystemExit(f"not all jobs ended: {states}")
        time.sleep(0.5)


def weights(server: Server, client: OpenAI, job: str) -> bytes:
    """The bytes of the model that a job left."""
    store = Store.open(server.home)
    model = client.fine_tuning.jobs.retrieve(job).fine_tuned_model
    checkpoint = store.get(Objects(store.database).get("model", str(model)).body["checkpoint"])
    store.close()
    return (checkpoint.path / "adapter_model.safetensors").read_bytes()


def steps(client: OpenAI, job: str) -> list[int]:
    """The steps that a job told of, oldest first."""
    told = [event for event in client.fine_tuning.jobs.list_events(job, limit=100) if event.type == "metrics"]
    return [int(event.data["step"]) for event in reversed(told)]  # type: ignore[index]


def main() -> int:
    """1 where a job ended otherwise than without kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder) / "whole") as server:
            client = server.client()
            jobs = create(client, asked.jobs)
            wait(client, jobs)
            wanted = [weights(server, client, job) for job in jobs]
            every = steps(client, jobs[0])
        with serving(Path(folder) / "killed") as server:
            client = server.client()
            jobs = create(client, asked.jobs)
            done = 0
            while done < asked.kills:
                time.sleep(draw.uniform(*PAUSE_S))
                if set(ended(client, jobs)) == {"succeeded"}:
                    jobs += create(client, asked.jobs)[: asked.jobs]
                victim = draw.choice(VICTIMS)
                if server.kill(victim):
                    done += 1
                    print(f"kill {done:>2}  {victim}", flush=True)
            wait(client, jobs)
            faults = []
            for number, job in enumerate(jobs):
                state = client.fine_tuning.jobs.retrieve(job)
                if state.status != "succeeded":
                    faults.append(f"{job} {state.status}: {state.error}")
                elif weights(server, client, job) != wanted[number % asked.jobs]:
                    faults.append(f"{job} has other weights")
                elif number < asked.jobs and steps(client, job) != every:
                    faults.append(f"{job} told other steps: {len(steps(client, job))} instead of {len(every)}")
    print("\n".join(faults) or f"{done} kills, {len(jobs)} jobs: all succeeded with undisturbed weights, every step told once")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

"""A queue, and a worker whose line is a double that does what the job's payload says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tunesmith.jobs.queue import Queue
from tunesmith.store.artifacts import Store

WORKER = """
import os, signal, sys, time
sys.path.insert(0, ROOT)
from tunesmith.errors import Alarm, Interrupted
from tunesmith.jobs import child
from tunesmith.spec.job import Note, Progress

class Line:
    def run_job(self, job, store, monitor):
        marks = store.home / "marks"
        with marks.open("a") as file: file.write("x")
        tries = marks.stat().st_size
        monitor.emit(Note(text=f"try {tries}"))
        match job.payload["do"]:
            case "answer": return {"answer": 42}
            case "steps": return {"steps": tries} if tries == 3 else None
            case "alarm": raise Alarm("the loss is not a number", where="step 7", fix="lower the learning rate")
            case "bug": raise KeyError("a mistake of ours")
            case "memory": raise MemoryError
            case "full": raise OSError(28, "No space left on device", str(store.home / "work"))
            case "killed": monitor.close(); os.kill(os.getpid(), signal.SIGKILL)
            case "killed once":
                if tries == 1: os.kill(os.getpid(), signal.SIGKILL)
                return {"tries": tries}
            case "crash": print("a line on the way down", flush=True); os.abort()
            case "wait":
                monitor.emit(Progress(label="training", done=1, total=10))
                while not monitor.stopping(): time.sleep(0.02)
                raise Interrupted("stopped after step 9", fix="run it again")
            case "deaf":
                monitor.close()
                while True: time.sleep(0.02)

    def chat(self, payload, store, lines, emit):
        print("noise of a library")
        for line in lines:
            if line["say"] == "bug": raise KeyError("a mistake of ours")
            if line["say"] == "alarm": raise Alarm("no such model", fix="pull it")
            if line["say"] == "die": os.kill(os.getpid(), signal.SIGKILL)
            emit({"heard": line["say"], "model": payload["model"]})

sys.exit(child.main(sys.argv[1:], Line()))
"""


@pytest.fixture
def queue(tmp_path):
    store = Store.open(tmp_path / "home")
    yield Queue(store)
    store.close()


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER.replace("ROOT", repr(str(Path(__file__).parents[2])), 1))
    return (sys.executable, "-P", str(script))

"""A home of its own for every test, the command line in this process or a child, and a finished line in the store."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith.cli.main import main
from tunesmith.settings import settings
from tunesmith.spec.candidate import Decoding, Prompted, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint, CurvePoint
from tunesmith.spec.dataset import Conflict, Dataset, LeakProof, Origin, Profile, Spread
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Choice, Recipe
from tunesmith.spec.report import Comparison, Cost, Metric, Report
from tunesmith.spec.task import Goal, Task
from tunesmith.spec.verdict import Finalist, LineReport, Measured, Verdict
from tunesmith.store.artifacts import Artifact, Store

HOSTILE = "\x1b[2J\x07[red]x[/red][link=http://evil]y[/link]"
SHOWN = "\\x1b[2J\\x07[red]x[/red][link=http://evil]y[/link]"
STUB = Path(__file__).with_name("stub_line.py")


@dataclass
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Standard output as exactly one JSON object."""
        found, end = json.JSONDecoder().raw_decode(self.out)
        assert self.out[end:] == "\n"
        assert isinstance(found, dict)
        return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "home"
    monkeypatch.setenv("TUNESMITH_HOME", str(place))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHONPATH", str(Path(tunesmith.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield place
    settings.cache_clear()


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        return Ran(status, *capsys.readouterr())

    return call


@pytest.fixture
def stub(home: Path) -> Callable[..., Ran]:
    """The command line in a child, with workers that run the stub line."""

    def call(*arguments: str, stdin: str | None = None) -> Ran:
        done = subprocess.run([sys.executable, STUB, "cli", *arguments], capture_output=True, text=True, input=stdin or "", timeout=300)
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def stub_process(home: Path) -> Callable[..., subprocess.Popen[str]]:
    """The same, started and left running."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        return subprocess.Popen([sys.executable, STUB, "cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return start


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store.open(home)
    yield opened
    opened.close()


def keep(store: Store, stage: str, kind: str, noun: Noun, files: dict[str, str] | None = None, **more: Any) -> Artifact:
    """An artifact as the pipeline would have left it."""
    with store.work(secrets.token_hex(16), stage=stage, title=stage) as work:
        for name, text in (files or {}).items():
            (work.path / name).write_text(text)
        return work.finish(kind, noun, **more)


@pytest.fixture
def line(store: Store) -> Artifact:
    """A finished line in the store, hostile wherever a row or a file can be."""
    data = keep(store, "data", "dataset", dataset(), rows())
    tuned = keep(store, "train", "checkpoint", checkpoint(data.name), {"adapter.safetensors": "x"}, parents=[data.name])
    store.register("router", tuned.name)
    questions = [{"question": f"my card is gone {HOSTILE}", "answer": "report_lost_card", "confidence": 0.97}]
    files = {"page.html": "<html>", "questions.json": json.dumps(questions)}
    clock = Measured(
        costs={"test tuned": Cost(seconds=12.5, rows_per_s=48, peak_memory_bytes=10**9)}, machine={"cpu": "two cores"}, started="a", finished="b"
    )
    report = line_report(data.name, tuned.name)
    return keep(store, "line", "line", report, files, parents=[tuned.name], sidecar={"measured": clock.model_dump(mode="json")})


def rows() -> dict[str, str]:
    row = {"id": "0" * 16, "text": "a row", "origin": {"file": "bank.csv", "line": 2}}
    bad = {"origin": {"file": "bank.csv", "line": 7}, "reason": "bad_json", "message": f"not JSON: {HOSTILE}", "other": None}
    return {"train.jsonl": json.dumps(row) + "\n", "dev.jsonl": "", "test.jsonl": "", "rejected.jsonl": json.dumps(bad) + "\n"}


def dataset() -> Dataset:
    spread = Spread(n=9, mean=8.5, p50=8, p90=14, p99=20, max=22)
    profile = Profile(
        rows_read=12,
        rows_kept=9,
        removed={"bad_json": 1, "duplicate": 2},
        repaired={"mojibake": 1},
        input_tokens=spread,
        answer_tokens=spread,
        token_unit="words",
        labels={"train": {"card": 4, HOSTILE: 1}, "dev": {"card": 2}, "test": {"card": 2}},
        near_duplicate_clusters=1,
        near_duplicate_rows=2,
        conflicts=(Conflict(origins=(Origin(file="bank.csv", line=3), Origin(file="bank.csv", line=4)), answers=("card", HOSTILE)),),
        conflict_count=1,
        examples=(f"where is it {HOSTILE} → card",),
        warnings=(f"label {HOSTILE} has one row",),
    )
    proof = LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=5, method="jaccard")
    return Dataset(
        project="router",
        task="classify",
        task_reason="it has labels",
        labels=("card", HOSTILE),
        out_of_scope=None,
        rows={"train": 5, "dev": 2, "test": 2},
        files={},
        sources={"bank.csv": "ab" * 32},
        formats={"bank.csv": "table, comma"},
        profile=profile,
        leak_proof=proof,
    )


def checkpoint(data: str) -> Checkpoint:
    points = tuple(CurvePoint(step=s, epoch=s / 10, train_loss=3 - s / 10, dev_loss=3.1 - s / 10, dev_metric=s / 20) for s in range(1, 20))
    return Checkpoint(
        base="smollm2-135m-instruct",
        base_digest="cd" * 32,
        parent=None,
        dataset=data,
        prompt=Prompt(name="tuned"),
        template_digest="",
        passed=Recipe(),
        resolved=Recipe(),
        choices=(Choice(name="lr", value="3e-4", reason="LoRA on a small model"),),
        kind="lora",
        files={},
        best_step=15,
        steps=19,
        planned_steps=30,
        stopped="early",
        stop_reason="no better for 3 evaluations",
        best_dev_loss=1.6,
        best_dev_metric=0.95,
        curve=points,
        truncated_rows=0,
        trained_rows=600,
        trained_tokens=2000,
        logical_tokens=90000,
        computed_tokens=9000,
        alarms=(f"train and dev part {HOSTILE}",),
        versions={},
    )


def share(value: float) -> Metric:
    return Metric(value=value, low=value - 0.03, high=value + 0.03, n=600, method="wilson")


def judged(candidate: Prompted | Tuned, value: float, data: str) -> Report:
    metrics = {"exact_match": share(value), "out_of_scope_recall": share(0.9)}
    return Report(
        candidate=candidate, dataset=data, split="test", task="classify", decoding=Decoding(), metrics=metrics, confusion={}, per_label={}, rows=600,
        prompt_tokens=1, completion_tokens=1, computed_tokens=1, files={},
    )  # fmt: skip


def against(rival: str, outcome: str, value: float, more: int | None) -> Comparison:
    return Comparison(
        better="tuned", rival=rival, metric="exact_match", rows="in scope",
        difference=Metric(value=value, low=value - 0.03, high=value + 0.03, n=450, method="bca"),
        p_value=0.0001, p_adjusted=0.0002 if outcome == "better" else 0.3, test="mcnemar mid-p", outcome=outcome, row_variance=0.05, row_freedom=449, minimum_detectable=0.03, rows_to_settle=more,
    )  # fmt: skip


def line_report(data: str, tuned: str) -> LineReport:
    prompt = Prompt(name="plain")
    candidates = [
        ("prompt", Prompted(name="plain", model="smollm2", prompt=prompt), 0.41),
        ("few-shot", Prompted(name=f"few-shot {HOSTILE}", model="smollm2", prompt=prompt), 0.80),
        ("fine-tune", Tuned(name="tuned", checkpoint=tuned, prompt=prompt), 0.82),
    ]
    finalists = tuple(
        Finalist(remedy=r, candidate=c, report=judged(c, v, data), artifact=f"evaluation-{i}") for i, (r, c, v) in enumerate(candidates)
    )
    comparisons = (against("plain", "better", 0.41, None), against(f"few-shot {HOSTILE}", "cannot tell", 0.02, 1200))
    verdict = Verdict(
        decision="fine-tune", headline=f"Fine-tuning is worth it {HOSTILE}", reasons=("82.0 % against 41.0 %",), metric="exact_match", winner="tuned",
        goal_met=True, comparisons=comparisons, looks=1, recommended="tuned",
    )  # fmt: skip
    return LineReport(
        project="router", task=Task(), goal=Goal(at_least=0.75), dataset=dataset(), dataset_name=data, trials=(), finalists=finalists, verdict=verdict,
        checkpoint=None, checkpoint_name=tuned, model="router", best="router-best", choices=(), project_toml="", rerun="tunesmith run project.toml",
    )  # fmt: skip

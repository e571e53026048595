"""A store, the nouns it keeps in these tests, and a way to die at the n-th step of anything."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tunesmith.spec.candidate import Decoding, Prompted
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Conflict, Dataset, LeakProof, Origin, Profile, Record, Rejected, Spread
from tunesmith.spec.recipe import Choice
from tunesmith.spec.report import Report, Scored
from tunesmith.store.artifacts import Artifact, Store

WATCHED = ("open", "os.", "shutil.")


def key(letter: str) -> str:
    return (letter * 64)[:64]


def run_until_death(step: int, act: Callable[[], None]) -> bool:
    """Run `act` in a child that kills itself with signal 9 before its n-th touch of the file system. True if it lived to the end."""
    pid = os.fork()
    if pid == 0:
        left = step

        def hook(event: str, _arguments: object) -> None:
            nonlocal left
            if event.startswith(WATCHED):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            act()
            os._exit(0)
        except BaseException:
            os._exit(3)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), "the child failed instead of being killed"
    return os.waitstatus_to_exitcode(status) == 0


def record(number: int, question: str, answer: str) -> Record:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id=f"{number:016x}", conversation=Conversation(messages=turns), label=answer, origin=Origin(file="bank.csv", line=number + 1))


SECRET = "My name is Erika Mustermann and my card was stolen"
ROWS = {
    "train": [record(1, "where is my card", "card_arrival"), record(2, SECRET, "card_stolen")],
    "dev": [record(3, "top up by cheque", "top_up")],
    "test": [record(4, "what is the rate", "rate")],
}
SPREAD = Spread(n=4, mean=4, p50=4, p90=4, p99=4, max=4)


def manifest(project: str = "router") -> Dataset:
    conflict = Conflict(origins=(Origin(file="bank.csv", line=3), Origin(file="bank.csv", line=9)), answers=("card_stolen", "other"))
    profile = Profile(
        rows_read=5, rows_kept=4, removed={"duplicate": 1}, repaired={}, input_tokens=SPREAD, answer_tokens=SPREAD, token_unit="words", labels={},
        near_duplicate_clusters=0, near_duplicate_rows=0, conflicts=(conflict,), conflict_count=1, examples=(f"{SECRET[:30]}… → card_stolen",),
        warnings=(f"an odd row: {SECRET}",),
    )  # fmt: skip
    proof = LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=0, method="none")
    rows = {split: len(part) for split, part in ROWS.items()}
    return Dataset(
        project=project, task="classify", task_reason="said", labels=("card_arrival", "rate"), out_of_scope=None, rows=rows, files={},
        sources={"bank.csv": "00"}, formats={}, profile=profile, leak_proof=proof,
    )  # fmt: skip


def write_rows(folder: Path) -> None:
    for split, part in ROWS.items():
        (folder / f"{split}.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in part))
    rejected = [
        Rejected(origin=Origin(file="bank.csv", line=7), reason="duplicate", message=f"repeats {SECRET}", other=Origin(file="bank.csv", line=3)),
        Rejected(origin=Origin(file="bank.csv", line=8), reason="empty", message="no text"),
    ]
    (folder / "rejected.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rejected))


def finish_one(store: Store, letter: str, kind: str, files: dict[str, str], parents: tuple[str, ...] = (), name: str = "x") -> Artifact:
    with store.work(key(letter), stage=kind, title=f"making a {kind}", parents=parents) as work:
        for file, text in files.items():
            (work.path / file).write_text(text)
        return work.finish(kind, Choice(name=name, value="v", reason="r"), parents=parents)


def finish_family(store: Store) -> dict[str, Artifact]:
    """A data set and everything that a run makes of it."""
    with store.work(key("d"), stage="data", title="preparing") as work:
        write_rows(work.path)
        dataset = work.finish("dataset", manifest())
    shown = Prompt(name="few", examples=(ROWS["train"][1].conversation,))
    report = Report(
        candidate=Prompted(name="few-shot", model="m", prompt=shown), dataset=dataset.name, split="train", task="classify", decoding=Decoding(),
        metrics={}, confusion={}, per_label={}, rows=2, prompt_tokens=0, completion_tokens=0, computed_tokens=0, files={},
    )  # fmt: skip
    with store.work(key("e"), stage="evaluate", title="evaluating", parents=(dataset.name,)) as work:
        scored = [
            Scored(id=r.id, origin=r.origin, question=str(r.conversation.messages[0].content), reference=r.label, answer="a", confidence=None,
                   out_of_scope=False, scores={}, prompt_tokens=1, completion_tokens=1)
            for r in ROWS["train"]
        ]  # fmt: skip
        (work.path / "answers.jsonl").write_text("".join(json.dumps(s.model_dump(mode="json")) + "\n" for s in scored))
        evaluation = work.finish("evaluation", report, parents=(dataset.name,))
    checkpoint = finish_one(store, "c", "checkpoint", {"adapter.safetensors": f"learnt {SECRET}"}, (dataset.name,))
    verdict = finish_one(store, "f", "verdict", {"page.html": f"worst: {SECRET}"}, (evaluation.name, checkpoint.name))
    return {"dataset": dataset, "evaluation": evaluation, "checkpoint": checkpoint, "verdict": verdict}


@pytest.fixture
def die_at():
    return run_until_death


@pytest.fixture
def make():
    return finish_one


@pytest.fixture
def family():
    return finish_family


@pytest.fixture
def secret():
    return SECRET


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()

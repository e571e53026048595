"""A home with one elected candidate of every kind on tiny models, each measured by `evaluate`; a server and a real engine that serve them.

with open_place(folder) as place: place.served.client().chat.completions.create(model="rag-best", …)
"""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import tiny
from tests.answer.living import Home
from tests.console.conftest import Served, serving
from tests.data.make.little_teacher import LittleTeacher, say
from tests.waiting import until
from tunesmith.answer.candidate import Bench, last_question, open_candidate
from tunesmith.answer.fitting import fit
from tunesmith.answer.index import build
from tunesmith.console.configuration import Configuration
from tunesmith.evaluate.answers import read_answers
from tunesmith.evaluate.run import How, Questions, evaluate
from tunesmith.jobs.programs import program
from tunesmith.line import Fitted
from tunesmith.spec.candidate import Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.elected import Elected
from tunesmith.spec.index import Example, Excerpt
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot
from tunesmith.spec.report import Scored
from tunesmith.spec.suite import Threshold
from tunesmith.store.artifacts import Store

TEXTS = ["a loan can be renewed twice", "the cafe opens at nine", "a book is lent for four weeks", "no dogs in the hall", "cards cost two euros"]
QUESTIONS = ["how often can i renew a loan", "when does the cafe open", "how long is a book lent", "may my dog come in", "what is a card"]
LABELS = ("book", "cafe", "loan", "other")
INSTEAD = "That is not our business."
PLAIN = "router"
"""The tuned model itself, as it was registered."""
SYSTEM = Prompt(name="plain", system="Answer the question.")
SHOTS = Prompt(name="few-shot", system="Sort the question.", examples=(tiny.chat("is there tea", "cafe"), tiny.chat("one more week please", "loan")))
CHOICE, FREE = Decoding(choices=LABELS), Decoding(max_new_tokens=9)


@dataclass
class Place:
    """Everything that a test needs."""

    served: Served
    bench: Bench
    teacher: LittleTeacher
    elected: dict[str, Elected]
    measured: dict[str, list[Scored]]
    """Name → the evaluated rows, one for each question."""


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """The place, until the block ends."""
    home = Home(folder)
    tiny.save_encoder(folder / "encoder")
    bench = Bench(home.store, tiny.CPU)
    with LittleTeacher(lambda body, number: say(body["messages"][-1]["content"][::-1])) as teacher:
        measured, elected = {}, {}
        for name, (candidate, decoding) in candidates(home, bench, teacher).items():
            measured[name] = measure(candidate, decoding, bench, folder / f"measured {name}")
            elected[name] = elect(home.store, name, candidate, decoding, measured[name])
        with serving(home.store.home, Configuration()) as served, engine_of(served, folder / "engine.log"):
            yield Place(served, bench, teacher, elected, measured)


def candidates(home: Home, bench: Bench, teacher: LittleTeacher) -> dict[str, tuple[Candidate, Decoding]]:
    """Name → a candidate and how it answers: every kind, readers tuned and not, among labels and freely."""
    encoder = str(home.store.home.parent / "encoder")
    tuned_to = Prompt(name="tuned", system="You were tuned.")
    checkpoint = home.adapter("one", prompt=tuned_to).checkpoint
    assert checkpoint is not None
    home.store.register(PLAIN, checkpoint)
    prompted, tuned = Prompted(name="prompt", model=home.base, prompt=SYSTEM), Tuned(name="tuned", checkpoint=checkpoint, prompt=tuned_to)
    passages, rows = indexes(home.store, bench, encoder)
    return {
        "majority-best": (Constant(name="majority", answer="loan"), CHOICE),
        "classifier-best": (Classifier(name="classifier", embedder=encoder, weights=classifier(home.store, bench, encoder)), CHOICE),
        "prompt-best": (prompted, FREE),
        "prompt-labels-best": (prompted, CHOICE),
        "few-shot-best": (Prompted(name="few-shot", model=home.base, prompt=SHOTS), CHOICE),
        "tuned-best": (tuned, FREE),
        "tuned-labels-best": (tuned, CHOICE),
        "rag-best": (Retrieval(name="rag", reader=prompted, index=passages, count=2), FREE),
        "fine-tune-rag-best": (Retrieval(name="fine-tune-rag", reader=tuned, index=passages, count=2), FREE),
        "few-shot-retrieved-best": (Retrieval(name="few-shot-retrieved", reader=prompted, index=rows, count=2, shown="examples"), CHOICE),
        "remote-best": (Remote(name="remote", url=teacher.url, model="large", prompt=SYSTEM), FREE),
    }


def indexes(store: Store, bench: Bench, encoder: str) -> tuple[str, str]:
    """Names of an index of passages and of one of rows."""
    found = tiny.found(Path(encoder)), bench.embedder(encoder)
    excerpts = [Excerpt(id=f"e{i}", text=text, spot=Spot(file="rules.md", line=i + 1)) for i, text in enumerate(TEXTS)]
    examples = [Example(id=f"r{i}", conversation=tiny.chat(text, LABELS[i % 3])) for i, text in enumerate(TEXTS)]
    made: list[str] = []
    with store.work("a1" * 16, stage="measure", title="passages") as work:
        made.append(work.finish("index", build(excerpts, "passages", "passages-0", found, work.path, Silent())).name)
    with store.work("a2" * 16, stage="measure", title="rows") as work:
        made.append(work.finish("index", build(examples, "rows", "dataset-0", found, work.path, Silent())).name)
    return made[0], made[1]


def classifier(store: Store, bench: Bench, encoder: str) -> str:
    """Name of fitted weights."""
    rows = [tiny.chat(text, LABELS[i % 3]) for i, text in enumerate(TEXTS)] * 3
    vectors = bench.embedder(encoder).embed([last_question(row.question()) for row in rows])
    with store.work("a3" * 16, stage="measure", title="classifier") as work:
        strength, reason = fit(vectors, [str(row.answer()) for row in rows], work.path, 0)
        return work.finish("classifier", Fitted(embedder=encoder, dataset="dataset-0", strength=strength, reason=reason)).name


def measure(candidate: Candidate, decoding: Decoding, bench: Bench, folder: Path) -> list[Scored]:
    """What evaluation says of the questions."""
    folder.mkdir()
    task = "classify" if decoding.choices else "generate"
    dataset = Dataset.model_construct(task=task, labels=decoding.choices, out_of_scope=None)
    rows = [tiny.record(i, question, LABELS[i % 4]) for i, question in enumerate(QUESTIONS)]
    evaluate(candidate, open_candidate(candidate, bench), Questions(rows, dataset, "dataset-0", "test", 0.95), How(decoding), folder, Silent())
    return read_answers(folder)


def elect(store: Store, name: str, candidate: Candidate, decoding: Decoding, rows: list[Scored]) -> Elected:
    """The candidate under its name; where it has confidences, with a threshold in their widest gap, which declines some of the questions."""
    sure = sorted(row.confidence for row in rows if row.confidence is not None)
    gaps = [(high - low, (high + low) / 2) for low, high in itertools.pairwise(sure)]
    made = Elected(candidate=candidate, decoding=decoding, dataset="dataset-0", threshold=threshold(max(gaps)[1]) if gaps else None)
    with store.work(hashlib.md5(name.encode()).hexdigest(), stage="report", title=name) as work:
        store.register(name, work.finish("candidate", made).name)
    return made


def threshold(value: float) -> Threshold:
    """A proposal, as far as serving looks at it."""
    nothing: dict[str, Any] = dict.fromkeys(("chosen", "checked", "coverage", "risk", "recall"))
    return Threshold(
        bounded="false refusals", bound=0.05, value=value, promised=True, instead=INSTEAD, kept="cannot tell", sentence="Decline.", **nothing
    )


@contextmanager
def engine_of(served: Served, log: Path) -> Iterator[None]:
    """The real engine of a server's home, in a process of its own."""
    home, socket = served.console.store.home, served.console.engine_socket
    command = [*program("tunesmith.serve.run"), str(home), "--socket", str(socket), "--parent", str(os.getpid())]
    exact = os.environ | {"TUNESMITH_DTYPE": "float32", "TUNESMITH_DEVICE": "cpu"}
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out, env=exact) as engine:
        until(lambda: "engine ready" in log.read_text() or engine.poll() is not None)
        try:
            yield
        finally:
            engine.terminate()

"""A data set, a project, rows and finalists in one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tunesmith.measure.refusal import refusals_of
from tunesmith.measure.scorers import aggregate, score
from tunesmith.spec.candidate import Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Dataset, LeakProof, Origin, Profile, Record, Source, Spread
from tunesmith.spec.project import Project
from tunesmith.spec.report import Report, Scored
from tunesmith.spec.task import TaskKind, form_of
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist

OTHER = refusals_of("classify", "other")
REMEDIES: Mapping[str, Remedy] = {
    "tuned": "fine-tune",
    "tuned-again": "fine-tune",
    "tuned-rag": "fine-tune-rag",
    "prompt-plain": "prompt",
    "few-shot": "few-shot",
    "few-shot-retrieved": "few-shot-retrieved",
    "rag": "rag",
    "classifier": "classifier",
    "remote": "remote",
    "majority": "majority",
}


def make_dataset(
    task: TaskKind = "classify", labels: Sequence[str] = ("card_lost", "refund", "other"), out_of_scope: str | None = "other"
) -> Dataset:
    spread = Spread(n=1, mean=1, p50=1, p90=1, p99=1, max=1)
    profile = Profile(
        rows_read=9,
        rows_kept=9,
        removed={},
        repaired={},
        input_tokens=spread,
        answer_tokens=spread,
        token_unit="words",
        labels={},
        near_duplicate_clusters=0,
        near_duplicate_rows=0,
        conflicts=(),
        conflict_count=0,
        examples=(),
        warnings=(),
    )
    return Dataset(
        project="demo",
        task=form_of(task),
        purpose=task,
        task_reason="given",
        labels=tuple(labels),
        out_of_scope=out_of_scope,
        rows={"train": 900, "dev": 90, "test": 90},
        files={},
        sources={},
        formats={},
        profile=profile,
        leak_proof=LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=0, method="none"),
    )


def make_project(**fields: Any) -> Project:
    return Project(name="demo", sources=(Source(file="rows.csv"),), **fields)


def make_record(number: int, question: str, answer: str, label: str | None = None) -> Record:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id=f"{number:016x}", conversation=Conversation(messages=turns), label=label, origin=Origin(file="rows.csv", line=number + 1))


def make_answers(in_scope: str, outside: str = "", *, label: str = "card_lost", wrong: str = "refund") -> list[Scored]:
    """Rows from a pattern: `in_scope` has `+` right, `-` wrong, `o` declined; `outside` (rows out of scope) `o` declined, `-` answered."""
    references = [label] * len(in_scope) + ["other"] * len(outside)
    said = [{"+": label, "-": wrong, "o": "other"}[c] for c in in_scope + outside]
    return [
        Scored(
            id=f"{k:016x}",
            origin=Origin(file="rows.csv", line=k + 1),
            question=f"question {k}",
            reference=reference,
            answer=answer,
            confidence=None,
            out_of_scope=reference == "other",
            scores=score("classify", answer, reference, refusals=OTHER),
            prompt_tokens=1,
            completion_tokens=1,
        )
        for k, (reference, answer) in enumerate(zip(references, said, strict=True))
    ]


def make_report(candidate: Candidate, rows: Sequence[Scored], split: str = "test") -> Report:
    found = aggregate(rows, "classify", confidence=0.95)
    return Report.model_validate(
        {
            "candidate": candidate,
            "dataset": "dataset-000000000000",
            "split": split,
            "task": "classify",
            "decoding": Decoding(),
            "metrics": found.metrics,
            "confusion": found.confusion,
            "per_label": found.per_label,
            "rows": len(rows),
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "computed_tokens": 0,
            "files": {},
        }
    )


def make_finalist(name: str, rows: Sequence[Scored], **more: Any) -> Finalist:
    prompt = Prompt(name="plain", system="Answer.")
    tuned, plain = Tuned(name=name, checkpoint="checkpoint-0", prompt=prompt), Prompted(name=name, model="tiny", prompt=prompt)
    candidates: dict[Remedy, Candidate] = {
        "fine-tune": tuned,
        "fine-tune-rag": Retrieval(name=name, reader=tuned, index="index-0"),
        "prompt": plain,
        "few-shot": plain,
        "few-shot-retrieved": Retrieval(name=name, reader=plain, index="index-1", shown="examples"),
        "rag": Retrieval(name=name, reader=plain, index="index-0"),
        "remote": Remote(name=name, url="https://example.org/v1", model="large", prompt=prompt),
        "classifier": Classifier(name=name, embedder="mini", weights="classifier-0"),
        "majority": Constant(name=name, answer="card_lost"),
    }
    candidate = candidates[REMEDIES[name]]
    return Finalist(remedy=REMEDIES[name], candidate=candidate, report=make_report(candidate, rows), artifact="evaluation-0", **more)


@pytest.fixture
def dataset() -> Callable[..., Dataset]:
    return make_dataset


@pytest.fixture
def project() -> Callable[..., Project]:
    return make_project


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def answers() -> Callable[..., list[Scored]]:
    return make_answers


@pytest.fixture
def report() -> Callable[..., Report]:
    return make_report


@pytest.fixture
def finalist() -> Callable[..., Finalist]:
    return make_finalist

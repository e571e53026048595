"""The name of a line in the store → its Finding."""

from __future__ import annotations

import json
from typing import Any

from tunesmith.cli.verdict import Finding
from tunesmith.spec.verdict import LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store

PAGE, QUESTIONS = "page.html", "questions.json"


def read_finding(store: Store, name: str) -> Finding:
    """The line called `name`, or the newest for `latest`.

    Raises: NotFound, also if it was erased; DamagedWeights if its files are not the recorded ones.
    """
    artifact = store.get(name, "line")
    report = artifact.load(LineReport)
    page = artifact.path / PAGE
    measured = Measured.model_validate(artifact.sidecar()["measured"])
    return Finding(artifact.name, report, measured, questions(artifact), page if page.exists() else None)


def questions(artifact: Artifact) -> tuple[dict[str, Any], ...]:
    """What the finished model was asked at the end, with its answers; empty if the project asks nothing."""
    path = artifact.path / QUESTIONS
    return tuple(json.loads(path.read_text("utf-8"))) if path.exists() else ()

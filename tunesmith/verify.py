"""A line's report → its certificate, and a certificate → whether it holds: hashes compared, the finalists measured again on the locked rows.

    issue     report + hashes of rows, weights, prompts, code → certificate          no torch
    verify    certificate → the same hashes now, the same questions put again        torch

`inspection.py` and `remeasurement.py` make the checks; here is what follows from them. Every verification is an entry of the ledger, and a look at the locked rows like any other.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import BadData, NotFound
from tunesmith.evaluate.certificate import VERSION, prove, read
from tunesmith.inspection import Inspection
from tunesmith.pins import code, pins_of
from tunesmith.remeasurement import Remeasurement
from tunesmith.spec.certificate import Certificate, Check, Proof, Result, Verification
from tunesmith.spec.job import Monitor
from tunesmith.spec.project import parse_project
from tunesmith.spec.verdict import LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import PAGE
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

VERIFIED = "verify"
"""The act in the ledger."""


def issue(store: Store, steps: Steps, line: Artifact, root: Path, plan: dict[str, Any] | None = None) -> Artifact:
    """The certificate of a finished line, stored: the proof is its manifest, the page stands beside it.

    `root` is the folder of the project file, `plan` is what was carried out.

    Raises: NotFound, DamagedWeights if something that the line rests on is gone or is not what it was.
    """
    from tunesmith.evaluate.certificate_page import certificate_page

    report = line.load(LineReport)
    clock = Measured.model_validate(line.sidecar()["measured"])
    ran = code()
    project = parse_project(report.project_toml, report.project)
    pins = pins_of(store, report.dataset_name, [f.candidate for f in report.finalists], project, root)

    def make(work: Work) -> Proof:
        proof = prove(report, line.name, pins, ran, plan)
        (work.path / PAGE).write_text(certificate_page(Certificate.of(proof, clock)), encoding="utf-8")
        return proof

    inputs = {
        "version": VERSION,
        "line": line.name,
        "plan": plan,
        "code": ran.model_dump(mode="json"),
        "pins": [p.model_dump(mode="json") for p in pins],
    }
    step = Step("report", "issue the certificate", "certificate", inputs, (line.name,))
    return steps.do(
        step, make, lambda made: f"digest {made.content_digest()[:16]}", Proof, beside=lambda: {"measured": clock.model_dump(mode="json")}
    )[0]


def verify(payload: Mapping[str, Any], store: Store, monitor: Monitor) -> dict[str, Any]:
    """A Verification, as plain JSON: the result of a job with this payload: `certificate`, a file or a name in the store; `root`, where the file's path begins
    and where the project's files are looked for, before the folder of the certificate; `runs_scorer`, whether an own scorer that is new to this store may run.

    Raises: NotFound if there is neither such a file nor such a certificate, or if its rows are not in this store; BadData if the file is no certificate.
    """
    name, root = str(payload["certificate"]), Path(str(payload["root"]))
    certificate = found_certificate(name, root, store)
    folders = tuple(dict.fromkeys((root, (root / name).parent))) if (root / name).is_file() else (root,)
    refuse_without_rows(certificate, store, name)
    inspection = Inspection(certificate, store, monitor, folders, runs_scorer=bool(payload.get("runs_scorer")))
    checks = tuple(checks_of(inspection))
    found = Verification(certificate=name, digest=certificate.digest, result=result_of(checks), is_exact=inspection.is_exact, checks=checks)
    detail = {"digest": certificate.digest, "result": found.result, "differs": [check.topic for check in checks if check.outcome == "differs"]}
    Ledger(store).append(VERIFIED, certificate.proof.locked.dataset, detail)
    return found.model_dump(mode="json")


def refuse_without_rows(certificate: Certificate, store: Store, name: str) -> None:
    """Nothing, where the store has the rows that everything rests on: without them nothing can be held against the certificate, for it or against it.

    Raises: NotFound with the command that makes them; BadData where the file contradicts itself, which needs no rows to see.
    """
    proof = certificate.proof
    try:
        store.get(proof.locked.dataset, "dataset")
    except NotFound:
        if not certificate.is_intact():
            raise BadData(
                "the certificate was edited: its digest is not that of what it states", where=name, got=f"{proof.content_digest()[:16]} … for what it states",
                expected=f"{certificate.digest[:16]} …, as it says", fix="ask for the file as it was issued",
            ) from None  # fmt: skip
        raise NotFound(
            "the certificate's rows are not in this store", where=name, got=f"no {proof.locked.dataset}", expected="the store that the verdict was reached in, or the same rows",
            fix=f"in the folder of the project and its data {_made_by(proof, name)}, then verify it again",
        ) from None  # fmt: skip


def _made_by(proof: Proof, name: str) -> str:
    """What runs the project again: the file's own command if it is one of ours, each word quoted, for whoever wrote the file may be anybody."""
    try:
        said = shlex.split(proof.rerun)
    except ValueError:
        said = []
    plan = ("--plan", name) if proof.plan else ()
    if said[:2] != ["tunesmith", "run"] or not proof.rerun.isprintable():
        more = f", with {shlex.join(plan)}" if plan else ""
        return f"run the project{more} (the command that the file names is none of Tunesmith's, and is not repeated here)"
    return "run: " + shlex.join([*said, *plan])


def checks_of(inspection: Inspection) -> Iterator[Check]:
    """What it states first, then the locked questions again, where there is a project to put them by."""
    yield from inspection.checks()
    if not inspection.unreadable:
        yield from Remeasurement(inspection).checks()


def result_of(checks: Sequence[Check]) -> Result:
    """What follows: one check that differs is enough, and one that could not be made is a part that is open."""
    outcomes = {check.outcome for check in checks}
    if "differs" in outcomes or "holds" not in outcomes:
        return "does not hold"
    return "holds in part" if "not checked" in outcomes else "holds"


def found_certificate(name: str, root: Path, store: Store) -> Certificate:
    """The certificate in a file, or under a name of the store.

    Raises: NotFound; BadData.
    """
    path = root / name
    if path.is_file():
        try:
            return read(path.read_text(encoding="utf-8"), name)
        except UnicodeDecodeError:
            raise BadData(
                "is not UTF-8 text", where=name, expected="a certificate as JSON", fix="name the file that `tunesmith certificate` wrote"
            ) from None
    if name.endswith(".json"):
        raise NotFound(
            "no such file", where=name, fix="give the file that `tunesmith certificate latest --write FILE` wrote, or the name of a certificate"
        )
    artifact = store.get(name, "certificate")
    clock = artifact.sidecar().get("measured")
    return Certificate.of(artifact.load(Proof), Measured.model_validate(clock) if clock else None)

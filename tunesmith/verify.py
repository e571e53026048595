"""A line's report → its certificate, and a certificate → whether it holds: hashes compared, the finalists measured again on the locked rows.

    issue     report + hashes of rows, weights, prompts, code → certificate          no torch
    verify    certificate → the same hashes now, the same questions put again        torch

What is measured again is taken from nowhere: stored answers are compared with, never used. Every verification is an entry of the ledger, and a look at the
locked rows like any other: the same finalists keep the number of theirs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.errors import BadData, Interrupted, TunesmithError
from tunesmith.evaluate.certificate import VERSION, differing, prove, read
from tunesmith.pins import code, code_digest, lookups, pins_of
from tunesmith.spec.candidate import Retrieval
from tunesmith.spec.certificate import Certificate, Check, Entrant, Pin, PinKind, Proof, Verification
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.job import Monitor, Note
from tunesmith.spec.project import parse_project
from tunesmith.spec.report import Report, Scored
from tunesmith.spec.verdict import Finalist, LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import PAGE
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

VERIFIED = "verify"
"""The act in the ledger."""
MOST_SHOWN = 3
"""Places that differ, named in a check."""


def issue(store: Store, steps: Steps, line: Artifact, plan: dict[str, Any] | None = None) -> Artifact:
    """The certificate of a finished line, stored: the proof is its manifest, the page stands beside it. `plan` is what was carried out.

    Raises: NotFound, DamagedWeights if something that the line rests on is gone or is not what it was.
    """
    from tunesmith.evaluate.certificate_page import certificate_page

    report = line.load(LineReport)
    clock = Measured.model_validate(line.sidecar()["measured"])
    ran = code()
    pins = pins_of(store, report.dataset_name, [f.candidate for f in report.finalists])

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
    """A Verification, as plain JSON: the result of a job with this payload: `certificate`, a file or a name in the store, and `root`, where the file's path begins.

    Raises: NotFound if there is neither such a file nor such a certificate; BadData if the file is no certificate.
    """
    name, root = str(payload["certificate"]), Path(str(payload["root"]))
    certificate = found_certificate(name, root, store)
    inspection = Inspection(certificate, store, monitor)
    checks = tuple(inspection.checks())
    found = Verification(
        certificate=name,
        digest=certificate.digest,
        holds=all(check.outcome != "differs" for check in checks) and any(check.outcome == "holds" for check in checks),
        is_exact=inspection.is_exact,
        checks=checks,
    )
    detail = {"digest": certificate.digest, "holds": found.holds, "differs": [check.topic for check in checks if check.outcome == "differs"]}
    Ledger(store).append(VERIFIED, certificate.proof.locked.dataset, detail)
    return found.model_dump(mode="json")


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
    artifact = store.get(name, "certificate")
    clock = artifact.sidecar().get("measured")
    return Certificate.of(artifact.load(Proof), Measured.model_validate(clock) if clock else None)


@dataclass
class Inspection:
    """One certificate held against a store. Nothing is believed that can be looked at."""

    certificate: Certificate
    store: Store
    monitor: Monitor
    answers: dict[str, list[Scored]] = field(default_factory=dict)
    """Candidate → its rows, measured again."""
    reports: dict[str, Report] = field(default_factory=dict)

    @property
    def proof(self) -> Proof:
        """What is to be verified."""
        return self.certificate.proof

    @cached_property
    def is_exact(self) -> bool:
        """Whether numbers have to agree to the last digit: the same code and packages on the same kind of machine, set up the same."""
        here = code()
        same = [(one.packages, one.machine, one.computing) for one in (here, self.proof.code)]
        stated = [pin.sha256 for pin in self.proof.pins if pin.kind == "code"]
        return same[0] == same[1] and stated == [code_digest()]

    @property
    def tolerance(self) -> float:
        """By how much numbers may differ here."""
        return 0.0 if self.is_exact else self.proof.tolerance

    def checks(self) -> Iterator[Check]:
        """Every check, the cheap ones first. None is left out because an earlier one failed."""
        yield self.intact()
        yield self.against_line()
        yield from self.pins()
        yield self.looks()
        for entrant in self.proof.entrants:
            yield self.again(entrant)
        yield self.verdict()

    def intact(self) -> Check:
        """The certificate's own digest."""
        if self.certificate.is_intact():
            return Check(topic="the certificate's digest", outcome="holds", detail=self.certificate.digest)
        detail = f"the proof gives {self.proof.content_digest()[:16]} …, and {self.certificate.digest[:16]} … is stated: something in it was edited"
        return Check(topic="the certificate's digest", outcome="differs", detail=detail)

    def against_line(self) -> Check:
        """Every statement against the report that it was made from, where this store has it."""
        topic = "statements against the stored report"
        try:
            line = self.store.get(self.proof.line, "line")
            line.verify()
            made = prove(line.load(LineReport), line.name, self.proof.pins, self.proof.code, self.proof.plan)
        except TunesmithError as error:
            return Check(topic=topic, outcome="not checked", detail=error.message)
        return compared(topic, self.proof.model_dump(mode="json"), made.model_dump(mode="json"), 0.0, f"all of {line.name}")

    def pins(self) -> Iterator[Check]:
        """The hashes of what the numbers rest on, taken now."""
        stated = {(pin.kind, pin.name): pin.sha256 for pin in self.proof.pins}
        seen: set[tuple[PinKind, str]] = set()
        for topic, take in lookups(self.store, self.proof.locked.dataset, [entrant.candidate for entrant in self.proof.entrants]):
            try:
                found = take()
            except (TunesmithError, OSError) as error:
                yield Check(topic=topic, outcome="differs", detail=getattr(error, "message", str(error)))
                continue
            seen |= {(pin.kind, pin.name) for pin in found}
            yield self.pinned(topic, found, stated)
        for kind, name in sorted(stated.keys() - seen - {("code", "tunesmith")}):
            yield Check(topic=f"{kind} {name}", outcome="not checked", detail="it is pinned, but no finalist leads to it here")
        locked = self.proof.locked
        if (wanted := stated.get(("rows", f"{locked.dataset}/test.jsonl"))) != locked.sha256:
            yield Check(
                topic="the locked rows", outcome="differs", detail=f"{locked.sha256[:16]} … is stated of them, {str(wanted)[:16]} … is pinned"
            )

    def pinned(self, topic: str, found: Sequence[Pin], stated: dict[tuple[PinKind, str], str]) -> Check:
        """One group of hashes. Other code is no fault by itself: the numbers have to hold all the same, within the tolerance."""
        other = [pin for pin in found if stated.get((pin.kind, pin.name)) != pin.sha256]
        if not other:
            return Check(topic=topic, outcome="holds", detail=", ".join(f"{pin.name} {pin.sha256[:12]} …" for pin in found[:MOST_SHOWN]))
        if topic == "code":
            detail = f"other code than the certificate's: numbers may differ by {self.proof.tolerance:g}"
            return Check(topic=topic, outcome="not checked", detail=detail)
        parts = [f"{pin.name} is {pin.sha256[:12]} …, {stated.get((pin.kind, pin.name), 'nothing')[:12]} … is stated" for pin in other[:MOST_SHOWN]]
        return Check(topic=topic, outcome="differs", detail="; ".join(parts))

    def looks(self) -> Check:
        """The number of times that the locked rows were opened, by the ledger; this verification is one of the same finalists."""
        locked = self.proof.locked
        finalists = [entrant.candidate.content_digest() for entrant in self.proof.entrants]
        ledger = Ledger(self.store)
        known = ledger.looks(locked.dataset, "test") > 0
        number = ledger.open_test(locked.dataset, finalists, rows=locked.sha256 or None)
        if not known:
            return Check(topic="looks at the locked rows", outcome="not checked", detail="this store's ledger knows of none before this verification")
        if number == locked.looks:
            return Check(topic="looks at the locked rows", outcome="holds", detail=f"look {number} of the ledger")
        return Check(
            topic="looks at the locked rows",
            outcome="differs",
            detail=f"look {locked.looks} is stated, the ledger has these finalists as look {number}",
        )

    @cached_property
    def bench(self) -> Any:
        """The models in this process's memory."""
        from tunesmith.line import new_bench

        return new_bench(self.store)

    @cached_property
    def data(self) -> tuple[Artifact, Dataset]:
        """The data set.

        Raises: NotFound, DamagedWeights.
        """
        artifact = self.store.get(self.proof.locked.dataset, "dataset")
        artifact.verify()
        return artifact, artifact.load(Dataset)

    def again(self, entrant: Entrant) -> Check:
        """A finalist, asked the locked questions again."""
        topic = f"{entrant.candidate.name} on the locked rows"
        if not entrant.can_be_repeated:
            return Check(topic=topic, outcome="not checked", detail="it answers, or is judged, outside this store: it cannot be measured again here")
        try:
            report = self.measured(entrant)
        except Interrupted:
            raise
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"it cannot be measured: {error.message}")
        self.reports[entrant.candidate.name] = report
        stated = {name: value.model_dump(mode="json") for name, value in entrant.metrics.items()}
        found = {name: value.model_dump(mode="json") for name, value in report.metrics.items()}
        check = compared(topic, stated, found, self.tolerance, f"{len(stated)} metrics on {report.rows} rows")
        if check.outcome == "holds" and self.is_exact and entrant.answers != next(iter(report.files.values()), ""):
            return Check(topic=topic, outcome="differs", detail="every number is the same, and some answers are not")
        return check

    def measured(self, entrant: Entrant) -> Report:
        """The report of a finalist on the locked rows, made now and stored nowhere.

        Raises: NotFound, DamagedWeights, Interrupted.
        """
        from tunesmith.answer.candidate import open_candidate
        from tunesmith.data.writing import read_rows
        from tunesmith.evaluate.answers import read_answers
        from tunesmith.evaluate.run import How, Questions, decoding_for, evaluate

        artifact, dataset = self.data
        rows = [row for row in read_rows(artifact.path, "test") if row.desirable is not False]
        questions = Questions(rows, dataset, artifact.name, "test", self.proof.goal.confidence)
        answerer = open_candidate(entrant.candidate, self.bench)
        with tempfile.TemporaryDirectory() as folder:
            reads = any(isinstance(one.candidate, Retrieval) and one.candidate.shown == "passages" for one in self.proof.entrants)
            how = How(decoding_for(self.proof.task, dataset), has_documents=reads)
            report = evaluate(entrant.candidate, answerer, questions, how, Path(folder), self.monitor)
            self.answers[entrant.candidate.name] = read_answers(Path(folder))
        self.monitor.emit(Note(text=f"{entrant.candidate.name} was asked {report.rows} locked questions again"))
        return report

    def verdict(self) -> Check:
        """The decision and the comparisons, from the answers that were given now."""
        from tunesmith.decide.run import conclude

        topic = "the verdict from these answers"
        missing = [entrant.candidate.name for entrant in self.proof.entrants if entrant.candidate.name not in self.answers]
        if missing:
            return Check(topic=topic, outcome="not checked", detail=f"not measured again: {', '.join(missing[:MOST_SHOWN])}")
        proof = self.proof
        finalists = [
            Finalist(
                remedy=one.remedy,
                candidate=one.candidate,
                report=self.reports[one.candidate.name],
                artifact=one.artifact,
                seed=one.seed,
                arm=one.arm,
                on_dev=one.on_dev,
            )
            for one in proof.entrants
        ]
        try:
            project = parse_project(proof.project_toml, "the certificate's project")
            found = conclude(finalists, self.answers, project, self.data[1], proof.locked.looks, proof.known)
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"it cannot be reached: {error.message}")
        kept = ("decision", "winner", "recommended", "goal_met", "metric", "comparisons") + (
            ("headline", "reasons", "settle", "bills") if self.is_exact else ()
        )
        stated, now = ({name: value for name, value in one.model_dump(mode="json").items() if name in kept} for one in (proof, found))
        if not self.is_exact:  # a p-value moves further than the numbers that it is made of, and is no number of its own
            stated, now = ({**one, "comparisons": [gist(each) for each in one["comparisons"]]} for one in (stated, now))
        return compared(topic, stated, now, self.tolerance, f"“{found.decision}”, {len(found.comparisons)} comparisons")


def gist(comparison: dict[str, Any]) -> dict[str, Any]:
    """What of a comparison has to hold on another machine too."""
    return {name: comparison[name] for name in ("better", "rival", "metric", "outcome")} | {"difference": comparison["difference"]["value"]}


def compared(topic: str, stated: Any, found: Any, tolerance: float, words: str) -> Check:
    """A check of values that have to agree."""
    places = differing(stated, found, tolerance)
    if not places:
        within = f", within {tolerance:g}" if tolerance else ", to the last digit"
        return Check(topic=topic, outcome="holds", detail=words + within)
    more = f"; and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return Check(topic=topic, outcome="differs", detail="; ".join(places[:MOST_SHOWN]) + more)

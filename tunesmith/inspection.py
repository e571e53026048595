"""A certificate and a store → checks of what it states: hashes, the project and its files, the locked rows, the looks at them.

Nothing is believed that can be looked at, and nothing that a certificate says decides how strictly it is looked at. A check that could not be made says so:
a certificate holds only where none is left. No model is asked here: `remeasurement.py` does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.errors import TunesmithError
from tunesmith.evaluate.certificate import differing, prove
from tunesmith.pins import MARKING, code, code_digest, judged_by, lookups, named_files
from tunesmith.spec.certificate import CLOCK, TOLERANCE, Certificate, Check, Pin, PinKind, Proof
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.job import Monitor
from tunesmith.spec.project import Project, parse_project
from tunesmith.spec.verdict import LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import file_digest
from tunesmith.store.ledger import Ledger, Look

MOST_SHOWN = 3
"""Places that differ, named in a check."""
GIVES: dict[PinKind, str] = {"schema": "task.json_schema", "database": "task.database", "tests": "task.tests", "scorer": "goal.scorer"}
"""What a file is for → the place of the project file that names it, as `NEEDS` has it."""
LINE_ALONE = "what was tried on dev, the seeds, and what the examinations found are only stated"


@dataclass
class Inspection:
    """One certificate held against a store."""

    certificate: Certificate
    store: Store
    monitor: Monitor
    folders: tuple[Path, ...] = (Path(),)
    """Where the files that the project names beside its rows are looked for: all in the first of these that has one."""
    runs_scorer: bool = False
    """The project's own scorer may be run, although this store never ran it: it is somebody's code."""

    @property
    def proof(self) -> Proof:
        """What is to be verified."""
        return self.certificate.proof

    @cached_property
    def project(self) -> Project:
        """As it was run.

        Raises: BadProject.
        """
        return parse_project(self.proof.project_toml, "the certificate's project")

    @cached_property
    def line(self) -> LineReport | str:
        """The report that it was made from, where this store has it, whole; else the reason."""
        try:
            artifact = self.store.get(self.proof.line, "line")
            artifact.verify()
            return artifact.load(LineReport) if artifact.name == self.proof.line else "is not the whole name"
        except TunesmithError as error:
            return error.message

    @cached_property
    def issued(self) -> list[Proof]:
        """What this store itself has certified of the same line."""
        found = []
        for artifact in self.store.artifacts("certificate"):
            try:
                proof = artifact.load(Proof)
            except TunesmithError:  # of another version, or erased: it vouches for nothing
                continue
            if proof.line == self.proof.line:
                found.append(proof)
        return found

    @cached_property
    def stated(self) -> dict[tuple[PinKind, str], str]:
        """The certificate's hashes."""
        return {(pin.kind, pin.name): pin.sha256 for pin in self.proof.pins}

    @cached_property
    def is_same_code(self) -> bool:
        """Whether this very code made it."""
        return self.stated.get(("code", "tunesmith")) == code_digest()

    @cached_property
    def is_exact(self) -> bool:
        """Whether numbers have to agree to the last digit: the same code and packages on the same kind of machine, set up the same."""
        here, there = code(), self.proof.code
        return self.is_same_code and (here.packages, here.machine, here.computing) == (there.packages, there.machine, there.computing)

    @property
    def tolerance(self) -> float:
        """By how much numbers may differ here."""
        return 0.0 if self.is_exact else TOLERANCE

    @cached_property
    def unreadable(self) -> str:
        """Why the project in it cannot be read; empty: it can."""
        try:
            self.project  # noqa: B018
        except TunesmithError as error:
            return error.message
        return ""

    def checks(self) -> Iterator[Check]:
        """Every check, the cheap ones first. None is left out because an earlier one failed, but without a project there is no more to look at."""
        yield self.intact()
        yield self.against_line()
        yield self.computed()
        yield self.plan()
        yield from self.clock()
        yield from self.pins()
        yield self.wishes()
        if not self.unreadable:
            yield from self.files[0]
            yield self.locked()
            yield self.looks()

    def intact(self) -> Check:
        """The certificate's own digest."""
        if self.certificate.is_intact():
            return Check(topic="the certificate's digest", outcome="holds", detail=self.certificate.digest)
        detail = f"the proof gives {self.proof.content_digest()[:16]} …, and {self.certificate.digest[:16]} … is stated: something in it was edited"
        return Check(topic="the certificate's digest", outcome="differs", detail=detail)

    def against_line(self) -> Check:
        """Every statement against the report that it was made from, where this store has it."""
        topic = "statements against the stored report"
        if isinstance(self.line, str):
            return Check(topic=topic, outcome="not checked", detail=f"{self.proof.line} {self.line}: {LINE_ALONE}")
        made = prove(self.line, self.proof.line, self.proof.pins, self.proof.code, self.proof.plan)
        return compared(topic, plain(self.proof), plain(made), 0.0, f"all of {self.proof.line}")

    def computed(self) -> Check:
        """What it says of code, packages and machine: as it is here, or as this store certified it when the line ended."""
        topic, pin = "code", self.stated.get(("code", "tunesmith"))
        if self.is_exact and code() == self.proof.code:
            return Check(topic=topic, outcome="holds", detail=f"the same here: {pin}, {self.proof.code.machine}")
        if any(one.code == self.proof.code and Pin(kind="code", name="tunesmith", sha256=str(pin)) in one.pins for one in self.issued):
            more = "" if self.is_exact else f"; other code, packages or another machine work here: numbers may differ by {TOLERANCE:g}"
            return Check(topic=topic, outcome="holds", detail=f"as this store's own certificate of {self.proof.line} says{more}")
        here, there = code().model_dump(mode="json"), self.proof.code.model_dump(mode="json")
        other = [name for name in here if here[name] != there[name]] + ([] if self.is_same_code else ["hash of the code"])
        detail = f"other than here: {', '.join(other)}; numbers may differ by {TOLERANCE:g}, and whether it was computed by what it says is open"
        return Check(topic=topic, outcome="not checked", detail=detail)

    def plan(self) -> Check:
        """The plan, which stands in certificates alone."""
        topic = "the plan that was carried out"
        if not self.issued:
            return Check(topic=topic, outcome="not checked", detail=f"this store has issued no certificate of {self.proof.line}")
        if any(one.plan == self.proof.plan for one in self.issued):
            return Check(topic=topic, outcome="holds", detail=f"as this store's own certificate of {self.proof.line} says")
        return Check(topic=topic, outcome="differs", detail=f"this store's own certificate of {self.proof.line} has another one")

    def clock(self) -> Iterator[Check]:
        """The readings of the clock, against those of the very run where this store has it: another run has others, and no digest covers them."""
        clock = self.certificate.clock
        if clock is None or isinstance(self.line, str):
            return
        stored = Measured.model_validate(self.store.get(self.proof.line, "line").sidecar()["measured"])
        if (clock.started, clock.finished) == (stored.started, stored.finished):
            yield compared(CLOCK, plain(clock), plain(stored), 0.0, f"as {self.proof.line} has them")

    def wishes(self) -> Check:
        """What is said of the project beside its text.

        Raises: BadProject if the text is none.
        """
        project, proof = self.project, self.proof
        remote = project.rivals.remote
        stated = {"project": proof.project, "task": proof.task, "goal": proof.goal, "prices": proof.known.prices, "may_leave": proof.known.may_leave}
        found = {"project": project.name, "task": project.task, "goal": project.goal, "prices": project.prices}
        found |= {"may_leave": remote is not None and remote.may_leave}
        if project.task.kind is not None:
            stated["kind"], found["kind"] = proof.kind, project.task.kind
        return compared("the project", plain(stated), plain(found), 0.0, f"{project.name}, with its task, goal and prices")

    def pins(self) -> Iterator[Check]:
        """The hashes of what the numbers rest on, taken now."""
        seen: set[tuple[PinKind, str]] = {("code", "tunesmith")}
        for topic, take in lookups(self.store, self.proof.locked.dataset, [entrant.candidate for entrant in self.proof.entrants]):
            try:
                found = take()
            except (TunesmithError, OSError) as error:
                yield Check(topic=topic, outcome="differs", detail=getattr(error, "message", str(error)))
                continue
            seen |= {(pin.kind, pin.name) for pin in found}
            yield self.pinned(topic, found)
        for kind, name in sorted(self.stated.keys() - seen):
            if kind not in MARKING and kind != "labels":
                yield Check(topic=f"{kind} {name}", outcome="differs", detail="it is pinned, and no finalist leads to it: is one left out?")

    def pinned(self, topic: str, found: Sequence[Pin]) -> Check:
        """One group of hashes."""
        other = [pin for pin in found if self.stated.get((pin.kind, pin.name)) != pin.sha256]
        if not other:
            return Check(topic=topic, outcome="holds", detail=", ".join(f"{pin.name} {pin.sha256[:12]} …" for pin in found[:MOST_SHOWN]))
        parts = [
            f"{pin.name} is {pin.sha256[:12]} …, {self.stated.get((pin.kind, pin.name), 'nothing')[:12]} … is stated" for pin in other[:MOST_SHOWN]
        ]
        return Check(topic=topic, outcome="differs", detail="; ".join(parts))

    @cached_property
    def folder(self) -> Path:
        """Where the project's files lie."""
        names = [name for _, name in named_files(self.project)]
        return next((folder for folder in self.folders if any((folder / name).is_file() for name in names)), self.folders[0])

    @cached_property
    def files(self) -> tuple[list[Check], frozenset[str]]:
        """(a check of each file that marks answers, the places of the project file whose marks cannot be given again here)."""
        named = named_files(self.project)
        checks = [self.file(kind, name) for kind, name in named]
        lost = {GIVES[kind] for (kind, _), check in zip(named, checks, strict=True) if check.outcome != "holds" and kind in GIVES}
        for kind, name in sorted(self.stated.keys() - set(named)):
            if kind in MARKING or kind == "labels":
                checks.append(Check(topic=f"{kind} {name}", outcome="differs", detail="it is pinned, and the project names no such file"))
        if self.project.judge is not None:
            lost.add("judge")
            checks.append(
                Check(topic="the judge's grades", outcome="not checked", detail="a judge may say otherwise tomorrow, and is not asked again")
            )
        return checks, frozenset(lost)

    def file(self, kind: PinKind, name: str) -> Check:
        """One file that the project names."""
        topic, stated = f"{kind} {name}", self.stated.get((kind, name))
        if stated is None:
            return Check(topic=topic, outcome="differs", detail="the project names it, and nothing is pinned of it")
        try:
            found = file_digest(self.folder / name)
        except OSError:
            where = " or ".join(str(folder) for folder in self.folders)
            return Check(topic=topic, outcome="not checked", detail=f"it is not in {where}: run the command in the folder of the project file")
        if found != stated:
            return Check(topic=topic, outcome="differs", detail=f"it is {found[:12]} …, {stated[:12]} … is stated")
        is_known = any(Pin(kind=kind, name=name, sha256=stated) in one.pins for one in self.issued)
        if kind == "scorer" and not (self.runs_scorer or is_known):
            detail = "it is somebody's code, and this store never ran it: read it, and allow it with --run-scorer"
            return Check(topic=topic, outcome="not checked", detail=detail)
        return Check(topic=topic, outcome="holds", detail=f"{found[:12]} …")

    def locked(self) -> Check:
        """What is said of the locked rows."""
        topic, locked = "the locked rows", self.proof.locked
        try:
            artifact, dataset = self.data
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=error.message)
        pinned = self.stated.get(("rows", f"{artifact.name}/test.jsonl"))
        stated = {"rows": locked.rows, "sha256": locked.sha256, "pinned": pinned}
        found = {"rows": dataset.rows["test"], "sha256": dataset.files.get("test.jsonl", ""), "pinned": locked.sha256}
        return compared(topic, stated, found, 0.0, f"{locked.rows} rows of {artifact.name}")

    def looks(self) -> Check:
        """The number of looks, by the ledger. To measure again is to look, and is written down as such."""
        topic, locked = "looks at the locked rows", self.proof.locked
        try:
            artifact, _ = self.data
        except TunesmithError as error:
            return Check(topic=topic, outcome="not checked", detail=error.message)
        rows = [row.id for row in self.rows]
        finalists = [*(entrant.candidate.content_digest() for entrant in self.proof.entrants), *locked.also_asked]
        judged = judged_by(self.project, self.proof.metric, self.proof.pins)
        opened = Ledger(self.store).open_test(Look(artifact.name, rows, finalists, judged), by="verify")
        if not opened.others:
            told = "this store's ledger knows of none before this verification"
            if isinstance(self.line, str):
                return Check(topic=topic, outcome="not checked", detail=told)
            stated = self.line.verdict.looks
            return Check(topic=topic, outcome="holds" if stated == locked.looks else "differs", detail=f"{stated} by the stored report; {told}")
        if not opened.is_known:
            detail = f"the ledger knows of {opened.others}, none of them with these finalists, judged like this"
            return Check(topic=topic, outcome="differs", detail=detail)
        told = f"look {opened.number} of {opened.total} by now"
        if opened.number <= locked.looks <= opened.total:
            return Check(topic=topic, outcome="holds", detail=f"{told} in the ledger; {locked.looks} when it was issued")
        if not isinstance(self.line, str):
            return Check(topic=topic, outcome="differs", detail=f"{locked.looks} are stated, and it is {told} in the ledger")
        return Check(topic=topic, outcome="not checked", detail=f"{told} in this store's ledger, which is not that of the store that issued it")

    @cached_property
    def data(self) -> tuple[Artifact, Dataset]:
        """The data set.

        Raises: NotFound, DamagedWeights.
        """
        artifact = self.store.get(self.proof.locked.dataset, "dataset")
        artifact.verify()
        return artifact, artifact.load(Dataset)

    @cached_property
    def rows(self) -> list[Record]:
        """The locked rows.

        Raises: as `data`.
        """
        from tunesmith.data.writing import read_rows

        return list(read_rows(self.data[0].path, "test"))


def plain(value: Any) -> Any:
    """Nouns, and whatever holds some, as plain JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def compared(topic: str, stated: Any, found: Any, tolerance: float, words: str) -> Check:
    """A check of values that have to agree."""
    places = differing(stated, found, tolerance)
    if not places:
        within = f", within {tolerance:g}" if tolerance else ", to the last digit"
        return Check(topic=topic, outcome="holds", detail=words + within)
    more = f"; and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return Check(topic=topic, outcome="differs", detail="; ".join(places[:MOST_SHOWN]) + more)

"""A certificate and a store → checks: what it states, held against what is in the store, and against the locked questions put to its finalists again.

Nothing is believed that can be looked at, and nothing that a certificate says decides how strictly it is looked at. A check that could not be made says so:
a certificate holds only where none is left. Answers that were stored are compared with; they stand in for new ones only where somebody elsewhere gave them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.errors import DoesNotFit, Interrupted, TunesmithError, Unsupported
from tunesmith.evaluate.answers import ANSWERS, read_answers
from tunesmith.evaluate.certificate import differing, prove, wording, worse
from tunesmith.evaluate.page_words import duration
from tunesmith.marking import Marking
from tunesmith.pins import MARKING, code, code_digest, judged_by, lookups, named_files
from tunesmith.spec.candidate import Decoding, Remote
from tunesmith.spec.certificate import TOLERANCE, Certificate, Check, Entrant, Pin, PinKind, Proof
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.job import Monitor, Note
from tunesmith.spec.project import Project, parse_project
from tunesmith.spec.report import Report, Scored, Wait
from tunesmith.spec.task import NEEDS
from tunesmith.spec.verdict import Finalist, LineReport, Verdict
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import file_digest
from tunesmith.store.ledger import Ledger, Look

MOST_SHOWN = 3
"""Places that differ, named in a check."""
GIVES: dict[PinKind, str] = {"schema": "task.json_schema", "database": "task.database", "tests": "task.tests", "scorer": "goal.scorer"}
"""What a file is for → the place of the project file that names it, as `NEEDS` has it."""
LINE_ALONE = "what was tried on dev, the seeds, and what the examinations found are only stated"
REACHED = ("decision", "winner", "recommended", "goal_met", "metric", "comparisons", "bills")
"""Of a verdict, apart from its words."""
BILLED = ("candidate", "remedy", "prompt_tokens", "answer_tokens", "training_tokens", "instead_of", "privacy")
"""Of a bill, what does not hang on how rows were put together in a batch."""


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
    answers: dict[str, list[Scored]] = field(default_factory=dict)
    """Candidate → its rows, measured again; of one that answers elsewhere those that were stored."""
    reports: dict[str, Report] = field(default_factory=dict)

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

    def checks(self) -> Iterator[Check]:
        """Every check, the cheap ones first. None is left out because an earlier one failed, but without a project there is nothing to conclude by."""
        yield self.intact()
        yield self.against_line()
        yield self.computed()
        yield self.plan()
        yield from self.pins()
        try:
            yield self.wishes()
        except TunesmithError as error:
            yield Check(topic="the project", outcome="differs", detail=f"it cannot be read: {error.message}")
            return
        yield from self.files[0]
        yield self.locked()
        yield self.looks()
        for entrant in self.proof.entrants:
            yield self.again(entrant)
        yield self.verdict()
        yield self.words()

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

    def wishes(self) -> Check:
        """What is said of the project beside its text.

        Raises: BadProject if the text is none.
        """
        project, proof = self.project, self.proof
        stated = {"project": proof.project, "task": proof.task, "goal": proof.goal, "prices": proof.known.prices}
        found = {"project": project.name, "task": project.task, "goal": project.goal, "prices": project.prices}
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

    @cached_property
    def marking(self) -> Marking:
        """What marks answers here: all that could be checked."""
        _, lost = self.files
        task = self.project.task.model_copy(update={place.removeprefix("task."): None for place in lost if place.startswith("task.")})
        goal = self.project.goal.model_copy(update={"scorer": None} if "goal.scorer" in lost else {})
        return Marking(self.project.model_copy(update={"task": task, "goal": goal, "judge": None}), self.folder, self.store, self.monitor)

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
        finalists = [entrant.candidate.content_digest() for entrant in self.proof.entrants]
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

    @cached_property
    def rows(self) -> list[Record]:
        """The locked rows.

        Raises: as `data`.
        """
        from tunesmith.data.writing import read_rows

        return list(read_rows(self.data[0].path, "test"))

    def again(self, entrant: Entrant) -> Check:
        """A finalist, asked the locked questions again."""
        name = entrant.candidate.name
        topic = f"{name} on the locked rows"
        if sum(one.candidate.name == name for one in self.proof.entrants) > 1:
            return Check(topic=topic, outcome="differs", detail="two finalists bear this name")
        kept = self.kept(entrant)
        if kept is not None and (places := differing(plain(entrant.metrics), plain(kept[0].metrics), 0.0)):
            return Check(topic=topic, outcome="differs", detail=f"{entrant.artifact} says otherwise: {'; '.join(places[:MOST_SHOWN])}")
        if isinstance(entrant.candidate, Remote):
            if kept is None:
                return Check(topic=topic, outcome="not checked", detail="it answers elsewhere, and its answers are not in this store")
            self.reports[name], self.answers[name] = kept
            return Check(
                topic=topic, outcome="not checked", detail="it answers elsewhere: the answers that were stored are used, and not asked for again"
            )
        try:
            report = self.measured(entrant)
        except Interrupted:
            raise
        except (DoesNotFit, Unsupported) as error:
            return Check(topic=topic, outcome="not checked", detail=f"it cannot be measured on this machine: {error.message}")
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"it cannot be measured: {error.message}")
        self.reports[name] = report
        lost = self.files[1]
        metrics = {name: value for name, value in entrant.metrics.items() if NEEDS.get(name) not in lost}
        stated = {"metrics": metrics, "prompt_tokens": entrant.prompt_tokens, "answer_tokens": entrant.answer_tokens}
        found = {"metrics": report.metrics, "prompt_tokens": report.prompt_tokens, "answer_tokens": report.completion_tokens}
        check = compared(topic, plain(stated), plain(found), self.tolerance, f"{len(metrics)} metrics on {report.rows} rows")
        if check.outcome == "holds" and self.is_exact and not lost and entrant.answers != report.files.get(ANSWERS):
            return Check(topic=topic, outcome="differs", detail="every number is the same, and some answers are not")
        return check

    def kept(self, entrant: Entrant) -> tuple[Report, list[Scored]] | None:
        """The evaluation that it names, as it was stored; None where this store has no such answers."""
        try:
            artifact = self.store.get(entrant.artifact, "evaluation")
            artifact.verify()
            report = artifact.load(Report)
            is_it = (artifact.name, report.candidate, report.files.get(ANSWERS)) == (entrant.artifact, entrant.candidate, entrant.answers)
            return (report, read_answers(artifact.path)) if is_it else None
        except TunesmithError:
            return None

    def measured(self, entrant: Entrant) -> Report:
        """The report of a finalist on the locked rows, made now and stored nowhere.

        Raises: NotFound, DamagedWeights, Interrupted; what opens a candidate or marks its answers.
        """
        from tunesmith.answer.candidate import open_candidate
        from tunesmith.evaluate.run import How, Questions, decoding_for, evaluate

        artifact, dataset = self.data
        rows = [row for row in self.rows if row.desirable is not False]
        questions = Questions(rows, dataset, artifact.name, "test", self.project.goal.confidence)
        answerer = open_candidate(entrant.candidate, self.bench)
        how = How(decoding_for(self.project.task, dataset), self.marking.scorers, self.marking.fits, bool(self.project.documents))
        with tempfile.TemporaryDirectory() as folder:
            report = evaluate(entrant.candidate, answerer, questions, how, Path(folder), self.monitor)
            self.answers[entrant.candidate.name] = read_answers(Path(folder))
        self.monitor.emit(Note(text=f"{entrant.candidate.name} was asked {report.rows} locked questions again"))
        if entrant.wait is not None:
            self.tell_wait(entrant.candidate.name, entrant.wait, answerer, rows, how.decoding)
        return report

    def tell_wait(self, name: str, stated: Wait, answerer: Any, rows: Sequence[Record], decoding: Decoding) -> None:
        """Say how long a finalist's questions take here, one after another: a reading of the clock, which nothing has to agree with."""
        from tunesmith.answer.alone import waited
        from tunesmith.decide.run import ASKED_ALONE, LONGEST_S, sampled_questions

        asked = [row for row in rows if row.conversation is not None]
        drawn = sampled_questions(asked, ASKED_ALONE["test"], self.project.split.seed)
        found = waited(answerer, drawn, decoding, longest_s=LONGEST_S["test"], stop=self.monitor.stopping)
        if found is not None:
            here, there = (duration(one.p90_s) for one in (found, stated))
            text = f"{name}, asked one question after another: nine of ten within {here} here, and within {there} when the verdict was reached"
            self.monitor.emit(Note(text=text))

    @cached_property
    def measured_again(self) -> list[Entrant]:
        """The finalists whose answers are here."""
        return [one for one in self.proof.entrants if one.candidate.name in self.answers]

    @cached_property
    def concluded(self) -> Verdict:
        """What follows from the answers that are here.

        Raises: as `conclude`.
        """
        from tunesmith.decide.run import conclude

        finalists = [self.finalist(one) for one in self.measured_again]
        return conclude(finalists, self.answers, self.project, self.data[1], self.proof.locked.looks, self.proof.known)

    def finalist(self, entrant: Entrant) -> Finalist:
        """As it was, with what it reached now."""
        known = {name: getattr(entrant, name) for name in ("remedy", "candidate", "artifact", "seed", "arm", "wait", "on_dev")}
        return Finalist(**known, report=self.reports[entrant.candidate.name])

    def verdict(self) -> Check:
        """The decision, the comparisons and the bills, from the answers that were given now."""
        topic, proof = "the verdict from these answers", self.proof
        missing = [one.candidate.name for one in proof.entrants if one not in self.measured_again]
        if NEEDS.get(proof.metric) in self.files[1]:
            return Check(topic=topic, outcome="not checked", detail=f"{proof.metric} decides, and could not be measured again")
        if not self.measured_again:
            return Check(topic=topic, outcome="not checked", detail=f"not measured again: {', '.join(missing[:MOST_SHOWN])}")
        try:
            found = self.concluded
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"it cannot be reached: {error.message}")
        if missing:
            return self.without(missing, found)
        stated, now = ({name: value for name, value in plain(one).items() if name in REACHED} for one in (proof, found))
        clusters = next((metric.clusters for one in self.reports.values() if (metric := one.metrics.get(found.metric))), None)
        stated["clusters"], now["clusters"] = proof.locked.clusters, clusters
        if not self.is_exact:  # a p-value moves further than the numbers that it is made of, and is no number of its own
            stated, now = (one | {"comparisons": [gist(each) for each in one["comparisons"]], "bills": billed(one["bills"])} for one in (stated, now))
        return compared(topic, stated, now, self.tolerance, f"“{found.decision}”, {len(found.comparisons)} comparisons")

    def without(self, missing: Sequence[str], found: Verdict) -> Check:
        """The comparisons among those that could be measured. Corrections and the decision hang on all of them."""
        pairs = [{(one.better, one.rival, one.metric): one.difference.value for one in each} for each in (self.proof.comparisons, found.comparisons)]
        both = sorted(pairs[0].keys() & pairs[1].keys())
        values = [{" ".join(pair): each[pair] for pair in both} for each in pairs]
        check = compared("the verdict from these answers", values[0], values[1], self.tolerance, "")
        if check.outcome == "differs":
            return check
        detail = f"not measured again: {', '.join(missing[:MOST_SHOWN])}; {len(both)} comparisons among the others agree"
        return check.model_copy(update={"outcome": "not checked", "detail": detail})

    def words(self) -> Check:
        """Headline, reasons, what would settle it and what got worse, as they follow from the verdict that was reached now."""
        topic, proof = "what it says in words", self.proof
        if NEEDS.get(proof.metric) in self.files[1] or len(self.measured_again) < len(proof.entrants):
            return Check(
                topic=topic, outcome="not checked", detail="the verdict could not be reached again, so its headline and reasons are only stated"
            )
        try:
            now = self.concluded
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"there is nothing to say: {error.message}")
        stated = [proof.headline, proof.settle, *proof.reasons, "", *proof.worse]
        found = [now.headline, now.settle, *now.reasons, "", *worse(now, [self.finalist(one) for one in proof.entrants])]
        if self.is_exact or len(stated) != len(found):
            check = compared(topic, stated, found, 0.0, f"{len(stated) - 1} sentences")
            return check if self.is_same_code or check.outcome == "holds" else check.model_copy(update={"outcome": "not checked"})
        told = [(one, other, wording(one, other, TOLERANCE)) for one, other in zip(stated, found, strict=True)]
        unlike = [f"“{one}” is stated, “{other}” follows here" for one, other, how in told if how != "same"]
        if not unlike:
            return Check(topic=topic, outcome="holds", detail=f"{len(stated) - 1} sentences, their numbers within {TOLERANCE:g}")
        is_false = self.is_same_code and any(how == "other words" for _, _, how in told)
        return Check(topic=topic, outcome="differs" if is_false else "not checked", detail="; ".join(unlike[:MOST_SHOWN]))


def plain(value: Any) -> Any:
    """Nouns, and whatever holds some, as plain JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def gist(comparison: dict[str, Any]) -> dict[str, Any]:
    """What of a comparison has to hold on another machine too."""
    return {name: comparison[name] for name in ("better", "rival", "metric", "outcome")} | {"difference": comparison["difference"]["value"]}


def billed(bills: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of bills."""
    return [{name: bill[name] for name in BILLED} for bill in bills]


def compared(topic: str, stated: Any, found: Any, tolerance: float, words: str) -> Check:
    """A check of values that have to agree."""
    places = differing(stated, found, tolerance)
    if not places:
        within = f", within {tolerance:g}" if tolerance else ", to the last digit"
        return Check(topic=topic, outcome="holds", detail=words + within)
    more = f"; and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return Check(topic=topic, outcome="differs", detail="; ".join(places[:MOST_SHOWN]) + more)

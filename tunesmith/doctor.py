"""Each step of the data doctor: what its result depends on (its key), and which part of the data stage does it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import realpath
from pathlib import Path
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject, NotFound, Problem
from tunesmith.probes.load import probes
from tunesmith.spec.checkup import Checkup, Mending
from tunesmith.spec.dataset import Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.mending import Version
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import copy_whole, disk_faults, file_digest
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

PAGE = "report.html"


def doctor(job: Job, store: Store, monitor: Monitor) -> dict[str, Any]:
    """The job's result.

    Raises: StageDone if another process has to go on; what the stage raises.
    """
    if job.kind == "check":
        return Doctor(Checkup.model_validate(job.payload), store, monitor).checked()
    order = Mending.model_validate(job.payload)
    asked = Doctor(order.checkup, store, monitor)
    return asked.mended(order) if order.select is None else asked.selected(order, order.select)


@dataclass
class Doctor:
    """One checkup on its way. Properties are steps: reading one does it, or finds it done."""

    checkup: Checkup
    store: Store
    monitor: Monitor

    @cached_property
    def steps(self) -> Steps:
        """What this process does or finds."""
        return Steps(self.store, self.monitor)

    @cached_property
    def root(self) -> Path:
        """Where the files' names begin."""
        return Path(self.checkup.root)

    @cached_property
    def settled(self) -> tuple[list[Any], list[Any]]:
        """(how the files are read, how the files to judge with are read).

        Raises: BadData with the problems of all files at once.
        """
        from tunesmith.data.intake import plans

        every = plans((*self.checkup.sources, *self.checkup.against), self.root)
        return every[: len(self.checkup.sources)], every[len(self.checkup.sources) :]

    def digests(self, sources: Sequence[Source]) -> dict[str, str]:
        """File → sha256 of its bytes."""
        return {source.file: file_digest(self.root / source.file) for source in sources}

    @cached_property
    def encoder(self) -> tuple[LocalModel | None, str]:
        """(the encoder, why there is none).

        Raises: NotFound if it was asked for and is not here.
        """
        if self.checkup.meaning == "off":
            return None, "it was switched off"
        try:
            found = local(self.store.models, self.checkup.encoder)
            verify(found, self.store.models)
        except NotFound:
            if self.checkup.meaning == "on":
                raise
            return None, f"the encoder is not on this machine: tunesmith models pull {self.checkup.encoder}"
        return found, ""

    @cached_property
    def base(self) -> LocalModel | None:
        """The base model to measure usefulness with.

        Raises: NotFound, DamagedWeights.
        """
        if self.checkup.base is None:
            return None
        found = local(self.store.models, self.checkup.base)
        verify(found, self.store.models)
        return found

    @cached_property
    def examination(self) -> tuple[Artifact, Examination]:
        """What was found."""
        from tunesmith.data.examine.run import VERSION, Question, examine

        settled, against = self.settled
        encoder, why_not = self.encoder
        inputs = {
            "version": VERSION,
            "answers": ANSWER_VERSION,
            "sources": [one.source.model_dump(mode="json") for one in settled],
            "against": [one.source.model_dump(mode="json") for one in against],
            "files": self.digests([*self.checkup.sources, *self.checkup.against]),
            "out_of_scope": self.checkup.out_of_scope,
            "encoder": encoder.digest if encoder else why_not,
            "is_asked_for": self.checkup.meaning == "on",
            "base": self.base.digest if self.base else None,
            "seed": self.checkup.seed,
            "probes": probes().digest,
        }

        def make(work: Work) -> Examination:
            question = Question(tuple(settled), tuple(against), self.checkup.out_of_scope)
            return examine(question, work.path, work.scratch, self.tools(), self.monitor)

        names = ", ".join(Path(one.source.file).name for one in settled)
        step = Step("check", f"examine {names}", "examination", inputs)
        return self.steps.do(step, make, lambda found: found.fitness.replace("_", " "), Examination)

    @cached_property
    def shown(self) -> tuple[Artifact, Examination]:
        """The examination as people see it: with the learning curve of the tuned model, where a run over the same files has measured one."""
        from tunesmith.data.examine.page import page
        from tunesmith.data.examine.run import REVIEW, VERSION
        from tunesmith.data.examine.tuned_curve import measured, with_outlook

        artifact, found = self.examination
        run = measured(self.store, self.digests(self.checkup.sources).values())
        if run is None:
            return artifact, found
        report, outlook = run

        def make(work: Work) -> Examination:
            told = with_outlook(found, report.name, outlook)
            shutil.copyfile(artifact.path / REVIEW, work.path / REVIEW)
            (work.path / PAGE).write_text(page(told), encoding="utf-8")
            return told

        inputs = {"version": VERSION, "examination": artifact.name, "run": report.name}
        step = Step("check", f"take over the learning curve of {report.name}", "examination", inputs, parents=(artifact.name,))
        return self.steps.do(step, make, lambda told: told.fitness.replace("_", " "), Examination)

    def tools(self) -> Any:
        """The models that the examination may use; opened here, where they are needed."""
        from tunesmith.data.examine.meaningful import Tools

        encoder, why_not = self.encoder
        if encoder is None and self.base is None:
            return Tools(why_not=why_not)
        from tunesmith.answer.engine import Engine
        from tunesmith.answer.losses import answer_losses
        from tunesmith.data.examine.meaning import Encoder
        from tunesmith.line import new_bench

        bench = new_bench(self.store)
        more: dict[str, Any] = {}
        if encoder is not None:
            opened = bench.embedder(encoder.id, quick=True)
            more["encoder"] = Encoder(opened.embed, opened.width, f"{encoder.digest} {ANSWER_VERSION} {opened.dtype}")
        if self.base is not None:
            engine = Engine(bench.model(self.base.id))
            more |= {"measure": lambda rows: answer_losses(engine, rows), "answers": engine, "base": self.base.id}
        return Tools(why_not=why_not, is_asked_for=self.checkup.meaning == "on", seed=self.checkup.seed, **more)

    def checked(self) -> dict[str, Any]:
        """The examination's name, with the files that were asked for written."""
        refuse_taken(self.root, self.checkup)
        artifact, _ = self.shown
        written = self._written(artifact)
        return {"examination": artifact.name, **written}

    def _written(self, artifact: Artifact) -> dict[str, str]:
        from tunesmith.data.examine.run import REVIEW
        from tunesmith.data.mend.review import review_rows_of, write_review

        written = {}
        if self.checkup.review is not None:
            path = self.root / self.checkup.review
            with disk_faults(path):
                count = write_review(review_rows_of(artifact.path / REVIEW), path)
            self.monitor.emit(Note(text=f"{count:,} rows to look at are in {self.checkup.review}"))
            written["review"] = str(path)
        if self.checkup.report is not None:
            path = self.root / self.checkup.report
            with disk_faults(path):
                copy_whole(artifact.path / PAGE, path)
            written["report"] = str(path)
        return written

    def mended(self, order: Mending) -> dict[str, Any]:
        """The new version's name, its files as they were written, and what was forgotten.

        Raises: BadData, BadProject with everything that is undecided, before anything is written.
        """
        from tunesmith.data.mend.review import read_review
        from tunesmith.data.mend.run import mending
        from tunesmith.data.mend.stale import refuse_stale
        from tunesmith.data.mend.targets import targets

        artifact, found = self.examination
        places = targets(order, self.store)
        reviewed = read_review(self.root / order.reviewed, order.reviewed, found) if order.reviewed else []
        refuse_stale(self.settled[0], reviewed)
        made = mending(found, order.decisions, reviewed)
        parent = self.parent(lambda: found.rows)
        version = self.version(artifact, found, order, reviewed, made, parent)
        written = self.export(version, places, order)
        forgotten = self.forget(parent, version, artifact) if order.forget else None
        return {"version": version.name, "parent": parent.name, "files": written, "examination": artifact.name, "forgotten": forgotten}

    def version(self, artifact: Artifact, found: Examination, order: Mending, reviewed: Sequence[Any], made: Any, parent: Artifact) -> Artifact:
        """The version that these decisions make of the files."""
        from tunesmith.data.mend.run import VERSION, mend

        settled, _ = self.settled
        said = "\n".join(f"{one.file}\0{one.line}\0{one.decision}\0{one.answer}" for one in reviewed)
        inputs = {
            "version": VERSION,
            "examination": artifact.name,
            "parent": parent.name,
            "decisions": order.decisions.model_dump(mode="json"),
            "reviewed": hashlib.sha256(said.encode()).hexdigest(),
        }

        def make(work: Work) -> Version:
            made_of = mend(settled, made, (artifact.name, found), order.decisions, work.path, self.monitor)
            return made_of.model_copy(update={"number": parent.load(Version).number + 1})

        step = Step("check", f"mend {', '.join(found.files)}", "version", inputs, parents=(parent.name,))
        return self.steps.do(step, make, version_words, Version)[0]

    def parent(self, read: Callable[[], Mapping[str, int]]) -> Artifact:
        """The version whose files these are, byte for byte; where there is none, they are put into the store as they came. `read`: file → its rows."""
        from tunesmith.data.mend.run import as_they_came

        settled, _ = self.settled
        wanted = self.digests(self.checkup.sources)
        for artifact in self.store.artifacts("version"):
            if sorted(one.sha256 for one in artifact.load(Version).files.values()) == sorted(wanted.values()):
                return artifact
        step = Step("check", f"keep {', '.join(wanted)} as they came", "version", {"came": wanted})
        return self.steps.do(step, lambda work: as_they_came(settled, read(), work.path), version_words, Version)[0]

    def selected(self, order: Mending, count: int) -> dict[str, Any]:
        """The name of the version with so many of the rows, and its files as they were written.

        Raises: BadData, BadProject, NotFound before anything is written; NotEnoughData if there is nothing to choose from.
        """
        from tunesmith.data.mend.run import row_counts
        from tunesmith.data.mend.selecting import VERSION, select
        from tunesmith.data.mend.targets import targets

        settled, _ = self.settled
        encoder, why_not = self.encoder
        if encoder is None:
            raise BadProject(
                "rows are chosen by their meaning, which needs the encoder",
                where="--rows",
                got=why_not,
                fix=f"tunesmith models pull {self.checkup.encoder}",
            )
        places = targets(order, self.store)
        parent = self.parent(lambda: row_counts(settled))
        inputs = {
            "version": VERSION,
            "answers": ANSWER_VERSION,
            "sources": [one.source.model_dump(mode="json") for one in settled],
            "files": self.digests(self.checkup.sources),
            "rows": count,
            "encoder": encoder.digest,
            "base": self.base.digest if self.base else None,
            "seed": self.checkup.seed,
            "parent": parent.name,
        }

        def make(work: Work) -> Version:
            made = select(settled, count, self.tools(), work.path, work.scratch, self.monitor)
            return made.model_copy(update={"number": parent.load(Version).number + 1})

        names = ", ".join(self.digests(self.checkup.sources))
        step = Step("check", f"select {count:,} rows of {names}", "version", inputs, parents=(parent.name,))
        version = self.steps.do(step, make, version_words, Version)[0]
        return {"version": version.name, "parent": parent.name, "files": self.export(version, places, order)}

    def export(self, version: Artifact, places: dict[str, Path], order: Mending) -> dict[str, str]:
        """Write the version's files; file as named by the user → where its mended form is.

        Raises: BadProject if somebody has written something else to one of these places meanwhile; the version is kept all the same.
        """
        from tunesmith.data.mend.targets import taken

        problems = list(taken(order, self.store, places))
        if problems:
            fix = f"tunesmith data export {version.name} --out FOLDER"
            raise BadProject(problems=[*problems, Problem("is made and kept, but not written out", version.name, fix=fix)])
        manifest = version.load(Version)
        for file, path in places.items():
            with disk_faults(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                copy_whole(version.path / manifest.files[file].stored, path)
        return {file: str(path) for file, path in places.items()}

    def forget(self, parent: Artifact, version: Artifact, examination: Artifact) -> dict[str, Any]:
        """Erase the originals of rows that are not as they were: other versions, examinations, made rows, and what data sets passed on."""
        from tunesmith.data.mend.forgetting import TAKEN_OUT, holding, lines_of, originals, orphans

        reason = f"mended in {version.name}"
        gone = lines_of(version.path, TAKEN_OUT)
        sources = {one.read_sha256 for one in version.load(Version).files.values()}
        forgotten: list[str] = []
        erased: list[str] = []
        for dataset, rows in originals(self.store, sources, gone):
            done = self.store.forget(dataset.name, rows, reason=reason)
            forgotten += [done.dataset, *done.redacted]
            erased += done.erased
        held = [*holding(self.store, parent, version, gone), examination] if gone else []
        erased += self.store.erase(list(dict.fromkeys(one.name for one in held)), reason=reason)
        return {
            "rows": sum(len(lines) for lines in gone.values()),
            "without_these_rows": sorted(set(forgotten)),
            "erased": sorted(set(erased)),
            "without_undo": orphans(self.store, erased),
        }


def version_words(version: Version) -> str:
    """What is in a version."""
    read = sum(one.rows_read for one in version.files.values())
    written = sum(one.rows_written for one in version.files.values())
    changed = sum(sum(one.changed.values()) for one in version.files.values())
    return f"{written:,} of {read:,} rows, {changed:,} changed" if version.number else f"{written:,} rows as they came"


def refuse_taken(root: Path, checkup: Checkup) -> None:
    """Nothing, if no file to be written is one that is read or that somebody has worked on, and each has a folder.

    Raises: BadProject with all of them.
    """
    from tunesmith.data.examine.page import is_page
    from tunesmith.data.mend.review import is_untouched

    taken = {realpath(root / source.file) for source in (*checkup.sources, *checkup.against)}
    problems = []
    for name, is_ours in ((checkup.review, is_untouched), (checkup.report, is_page)):
        path = root / (name or "")
        if name is None:
            continue
        if realpath(path) in taken:
            problems.append(Problem("is a file that is examined, or is to be written twice", name, fix="give the file to be written another name"))
        elif not path.parent.is_dir():
            problems.append(Problem("lies in a folder that is not there", name, fix="make the folder first"))
        elif path.exists() and not is_ours(path):
            problems.append(Problem("is there already: a file of yours, or a review with decisions", name, fix="give another name, or move it away"))
        taken.add(realpath(path))
    if problems:
        raise BadProject(problems=problems)

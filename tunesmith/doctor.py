"""Each step of the data doctor: what its result depends on (its key), and which part of the data stage does it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject, NotFound, Problem
from tunesmith.spec.checkup import Checkup, Mending
from tunesmith.spec.dataset import Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.mending import Version
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import disk_faults, file_digest
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

PAGE = "report.html"
MENDED, SELECTED = ".mended", ".selected"
"""What the name of a file gets that is written beside the one that was read."""


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
        }

        def make(work: Work) -> Examination:
            question = Question(tuple(settled), tuple(against), self.checkup.out_of_scope)
            return examine(question, work.path, work.scratch, self.tools(), self.monitor)

        names = ", ".join(Path(one.source.file).name for one in settled)
        step = Step("check", f"examine {names}", "examination", inputs)
        return self.steps.do(step, make, lambda found: found.fitness.replace("_", " "), Examination)

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
        refuse_taken(self.root, [self.checkup.review, self.checkup.report], self.checkup)
        artifact, _ = self.examination
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
                shutil.copyfile(artifact.path / PAGE, path)
            written["report"] = str(path)
        return written

    def mended(self, order: Mending) -> dict[str, Any]:
        """The new version's name, its files as they were written, and what was forgotten.

        Raises: BadData, BadProject with everything that is undecided, before anything is written.
        """
        from tunesmith.data.mend.review import read_review
        from tunesmith.data.mend.run import mending

        artifact, found = self.examination
        targets = self.targets(order)
        reviewed = read_review(self.root / order.reviewed, order.reviewed, found) if order.reviewed else []
        made = mending(found, order.decisions, reviewed)
        parent = self.parent(lambda: found.rows)
        version = self.version(artifact, found, order, reviewed, made, parent)
        written = self.export(version, targets)
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

    def targets(self, order: Mending) -> dict[str, Path]:
        """File → where its mended form is written.

        Raises: BadProject for every file that is there already and is nobody's copy.
        """
        folder = self.root / order.out if order.out is not None else None
        made: dict[str, Path] = {}
        for source in self.checkup.sources:
            path = Path(source.file)
            suffix = ".jsonl" if path.suffix.lower() == ".parquet" else path.suffix
            name = path.name.removesuffix(path.suffix).removesuffix(MENDED).removesuffix(SELECTED)
            mark = MENDED if order.select is None else SELECTED
            made[source.file] = (folder / f"{name}{suffix}") if folder else self.root / path.with_name(f"{name}{mark}{suffix}")
        twice = [str(path) for path in made.values() if list(made.values()).count(path) > 1]
        problems = [
            Problem("two files would be written to one", path, fix="mend them one by one, or give them other names") for path in sorted(set(twice))
        ]
        sources = {(self.root / source.file).resolve() for source in (*self.checkup.sources, *self.checkup.against)}
        problems += [
            Problem("is the file that is read", str(p), fix="name another folder with --out") for p in made.values() if p.resolve() in sources
        ]
        if not order.force:
            ours = {one.sha256 for artifact in self.store.artifacts("version") for one in artifact.load(Version).files.values()}
            problems += [
                Problem(
                    "is there already, and is no version of these data", str(path), fix="move it away, name another folder with --out, or add --force"
                )
                for path in made.values()
                if path.exists() and path.resolve() not in sources and file_digest(path) not in ours
            ]
        if problems:
            raise BadProject(problems=problems)
        return made

    def selected(self, order: Mending, count: int) -> dict[str, Any]:
        """The name of the version with so many of the rows, and its files as they were written.

        Raises: BadData, BadProject, NotFound before anything is written; NotEnoughData if there is nothing to choose from.
        """
        from tunesmith.data.mend.run import row_counts
        from tunesmith.data.mend.selecting import VERSION, select

        settled, _ = self.settled
        encoder, why_not = self.encoder
        if encoder is None:
            raise BadProject(
                "rows are chosen by their meaning, which needs the encoder",
                where="--rows",
                got=why_not,
                fix=f"tunesmith models pull {self.checkup.encoder}",
            )
        targets = self.targets(order)
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
        return {"version": version.name, "parent": parent.name, "files": self.export(version, targets)}

    def export(self, version: Artifact, targets: dict[str, Path]) -> dict[str, str]:
        """Write the version's files; file as named by the user → where its mended form is."""
        manifest = version.load(Version)
        for file, path in targets.items():
            with disk_faults(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                fresh = path.with_name(f".{path.name}.new")
                shutil.copyfile(version.path / manifest.files[file].stored, fresh)
                fresh.replace(path)
        return {file: str(path) for file, path in targets.items()}

    def forget(self, parent: Artifact, version: Artifact, examination: Artifact) -> dict[str, Any]:
        """Erase the originals of rows that are not as they were: earlier versions, examinations, and every descendant of a data set that was made of them."""
        from tunesmith.data.mend.forgetting import lines_of, originals

        reason = f"mended in {version.name}"
        kinds = ("redact", "drop")
        gone = lines_of(version.path, kinds)
        sources = {one.read_sha256 for one in version.load(Version).files.values()}
        forgotten: list[str] = []
        erased: list[str] = []
        for dataset, rows in originals(self.store, sources, gone):
            done = self.store.forget(dataset.name, rows, reason=reason)
            forgotten += [done.dataset, *done.redacted]
            erased += done.erased
        family = [parent, *(a for a in self.store.lineage(parent.name) if a.kind == "version"), examination]
        erased += self.store.erase([a.name for a in dict.fromkeys(family) if a.erased_at is None], reason=reason)
        return {"rows": sum(len(lines) for lines in gone.values()), "without_these_rows": sorted(set(forgotten)), "erased": sorted(set(erased))}


def version_words(version: Version) -> str:
    """What is in a version."""
    read = sum(one.rows_read for one in version.files.values())
    written = sum(one.rows_written for one in version.files.values())
    changed = sum(sum(one.changed.values()) for one in version.files.values())
    return f"{written:,} of {read:,} rows, {changed:,} changed" if version.number else f"{written:,} rows as they came"


def refuse_taken(root: Path, names: Sequence[str | None], checkup: Checkup) -> None:
    """Nothing, if no file to be written is one that is read, and each has a folder.

    Raises: BadProject with all of them.
    """
    read = {(root / source.file).resolve() for source in (*checkup.sources, *checkup.against)}
    problems = []
    for name in names:
        if name is None:
            continue
        if (root / name).resolve() in read:
            problems.append(Problem("is a file that is examined", name, fix="give the file to be written another name"))
        elif not (root / name).parent.is_dir():
            problems.append(Problem("lies in a folder that is not there", name, fix="make the folder first"))
    if problems:
        raise BadProject(problems=problems)

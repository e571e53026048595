"""Documents, logs or rows → made rows in the store and in a file: which part of the data stage makes them, and what the result depends on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from os.path import realpath
from pathlib import Path
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadData, BadProject
from tunesmith.settings import secret
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.make_order import MakeOrder
from tunesmith.spec.making import Limits, Making
from tunesmith.spec.making_teacher import Estimate, LocalTeacher, RemoteTeacher
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import copy_whole, disk_faults, file_digest
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

VERSION = 3
"""Raised when the same inputs would give other rows."""
ROWS = "rows.jsonl"
WITH_OWN_ROWS = ("outside", "paraphrases")
OF_DOCUMENTS = ("questions", "corpus", "teacher")


def make(job: Job, store: Store, monitor: Monitor) -> dict[str, Any]:
    """The job's result: the making's name and the file that was written, or what a teacher would cost.

    Raises: BadProject, BadData; what the stage raises.
    """
    maker = Maker(MakeOrder.model_validate(job.payload), store, monitor)
    if maker.order.estimate_only:
        return {"estimate": maker.estimate().model_dump(mode="json")}
    maker.refuse_taken()
    artifact, making = maker.making
    return {"making": artifact.name, "file": str(maker.written(artifact)), "rows": making.rows}


@dataclass
class Maker:
    """One making on its way."""

    order: MakeOrder
    store: Store
    monitor: Monitor

    @cached_property
    def root(self) -> Path:
        """Where names begin."""
        return Path(self.order.root)

    @property
    def out(self) -> Path:
        """The file to be written."""
        return self.root / self.order.out

    def refuse_taken(self) -> None:
        """Nothing, if the file to be written is not there, or may be written over.

        Raises: BadProject.
        """
        read = [self.root / name for name in self.order.paths] + [self.root / one.file for one in self.order.sources]
        if realpath(self.out) in map(realpath, read):
            raise BadProject("is a file that is read", where=self.order.out, fix="name another one with --out")
        if not self.out.parent.is_dir():
            raise BadProject("lies in a folder that is not there", where=self.order.out, fix="make the folder first")
        if self.out.exists() and not self.order.force and not self._is_ours(self.out):
            raise BadProject("is there already", where=self.order.out, fix="name another one with --out, or add --force")

    def _is_ours(self, path: Path) -> bool:
        """True if it holds what a making of this kind wrote of some of these files, maybe with other wishes."""
        known = file_digest(path)
        holding = [artifact for artifact in self.store.artifacts("making") if artifact.recorded().get(ROWS) == known]
        return any(made.kind == self.order.kind and made.inputs.keys() & self.files.keys() for made in (one.load(Making) for one in holding))

    @cached_property
    def files(self) -> dict[str, str]:
        """Every file that is read, as named by the user or under the folder that is → its sha256."""
        order = self.order
        return tree_digests(self.root, [*order.paths, *(one.file for one in order.sources)])

    @cached_property
    def rows(self) -> list[Record]:
        """The user's own rows.

        Raises: BadData with everything that cannot be read; NotEnoughData.
        """
        from tunesmith.data.examine.rows import records_of
        from tunesmith.data.intake import plans

        return records_of(plans(self.order.sources, self.root), self.monitor)

    @cached_property
    def encoder(self) -> LocalModel | None:
        """What compares by meaning.

        Raises: NotFound, DamagedWeights.
        """
        if self.order.encoder is None:
            return None
        found = local(self.store.models, self.order.encoder)
        verify(found, self.store.models)
        return found

    @cached_property
    def making(self) -> tuple[Artifact, Making]:
        """The rows, made or found."""
        order = self.order
        step = Step("make", f"make {order.kind} of {', '.join([*order.paths, *(one.file for one in order.sources)])[:80]}", "making", self.inputs)
        return Steps(self.store, self.monitor).do(step, self._make, lambda found: f"{found.rows:,} rows", Making)

    @property
    def inputs(self) -> dict[str, Any]:
        """What the rows depend on; where they are written, and what a teacher is paid, changes none of them."""
        order = self.order
        wishes = (order.questions, order.threads, order.corpus, order.taught, order.outside, order.paraphrases)
        tokenizer = [order.corpus.tokenizer] if order.corpus and order.corpus.tokenizer else []
        computes = self.encoder is not None or self.local_teacher is not None
        return {
            "version": VERSION,
            "kind": order.kind,
            "wishes": [one.model_dump(mode="json") for one in wishes if one is not None],
            "paths": list(order.paths),
            "sources": [one.model_dump(mode="json") for one in order.sources],
            "files": self.files | tree_digests(self.root, tokenizer),
            "limits": Limits().model_dump(mode="json") if order.kind in OF_DOCUMENTS else None,
            "with_own_rows": order.kind in WITH_OWN_ROWS and not order.only_made,
            "answers": ANSWER_VERSION if computes else None,
            "encoder": self.encoder.digest if self.encoder else None,
            "teacher": self._teacher_inputs(),
        }

    def _teacher_inputs(self) -> dict[str, Any] | None:
        """What a teacher's answers depend on: which one it is, and what may leave a question without an answer."""
        teacher = self.order.teacher
        if isinstance(teacher, RemoteTeacher):
            bound = {"budget", "prompt_price", "answer_price"} if teacher.budget is not None else set()
            return teacher.model_dump(mode="json", include={"base_url", "model", "attempts", "timeout_s", *bound})
        if isinstance(teacher, LocalTeacher) and self.local_teacher is not None:
            return {"weights": self.local_teacher.digest, "checkpoint": teacher.checkpoint}
        return None

    @cached_property
    def local_teacher(self) -> LocalModel | None:
        """The teacher's weights, if it is a model of the store."""
        teacher = self.order.teacher
        if not isinstance(teacher, LocalTeacher):
            return None
        found = local(self.store.models, teacher.model)
        verify(found, self.store.models)
        return found

    def _make(self, work: Work) -> Making:
        from tunesmith.data.make.tally import Tally, write

        unit, wishes, maker = self._kind()
        tally = Tally(self.order.kind, unit, wishes)
        with ExitStack() as open_:
            made = maker(tally, work, open_)
            found = write(made, work.path, tally)
        if not found.rows:
            told = "; ".join(f"{one.spot.words()}: {one.message}" for one in found.first[:5])
            raise BadData(
                "no row could be made",
                where=", ".join([*self.order.paths, *(s.file for s in self.order.sources)]),
                got=told or f"{found.read} {found.unit}",
                fix="see what was passed over and why; other files, or other wishes",
            )
        if self.order.kind in WITH_OWN_ROWS and not self.order.only_made:
            self._put_own_rows_first(work.path / ROWS)
        return found.model_copy(update={"inputs": found.inputs or self.files})

    def _kind(self) -> tuple[str, Any, Callable[[Any, Work, ExitStack], Iterator[Any]]]:
        """(what is counted, the wishes, what makes the rows)."""
        order, root, monitor = self.order, self.root, self.monitor
        match order.kind:
            case "questions":
                from tunesmith.data.make.questions import questions

                return "passages", order.questions, lambda tally, work, open_: questions(order.paths, root, monitor, order.questions, tally=tally)
            case "threads":
                from tunesmith.data.make.threads import threads

                return "turns", order.threads, lambda tally, work, open_: threads(order.paths, root, monitor, order.threads, tally=tally)
            case "corpus":
                from tunesmith.data.make.corpus import corpus

                return "passages", order.corpus, lambda tally, work, open_: corpus(order.paths, root, monitor, order.corpus, tally=tally)
            case "teacher":
                return "questions", order.taught, self._taught
            case "outside":
                from tunesmith.data.make.outside import make_outside

                assert order.outside is not None
                wishes = order.outside
                return "questions", wishes, lambda tally, work, open_: make_outside(self.rows, wishes, self._embed(), monitor, tally=tally)
            case "paraphrases":
                return "questions", order.paraphrases, self._paraphrased

    def _taught(self, tally: Any, work: Work, open_: ExitStack) -> Iterator[Any]:
        from tunesmith.data.make.documents import documents
        from tunesmith.data.make.qa_make import make_questions
        from tunesmith.spec.passage import Passage

        assert self.order.taught is not None
        passages = [one for one in documents(self.order.paths, self.root, self.monitor, tally=tally) if isinstance(one, Passage)]
        known = [
            turn.content or ""
            for row in (self.rows if self.order.sources else ())
            if row.conversation
            for turn in row.conversation.messages
            if turn.role == "user"
        ]
        return make_questions(passages, self.order.taught, self._teaching(work.scratch, open_), work.scratch, known, tally=tally)

    def _paraphrased(self, tally: Any, work: Work, open_: ExitStack) -> Iterator[Any]:
        from tunesmith.data.make.paraphrase import make_paraphrases

        assert self.order.paraphrases is not None
        teaching = self._teaching(work.scratch, open_) if self.order.teacher else None
        return make_paraphrases(self.rows, self.order.paraphrases, self.monitor, self._embed(), teaching, tally=tally)

    def _teaching(self, scratch: Path, open_: ExitStack) -> Any:
        """The teacher, with what it was asked before in this work."""
        from tunesmith.data.make.teacher import Teaching
        from tunesmith.data.make.teacher_answers import Answers
        from tunesmith.data.make.teacher_open import open_teacher

        teacher = self.order.teacher
        if teacher is None:
            raise BadProject(
                "needs a teacher",
                where=f"tunesmith data make {self.order.kind}",
                fix="--teacher-url URL --teacher-model NAME, or --teacher-local MODEL",
            )
        key = secret(teacher.key_variable) if isinstance(teacher, RemoteTeacher) and teacher.key_variable else None
        opened = open_teacher(teacher, key=key, residents=lambda: self._residents(open_), say=lambda text: self.monitor.emit(Note(text=text)))
        return Teaching(teacher, opened, Answers(scratch / "answers.jsonl"), self.monitor)

    def _residents(self, open_: ExitStack) -> Any:
        from tunesmith.serve.run import open_residents

        found = open_residents(self.store)
        open_.callback(found.close)
        return found

    def _embed(self) -> Callable[[Sequence[str]], Any] | None:
        if self.encoder is None:
            return None
        from tunesmith.line import new_bench

        return new_bench(self.store).embedder(self.encoder.id).embed  # type: ignore[no-any-return]

    def _put_own_rows_first(self, path: Path) -> None:
        """The user's rows before the made ones, each in the group that what was made of it has, so that a split keeps them together."""
        from tunesmith.data.make.parentage import group_of

        fresh = path.with_name(f".{path.name}.new")
        with fresh.open("w", encoding="utf-8", errors="surrogatepass") as out:
            for row in self.rows:
                whole = row.model_dump(mode="json", exclude_none=True, include={"conversation", "rejected", "desirable", "label"})
                conversation = whole.pop("conversation")
                out.write(
                    json.dumps({**conversation, **whole, "group": group_of(row), "source": row.origin.model_dump(mode="json")}, ensure_ascii=False)
                    + "\n"
                )
            with path.open(encoding="utf-8") as made:
                shutil.copyfileobj(made, out)
        fresh.replace(path)

    def written(self, artifact: Artifact) -> Path:
        """The file of rows, where it was asked for."""
        with disk_faults(self.out):
            copy_whole(artifact.path / ROWS, self.out)
        return self.out

    def estimate(self) -> Estimate:
        """What a teacher would be asked at most, and what it would cost.

        Raises: BadProject if no teacher is asked anything.
        """
        from tunesmith.data.make import paraphrase_teacher
        from tunesmith.data.make.documents import documents
        from tunesmith.data.make.paraphrase import counts
        from tunesmith.data.make.parentage import single_question
        from tunesmith.data.make.qa_make import estimate
        from tunesmith.spec.passage import Passage

        order = self.order
        if order.teacher is not None and order.taught is not None:
            return estimate((one for one in documents(order.paths, self.root, self.monitor) if isinstance(one, Passage)), order.taught, order.teacher)
        if order.teacher is not None and order.paraphrases is not None:
            wanted = [(single_question(row), count) for row, count in zip(self.rows, counts(self.rows, order.paraphrases), strict=True)]
            asked = [(question, count) for question, count in wanted if question is not None and count]
            return paraphrase_teacher.estimate([question for question, _ in asked], [count for _, count in asked], order.paraphrases, order.teacher)
        raise BadProject("costs nothing: no teacher is asked", where="--estimate", fix="leave it out")


def tree_digests(root: Path, names: Sequence[str]) -> dict[str, str]:
    """File → sha256, for files and for all files in folders; what is not there is left to the stage, which tells it."""
    found: dict[str, str] = {}
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and os.access(file, os.R_OK):
                found[str(file.relative_to(root)) if file.is_relative_to(root) else str(file)] = file_digest(file)
    return found

"""A candidate that was measured on dev, and on test where that is open → its suites of evidence: the step, its key, and what other stages know of the rows.

Stages are strangers: paraphrases and unanswerable questions come from `data.make`, languages from `data.examine`, and go into `evaluate.suites` as plain values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.errors import NotEnoughData
from tunesmith.evaluate.answers import read_answers
from tunesmith.evaluate.suites import CALLS_VERSION, FORGETTING_VERSION, PROBED_VERSION, VERSION
from tunesmith.library import made_of
from tunesmith.line import Line
from tunesmith.probes.load import probes
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Tuned
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.forgetting import Forgetting, ProbeLimits, Taken
from tunesmith.spec.job import Note, Silent
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import OutsideKind, OutsideWishes, ParaphraseWishes
from tunesmith.spec.suite import SuiteLimits, Suites
from tunesmith.store.artifacts import Artifact
from tunesmith.store.steps import Step
from tunesmith.store.work import Work

NEAR_MISSES: tuple[OutsideKind, ...] = ("name", "slot", "attribute", "false_premise")
"""Made of the user's own questions; far-off questions are asked by the rows out of scope."""


@dataclass
class Examiner:
    """Examines candidates of one line."""

    line: Line

    @property
    def limits(self) -> SuiteLimits:
        """How much is asked, as suits the kind of task, and where the user draws lines."""
        from tunesmith.evaluate.suites.material import limits_for

        return limits_for(self.line.dataset[1].task, self.line.project.examine)

    def suites(self, candidate: Candidate, dev: str, test: str | None, share: float = 1.0) -> tuple[Artifact, Suites]:
        """The candidate's suites; `dev` and `test` are the names of its evaluations, and it was trained on this `share` of the training rows."""
        line = self.line
        asked = {
            **line.answering(candidate),
            "suites": CALLS_VERSION,
            "limits": self.limits.model_dump(mode="json"),
            "unanswerable": [[origin.model_dump(mode="json"), asked.model_dump(mode="json")] for origin, asked in line.unanswerable],
        }
        inputs = {**asked, "version": VERSION, "dev": dev, "test": test, "metric": self.line.metric, **line.measurement.marks()}
        parents = tuple(name for name in (line.dataset[0].name, dev, test) if name)
        step = Step("measure", f"examine {candidate.name}", "suites", inputs, parents)

        def make(work: Work) -> Suites:
            from tunesmith.answer.candidate import passages_shown
            from tunesmith.evaluate.run import decoding_for
            from tunesmith.evaluate.suites.asking import Asker, Calls
            from tunesmith.evaluate.suites.run import examine

            material = self.material(dev, test, passages_shown(candidate, line.store), share)
            asker = Asker(candidate, line.measurement.opening(candidate), decoding_for(line.project.task, line.dataset[1]), line.monitor)
            found: list[Suites] = []

            def ask(asking: Work) -> Calls:
                asker.kept = asking.scratch
                found.append(examine(asker, material))
                return Calls(candidate=candidate, calls=tuple(asker.calls))

            title = f"what {candidate.name} said when it was examined"
            said = Step("measure", title, "calls", asked, (line.dataset[0].name, *made_of(candidate)))
            calls = line.steps.part(said, ask, Calls)[1].calls  # other marks ask nobody again
            return found[0] if found else examine(replace(asker, before=calls), material)

        return line.steps.do(
            step, make, lambda found: found.out_of_scope.sentence if found.out_of_scope else f"{len(found.left_out)} suites left out", Suites
        )

    def forgetting(self, candidate: Tuned, share: float = 1.0) -> tuple[Artifact, Forgetting]:
        """What the tuned model has lost of what its base could do, by so large a share of the probes that the project asks for.

        Probes that stand in the training rows are left out. What the base makes of them is kept for the next model that is tuned from it.
        """
        line = self.line
        checkpoint = line.store.get(candidate.checkpoint, "checkpoint").load(Checkpoint)
        step = self._forgetting_step(candidate, checkpoint, share)

        def make(work: Work) -> Forgetting:
            from tunesmith.answer.engine import Engine
            from tunesmith.evaluate.suites.forgetting import Pair, Suite

            asked = [candidate.prompt.apply(row.conversation.question()) for row in line.references("dev") if row.conversation is not None]
            suite = Suite(probes(), line.monitor, self._probe_limits(share))

            def base() -> Engine:
                return Engine(line.bench.model(checkpoint.base))

            before = line.steps.part(self._probed_step(checkpoint, share), lambda work: suite.take(base(), "base"), Taken)[1]
            return suite.run(Pair(base, lambda: Engine(line.bench.model(checkpoint.base, candidate.checkpoint)), asked, before)).forgetting

        return line.steps.do(step, make, lambda found: found.sentence, Forgetting)

    @cached_property
    def _held(self) -> tuple[str, ...]:
        """Ids of the probes that stand in the training rows."""
        from tunesmith.data.examine.probe_leaks import ProbeIndex, held_by

        return tuple(sorted(held_by(self.line.references("train"), ProbeIndex(probes().texts()))))

    def _probe_limits(self, share: float) -> ProbeLimits:
        """Which probes are asked."""
        wished = self.line.project.probes.scaled(share, probes())
        return wished.model_copy(update={"excluded": tuple(sorted({*wished.excluded, *self._held}))})

    def _probed_step(self, checkpoint: Checkpoint, share: float) -> Step:
        """The step that puts the probes to a base."""
        counted = self._probe_limits(share).model_dump(mode="json", include={"questions", "instructions", "passages", "answer_tokens", "excluded"})
        inputs = {
            "version": [PROBED_VERSION, ANSWER_VERSION],
            "base": checkpoint.base_digest,
            "probes": probes().digest,
            "limits": counted,
            **settings().computing(),
        }
        return Step("measure", f"what {checkpoint.base} makes of the probes", "probed", inputs)

    def _forgetting_step(self, candidate: Tuned, checkpoint: Checkpoint, share: float) -> Step:
        """The step that holds a tuned model against its base."""
        line = self.line
        inputs = {
            "version": [FORGETTING_VERSION, ANSWER_VERSION],
            "checkpoint": candidate.checkpoint,
            "prompt": candidate.prompt.model_dump(mode="json"),
            "base": checkpoint.base_digest,
            "dataset": line.dataset[0].name,
            "probes": probes().digest,
            "limits": line.project.probes.scaled(share, probes()).model_dump(mode="json"),
            **settings().computing(),
        }
        return Step("measure", f"what {candidate.name} has forgotten", "forgetting", inputs, (line.dataset[0].name, candidate.checkpoint))

    def unasked(self, candidates: Sequence[Tuned], share: float) -> int:
        """How many models have not been asked so large a share of the probes yet: of these, and their bases."""
        find, every = self.line.store.find, [(one, self.line.store.get(one.checkpoint, "checkpoint").load(Checkpoint)) for one in candidates]
        missing = [checkpoint for one, checkpoint in every if find(self._forgetting_step(one, checkpoint, share).key) is None]
        return len(missing) + len({key for checkpoint in missing if find(key := self._probed_step(checkpoint, share).key) is None})

    def material(self, dev: str, test: str | None, texts_of: Callable[[Sequence[str]], tuple[str, ...] | None], share: float = 1.0) -> Any:
        """Rows, answers, what stood before their questions (`texts_of`: ids → passages), and what other stages know of them."""
        from tunesmith.data.examine.tongue import language_of
        from tunesmith.evaluate.suites.material import Material

        line, (artifact, dataset) = self.line, self.line.dataset
        rows, held = line.references("dev"), line.references("test")
        on_dev = read_answers(line.store.get(dev, "evaluation").path)
        on_test = read_answers(line.store.get(test, "evaluation").path) if test else ()
        shown = {row.id: texts_of(row.shown) for row in (*on_dev, *on_test)}
        return Material(
            dataset=dataset,
            dataset_name=artifact.name,
            metric=self.line.metric,
            train=line.references("train"),
            learnt=[row for row in line.trainings.rows(share) if row.desirable is not False] if share < 1 else None,
            dev=rows,
            dev_answers=on_dev,
            test=held if test else (),
            test_answers=on_test,
            unanswerable=self.given_unanswerable() or self.unanswerable(line.references("train"), rows),
            paraphrases=self.paraphrases(rows),
            columns=own_columns((*rows, *held), dict.fromkeys(name for source in line.project.sources for name in source.columns)),
            languages={row.id: code for row in (*rows, *held) if row.conversation and (code := language_of(asked(row.conversation)))},
            passages={name: texts for name, texts in shown.items() if texts is not None},
            has_documents=bool(line.project.documents),
            confidence=line.project.goal.confidence,
            limits=self.limits,
        )

    def paraphrases(self, rows: Sequence[Record]) -> dict[str, list[str]]:
        """Id of a dev row → other wordings, by rules."""
        from tunesmith.data.make.paraphrase import make_paraphrases

        found: dict[str, list[str]] = {}
        wishes = ParaphraseWishes(per_row=self.limits.paraphrases, seed=self.limits.seed)
        for made in make_paraphrases([row for row in rows if row.conversation is not None], wishes, Silent()):
            if isinstance(made, Made) and made.messages:
                found.setdefault(str(made.details["parent"]), []).append(asked(Conversation(messages=made.messages)))
        return found

    def given_unanswerable(self) -> list[Record]:
        """The user's own questions that nobody can answer, at most as many as the limits say, drawn by seed."""
        from tunesmith.evaluate.suites.material import chosen

        said = Message(role="assistant", content=self.line.dataset[1].out_of_scope or "")
        rows = [
            Record(id=named(question), conversation=question.model_copy(update={"messages": (*question.messages, said)}), origin=origin)
            for origin, question in self.line.unanswerable
        ]
        kept = chosen(rows, self.limits.unknown_questions, self.limits.seed, "unanswerable")
        if len(kept) < len(rows):
            self.line.monitor.emit(Note(text=f"of the {len(rows):,} questions that nobody can answer {len(kept)} are asked, drawn by seed"))
        return kept

    def unanswerable(self, train: Sequence[Record], dev: Sequence[Record]) -> list[Record]:
        """Near misses made of dev rows, by rules; none where the task has no out-of-scope answer or too few questions."""
        outside = self.line.dataset[1].out_of_scope
        if outside is None:
            return []
        from tunesmith.data.make.outside import make_outside

        parents = {row.id: row for row in dev}
        wishes = OutsideWishes(refusal=outside, kinds=NEAR_MISSES, near_share=1.0, share=0.15, seed=self.limits.seed)
        rows = [
            row for row in (*train, *dev) if row.conversation is not None and row.conversation.answer() != outside
        ]  # else those count towards the share
        try:
            made = [one for one in make_outside(rows, wishes, None, Silent()) if isinstance(one, Made) and one.messages]
        except NotEnoughData:
            return []
        return list(near_misses(made, parents))[: self.limits.unknown_questions]


def near_misses(made: Sequence[Made], parents: dict[str, Record]) -> Iterator[Record]:
    """Those whose parent is among `parents`, in its cluster."""
    for one in made:
        parent = parents.get(str(one.details.get("parent")))
        if parent is not None and one.messages:
            name = hashlib.sha256(f"{parent.id} {asked(Conversation(messages=one.messages))}".encode()).hexdigest()[:16]
            origin = Origin(file=parent.origin.file, line=parent.origin.line)
            yield Record(id=name, conversation=Conversation(messages=one.messages), cluster=parent.cluster or parent.id, origin=origin)


def own_columns(rows: Sequence[Record], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Column that a source names → id of a row → its value, of the rows that have one."""
    return {name: {row.id: row.columns[name] for row in rows if row.columns is not None and name in row.columns} for name in names}


def named(question: Conversation) -> str:
    """16 hex digits that stand for a question."""
    return hashlib.sha256(question.model_dump_json(exclude_none=True).encode()).hexdigest()[:16]


def asked(conversation: Conversation) -> str:
    """The last user turn."""
    return next((message.content or "" for message in reversed(conversation.messages) if message.role == "user"), "")

"""Everything that was measured → a verdict, a page, a certificate, and models under their names. The end of the line; no torch."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psutil

from tunesmith.library import made_of
from tunesmith.line import Line
from tunesmith.measurement import answering_of
from tunesmith.pins import file_pins
from tunesmith.planning import Frozen
from tunesmith.spec.candidate import Tuned
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.elected import Elected, proposed
from tunesmith.spec.forgetting import UNMEASURED, Forgetting
from tunesmith.spec.job import Note
from tunesmith.spec.noun import Noun
from tunesmith.spec.plan import Done
from tunesmith.spec.project import to_toml
from tunesmith.spec.report import Asked, Cost, Report, Scored
from tunesmith.spec.suite import Suites
from tunesmith.spec.task import MustNotWorsen, TaskKind
from tunesmith.spec.trial import Remedy, Trial
from tunesmith.spec.verdict import Finalist, Known, LineReport, Measured, Outlook, Side, Verdict
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import PAGE
from tunesmith.store.steps import Step, cost_of
from tunesmith.store.work import Work
from tunesmith.verify import issue

VERSION = 9
"""Part of every report's key; raised when the same measurements would give another report or page."""
TRAININGS = {"fine-tune": "train", "fine-tune-rag": "train-rag"}
"""Remedy → what the cost of its training is called."""


def answers_of(line: Line, finalists: Sequence[Finalist]) -> dict[str, list[Scored]]:
    """Finalist → its rows on the split that it stands for."""
    from tunesmith.evaluate.answers import read_answers

    return {one.candidate.name: read_answers(line.store.get(one.artifact).path) for one in finalists}


def finalist(line: Line, trial: Trial, artifact: Artifact, report: Report) -> Finalist:
    """A trial with what it has on a split, which `artifact` holds."""
    assert trial.report is not None
    on_dev = trial.report.metrics.get(line.metric)
    return Finalist(
        remedy=trial.remedy,
        candidate=trial.candidate,
        report=report,
        artifact=artifact.name,
        wait=line.wait(trial.candidate, report.split, artifact),
        seed=seed_of(trial, line.store),
        arm=trial.candidate.name if trial.pilot is not None else "",
        on_dev=on_dev.value if on_dev else None,
    )


def seed_of(trial: Trial, store: Store) -> int | None:
    """The seed of the training that made a finalist; None where nothing was trained."""
    found = (store.get(name) for name in made_of(trial.candidate))
    return next((artifact.load(Checkpoint).resolved.seed for artifact in found if artifact.kind == "checkpoint"), None)


def so_far(line: Line, trials: Sequence[Trial]) -> str:
    """What the answers on dev would say of these trials if they were the locked ones, in one line."""
    from tunesmith.decide.run import provisional

    on_dev = [finalist(line, trial, line.store.get(trial.artifact), trial.report) for trial in trials if trial.artifact and trial.report]
    return provisional(on_dev, answers_of(line, on_dev), line.project.goal, line.dataset[1], line.project.given())


class Leader(Noun):
    """The manifest of a first look at the answers on the locked split."""

    name: str | None
    """Of the finalist that they speak for."""


@dataclass(frozen=True)
class Forgotten:
    """What the tuning of a finalist has cost: of the model itself, or of the reader of one that looks things up."""

    candidate: str
    """Name of the finalist."""
    found: tuple[Artifact, Forgetting] | str
    """Its weights beside their base; the reason where that cannot be measured."""

    def side(self, limits: MustNotWorsen, kind: TaskKind) -> Side:
        """For the verdict, held against the project's limits."""
        from tunesmith.evaluate.suites.sides import forgetting_side

        if not isinstance(self.found, str):
            return forgetting_side(self.candidate, self.found[1], limits, kind)
        is_limited = any(limit is not None for limit in limits.of_tuning(kind))
        sentence = f"What {self.candidate} has forgotten of general ability could not be measured: {self.found}."
        return Side(candidate=self.candidate, topic=UNMEASURED, sentence=sentence, standing="cannot tell", is_limited=is_limited)


def leading(line: Line, finalists: Sequence[Finalist], forgotten: Sequence[Forgotten] = ()) -> str | None:
    """The name of the finalist that the answers on the locked split speak for, without those whose losses bar them: it is worth a closer look."""
    from tunesmith.decide.run import VERSION as DECIDE_VERSION
    from tunesmith.decide.run import limited, spoken_for

    goal, (artifact, dataset) = line.project.goal, line.dataset
    sides = (one.side(goal.must_not_worsen, dataset.kind) for one in forgotten)
    barred = tuple(side for side in sides if side.standing == "blocks")
    inputs = {
        "version": DECIDE_VERSION,
        "metric": line.metric,
        "goal": goal.model_dump(mode="json"),
        "finalists": [[one.remedy, one.candidate.name, one.seed, one.arm, one.on_dev, one.artifact] for one in finalists],
        "barred": [one.candidate for one in barred],
        "may_leave": may_leave(line),
        "waits": [one.wait.model_dump(mode="json") for one in finalists if one.wait is not None],
    }
    step = Step("measure", "see who leads", "leader", inputs, (artifact.name, *(one.artifact for one in finalists)))

    def make(work: Work) -> Leader:
        answers = answers_of(line, finalists)
        known = Known(sides=(*barred, *limited(finalists, answers, goal)), may_leave=may_leave(line))
        return Leader(name=spoken_for(finalists, answers, goal, dataset, line.project.given(), known))

    return line.steps.do(step, make, lambda found: found.name or "nobody is ahead", Leader)[1].name


def may_leave(line: Line) -> bool:
    """The user allows that a model elsewhere is recommended."""
    return line.project.rivals.remote is not None and line.project.rivals.remote.may_leave


@dataclass(frozen=True)
class Examined:
    """What else was found out about the finalist that leads, and about those that were tuned."""

    suites: tuple[Artifact, Suites]
    forgotten: tuple[Forgotten, ...]
    """Of the finalist that the answers speak for, where it is tuned, and of the tuned one that is best on dev."""

    @property
    def losses(self) -> list[tuple[Artifact, Forgetting]]:
        """What was measured of that."""
        return [one.found for one in self.forgotten if not isinstance(one.found, str)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the artifacts."""
        return (self.suites[0].name, *(artifact.name for artifact, _ in self.losses))

    def sides(self, limits: MustNotWorsen, kind: TaskKind) -> tuple[Side, ...]:
        """For the verdict; what was forgotten is held against the project's limits."""
        from tunesmith.evaluate.suites.sides import sides

        return (*sides(self.suites[1]), *(one.side(limits, kind) for one in self.forgotten))


@dataclass
class Conclusion:
    """Everything that was measured, on its way to a verdict, a page and registered models."""

    line: Line
    history: Sequence[Trial]
    end: Done
    plan: Frozen
    finalists: Sequence[Finalist]
    looks: int
    asked: Asked | None
    examined: Examined
    outlook: Outlook | None
    """What the small trainings say about more rows."""
    started: float
    """Unix time."""
    spent: Callable[[], float] | None
    """Seconds that were worked so far; None: they are held against no budget."""

    @cached_property
    def trained(self) -> dict[str, tuple[Artifact, Checkpoint]]:
        """Finalist → the checkpoint in it; absent: nothing of it was trained."""
        found = {}
        for finalist in self.finalists:
            for artifact in (self.line.store.get(name) for name in made_of(finalist.candidate)):
                if artifact.kind == "checkpoint":
                    found[finalist.candidate.name] = artifact, artifact.load(Checkpoint)
        return found

    @cached_property
    def tuned(self) -> tuple[Artifact, Checkpoint] | None:
        """The tuned model that answers by itself, the best on dev; None where none was tuned."""
        return next((self.trained[one.candidate.name] for one in self.finalists if isinstance(one.candidate, Tuned)), None)

    def keep(self) -> dict[str, Any]:
        """The report, stored, with the model's name made to mean the checkpoint."""
        from tunesmith.decide.run import VERSION as DECIDE_VERSION

        line, tuned, plan = self.line, self.tuned, self.plan[0].name
        checkpoints = dict.fromkeys(artifact.name for artifact, _ in self.trained.values())
        parents = (line.dataset[0].name, plan, *checkpoints, *self.examined.names, *(f.artifact for f in self.finalists))
        inputs = {
            "version": [VERSION, DECIDE_VERSION],
            "plan": plan,
            "trials": [t.artifact for t in self.history],
            "finalists": [f.artifact for f in self.finalists],
            "project": line.project.model_dump(mode="json"),
            "model": line.model,
            "rerun": line.rerun,
            "asked": self.asked.model_dump(mode="json") if self.asked else None,
            "looks": self.looks,
            "examined": list(self.examined.names),
            "waits": {name: wait.model_dump(mode="json") for name, wait in line.waits.items()},
            "labelled": [pin.sha256 for pin in file_pins(line.project, line.path.parent, "labels")],
        }
        clock: dict[str, Any] = {}
        step = Step("report", "conclude and write the report", "line", inputs, parents)
        found, report = line.steps.do(
            step, lambda work: self._write(work, clock), lambda made: made.verdict.headline, LineReport, beside=lambda: clock
        )
        if tuned is not None:
            line.store.register(line.model, tuned[0].name)
        else:
            self._tell_kept(line.model, "it has tuned nothing")
        self._elect(report.verdict)
        skipped = [left.model_dump(mode="json") for left in self.end.skipped]
        issue(
            line.store,
            line.steps,
            found,
            line.path.parent,
            {"frozen": self.plan[1].model_copy(update={"waits": line.waits}).model_dump(mode="json"), "passed_over": skipped},
        )
        return {"line": found.name}

    def finding_tokens(self) -> int:
        """Tokens of the trainings that no remedy is billed for: pilots, settings that were tried, further seeds."""
        billed: dict[Remedy, str] = {}
        for one in self.finalists:
            if one.candidate.name in self.trained:
                billed.setdefault(one.remedy, self.trained[one.candidate.name][0].name)
        names = dict.fromkeys(name for trial in self.history if trial.failure is None for name in made_of(trial.candidate))
        every = (self.line.store.get(name) for name in names if name not in billed.values())
        return sum(artifact.load(Checkpoint).logical_tokens for artifact in every if artifact.kind == "checkpoint")

    def known(self, answers: Mapping[str, Sequence[Scored]]) -> Known:
        """What the verdict knows beside the finalists' `answers` on test: what was examined, and how they stand to the limits of what may be lost."""
        from tunesmith.decide.run import failed_words, limited

        project = self.line.project
        sides = self.examined.sides(project.goal.must_not_worsen, self.line.dataset[1].kind)
        return Known(
            outlook=self.outlook,
            sides=(*sides, *limited(self.finalists, answers, project.goal)),
            prices=project.prices,
            judge=self.line.marking.trust,
            training_tokens={name: checkpoint.logical_tokens for name, (_, checkpoint) in self.trained.items()},
            finding_tokens=self.finding_tokens(),
            may_leave=may_leave(self.line),
            failed=failed_words(self.history, self.end),
        )

    def _elect(self, verdict: Verdict) -> None:
        """Register the candidate to serve, as it was measured, under the model's name with `-best` behind it; nobody, where nothing is recommended."""
        from tunesmith.evaluate.run import decoding_for

        line, name, best = self.line, verdict.recommended, self.line.best
        before = line.store.registered().get(best, [])
        candidate = next((found.candidate for found in self.finalists if found.candidate.name == name), None)
        if candidate is None:
            self._tell_kept(best, "it recommends nothing to be served")
            return
        threshold, dataset = proposed(self.examined.suites[1], candidate), line.dataset[1]
        elected = Elected(candidate=candidate, decoding=decoding_for(line.project.task, dataset), dataset=line.dataset[0].name, threshold=threshold)
        parents = (line.dataset[0].name, *made_of(candidate))
        step = Step("report", f"keep {candidate.name} to be served", "candidate", elected.model_dump(mode="json"), parents)
        kept, _ = line.steps.do(step, lambda work: elected, lambda found: found.candidate.name, Elected)
        line.store.register(best, kept.name)
        if before and before[-1].artifact != kept.name:
            line.monitor.emit(Note(text=f"{best} is {kept.name} from now on; it was {before[-1].artifact}, which stays in the store"))

    def _tell_kept(self, name: str, why: str) -> None:
        """Say so where a name goes on meaning what an earlier run made: nobody's service ends because of a run."""
        for version in self.line.store.registered().get(name, [])[-1:]:
            self.line.monitor.emit(Note(level="warning", text=f"{name} is still {version.artifact} of an earlier run, not of this one: {why}"))

    def _write(self, work: Work, clock: dict[str, Any]) -> LineReport:
        """The report, with its page beside it; what the clock said goes into `clock`."""
        from tunesmith.decide.run import conclude
        from tunesmith.evaluate.page import page

        line, (artifact, dataset), tuned = self.line, self.line.dataset, self.tuned
        answers = answers_of(line, self.finalists)
        verdict = conclude(self.finalists, answers, line.project, dataset, self.looks, self.known(answers))
        report = LineReport(
            project=line.project.name,
            task=line.project.task,
            goal=line.project.goal,
            dataset=dataset,
            dataset_name=artifact.name,
            trials=tuple(self.history),
            finalists=tuple(self.finalists),
            verdict=verdict,
            checkpoint=tuned[1] if tuned else None,
            checkpoint_name=tuned[0].name if tuned else None,
            model=line.model if tuned else None,
            best=line.best if verdict.recommended is not None else None,
            choices=tuned[1].choices if tuned else (),
            project_toml=to_toml(line.project),
            rerun=line.rerun,
        )
        measured = self.measured(report.verdict)
        items = self.asked.items if self.asked else ()
        (work.path / PAGE).write_text(
            page(
                report,
                measured,
                answers,
                items,
                (self.examined.suites[1], [(one.candidate, one.found[1]) for one in self.examined.forgotten if not isinstance(one.found, str)]),
            ),
            encoding="utf-8",
        )
        if items:
            asked = [{"question": q, "answer": a.text, "confidence": a.confidence} for q, a in items]
            (work.path / "questions.json").write_text(json.dumps(asked, ensure_ascii=False, indent=2), encoding="utf-8")
        clock["measured"] = measured.model_dump(mode="json")
        if measured.over >= 1:
            from tunesmith.decide.run import spoken

            said = (
                f"the budget of {spoken(measured.budget or 0.0)} was overrun by {spoken(measured.over)}: something took longer than its readings said"
            )
            line.monitor.emit(Note(level="warning", text=f"{said}; the next plan knows better"))
        return report

    def measured(self, verdict: Verdict) -> Measured:
        """What the clock said: of every step, and of every finalist."""
        from tunesmith.decide.run import paces

        store = self.line.store
        training = {name: (artifact, cost_of(artifact)) for name, (artifact, _) in self.trained.items()}
        named: dict[str, Cost] = {}
        for finalist in reversed(self.finalists):  # the first one of a remedy gives its name
            if finalist.candidate.name in training:
                named[TRAININGS[finalist.remedy]] = training[finalist.candidate.name][1]
        heard = {one.candidate.name: answering_of(store.get(one.artifact)) for one in self.finalists}
        answering = {name: found for name, found in heard.items() if found is not None}
        instead = next((bill.instead_of for bill in verdict.bills if bill.instead_of), None)
        budget = self.plan[1].decide.budget if self.spent is not None else None
        return Measured(
            spent=self.spent() if self.spent is not None and budget is not None else None,
            budget=budget,
            costs={**without(self.line.steps.costs, list(named.values())), **named},
            machine=machine_facts(),
            started=clock_time(self.started),
            finished=clock_time(time.time()),
            paces=paces(self.finalists, answering, {name: cost for name, (_, cost) in training.items()}, verdict.known, instead),
        )


def without(costs: Mapping[str, Cost], others: Sequence[Cost]) -> dict[str, Cost]:
    """The costs of all steps but those that are told under another name."""
    return {title: cost for title, cost in costs.items() if cost not in others}


def machine_facts() -> dict[str, str]:
    """What this machine is."""
    memory = f"{psutil.virtual_memory().total / 2**30:.1f} GiB"
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": str(psutil.cpu_count()),
        "memory": memory,
    }


def clock_time(at: float) -> str:
    """A moment, in the time of this place."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))

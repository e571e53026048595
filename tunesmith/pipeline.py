"""THE LINE: a project → a verdict, a report and a registered model. The only file that knows the order.

    data      sources → Dataset, documents → passages                                no torch
    measure   the plan; majority, classifier, prompts, few-shot, RAG, tuned on dev   torch
    train     Dataset + Recipe → Checkpoint: pilots, a search, the final ones        torch, a process for each
    measure   the finalists on the locked split, once                                torch
    report    verdict, page, certificate, registration                               no torch

Every line of it is a step with a key (`store/steps.py`): what is in the store is not done again. A stage is imported where it runs, and a process runs
one stage only: trainings and what is measured between them take turns. A key holds what the result depends on and nothing else: a new goal, question
or name retrains nothing.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tunesmith.catalogue.footing import refuse_unsound
from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import local
from tunesmith.conclusion import Conclusion, Examined, Forgotten, finalist, leading, so_far
from tunesmith.doctor import doctor
from tunesmith.errors import BadProject, DoesNotFit, NotEnoughData, NotFound, Unsupported
from tunesmith.examiner import Examiner, asked
from tunesmith.finetune.run import finetune
from tunesmith.line import Line, new_bench
from tunesmith.maker import make
from tunesmith.pins import file_pins, judged_by
from tunesmith.planning import Frozen, Planning, stopwatch
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Prompted, Tuned, reader
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.elected import Elected
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.plan import Done, Facts, Plan, PlannedTrial
from tunesmith.spec.project import parse_project
from tunesmith.spec.trial import Failure, Trial
from tunesmith.spec.verdict import Finalist
from tunesmith.store.artifacts import Store
from tunesmith.store.ledger import Ledger, Look
from tunesmith.store.steps import StageDone
from tunesmith.trials import proven, tried
from tunesmith.verify import verify

STAGES = ("tunesmith.data.run", "tunesmith.decide.run", "tunesmith.train.run", "tunesmith.answer.candidate", "tunesmith.evaluate.run")
"""What the steps of a run import where they run, and all that these import: four seconds, of which the workers of one job spare each other most."""
REHEARSED = 3
"""Rows that the user's own scoring function is tried on before anything is measured."""
WORST = 3
"""Findings about the data that are said before anything is trained."""


def run_job(job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
    """The job's result, or None where one stage is done and another process has to go on.

    Raises: every problem that can be told before work begins, at once; then what the stages raise.
    """
    if job.kind == "pull":
        return pull(str(job.payload["model"]), store.models, monitor, offline=settings().offline).model_dump(mode="json")
    if job.kind == "finetune":
        return finetune(job, store, monitor)
    if job.kind in ("check", "mend"):
        return doctor(job, store, monitor)
    if job.kind == "make":
        return make(job, store, monitor)
    if job.kind == "verify":
        return verify(job.payload, store, monitor)
    worked = stopwatch(job.worked(time.time()))
    line = opened(job.payload, store, monitor)
    line.refuse_to_begin(job.kind)
    try:
        match job.kind:
            case "data":
                return {"dataset": line.dataset[0].name} | ({"passages": line.library.passages[0].name} if line.project.documents else {})
            case "train":
                return train_only(line)
            case "evaluate":
                return evaluate_only(line, str(job.payload["candidate"]))
            case "run":
                given = Plan.model_validate(job.payload["plan"]) if job.payload.get("plan") else None
                return run(line, job.started_at, given, worked)
            case _:
                raise BadProject("is not work for the line", where="job", got=job.kind)
    except StageDone:
        return None


def chat(payload: dict[str, Any], store: Store, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
    """Answer conversations, one per line in, by the code that evaluates.

    Raises: NotFound if nothing bears the model's name; DamagedWeights.
    """
    refuse_unsound(str(payload["model"]), store)
    from tunesmith.answer.talk import talk

    talk(payload, new_bench(store), lines, emit)


def opened(payload: dict[str, Any], store: Store, monitor: Monitor) -> Line:
    """The line of a job's project, as the file, the options and the store say now."""
    path, overrides = Path(str(payload["project"])), tuple(payload.get("overrides", ()))
    project = parse_project(path.read_text(encoding="utf-8-sig"), str(path), overrides)
    if payload.get("start"):
        project = project.model_copy(update={"start": payload["start"]})
    name = payload.get("name") or project.name
    words = [word for text in overrides for word in ("--set", text)] + (["--name", name] if name != project.name else [])
    return Line(project, path, store, monitor, str(name), shlex.join(["tunesmith", "run", path.name, *words]))


def tell_findings(line: Line) -> None:
    """Say the worst that was found in the data, and the command that shows all of it."""
    grave = [one for one in line.dataset[1].findings if one.severity != "note"]
    for one in grave[:WORST]:
        line.monitor.emit(Note(level="warning", text=one.words()))
    if grave:
        line.monitor.emit(
            Note(text=f"all that was found in the data, and what mends it: {shlex.join(['tunesmith', 'data', 'check', line.path.name])}")
        )


def train_only(line: Line) -> dict[str, Any]:
    """A checkpoint, registered under the project's name."""
    tell_findings(line)
    artifact, _ = line.trainings.checkpoint(line.trainings.as_written())
    line.store.register(line.model, artifact.name)
    return {"checkpoint": artifact.name, "model": line.model}


def evaluate_only(line: Line, name: str) -> dict[str, Any]:
    """One model on dev; the locked split stays closed."""
    candidate = meant(line, name)
    answers = reader(candidate)
    if isinstance(answers, Tuned):
        found = line.store.get(answers.checkpoint, "checkpoint")
        checkpoint = found.load(Checkpoint)
        if isinstance(candidate, Tuned) and any(parent.kind == "grounding" for parent in line.store.lineage(found.name)):
            line.monitor.emit(Note(level="warning", text=f"{name} was tuned to read passages, and is asked here without any"))
        line.continued = checkpoint.parent or line.continued  # so that its dev rows are those that it was trained beside
        if line.dataset[0].name != checkpoint.dataset:
            text = f"{name} was tuned on {checkpoint.dataset} and is measured on {line.dataset[0].name}: rows that it was trained on may stand in this dev split"
            line.monitor.emit(Note(level="warning", text=text))
    artifact, _ = line.measure(candidate, "dev", "evaluate")
    return {"evaluation": artifact.name}


def meant(line: Line, name: str) -> Candidate:
    """The candidate that a name means: one that was recommended, as it was measured; a tuned model; or an untuned one with the prompt of a tuned one.

    Raises: NotFound if it is none of them.
    """
    from tunesmith.decide.rivals import tuned_prompt

    with suppress(NotFound):
        return line.store.get(name, "candidate").load(Elected).candidate
    with suppress(NotFound):
        found = line.store.get(name, "checkpoint")
        return Tuned(name=name, checkpoint=found.name, prompt=found.load(Checkpoint).prompt)
    model = local(line.store.models, name)
    return Prompted(name=model.id, model=model.id, prompt=tuned_prompt(line.project.task, line.dataset[1]))


def run(line: Line, since: float | None = None, given: Plan | None = None, worked: Callable[[], float] | None = None) -> dict[str, Any]:
    """The whole line; `since` is when the job began: stages have processes of their own, and the last one writes the report. `given`: a plan to replay.

    `worked` counts the seconds that workers have given to the job; None: it begins now.
    """
    line.since = started = time.time() if since is None else since
    tell_findings(line)
    if line.project.documents:
        _ = line.library.passages  # by the process that has prepared the data
    if line.project.rivals.classifier and len(line.dataset[1].labels) > 1:
        _ = line.footing.embedder  # raises NotFound before any rival is measured, where the kind of task was not known before
    if given is not None and given.decide.at_most_ms is not None:
        line.readings = given.waits
    planning = Planning(line, started, given, worked or stopwatch())
    history, plan, end = walk(line, planning)
    finalists, looks, end, history = tested(line, end, history)
    first, plan, examined = looked_into(line, planning, history, end, plan, finalists)
    from tunesmith.decide.run import outlook_of

    return Conclusion(
        line,
        history,
        end,
        plan,
        finalists,
        looks,
        line.ask(first.candidate),
        examined,
        outlook_of(history, end, line.dataset[1], planning.facts),
        started,
        None if given is not None else lambda: planning.spent(history),
    ).keep()


def looked_into(
    line: Line, planning: Planning, history: Sequence[Trial], end: Done, plan: Frozen, finalists: Sequence[Finalist]
) -> tuple[Trial, Frozen, Examined]:
    """(The finalist that was looked into, the plan with the probes that were asked, what was found).

    Where what it has lost bars it, whoever the answers speak for instead is looked into as well: nobody is recommended unseen.
    """
    examiner, forgotten = Examiner(line), dict[str, Forgotten]()
    while True:
        first = foremost(end, planning.facts, leading(line, finalists, tuple(forgotten.values())))
        on_test = next(one.artifact for one in finalists if one.candidate == first.candidate)
        assert first.artifact is not None
        suites = examiner.suites(first.candidate, dev=first.artifact, test=on_test, share=first.pilot.share if first.pilot else 1.0)
        unasked = [one for one in tuned_ones(first, end, planning.facts) if one.candidate.name not in forgotten]
        if not unasked and forgotten:
            return first, plan, Examined(suites, tuple(forgotten.values()))
        readers = [answers for one in unasked if isinstance(answers := reader(one.candidate), Tuned)]
        plan = planning.pressed(plan, history, examiner.unasked(readers, plan[1].probes))
        fresh = [forgotten_by(examiner, one.candidate, plan[1].probes) for one in unasked]
        planning.learn_proof(first.candidate, suites[0], [one.found[0] for one in fresh if not isinstance(one.found, str)], plan[1].probes)
        forgotten |= {one.candidate: one for one in fresh}
        if not unasked:
            return first, plan, Examined(suites, ())


def walk(line: Line, planning: Planning) -> tuple[list[Trial], Frozen, Done]:
    """Everything that is tried on dev, by which plan, and who goes on.

    Raises: NotEnoughData if no dev row shows the metric that decides; Alarm or DoesNotFit if every training failed and there is nothing else.
    """
    from tunesmith.decide.run import going_on, is_carried, is_hidden, is_telling, next_trial

    facts, history = planning.facts, list[Trial]()
    dev = [(row.origin, row.conversation) for row in line.references("dev") if row.conversation is not None]
    line.marking.rehearse([(origin, asked(said), said.answer() or "") for origin, said in dev[:REHEARSED]])
    references = [said.answer() for _, said in dev]
    if not is_carried(facts.metric, references, line.dataset[1].out_of_scope):
        raise unmeasured(facts)
    plan = planning.current()
    while isinstance(step := next_trial(history, facts, plan[1]), PlannedTrial):
        if not planning.is_there(step):
            planning.announce(step, plan[1])
        history.append(tried(line, step, facts))
        if is_hidden(history, facts, plan[1]):
            raise unmeasured(facts)  # now, and not after hours: no further trial would show more
        is_made = history[-1].artifact in line.steps.made
        if is_made:
            planning.learn(step, history[-1])
        plan = planning.revised(plan, history)
        if is_made:
            standing = [trial for some in going_on(history, facts) for trial in some]
            if standing and is_telling(step, next_trial(history, facts, plan[1]), plan[1]):
                line.monitor.emit(Note(text=so_far(line, standing)))
    for left in step.skipped:
        line.monitor.emit(Note(text=f"passed over {left.name}: {left.reason}"))
    if not step.trials:
        raise next((trial.failure.raised() for trial in history if trial.failure is not None), unmeasured(facts))
    return history, plan, step


def unmeasured(facts: Facts) -> NotEnoughData:
    """The error of a run whose metric cannot be seen."""
    from tunesmith.decide.run import RESTS_ON_PASSAGES

    if facts.metric in RESTS_ON_PASSAGES:
        return NotEnoughData(
            f"no dev row shows {facts.metric}", where="goal.metric", got="candidates that are shown no passages, or none that hold an answer",
            expected="one that answers from documents", fix="set rivals.rag or rivals.fine_tune_rag, give it more time, or choose another goal.metric",
        )  # fmt: skip
    return NotEnoughData(
        f"no dev row shows {facts.metric}", where="goal.metric", got=f"{facts.dev_rows} dev rows", expected="at least one row that it rests on",
        fix="enlarge split.dev, or choose another goal.metric",
    )  # fmt: skip


def tested(line: Line, end: Done, history: Sequence[Trial]) -> tuple[list[Finalist], int, Done, list[Trial]]:
    """(Finalists on the locked test split, the tuned one first; how many looks there were at any of its rows by now; who went on, and what was tried).

    A model elsewhere that answers no more goes on no further, and stands among what was tried with its failure.
    Raises: its error, where nobody else went on.
    """
    every = (*end.trials, *end.replicas)
    judged = judged_by(line.project, line.metric, file_pins(line.project, line.path.parent))
    digests = [trial.candidate.content_digest() for trial in every]
    looks = Ledger(line.store).open_test(Look(line.dataset[0].name, [row.id for row in line.rows("test")], digests, judged)).total
    finalists, silent = [], dict[str, Trial]()
    for trial in every:
        found = proven(line, trial)
        if isinstance(found, Failure):
            silent[trial.candidate.name] = trial.model_copy(update={"failure": found})
        else:
            finalists.append(finalist(line, trial, *found))
    if not finalists:
        raise next(trial.failure.raised() for trial in silent.values() if trial.failure is not None)
    left = end.model_copy(update={"trials": tuple(trial for trial in end.trials if trial.candidate.name not in silent)})
    return finalists, looks, left, [silent.get(trial.candidate.name, trial) for trial in history]


def tuned_ones(first: Trial, end: Done, facts: Facts) -> list[Trial]:
    """The finalists whose tuning is held against its base: the one that the answers speak for, where it is tuned, and the tuned one that leads on dev."""
    from tunesmith.decide.run import best_of

    tuned = [trial for trial in (*end.trials, *end.replicas) if isinstance(reader(trial.candidate), Tuned)]
    best = best_of(tuned, facts.metric)
    found = [*([first] if isinstance(reader(first.candidate), Tuned) else []), *([best[0]] if best else tuned[:1])]
    return list({one.candidate.name: one for one in found}.values())


def forgotten_by(examiner: Examiner, candidate: Candidate, share: float) -> Forgotten:
    """What a tuned finalist has lost of what its base could do, by this share of the probes, or why that cannot be measured."""
    answers = reader(candidate)
    assert isinstance(answers, Tuned)
    try:
        return Forgotten(candidate.name, examiner.forgetting(answers, share))
    except (DoesNotFit, Unsupported) as error:
        return Forgotten(candidate.name, error.message)


def foremost(end: Done, facts: Facts, leading: str | None) -> Trial:
    """The finalist that is looked into and that answers the user's questions.

    The one that leads on test; where that is a mere control or a model elsewhere, whose answers cost money: the tuned model; where none was
    tuned, the best on dev that could be served.
    """
    from tunesmith.decide.run import best_of

    for trial in (*end.trials, *end.replicas):
        if trial.candidate.name == leading and trial.remedy not in ("majority", "remote"):
            return trial
    if isinstance(end.trials[0].candidate, Tuned):
        return end.trials[0]
    best = best_of([trial for trial in end.trials if trial.remedy not in ("majority", "remote")], facts.metric)
    return best[0] if best is not None else end.trials[0]

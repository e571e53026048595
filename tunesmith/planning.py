"""A line and its user's wishes → the frozen plan of what is tried: made once, found again by every later process, revised where the budget asks for it.

    facts      project, rows, models → what may be tried              no torch
    timing     a few answers, a few steps of training → readings      only where a budget rests on a machine that was never measured
    plan       facts, wishes, readings → steps with prices            stage measure; the readings go into the plan, and not into its key
    revision   a plan and the time that was taken → the next plan     stage measure; its key is the plan before it

The last revision alone replays a whole run: so whoever comes later, after a stop or another day, follows the revisions to their end and walks by that one.
The clock is read here and nowhere in `decide`.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property

from tunesmith.errors import BadProject, DamagedWeights
from tunesmith.library import made_of
from tunesmith.line import Line
from tunesmith.measurement import asked_before
from tunesmith.probes.load import probes
from tunesmith.spec.candidate import Candidate, Prompted, Tuned, reader
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.forgetting import Forgetting
from tunesmith.spec.job import Note, Silent
from tunesmith.spec.plan import Base, Decide, Done, Facts, Plan, PlannedTrial, Speeds, Stored
from tunesmith.spec.report import Report
from tunesmith.spec.suite import Suites
from tunesmith.spec.trial import Trial
from tunesmith.store.artifacts import Artifact
from tunesmith.store.speeds import keep_speeds, read_speeds
from tunesmith.store.steps import Finding, NotMade, Step, cost_of
from tunesmith.timing import Timing, this_machine
from tunesmith.trials import tried

VERSION = 8
"""Part of every plan's key; raised when the same facts and wishes would give another plan."""
LONGEST_START_S = 60.0
"""Whoever takes longer between two steps was asleep."""
FULL = ("final", "fine-tune-rag")
"""Kinds of steps that are full trainings."""
EARLIER = 12
"""Plans that are looked through for what is in the store already: the latest ones."""

Frozen = tuple[Artifact, Plan]


def stopwatch(before: float = 0.0) -> Callable[[], float]:
    """A clock of this process's seconds from now on, behind those `before`. While the machine sleeps it stands still, as far as the system's clock does."""
    began = time.monotonic()
    return lambda: before + time.monotonic() - began


@dataclass
class Planning:
    """What is tried in one line, and what it costs."""

    line: Line
    since: float
    """When the job began, in Unix time."""
    given: Plan | None = None
    """A plan that somebody wants replayed: it is carried out as it stands."""
    worked: Callable[[], float] = field(default_factory=lambda: stopwatch())
    """Seconds that workers have given to the job so far; its pauses and waits are none."""

    @cached_property
    def facts(self) -> Facts:
        """All that is known before anything was tried.

        Raises: BadProject for prompts with unknown placeholders; NotEnoughData.
        """
        from tunesmith.decide.run import Given, facts_of
        from tunesmith.train.rates import learning_rate

        line, footing, recipe = self.line, self.line.footing, self.line.trainings.recipe
        dataset = line.dataset[1]
        has_classifier = line.project.rivals.classifier and len(dataset.labels) > 1
        return facts_of(
            Given(
                project=line.project,
                dataset=dataset,
                train=line.references("train"),
                dev=line.references("dev"),
                metric=line.metric,
                bases=[
                    Base(id=base.id, parameters=base.parameters, lr=recipe.optimiser.lr or float(learning_rate(recipe, base.parameters).value))
                    for base in footing.bases
                ],
                encoder_parameters=footing.embedder.parameters if has_classifier else 0,
                probe_share=line.project.probes.share(probes()),
                inherited=footing.parent[1].prompt if footing.parent else None,
                recipe=recipe,
            )
        )

    @property
    def decide(self) -> Decide:
        """The user's wishes; a continued model keeps its rank."""
        wishes = self.line.project.decide
        if self.line.footing.parent is None:
            return wishes
        return wishes.model_copy(update={"search_over": tuple(name for name in wishes.search_over if name != "rank")})

    @property
    def speeds(self) -> Speeds:
        """What this machine is known to take."""
        return read_speeds(self.line.store.home, this_machine())

    @cached_property
    def first(self) -> Frozen:
        """The plan as it was first made.

        Raises: BadProject where the budget is too short for anything, or the plan that was given is another project's.
        """
        if self.given is not None:
            return self._taken(self.given)
        dataset = self.line.dataset[0].name
        inputs = {"version": VERSION, "dataset": dataset, "facts": self.facts.content_digest(), "decide": self.decide.model_dump(mode="json")}
        step = Step("measure", "plan what is tried", "plan", inputs, (dataset,))
        made = cache(self._made)
        if self.line.store.find(step.key) is None:
            made()  # ahead of it: to time this machine are steps of their own
        return self.line.steps.do(step, lambda work: made(), plan_summary, Plan)

    def _taken(self, given: Plan) -> Frozen:
        from tunesmith.decide.run import wanted

        wishes, _ = wanted(self.facts, given.decide)
        known = {version.name for wish in wishes for version in wish} | {"test"}
        unknown = [step.name for step in given.steps if step.name not in known or all(base.id != step.base for base in self.facts.bases)]
        if unknown:
            raise BadProject(
                "the plan is not for this project", where="--plan", got=f"it wants {', '.join(unknown)}",
                expected=f"steps out of {', '.join(sorted(known))}", fix="give the plan that was made for this project, or none",
            )  # fmt: skip
        step = Step(
            "measure", "take the plan that was given", "plan", {"version": VERSION, "given": given.content_digest()}, (self.line.dataset[0].name,)
        )
        return self.line.steps.do(step, lambda work: given, plan_summary, Plan)

    def _made(self) -> Plan:
        """The plan that these wishes and this machine's speeds lead to.

        A budget is refused on fresh readings alone: those that are kept may be of a time when the machine was busy with something else.
        """
        from tunesmith.decide.run import least, leaves_a_choice, spoken

        if not leaves_a_choice(self.facts):
            raise BadProject(
                "nothing is left to compare", where="rivals", got="on these rows every rival that may be recommended is switched off, or cannot be made",
                expected="at least one of them", fix="let one in: rivals.prompts = true, or rivals.fine_tune = true",
            )  # fmt: skip
        timing, speeds = Timing(self.line, self.facts, self.since), self.speeds
        if self.decide.budget is not None:
            speeds = timing.completed(speeds)
        plan = self._within(speeds)
        if not plan.steps and self.worked() < (self.decide.budget or 0.0):
            speeds = timing.afresh()
            plan = self._within(speeds)
        if plan.steps:
            keep_speeds(self.line.store.home, this_machine(), speeds)
            return plan
        spent, needed = self.worked(), least(self.facts, self.decide, speeds)
        assert needed is not None  # somebody is left
        raise BadProject(
            "the budget is too short for any verdict", where="decide.budget", got=f"{spoken(self.decide.budget or 0.0)}, of which {spoken(spent)} are gone",
            expected=f"about {spoken(spent + needed)} or more", fix=f"give it more time: --budget {math.ceil((spent + needed) / 60 + 0.5)}m",
        )  # fmt: skip

    def _within(self, speeds: Speeds) -> Plan:
        """What fits at these speeds into the time that is left, with what the store holds; without steps: nothing does."""
        from tunesmith.decide.run import make_plan

        spent = self.worked()
        plan = make_plan(self.facts, self.decide, speeds, spent)
        return self._done_before(plan) or self._going_on(plan, speeds, spent)

    def _done_before(self, fresh: Plan) -> Plan | None:
        """An earlier plan for these rows that is done and holds all that the fresh one would do; None where there is none, or no budget presses.

        What is done costs nothing: no verdict is refused, or rests on less, because the machine is slower today than it was when the work was done.
        """
        from tunesmith.decide.run import covers

        if self.decide.budget is None:
            return None
        for earlier in self._earlier():
            if covers(earlier, fresh, self.facts):
                steps = tuple(step.model_copy(update={"seconds": 0.0}) for step in earlier.steps)
                found = fresh.model_copy(update={"steps": steps, "left_out": (), "passed": len(steps), "unproven": earlier.unproven})
                if self._is_done(found):
                    return found
        return None

    def _earlier(self) -> Iterator[Plan]:
        """The plans that were made for these rows, the newest first, as far as this version can read them."""
        for artifact in self.line.store.artifacts("plan"):
            if self.line.dataset[0].name in artifact.parents:
                with suppress(DamagedWeights):
                    yield artifact.load(Plan)

    def is_there(self, step: PlannedTrial) -> bool:
        """True if the store holds all of a trial, so that nobody needs to hear that it begins."""
        try:
            tried(self._look, step, self.facts)
        except NotMade:
            return False
        return True

    def _is_done(self, plan: Plan) -> bool:
        """True if all that the plan leads to, with these facts, is in the store: on dev, and of the finalists on the locked rows."""
        kept, end = self._kept(plan)
        every = (*end.trials, *end.replicas)
        if kept != plan or not end.trials or not all(self._is_proven(trial) for trial in every):
            return False
        return plan.probes in self._probed(every) or not any(isinstance(reader(trial.candidate), Tuned) for trial in every)

    @cached_property
    def _look(self) -> Line:
        """This line, to look into the store without doing anything."""
        line = self.line
        look = Line(line.project, line.path, line.store, Silent(), line.model, line.rerun)
        look.footing, look.dataset, look.steps = line.footing, line.dataset, Finding(line.store, Silent())
        return look

    def _kept(self, plan: Plan) -> tuple[Plan, Done]:
        """The plan without the steps that are not whole in the store, and who goes on from it."""
        from tunesmith.decide.run import next_trial, owner

        history = list[Trial]()
        while isinstance(step := next_trial(history, self.facts, plan), PlannedTrial):
            try:
                history.append(tried(self._look, step, self.facts))
            except NotMade:
                missing = step.step
                history = [trial for trial in history if owner(trial) != missing]
                plan = plan.model_copy(update={"steps": tuple(one for one in plan.steps if one.name != missing)})
        return plan, step

    def _is_proven(self, trial: Trial) -> bool:
        """True if a finalist has answered the locked rows."""
        try:
            self._look.measure(trial.candidate, "test", "measure")
        except NotMade:
            return False
        return True

    def _going_on(self, fresh: Plan, speeds: Speeds, spent: float) -> Plan:
        """The plan that goes on from what is in the store, unless the fresh one does more that is new; but in any case where that would lose what is there."""
        from tunesmith.decide.run import goes_as_far, make_plan

        stored = self._stored()
        onward = make_plan(self.facts, self.decide, speeds, spent, stored) if stored.steps else fresh
        return onward if goes_as_far(onward, fresh.steps) or not goes_as_far(fresh, stored.steps) else fresh

    def _stored(self) -> Stored:
        """What one of the earlier plans for these rows has left in the store, as far as these facts and wishes lead there: that with the most full trainings,
        then with the most steps; nothing, where no budget asks for prices."""
        if self.decide.budget is None:
            return Stored()
        found = list[Stored]()
        seen = set[tuple[tuple[str, int, float | None], ...]]()
        for earlier in itertools.islice(self._earlier(), EARLIER):
            shapes = tuple((step.name, step.trials, step.epochs) for step in earlier.steps)
            if shapes not in seen:
                seen.add(shapes)
                found.append(self._left_by(earlier))
        return max(found, key=lambda one: (sum(step.kind in FULL for step in one.steps), len(one.steps)), default=Stored())

    def _left_by(self, earlier: Plan) -> Stored:
        """What an earlier plan has left."""
        from tunesmith.decide.run import best_of, owner, wanted

        bases = {base.id for base in self.facts.bases}
        most = {wish[0].name: wish[0].trials for wish in wanted(self.facts, self.decide)[0]} | {"test": 1}
        known = tuple(step for step in earlier.steps if step.base in bases and step.trials <= most.get(step.name, 0))
        kept, end = self._kept(earlier.model_copy(update={"steps": known, "decide": self.decide}))
        skipped = {left.name for left in end.skipped} | {"test"}
        every = [trial for trial in (*end.trials, *end.replicas) if self._is_proven(trial)]
        ahead = best_of([trial for trial in end.trials if trial.remedy not in ("majority", "remote")], self.facts.metric)
        return Stored(
            steps=tuple(step.model_copy(update={"parts": (), "seconds": 0.0}) for step in kept.steps if step.name not in skipped),
            proven=tuple(sorted({owner(trial) for trial in every})),
            examined=ahead is not None and ahead[0] in every and self._examined(ahead[0].candidate),
            probed=max(self._probed(every), default=0.0),
        )

    def _probed(self, finalists: Sequence[Trial]) -> set[float]:
        """The shares of the probes by which one of these was held against its base."""
        from tunesmith.decide.run import PROBE_SHARES

        made = {name for trial in finalists for name in made_of(trial.candidate)}
        asked = self.line.project.probes
        limits = [found.load(Forgetting).limits for found in self.line.store.artifacts("forgetting") if made & set(found.parents)]
        return {share for share in PROBE_SHARES if any(asked.scaled(share, probes()).is_like(one) for one in limits)}

    def _examined(self, candidate: Candidate) -> bool:
        """True if a candidate was asked the questions of the suites about these rows."""
        from tunesmith.evaluate.suites.asking import Calls

        for found in self.line.store.artifacts("calls"):
            with suppress(DamagedWeights):
                if self.line.dataset[0].name in found.parents and found.load(Calls).candidate == candidate:
                    return True
        return False

    def current(self) -> Frozen:
        """The plan as it was last revised, told step by step."""
        from tunesmith.decide.run import as_anywhere, changes, plan_words

        found = self.first
        shown = found[1] if self.given is None else as_anywhere(found[1], self.facts)
        self._tell([f"plan  {line}" for line in plan_words(shown)])
        while self.given is None and (kept := self.line.store.find(self._revision(found).key)) is not None:
            before, found = found, (kept, kept.load(Plan))
            self._tell(changes(before[1], found[1]))
        return found

    def _revision(self, plan: Frozen) -> Step:
        """The step that revises a plan."""
        inputs = {"version": VERSION, "revises": plan[0].name}
        return Step("measure", f"revise the plan, {plan[1].revision + 1}", "plan", inputs, (self.line.dataset[0].name, plan[0].name))

    def revised(self, plan: Frozen, history: Sequence[Trial]) -> Frozen:
        """The plan after something was tried: the same one, unless the time that is left asks for another.

        Prices are looked at once behind every trial that was made since there is a plan. That they were is stored, whatever came of it: a process that was
        killed before it could look is made up for by the next one.
        """
        from tunesmith.decide.run import changes, hopeless, passes_of, progress, revise, shorten, under_way

        store, last = self.line.store, str(history[-1].artifact)
        if plan[1].decide.budget is None or self.given is not None:
            return plan
        is_new = last in self.line.steps.made or store.get(last).created_at >= self.first[0].created_at
        looked = Step("measure", "look at the prices", "plan", {"version": VERSION, "plan": self.first[0].name, "after": last})
        if not is_new or store.find(looked.key) is not None:
            return plan
        passed, doing = progress(history, self.facts, plan[1])
        searching = under_way(history, self.facts, plan[1]) if doing else None
        if doing and searching is None:  # in the middle of a step: what is begun is ended, and prices are looked at again between steps
            return plan
        now = plan[1], self.facts, self.speeds, self.spent(history), passed
        passes = passes_of(history, self.facts, plan[1])
        fresh = shorten(*now, searching) if searching is not None else revise(*now, hopeless(history, self.facts), passes)
        found = plan if fresh == plan[1] else self.line.steps.do(self._revision(plan), lambda work: fresh, plan_summary, Plan)
        store.lead(looked.key, found[0].name)
        self._tell(changes(plan[1], found[1]))
        return found

    def spent(self, history: Sequence[Trial]) -> float:
        """Seconds of the budget that are gone: before the plan, in this job, and for what earlier jobs have made by this plan."""
        artifact, plan = self.first
        if artifact.created_at >= self.since:  # what came before the plan came in this job
            return self.worked()
        store = self.line.store
        names = dict.fromkeys(name for trial in history for name in (trial.artifact, *made_of(trial.candidate)) if name)
        made = [store.get(name) for name in names]
        made += self._proof_of([trial.candidate for trial in history])
        made += [answers for one in made if one.kind == "evaluation" for answers in asked_before(one, store)]
        each = {one.name: one for one in made if artifact.created_at <= one.created_at < self.since}
        earlier = sum(cost_of(one).seconds for one in each.values())
        return plan.spent + earlier + self.worked()

    def _proof_of(self, candidates: Sequence[Candidate]) -> list[Artifact]:
        """What was made of these as finalists: their answers to the locked rows, their examinations, and what their tuning has cost."""
        store, dataset = self.line.store, self.line.dataset[0].name
        made = {name for candidate in candidates for name in made_of(candidate)}
        found = [one for one in store.artifacts("forgetting") if dataset in one.parents and made & set(one.parents)]
        nouns: dict[str, type[Report | Suites]] = {"evaluation": Report, "suites": Suites}
        for kind, noun in nouns.items():
            for one in store.artifacts(kind):
                with suppress(DamagedWeights):  # of another version: nothing of this job
                    found += [one] if dataset in one.parents and one.load(noun).candidate in candidates else []
        return found

    def learn(self, step: PlannedTrial, trial: Trial) -> None:
        """Keep what a trial took, so that the next price is nearer."""
        from tunesmith.decide.run import alone, answering, learn, starting, training

        if trial.failure is not None:  # it ended somewhere in the middle, so that nothing is known of the whole
            return
        if trial.artifact is None:
            return
        store, speeds, work = self.line.store, self.speeds, answering(step, self.facts)
        evaluation = store.get(trial.artifact)
        before = asked_before(evaluation, store)
        if any(answers.created_at < self.since for answers in before):
            return  # an earlier job has asked, and has learnt what that took: these are new marks
        if work is not None and (step.dev_rows >= self.facts.dev_rows or work.purpose == "search"):
            speeds = learn(speeds, [work], sum(cost_of(one).seconds for one in (evaluation, *before)))
            speeds = learn(speeds, [alone(work, trial.wait.n)], trial.wait.n * trial.wait.median_s) if trial.wait is not None else speeds
        for artifact in (store.get(name) for name in made_of(trial.candidate)):
            if artifact.kind == "checkpoint":
                rows = artifact.load(Checkpoint).trained_rows
                speeds = learn(speeds, [training(step, self.facts, rows)], cost_of(artifact).seconds)
                between = self._between(artifact, evaluation)
                speeds = learn(speeds, [starting(1)], between) if 0 < between < LONGEST_START_S else speeds
        keep_speeds(store.home, this_machine(), speeds)

    def learn_proof(self, first: Candidate, examined: Artifact, probed: Sequence[Artifact], share: float) -> None:
        """Keep what the suites of the finalist that was looked into and the probes took, of those that this process has made."""
        from tunesmith.decide.run import examination, learn, probed_models

        store, speeds, made = self.line.store, self.speeds, [self.line.store.get(name) for name in self.line.steps.made]
        model = self._base_of(first)
        if examined in made and model is not None and any(one.kind == "calls" for one in made):  # else nobody was asked
            speeds = learn(speeds, [examination(self.facts, model, reads=False)], cost_of(examined).seconds)
        fresh = [one for one in probed if one in made]
        tuned = [parent for one in fresh for name in one.parents if (parent := store.get(name)).kind == "checkpoint"]
        bases = {base for one in tuned if (base := self._known(one.load(Checkpoint).base)) is not None}
        for base in bases if len(bases) == 1 else ():
            models = len(fresh) + sum(one.kind == "probed" for one in made)
            speeds = learn(speeds, probed_models(self.facts, base, share, models), sum(cost_of(one).seconds for one in fresh))
        keep_speeds(store.home, this_machine(), speeds)

    def _base_of(self, candidate: Candidate) -> Base | None:
        """The base whose weights answer by themselves; None where none of ours do, or where they read what is looked up, which takes as long as that is."""
        if isinstance(candidate, Prompted):
            return self._known(candidate.model)
        if isinstance(candidate, Tuned):
            return self._known(self.line.store.get(candidate.checkpoint, "checkpoint").load(Checkpoint).base)
        return None

    def _known(self, name: str) -> Base | None:
        """The base of this name, if it takes part."""
        return next((base for base in self.facts.bases if base.id == name), None)

    def pressed(self, plan: Frozen, history: Sequence[Trial], models: int) -> Frozen:
        """The plan in front of the probes, all else being done: with fewer of them where the time does not reach for all. `models` have not been asked yet.

        Looked at once, like the prices behind every trial.
        """
        from tunesmith.decide.run import changes, fewer_probes

        store = self.line.store
        looked = Step("measure", "look at the prices of the probes", "plan", {"version": VERSION, "plan": self.first[0].name, "before": "probes"})
        if plan[1].decide.budget is None or self.given is not None or not models or store.find(looked.key) is not None:
            return plan
        fresh = fewer_probes(plan[1], self.facts, self.speeds, self.spent(history), models)
        found = plan if fresh == plan[1] else self.line.steps.do(self._revision(plan), lambda work: fresh, plan_summary, Plan)
        store.lead(looked.key, found[0].name)
        self._tell(changes(plan[1], found[1]))
        return found

    def _between(self, first: Artifact, second: Artifact) -> float:
        """Seconds from the end of one step to the beginning of the next, which another process has done; 0 where an earlier job did the first."""
        return second.created_at - cost_of(second).seconds - first.created_at if first.created_at >= self.since else 0.0

    def announce(self, step: PlannedTrial, plan: Plan) -> None:
        """Say which step of the plan begins, and for a training with which settings."""
        number, planned = next((k, one) for k, one in enumerate(plan.steps, 1) if one.name == step.step)
        said = [f"{number} of {len(plan.steps)}, {step.step}: {planned.can_change}"]
        if step.recipe is not None and step.reason != planned.can_change:
            said.append(f"{step.trial.candidate.name}: {step.reason}")
        self._tell(said)

    def _tell(self, lines: Sequence[str]) -> None:
        for text in lines:
            self.line.monitor.emit(Note(text=text))


def plan_summary(plan: Plan) -> str:
    """A plan in one line."""
    from tunesmith.decide.run import spoken

    budget = f" of {spoken(plan.decide.budget)}" if plan.decide.budget is not None else ""
    left = f", {len(plan.left_out)} left out" if plan.left_out else ""
    return f"{len(plan.steps)} steps{left}, about {spoken(plan.will_have_spent())}{budget}"

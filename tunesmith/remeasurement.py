"""A certificate's finalists, put the locked questions again → checks: what they reach now, the verdict that follows, and its words.

Answers that were stored are compared with; they stand in for new ones only where somebody elsewhere gave them.
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
from tunesmith.evaluate.certificate import differing, wording, worse
from tunesmith.evaluate.page_words import duration
from tunesmith.inspection import MOST_SHOWN, Inspection, compared, plain
from tunesmith.marking import Marking
from tunesmith.spec.candidate import Decoding, Remote
from tunesmith.spec.certificate import TOLERANCE, Check, Entrant
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Note
from tunesmith.spec.report import Report, Scored, Wait
from tunesmith.spec.task import NEEDS
from tunesmith.spec.verdict import Finalist, Verdict

REACHED = ("decision", "winner", "recommended", "goal_met", "metric", "means", "comparisons", "bills")
"""Of a verdict, apart from its words."""
BILLED = ("candidate", "remedy", "prompt_tokens", "answer_tokens", "training_tokens", "instead_of", "privacy")
"""Of a bill, what does not hang on how rows were put together in a batch."""


@dataclass
class Remeasurement:
    """The finalists of one certificate, measured again."""

    inspection: Inspection
    """Where a project can be read."""
    answers: dict[str, list[Scored]] = field(default_factory=dict)
    """Candidate → its rows, measured again; of one that answers elsewhere those that were stored."""
    reports: dict[str, Report] = field(default_factory=dict)

    def checks(self) -> Iterator[Check]:
        """Each finalist, then what follows from all of them."""
        for entrant in self.inspection.proof.entrants:
            yield self.again(entrant)
        yield self.verdict()
        yield self.words()

    @cached_property
    def marking(self) -> Marking:
        """What marks answers here: all that could be checked."""
        here, (_, lost) = self.inspection, self.inspection.files
        task = here.project.task.model_copy(update={place.removeprefix("task."): None for place in lost if place.startswith("task.")})
        goal = here.project.goal.model_copy(update={"scorer": None} if "goal.scorer" in lost else {})
        project = here.project.model_copy(update={"task": task, "goal": goal, "judge": None})
        return Marking(project, here.folder, here.store, here.monitor)

    @cached_property
    def bench(self) -> Any:
        """The models in this process's memory."""
        from tunesmith.line import new_bench

        return new_bench(self.inspection.store, lambda text: self.inspection.monitor.emit(Note(text=text)))

    def again(self, entrant: Entrant) -> Check:
        """A finalist, asked the locked questions again."""
        name = entrant.candidate.name
        topic = f"{name} on the locked rows"
        if sum(one.candidate.name == name for one in self.inspection.proof.entrants) > 1:
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
        lost = self.inspection.files[1]
        metrics = {name: value for name, value in entrant.metrics.items() if NEEDS.get(name) not in lost}
        stated = {"metrics": metrics, "prompt_tokens": entrant.prompt_tokens, "answer_tokens": entrant.answer_tokens}
        found = {"metrics": report.metrics, "prompt_tokens": report.prompt_tokens, "answer_tokens": report.completion_tokens}
        check = compared(topic, plain(stated), plain(found), self.inspection.tolerance, f"{len(metrics)} metrics on {report.rows} rows")
        if check.outcome == "holds" and self.inspection.is_exact and not lost and entrant.answers != report.files.get(ANSWERS):
            return Check(topic=topic, outcome="differs", detail="every number is the same, and some answers are not")
        return check

    def kept(self, entrant: Entrant) -> tuple[Report, list[Scored]] | None:
        """The evaluation that it names, as it was stored; None where this store has no such answers."""
        try:
            artifact = self.inspection.store.get(entrant.artifact, "evaluation")
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
        from tunesmith.evaluate.run import Questions, evaluate

        artifact, dataset = self.inspection.data
        rows = [row for row in self.inspection.rows if row.desirable is not False]
        questions = Questions(rows, dataset, artifact.name, "test", self.inspection.project.goal.confidence)
        answerer = open_candidate(entrant.candidate, self.bench)
        how = self.marking.how(entrant.candidate, artifact)
        with tempfile.TemporaryDirectory() as folder:
            report = evaluate(entrant.candidate, answerer, questions, how, Path(folder), self.inspection.monitor)
            self.answers[entrant.candidate.name] = read_answers(Path(folder))
        self.inspection.monitor.emit(Note(text=f"{entrant.candidate.name} was asked {report.rows} locked questions again"))
        if entrant.wait is not None:
            self.tell_wait(entrant.candidate.name, entrant.wait, answerer, rows, how.decoding)
        return report

    def tell_wait(self, name: str, stated: Wait, answerer: Any, rows: Sequence[Record], decoding: Decoding) -> None:
        """Say how long a finalist's questions take here, one after another: a reading of the clock, which nothing has to agree with."""
        from tunesmith.answer.alone import waited
        from tunesmith.decide.run import ASKED_ALONE, LONGEST_S, sampled_questions

        asked = [row for row in rows if row.conversation is not None]
        drawn = sampled_questions(asked, ASKED_ALONE["test"], self.inspection.project.split.seed)
        found = waited(answerer, drawn, decoding, longest_s=LONGEST_S["test"], stop=self.inspection.monitor.stopping)
        if found is not None:
            here, there = (duration(one.p90_s) for one in (found, stated))
            text = f"{name}, asked one question after another: nine of ten within {here} here, and within {there} when the verdict was reached"
            self.inspection.monitor.emit(Note(text=text))

    @cached_property
    def measured_again(self) -> list[Entrant]:
        """The finalists whose answers are here."""
        return [one for one in self.inspection.proof.entrants if one.candidate.name in self.answers]

    @cached_property
    def concluded(self) -> Verdict:
        """What follows from the answers that are here.

        Raises: as `conclude`.
        """
        from tunesmith.decide.run import conclude

        finalists = [self.finalist(one) for one in self.measured_again]
        return conclude(
            finalists, self.answers, self.inspection.project, self.inspection.data[1], self.inspection.proof.locked.looks, self.inspection.proof.known
        )

    def finalist(self, entrant: Entrant) -> Finalist:
        """As it was, with what it reached now."""
        known = {name: getattr(entrant, name) for name in ("remedy", "candidate", "artifact", "seed", "arm", "wait", "on_dev")}
        return Finalist(**known, report=self.reports[entrant.candidate.name])

    def verdict(self) -> Check:
        """The decision, the comparisons and the bills, from the answers that were given now."""
        topic, proof = "the verdict from these answers", self.inspection.proof
        missing = [one.candidate.name for one in proof.entrants if one not in self.measured_again]
        if NEEDS.get(proof.metric) in self.inspection.files[1]:
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
        if not self.inspection.is_exact:  # a p-value moves further than the numbers that it is made of, and is no number of its own
            stated, now = (gist_of(one) for one in (stated, now))
        return compared(topic, stated, now, self.inspection.tolerance, f"“{found.decision}”, {len(found.comparisons)} comparisons")

    def without(self, missing: Sequence[str], found: Verdict) -> Check:
        """The comparisons among those that could be measured. Corrections and the decision hang on all of them."""
        pairs = [
            {(one.better, one.rival, one.metric): one.difference.value for one in each}
            for each in (self.inspection.proof.comparisons, found.comparisons)
        ]
        both = sorted(pairs[0].keys() & pairs[1].keys())
        values = [{" ".join(pair): each[pair] for pair in both} for each in pairs]
        check = compared("the verdict from these answers", values[0], values[1], self.inspection.tolerance, "")
        if check.outcome == "differs":
            return check
        detail = f"not measured again: {', '.join(missing[:MOST_SHOWN])}; {len(both)} comparisons among the others agree"
        return check.model_copy(update={"outcome": "not checked", "detail": detail})

    def words(self) -> Check:
        """Headline, reasons, what would settle it and what got worse, as they follow from the verdict that was reached now."""
        topic, proof = "what it says in words", self.inspection.proof
        if NEEDS.get(proof.metric) in self.inspection.files[1] or len(self.measured_again) < len(proof.entrants):
            return Check(
                topic=topic, outcome="not checked", detail="the verdict could not be reached again, so its headline and reasons are only stated"
            )
        try:
            now = self.concluded
        except TunesmithError as error:
            return Check(topic=topic, outcome="differs", detail=f"there is nothing to say: {error.message}")
        stated = [proof.headline, proof.settle, *proof.reasons, "", *proof.worse]
        found = [now.headline, now.settle, *now.reasons, "", *worse(now, [self.finalist(one) for one in proof.entrants])]
        if self.inspection.is_exact or len(stated) != len(found):
            check = compared(topic, stated, found, 0.0, f"{len(stated) - 1} sentences")
            return check if self.inspection.is_same_code or check.outcome == "holds" else check.model_copy(update={"outcome": "not checked"})
        told = [(one, other, wording(one, other, TOLERANCE)) for one, other in zip(stated, found, strict=True)]
        unlike = [f"“{one}” is stated, “{other}” follows here" for one, other, how in told if how != "same"]
        if not unlike:
            return Check(topic=topic, outcome="holds", detail=f"{len(stated) - 1} sentences, their numbers within {TOLERANCE:g}")
        is_false = self.inspection.is_same_code and any(how == "other words" for _, _, how in told)
        return Check(topic=topic, outcome="differs" if is_false else "not checked", detail="; ".join(unlike[:MOST_SHOWN]))


def gist_of(verdict: dict[str, Any]) -> dict[str, Any]:
    """What of a verdict has to hold on another machine too."""
    means = [one | {"value": one["value"]["value"]} for one in verdict["means"]]
    return verdict | {"comparisons": [gist(one) for one in verdict["comparisons"]], "bills": billed(verdict["bills"]), "means": means}


def gist(comparison: dict[str, Any]) -> dict[str, Any]:
    """The same of a comparison."""
    return {name: comparison[name] for name in ("better", "rival", "metric", "outcome")} | {"difference": comparison["difference"]["value"]}


def billed(bills: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of bills."""
    return [{name: bill[name] for name in BILLED} for bill in bills]

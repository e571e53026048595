"""Facts, trials and a line that only pretends: what the tests of deciding stand on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith.decide.next import next_trial
from tunesmith.measure.statistics import wilson
from tunesmith.spec.candidate import Classifier, Constant, Decoding, Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.plan import Base, Done, Facts, Plan, PlannedTrial, PromptSpace
from tunesmith.spec.recipe import Budget, Recipe
from tunesmith.spec.report import Metric, Report
from tunesmith.spec.task import Goal, MetricName
from tunesmith.spec.trial import Trial

SMALL, LARGE = 135_000_000, 360_000_000


def example(question: str, answer: str) -> Conversation:
    return Conversation(messages=(Message(role="user", content=question), Message(role="assistant", content=answer)))


def make_space() -> PromptSpace:
    shown = ((), (example("my pin", "pin"),), (example("my card", "card"), example("my pin", "pin")))
    return PromptSpace(
        instructions=("Sort it.", "Name it.", "What is it?"),
        frames=("{instruction}\n{labels}\n{rule}", "{labels}\n{instruction}\n{rule}"),
        labels=("Labels: card, pin", "- card (lost)\n- pin (wrong)"),
        rules=("One label only.", ""),
        examples=shown,
    )


def make_facts(**fields: Any) -> Facts:
    prompts = tuple(Prompt(name=name, system=f"{name}: sort it.") for name in ("plain", "role"))
    reader = Prompted(name="few-shot-retrieved", model="small", prompt=Prompt(name="best"))
    given: dict[str, Any] = {
        "metric": "exact_match",
        "goal": Goal(),
        "train_rows": 4_000,
        "dev_rows": 400,
        "test_rows": 600,
        "question_tokens": 12.0,
        "answer_tokens": 4.0,
        "answering": "choose",
        "bases": (Base(id="small", parameters=SMALL, lr=1e-3),),
        "encoder_parameters": 22_000_000,
        "recipe": Recipe(budget=Budget(epochs=3, rows_per_step=32)),
        "prompt": Prompt(name="tuned", system="Sort it."),
        "written": prompts,
        "space": make_space(),
        "shots": (example("my pin", "pin"),),
        "majority": Constant(name="majority", answer="card"),
        "classifier": Classifier(name="classifier", embedder="mini", weights=""),
        "retrieved": Retrieval(name="few-shot-retrieved", reader=reader, index="", count=3, shown="examples"),
    }
    return Facts(**(given | fields))


def with_documents(**fields: Any) -> Facts:
    reader = Prompted(name="rag-passages", model="small", prompt=Prompt(name="rag-passages"))
    tuned = Tuned(name="tuned-to-read", checkpoint="", prompt=Prompt(name="tuned-to-read"))
    rag, rag_tuned = (Retrieval(name=name, reader=who, index="", count=3) for name, who in (("rag-passages", reader), ("tuned-rag", tuned)))
    return make_facts(rag=(rag,), rag_tuned=rag_tuned, **fields)


def measured(trial: Trial, value: float, rows: int, metric: MetricName = "exact_match") -> Trial:
    """The trial with a report in which `value` stands, with its Wilson interval over so many rows."""
    low, high = (value, value) if metric == "perplexity" else wilson(value * rows, rows)
    found = Metric(value=value, low=min(low, value), high=max(high, value), n=rows, method="wilson")
    report = Report(
        candidate=trial.candidate,
        dataset="dataset-0",
        split="dev",
        task="classify",
        decoding=Decoding(),
        metrics={metric: found},
        confusion={},
        per_label={},
        rows=rows,
        prompt_tokens=0,
        completion_tokens=0,
        computed_tokens=0,
        files={},
    )
    return trial.model_copy(update={"report": report, "artifact": f"evaluation-{trial.candidate.name}"})


Truth = Callable[[PlannedTrial], float]


def run(facts: Facts, plan: Plan, truth: Truth, history: Sequence[Trial] = (), most: int = 300) -> tuple[list[Trial], Done]:
    """What the pipeline does, with scores that `truth` gives."""
    found = list(history)
    for _ in range(most):
        step = next_trial(found, facts, plan)
        if isinstance(step, Done):
            return found, step
        found.append(measured(step.trial, min(1.0, max(0.0, truth(step))), step.dev_rows, facts.metric))
    raise AssertionError("the line does not end")


def learning(best: float, worst: float = 0.2, half: float = 400.0, lr: float = 1e-3) -> Callable[[PlannedTrial, int], float]:
    """A training's score: rising with the rows to `best`, falling off on both sides of the right learning rate."""

    def score(step: PlannedTrial, rows: int) -> float:
        assert step.recipe is not None
        seen = rows * step.share
        used = step.recipe.optimiser.lr or 1e-3
        return worst + (best - worst) * seen / (seen + half) * math.exp(-0.1 * math.log(used / lr) ** 2)

    return score


def names(trials: Sequence[Trial]) -> list[str]:
    return [trial.candidate.name for trial in trials]

"""The order of trials, and who goes on to the test split."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tunesmith.decide.run import Finalists, best_of, next_step
from tunesmith.errors import BadProject
from tunesmith.spec.candidate import Classifier, Constant, Prompted, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.project import Project, Rivals
from tunesmith.spec.report import Report, Scored
from tunesmith.spec.task import Goal, Task
from tunesmith.spec.trial import Trial


class Line:
    """What the pipeline does: asks for the next step and measures it, with given numbers of right answers out of ten."""

    def __init__(
        self, dataset: Dataset, project: Project, rows: list[Record], answers: Callable[..., list[Scored]], report: Callable[..., Report]
    ) -> None:
        self.dataset, self.project, self.rows, self.answers, self.report = dataset, project, rows, answers, report
        self.history: list[Trial] = []

    def run(self, right: dict[str, int], checkpoint: str | None = None) -> Finalists:
        while isinstance(step := next_step(self.history, self.dataset, self.project, self.rows, checkpoint), Trial):
            hits = right.get(step.candidate.name, 1)
            found = self.report(step.candidate, self.answers("+" * hits + "-" * (10 - hits), "oo"), "dev")
            self.history.append(step.model_copy(update={"report": found, "artifact": "evaluation-0"}))
        return step

    def names(self) -> list[str]:
        return [trial.candidate.name for trial in self.history]


@pytest.fixture
def line(
    dataset: Callable[..., Dataset],
    project: Callable[..., Project],
    record: Callable[..., Record],
    answers: Callable[..., list[Scored]],
    report: Callable[..., Report],
) -> Callable[..., Line]:
    rows = [record(k, f"q {k}", label, label) for k, label in enumerate(["card_lost", "refund", "other", "other"] * 5)]
    return lambda kind=None, **fields: Line(kind or dataset(), project(**fields), rows, answers, report)


def test_the_order_is_from_cheap_to_dear(line: Callable[..., Line]) -> None:
    found = line()
    final = found.run({"tuned": 9, "prompt-careful": 6, "few-shot": 4})
    prompts = ["prompt-plain", "prompt-role", "prompt-careful", "prompt-short", "prompt-strict"]
    assert found.names() == ["majority", "classifier", *prompts, "few-shot", "tuned"]
    assert [trial.candidate.name for trial in final.trials] == ["tuned", "prompt-careful", "few-shot", "classifier", "majority"]
    assert all(trial.report is not None and trial.artifact for trial in final.trials)


def test_few_shot_builds_on_the_prompt_that_is_best_on_dev(line: Callable[..., Line]) -> None:
    found = line(rivals=Rivals(few_shot=3))
    found.run({"prompt-strict": 7, "prompt-role": 5})
    few_shot = found.history[-2].candidate
    assert isinstance(few_shot, Prompted)
    assert few_shot.prompt.name == "strict-3-shot"
    assert [example.answer() for example in few_shot.prompt.examples].count("other") == 1


def test_ties_go_to_the_first_name(line: Callable[..., Line]) -> None:
    final = line().run({})
    assert "prompt-careful" in [trial.candidate.name for trial in final.trials]


def test_lower_is_better_where_the_metric_says_so(line: Callable[..., Line]) -> None:
    found = line(goal=Goal(metric="false_refusal_rate"))
    found.run({})
    prompts = [trial for trial in found.history if trial.remedy == "prompt"]
    worse = prompts[0].model_copy(update={"report": found.report(prompts[0].candidate, found.answers("ooo+++++++"))})
    best = best_of([worse, *prompts[1:]], "false_refusal_rate")
    assert best is not None
    assert best.candidate.name != worse.candidate.name


def test_a_report_without_the_metric_comes_last(line: Callable[..., Line]) -> None:
    found = line()
    found.run({})
    first, second = found.history[2:4]
    silent = first.model_copy(update={"report": found.report(first.candidate, found.answers("", "oo"))})
    assert best_of([silent, second], "exact_match") == second
    assert best_of([], "exact_match") is None


def test_what_each_trial_carries(line: Callable[..., Line]) -> None:
    found = line(model="smollm2-135m-instruct")
    found.run({}, checkpoint="checkpoint-1a2b3c4d5e6f")
    majority, classifier, prompt, tuned = (found.history[k].candidate for k in (0, 1, 2, -1))
    assert majority == Constant(name="majority", answer="card_lost")  # `other` is more frequent, but exact_match looks at rows in scope
    assert classifier == Classifier(name="classifier", embedder="all-minilm-l6-v2", weights="")
    assert isinstance(prompt, Prompted)
    assert prompt.model == "smollm2-135m-instruct"
    assert isinstance(tuned, Tuned)
    assert (tuned.checkpoint, tuned.prompt.name) == ("checkpoint-1a2b3c4d5e6f", "tuned")


def test_where_all_rows_decide_the_majority_is_over_all_rows(line: Callable[..., Line]) -> None:
    found = line(goal=Goal(metric="accuracy"))
    found.run({})
    assert found.history[0].candidate == Constant(name="majority", answer="other")


def test_rivals_can_be_switched_off(line: Callable[..., Line]) -> None:
    found = line(rivals=Rivals(prompts=False, few_shot=0, majority=False, classifier=False))
    final = found.run({})
    assert found.names() == ["tuned"] == [trial.candidate.name for trial in final.trials]


def test_few_shot_without_prompts_builds_on_the_plain_one(line: Callable[..., Line]) -> None:
    found = line(rivals=Rivals(prompts=False, few_shot=2))
    found.run({})
    assert found.names() == ["majority", "classifier", "few-shot", "tuned"]
    assert isinstance(found.history[2].candidate, Prompted)
    assert found.history[2].candidate.prompt.name == "plain-2-shot"


def test_tasks_without_labels_have_no_control(line: Callable[..., Line], dataset: Callable[..., Dataset]) -> None:
    found = line(kind=dataset(task="generate", labels=(), out_of_scope=None))
    assert found.run({}).trials[0].candidate.name == "tuned"
    assert {"majority", "classifier"}.isdisjoint(found.names())


def test_a_trial_without_a_report_is_not_done(line: Callable[..., Line]) -> None:
    found = line()
    first = next_step([], found.dataset, found.project, found.rows, None)
    assert isinstance(first, Trial)
    assert next_step([first], found.dataset, found.project, found.rows, None) == first


def test_a_continued_model_brings_its_base_and_prompt(line: Callable[..., Line]) -> None:
    found = line(start="router", rivals=Rivals(prompts=True, few_shot=0, majority=False, classifier=False))
    step = next_step([], found.dataset, found.project, found.rows, None, base="gemma")
    assert isinstance(step, Trial)
    assert isinstance(step.candidate, Prompted)
    assert step.candidate.model == "gemma"
    found.run({})
    inherited = Prompt(name="tuned", system="Old.")
    last = next_step(found.history[:-1], found.dataset, found.project, found.rows, None, inherited=inherited)
    assert isinstance(last, Trial)
    assert isinstance(last.candidate, Tuned)
    assert last.candidate.prompt == inherited


def test_a_bad_placeholder_is_found_before_anything_is_tried(line: Callable[..., Line]) -> None:
    found = line(task=Task(prompts=("{oops}",)))
    with pytest.raises(BadProject, match="unknown placeholder"):
        found.run({})
    assert found.history == []

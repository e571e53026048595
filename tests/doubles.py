"""A line whose stages only pretend: real keys, plans, artifacts and registrations; what a stage would make is made up, and differs when its key does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests import tiny
from tests.cli.conftest import checkpoint, dataset, line_report, share
from tests.decide.conftest import make_answers
from tests.ears import Ears
from tunesmith.conclusion import Leader
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.line import Line
from tunesmith.pipeline import opened, run
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Prompt
from tunesmith.spec.elected import Elected
from tunesmith.spec.forgetting import Forgetting, ProbeLimits, Tolerance
from tunesmith.spec.index import Grounding, Index, Passages
from tunesmith.spec.job import Note, Silent
from tunesmith.spec.noun import Noun
from tunesmith.spec.plan import Plan, Speeds, Timed, Work
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.report import Asked, Report
from tunesmith.spec.suite import SuiteLimits, Suites
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import StageDone, Step, Steps
from tunesmith.store.work import Work as Folder

PROJECT = """name = "tiny"
model = "base"
questions = ["card now"]
[[sources]]
file = "rows.csv"
input = "text"
label = "label"
[task]
kind = "classify"
[rivals]
classifier = false
few_shot = 2
few_shot_retrieved = 0
embedder = "encoder"
[decide]
pilots = []
search = 0
prompt_search = 0
seeds = 1
"""

SEARCHING = PROJECT.replace("pilots = []\nsearch = 0\nprompt_search = 0\nseeds = 1", "pilots = [0.25, 0.5]\nsearch = 3\nprompt_search = 4\nseeds = 2")
SEARCHING += "[train.budget]\nepochs = 3\nrows_per_step = 32\n"


class Doubles(Steps):
    """Steps that make things up."""

    any_stage = True
    """False: as in a worker, which does the steps of one stage, or one training."""
    rows = 4
    """Of every split."""

    def do(
        self, step: Step, make: Callable[[Folder], Any], summary: Callable[[Any], str], noun: type[Any], beside: Callable[[], dict[str, Any]] = dict
    ) -> tuple[Artifact, Any]:
        self.stage = None if self.any_stage else self.stage
        return super().do(step, make if step.kind == "plan" else lambda work: made_up(step, work, self.rows), lambda found: "", noun)


def made_up(step: Step, work: Folder, count: int) -> Noun:
    """What a stage would have made."""
    mark = step.key[:12]
    tokens = dict.fromkeys(("prompt_tokens", "completion_tokens", "computed_tokens"), 1)
    match step.kind:
        case "dataset":
            for split in ("train", "dev", "test"):
                rows = [tiny.record(i, f"{split} {i}", "card" if i % 2 else "money") for i in range(count)]
                (work.path / f"{split}.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
            sizes = dict.fromkeys(("train", "dev", "test"), count)
            return dataset().model_copy(update={"project": mark, "labels": ("card", "money"), "rows": sizes, "files": {"test.jsonl": mark}})
        case "evaluation":
            rows_asked = step.inputs.get("part", [count])[0]
            said = make_answers(("+-" * rows_asked)[:rows_asked])
            (work.path / ANSWERS).write_text("".join(row.model_dump_json() + "\n" for row in said))
            raw = {"candidate": step.inputs["candidate"], "dataset": mark, "split": step.inputs["split"], "task": "classify", "rows": rows_asked}
            more = {
                "metrics": {"accuracy": share(0.5), "exact_match": share(0.5)},
                "confusion": {},
                "per_label": {},
                "files": {},
                "decoding": Decoding(),
            }
            return Report.model_validate(raw | more | tokens)
        case "leader":
            return Leader(name=mark)
        case "passages":
            return Passages(
                documents=step.inputs["documents"], excerpts=1, words=1, longest=1, repeated=0, problems={}, files={"passages.jsonl": mark}
            )
        case "index":
            content, source = step.inputs["content"], step.inputs["source"]
            return Index(content=content, source=source, embedder="encoder", embedder_digest=mark, entries=1, width=1, words=1, files={})
        case "demonstrations":
            return Prompt.model_validate({**step.inputs["prompt"], "system": mark})
        case "grounding":
            more = {"count": 3, "most": 2, "mean": 1.5, "with_best": 1, "seed": 0, "rows": {"train": 4, "dev": 4}, "files": {"train.jsonl": mark}}
            return Grounding.model_validate({"dataset": step.inputs["dataset"], "index": step.inputs["index"], **more})
        case "timing":
            is_training = step.inputs["activity"] == "train"
            work_done = Work(activity=step.inputs["activity"], parameters=1_000, rows=10, tokens=10.0, longest=step.inputs["longest"])
            return Speeds(timed=(Timed(work=work_done, seconds=12.0 if is_training else 3.0),))
        case "checkpoint":
            return checkpoint("data").model_copy(update={"template_digest": mark, "resolved": Recipe.model_validate(step.inputs["recipe"])})
        case "suites":
            parts = dict.fromkeys(("out_of_scope", "hallucination", "consistency", "memorisation", "calibration", "slices"))
            about = {"candidate": step.inputs["candidate"], "dataset": mark, "task": "classify", "decoding": Decoding(), "limits": SuiteLimits()}
            return Suites.model_validate(
                {**parts, **about, **tokens, "confidence": 0.95, "right": "Right is an answer that is the reference.", "left_out": {}, "asked": 0}
            )
        case "forgetting":
            none: dict[str, Any] = {"changes": (), "fluency": None, "divergence": (), "areas": {}, "lost": ()}
            return Forgetting(probes=mark, limits=ProbeLimits(), tolerance=Tolerance(), standing="kept", sentence="Nothing is lost.", **none)
        case "candidate":
            return Elected.model_validate(step.inputs)
        case "answers":
            return Asked(candidate=step.inputs["candidate"], items=(("card now", Answer(text=mark)),))
        case _:
            return line_report("data", "tuned").model_copy(update={"rerun": mark})


def open_line(folder: Path, store: Store, *overrides: str, steps: type[Doubles] = Doubles, file: str = "project.toml", **payload: Any) -> Line:
    """The line of the project in `folder`, with steps that pretend."""
    line = opened({"project": str(folder / file), "overrides": overrides, **payload}, store, Silent())
    line.__dict__["steps"] = steps(store, line.monitor)
    return line


class Many(Doubles):
    """Rows enough for small trainings."""

    rows = 80


def processes(
    folder: Path, store: Store, *overrides: str, steps: type[Doubles] = Doubles, most: int = 80, given: Plan | None = None, since: float | None = None
) -> list[list[Artifact]]:
    """What each process of a run made, in its order, until one makes nothing or `most` have run; with `since` they are processes of one job."""
    found: list[list[Artifact]] = []
    for _ in range(most):
        line = open_line(folder, store, *overrides, steps=steps)
        assert isinstance(line.steps, Doubles)
        line.steps.any_stage = False
        before = {artifact.key for artifact in store.artifacts()}
        with suppress(StageDone):
            run(line, since, given=given)
        made = [artifact for artifact in reversed(store.artifacts()) if artifact.key not in before]
        if not made:
            break
        found.append(made)
    return found


def titles(made: list[Artifact]) -> list[str]:
    """What the steps were called that made these."""
    return [str(artifact.sidecar()["title"]) for artifact in made]


def heard(ears: Ears) -> list[str]:
    return [event.text for event in ears.heard if isinstance(event, Note)]


def slowed(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that goes fifty times as slowly from now on."""
    began = clock()
    return lambda: began + (clock() - began) / 50

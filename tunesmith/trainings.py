"""A recipe, a base and a share of the rows → tuned weights: each training with its key, the rows that it takes, and what is said of it.

    reading      rows → rows with passages before their questions   stage measure
    checkpoint   rows, prompt, recipe, base → Checkpoint            stage train, a process of its own

A key holds what the weights depend on and nothing else: what a training is for (a pilot, a setting on a ladder, the final run) is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunesmith.library import Surroundings
from tunesmith.settings import settings
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.index import Grounding
from tunesmith.spec.job import DEV_MATCH, Monitor, Note, Reading, Spoken
from tunesmith.spec.model import LocalModel
from tunesmith.spec.recipe import Choice, Recipe
from tunesmith.spec.task import EXACT, form_of
from tunesmith.store.artifacts import Artifact
from tunesmith.store.steps import Step
from tunesmith.store.work import Work
from tunesmith.train import VERSION
from tunesmith.train.rates import settled

FULL = "tuned"
"""The name of a candidate that is trained as the project says."""
READING = "tuned-rag"
"""The name of one that is trained so with passages before the questions; those with other seeds have longer names."""


@dataclass(frozen=True)
class Training:
    """What is trained, on which rows."""

    name: str
    """Of the candidate."""
    recipe: Recipe
    base: LocalModel
    share: float = 1.0
    """Of the training rows."""
    reads: bool = False
    """With passages before the questions."""


@dataclass(frozen=True)
class WithoutMatch:
    """The monitor of a training whose task other things than exact answers decide: readings pass without the share of exact answers."""

    monitor: Monitor

    def emit(self, event: Spoken) -> None:
        """Pass an event on."""
        if isinstance(event, Reading):
            event = event.model_copy(update={"values": {name: value for name, value in event.values.items() if name != DEV_MATCH}})
        self.monitor.emit(event)

    def stopping(self) -> bool:
        """True once the user wants a stop."""
        return self.monitor.stopping()


@dataclass
class Trainings:
    """The trainings of one line."""

    line: Surroundings

    @cached_property
    def settled(self) -> tuple[Recipe, tuple[Choice, ...]]:
        """The project's recipe with what hangs on the number of its rows, and what was chosen of it."""
        dataset = self.line.dataset[1]
        return settled(self.line.footing.recipe, dataset.rows["train"], labels=form_of(dataset.task) == "classify")

    @property
    def recipe(self) -> Recipe:
        """The project's, with epochs and rows of a step."""
        return self.settled[0]

    def as_written(self) -> Training:
        """The project's own."""
        return Training(FULL, self.recipe, self.line.footing.base)

    def prompt(self, reads: bool = False) -> Prompt:
        """What the model is tuned with: its parent's prompt, or the task's; `reads`: with passages before its questions."""
        from tunesmith.decide.rivals import tuned_prompt, tuned_to_read

        if self.line.footing.parent:
            return self.line.footing.parent[1].prompt
        return (tuned_to_read if reads else tuned_prompt)(self.line.project.task, self.line.dataset[1])

    def reading(self, base: LocalModel) -> tuple[Artifact, Grounding]:
        """The rows that a reader of passages is tuned with."""
        return self.line.library.grounding(self.prompt(reads=True), self.line.project.rivals.passages_read(), base)

    def step(self, wanted: Training) -> Step:
        """The step that a training is."""
        artifact, dataset = self.line.dataset
        base, grounding = wanted.base, self._grounding(wanted)
        parent = self.line.footing.parent[0].name if self.line.footing.parent else None
        inputs = {
            "version": VERSION,
            "dataset": artifact.name,
            "recipe": wanted.recipe.model_dump(mode="json"),
            "prompt": self.prompt(wanted.reads).model_dump(mode="json"),
            "base": base.digest,
            "parent": parent,
            **settings().computing(),
            **({"grounding": grounding.name} if grounding else {}),
            **({"share": [wanted.share, self.line.project.split.seed]} if wanted.share < 1 else {}),
        }
        return Step(
            "train",
            title(wanted, parent),
            "checkpoint",
            inputs,
            (artifact.name, *([parent] if parent else []), *([grounding.name] if grounding else [])),
            max(1, round(wanted.share * dataset.rows["train"])),
        )

    def checkpoint(self, wanted: Training) -> tuple[Artifact, Checkpoint]:
        """The tuned weights.

        Raises: Alarm for a training that cannot go on, DoesNotFit; Interrupted.
        """
        return self.line.steps.do(
            self.step(wanted), lambda work: self._train(work, wanted), lambda found: words(found, self.line.metric in EXACT), Checkpoint
        )

    def _grounding(self, wanted: Training) -> Artifact | None:
        """The rows with passages that it is trained on; None where it reads none."""
        return self.reading(wanted.base)[0] if wanted.reads else None

    def rows(self, share: float, grounding: Artifact | None = None) -> list[Record]:
        """The first `share` of the training rows, of every label alike."""
        from tunesmith.decide.run import share_of

        return share_of(self.line.rows("train", grounding), share, self.line.project.split.seed)

    def start(self) -> Any:
        """Where trainings on the project's own base begin."""
        from tunesmith.train.run import Start

        if self.line.footing.parent is None:
            return Start(self.line.footing.base)
        artifact, parent = self.line.footing.parent
        artifact.verify()
        adapter, weights = (artifact.path, None) if parent.kind == "lora" else (None, artifact.path / "model.safetensors")
        return Start(self.line.footing.base, artifact.name, adapter, weights)

    def few_steps(self, work: Work, steps: int, monitor: Monitor) -> Checkpoint:
        """A training of so many steps as the project says, kept nowhere: for a monitor that sees how long they take."""
        from tunesmith.model.device import place
        from tunesmith.train.run import Inputs, train

        recipe = self.recipe
        budget = recipe.budget.model_copy(update={"max_steps": steps, "epochs": 1.0, "keep": "last", "kept_epochs": 0})
        rows = self.line.rows("train")[: steps * budget.step_rows]
        inputs = Inputs(rows, [], self.line.dataset[0].name, self.prompt(), recipe.model_copy(update={"budget": budget}), self.start())
        folder = work.scratch / "weights"
        folder.mkdir(exist_ok=True)
        return train(inputs, folder, work.scratch, place(settings()), monitor, settings().memory_bytes)

    def _train(self, work: Work, wanted: Training) -> Checkpoint:
        from tunesmith.model.device import place
        from tunesmith.train.run import Inputs, Start, train
        from tunesmith.train.state import seconds_before

        work.earlier_s = seconds_before(work.scratch)
        line, is_own = self.line, wanted.base.digest == self.line.footing.base.digest
        if line.footing.parent is not None:
            for note in inherited(line.footing.parent[0].name, line.footing.parent[1], line.dataset[1]):
                line.monitor.emit(note)
        grounding = self._grounding(wanted)
        rows, dev = self.rows(wanted.share, grounding), line.rows("dev", grounding)
        start = self.start() if is_own else Start(wanted.base)
        budget = wanted.recipe.budget
        kept = {"epochs": f"{budget.passes:g}", "rows_per_step": f"{budget.step_rows}"}  # a search tries others
        chosen = tuple(choice for choice in self.settled[1] if kept[choice.name] == choice.value)
        inputs = Inputs(rows, dev, line.dataset[0].name, self.prompt(wanted.reads), wanted.recipe, start, chosen=chosen)
        monitor = line.monitor if line.metric in EXACT else WithoutMatch(line.monitor)
        return train(inputs, work.path, work.scratch, place(settings()), monitor, settings().memory_bytes)


def title(wanted: Training, parent: str | None) -> str:
    """What a training is called while it runs."""
    if wanted.reads:
        return f"fine-tune-rag {wanted.base.id}" if wanted.name == READING else f"fine-tune {wanted.name}"
    if wanted.name == FULL:
        return f"fine-tune {wanted.base.id}" + (f" from {parent}" if parent else "")
    return f"fine-tune {wanted.name}"


def inherited(name: str, parent: Checkpoint, dataset: Dataset) -> Iterator[Note]:
    """What a continued model takes over, and where that may not suit the new data."""
    yield Note(text=f"continues from {name}: prompt `{parent.prompt.name}`, template and {parent.kind} settings are inherited")
    missing = [label for label in dataset.labels if label not in (parent.prompt.system or "")]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        yield Note(level="warning", text=f"the inherited prompt does not name {len(missing)} of the labels in these data: {shown}")


def words(found: Checkpoint, is_exact: bool) -> str:
    """How a training ended, in one line."""
    best = f", dev loss {found.best_dev_loss:.3f}" if found.best_dev_loss is not None else ""
    name = found.dev_metric_name(is_exact)
    if name and found.best_dev_metric is not None:
        best = f", dev {name} {found.best_dev_metric:.3f}"
    return f"{found.steps} of {found.planned_steps} steps, best after {found.best_step}{best}"

"""A fine-tuning job of the API → a model in service: its files looked at, trained on as they were given, every kept epoch and the end registered.

Two processes do it. The first looks at the files and needs no device; the second trains. What they say is what the hosted service's clients know:
its messages in its words, a metrics event for every step. A file is taken as it is: nothing is cleaned, dropped or split, only remarked upon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.catalogue.footing import refuse_other_base
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import Interrupted, NotFound, TunesmithError
from tunesmith.finetune.words import InTheirWords, letters_of, metrics_at, table
from tunesmith.settings import settings
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.job import Job, Monitor, Note, Resolved, Saved
from tunesmith.spec.model import LocalModel
from tunesmith.spec.noun import digest
from tunesmith.spec.recipe import LONGEST_ROW, AdamW, Budget, Dpo, Lora, Recipe, Sft
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import disk_faults
from tunesmith.store.objects import Objects
from tunesmith.store.steps import StageDone, Step, Steps
from tunesmith.store.work import Work
from tunesmith.train import VERSION as TRAIN_VERSION

KEPT_CHECKPOINTS = 3
"""The hosted service keeps the last three epochs; the last one is the model itself."""
RESULTS = "step_metrics.csv"
LOOK_VERSION = 2
"""Raised when the same files would give other rows or other findings."""


def finetune(job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
    """The job's result; None once its files have been looked at, since training waits for a device and has a process of its own.

    Raises: what is wrong with the files, in OpenAI's words; what training meets. The same is said as an event.
    """
    tuning = FineTuning(job, store, monitor)
    try:
        if job.phase == "validating":
            tuning.look()
            return None
        return tuning.train()
    except StageDone:  # the rows were looked at by another version of ours, and now again: the next process trains
        return None
    except Interrupted:
        raise
    except TunesmithError as error:
        monitor.emit(Note(level="error", text=error.message))
        raise


@dataclass
class FineTuning:
    """One job on its way."""

    job: Job
    store: Store
    monitor: Monitor

    @cached_property
    def steps(self) -> Steps:
        """What this process does or finds."""
        return Steps(self.store, self.monitor)

    @cached_property
    def base(self) -> LocalModel:
        """The base model, checked against its hashes."""
        found = local(self.store.models, str(self.job.payload["base"]))
        verify(found, self.store.models)
        return found

    @cached_property
    def parent(self) -> tuple[Artifact, Checkpoint] | None:
        """The tuned model that is continued, if one is."""
        start = self.job.payload.get("start")
        if start is None:
            return None
        artifact = self.store.get(str(start), "checkpoint")
        artifact.verify()
        checkpoint = artifact.load(Checkpoint)
        refuse_other_base(artifact.name, checkpoint, self.base)
        return artifact, checkpoint

    def look(self) -> None:
        """Check the files, say what was found in them, and keep their rows."""
        payload = self.job.payload
        both = f" and validation file: {payload['validation_file']}" if payload.get("validation_file") else ""
        self.monitor.emit(Note(text=f"Validating training file: {payload['training_file']}{both}"))
        _ = self.base, self.parent
        for one in self.dataset[1].findings:
            if one.severity != "note":
                self.monitor.emit(Note(level="warning", text=one.words()))
        self.monitor.emit(Note(text="Files validated, moving job to queued state"))

    @cached_property
    def dataset(self) -> tuple[Artifact, Dataset]:
        """The rows as they were given."""
        from tunesmith.data.given import check_given
        from tunesmith.data.given_dataset import given_dataset
        from tunesmith.data.given_survey import Limit
        from tunesmith.data.given_words import personal_data_fault
        from tunesmith.data.personal.records import personal_data

        payload, home = self.job.payload, self.store.home
        paths = {role: home / payload[f"{role}_path"] for role in ("training", "validation") if payload.get(f"{role}_path")}
        tokenizer = Path(self.base.folder) / "tokenizer.json"
        inputs = {
            "version": LOOK_VERSION,
            "files": {role: [payload[f"{role}_file"], hashlib.sha256(path.read_bytes()).hexdigest()] for role, path in paths.items()},
            "method": self.method,
            "tokenizer": self.base.files.get("tokenizer.json"),
            "blocks": bool(payload.get("block_personal_data")),
        }

        def make(work: Work) -> Dataset:
            given = {
                role: check_given(path, self.method, role=f"{role}_file", file_id=payload[f"{role}_file"], monitor=self.monitor)  # type: ignore[arg-type]
                for role, path in paths.items()
            }
            for one in given.values() if inputs["blocks"] else ():
                if found := personal_data(one.records()):
                    raise personal_data_fault(one.role, found)
            longest = min(LONGEST_ROW, self.base.context)
            limit = Limit(tokenizer, longest, f"tokens of {self.base.id}") if tokenizer.exists() else None
            return given_dataset(given["training"], given.get("validation"), work.path, limit=limit, monitor=self.monitor)

        return self.steps.do(
            Step("data", "look at the files", "dataset", inputs), make, lambda made: f"{made.rows['train']} training examples", Dataset
        )

    @property
    def method(self) -> Any:
        """`supervised` or `dpo`."""
        return self.job.payload["method"]["type"]

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        """As asked, with every `auto` resolved."""
        from tunesmith.data.given_hyperparameters import auto_hyperparameters

        asked = self.job.payload["method"].get(self.method, {}).get("hyperparameters", {})
        rows = self.dataset[1].rows["train"]
        automatic = auto_hyperparameters(rows, self.method)
        return {name: auto.value if asked.get(name) in (None, "auto") else asked[name] for name, auto in automatic.items()}

    @cached_property
    def recipe(self) -> Recipe:
        """The hyperparameters in our terms; a continued model keeps its adapter's shape."""
        chosen = self.hyperparameters
        weights = self.parent[1].resolved.weights if self.parent else Lora()
        return Recipe(
            method=Dpo(beta=chosen["beta"]) if self.method == "dpo" else Sft(),
            weights=weights,
            optimiser=AdamW(lr_multiplier=chosen["learning_rate_multiplier"]),
            budget=Budget(
                epochs=chosen["n_epochs"],
                rows_per_step=chosen["batch_size"],
                evaluations_per_epoch=1,
                dev_time_share=1.0,
                patience=0,
                keep="last",
                kept_epochs=KEPT_CHECKPOINTS - 1,
                token_accuracy=self.method == "supervised",
            ),
            seed=int(self.job.payload["seed"]),
        )

    def train(self) -> dict[str, Any]:
        """Train, register what came out, write the table of metrics, and say so."""
        artifact, dataset = self.dataset
        self.monitor.emit(Note(text="Fine-tuning job started"))
        self.monitor.emit(Resolved(hyperparameters=self.hyperparameters))
        parent = self.parent[0].name if self.parent else None
        inputs = {
            "version": TRAIN_VERSION,
            "dataset": artifact.name,
            "recipe": self.recipe.model_dump(mode="json"),
            "prompt": self.prompt.model_dump(mode="json"),
            "base": self.base.digest,
            "parent": parent,
            **settings().computing(),
        }
        parents = (artifact.name, *([parent] if parent else []))
        step = Step("train", f"fine-tune {self.base.id} for {self.job.id}", "checkpoint", inputs, parents, dataset.rows["train"])
        made, checkpoint = self.steps.do(step, lambda work: self._train(work, step), lambda found: f"{found.steps} steps", Checkpoint)
        self._register_kept(step, checkpoint)
        name = self.served_as(None)
        self._serve(name, made, checkpoint)
        self.monitor.emit(Saved(step=checkpoint.steps, checkpoint=made.name, model=name, metrics=metrics_at(checkpoint, checkpoint.steps)))
        self._warn_if_earlier_was_better(checkpoint)
        result_file = self._write_metrics(checkpoint)
        self.monitor.emit(Note(text=f"New fine-tuned model created: {name}"))
        self.monitor.emit(Note(text="The job has successfully completed"))
        return {
            "checkpoint": made.name,
            "model": name,
            "trained_tokens": checkpoint.trained_tokens,
            "hyperparameters": self.hyperparameters,
            "steps": checkpoint.steps,
            "result_file": result_file,
        }

    @cached_property
    def prompt(self) -> Prompt:
        """What the model answers with when a request brings no system message: the one that all its rows have, or its parent's if they have none."""
        first: set[str | None] = set()
        for row in self.rows("train"):
            message = row.conversation.messages[0] if row.conversation and row.conversation.messages else None
            first.add(message.content if message is not None and message.role in ("system", "developer") else None)
        if len(first) == 1 and (only := next(iter(first))) is not None:
            return Prompt(name="of its rows", system=only)
        return self.parent[1].prompt if self.parent and first == {None} else Prompt(name="none")

    def rows(self, split: str) -> list[Record]:
        """The rows of a split."""
        from tunesmith.data.writing import read_rows

        return list(read_rows(self.dataset[0].path, split))  # type: ignore[arg-type]

    def _train(self, work: Work, step: Step) -> Checkpoint:
        from tunesmith.model.device import place
        from tunesmith.train.run import Inputs, Start, train
        from tunesmith.train.state import seconds_before

        work.earlier_s = seconds_before(work.scratch)
        start = Start(self.base)
        if self.parent is not None:
            artifact, parent = self.parent
            adapter, weights = (artifact.path, None) if parent.kind == "lora" else (None, artifact.path / "model.safetensors")
            start = Start(self.base, artifact.name, adapter, weights)
        kept = Kept(self.store, step, self._say_saved)
        inputs = Inputs(self.rows("train"), self.rows("dev"), self.dataset[0].name, self.prompt, self.recipe, start, keep=kept)
        heard = InTheirWords(self.monitor, self.hyperparameters["n_epochs"])
        return train(inputs, work.path, work.scratch, place(settings()), heard, settings().memory_bytes)

    def _register_kept(self, step: Step, checkpoint: Checkpoint) -> None:
        """Serve the kept epochs of a run that was found finished, as if it had been done now."""
        for point in checkpoint.curve:
            found = self.store.find(kept_key(step, point.step))
            if found is not None:
                self._say_saved(point.step, found, found.load(Checkpoint))

    def _say_saved(self, step: int, artifact: Artifact, checkpoint: Checkpoint) -> None:
        name = self.served_as(step)
        self._serve(name, artifact, checkpoint)
        self.monitor.emit(Saved(step=step, checkpoint=artifact.name, model=name, metrics=metrics_at(checkpoint, step)))

    def _serve(self, name: str, artifact: Artifact, checkpoint: Checkpoint) -> None:
        """Make the model known under its name, once."""
        objects = Objects(self.store.database)
        try:
            objects.get("model", name)
        except NotFound:
            body = {"job": self.job.id, "checkpoint": artifact.name, "base": self.base.id, "step": checkpoint.steps}
            objects.add("model", name, body, parent=self.job.id, owner=self.job.owner)

    def served_as(self, step: int | None) -> str:
        """`ft:base:organisation:suffix:8 letters`, with `:ckpt-step-N` behind it for the end of an epoch that is not the last."""
        letters = letters_of(f"{self.job.id} {step}", 8)
        suffix = self.job.payload.get("suffix") or ""
        tail = "" if step is None else f":ckpt-step-{step}"
        organization = str(self.job.payload.get("organization") or "personal").removeprefix("org-")
        return f"ft:{self.base.id}:{organization}:{suffix}:{letters}{tail}"

    def _warn_if_earlier_was_better(self, checkpoint: Checkpoint) -> None:
        held = [(point.dev_loss, point.step) for point in checkpoint.curve if point.dev_loss is not None]
        if held and min(held)[1] != held[-1][1]:
            text = f"validation loss was lowest after step {min(held)[1]} ({min(held)[0]:.3f}) and is {held[-1][0]:.3f} at the end: consider fewer epochs or an earlier checkpoint"
            self.monitor.emit(Note(level="warning", text=text))

    def _write_metrics(self, checkpoint: Checkpoint) -> str:
        """The id of the file with the table of metrics; the same job writes the same file."""
        name = f"file-{letters_of(f'{self.job.id} results', 24)}"
        objects, folder = Objects(self.store.database), self.store.home / "files"
        data = table(checkpoint, self.hyperparameters["n_epochs"]).encode()
        with disk_faults(folder):
            folder.mkdir(exist_ok=True)
            making = folder / f".{name}"
            making.write_bytes(data)
            making.replace(folder / name)
        try:
            objects.get("file", name)
        except NotFound:
            body = {"filename": RESULTS, "purpose": "fine-tune-results", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            objects.add("file", name, body | {"expires_at": None}, owner=self.job.owner)
        return name


@dataclass(frozen=True)
class Kept:
    """Makes an artifact of the weights at the end of an epoch, once, and tells of it."""

    store: Store
    step: Step
    told: Callable[[int, Artifact, Checkpoint], None]

    def __call__(self, number: int, write: Callable[[Path], Checkpoint]) -> None:
        """As `Inputs.keep`."""
        key = kept_key(self.step, number)
        if self.store.find(key) is None:
            with self.store.work(key, stage="train", title=f"{self.step.title}, step {number}", parents=self.step.parents) as work:
                work.finish("checkpoint", write(work.path), parents=self.step.parents, sidecar={"title": f"{self.step.title}, step {number}"})
        found = self.store.find(key)
        assert found is not None
        self.told(number, found, found.load(Checkpoint))


def kept_key(step: Step, number: int) -> str:
    """The key of the weights after step `number` of a training."""
    return digest({"training": step.key, "after": number})

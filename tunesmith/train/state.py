"""A running training ↔ files from which it goes on to the same bits.

`state-N/` is written beside its predecessor and renamed when whole, so there always is one good state. Tensors are safetensors, the rest
is JSON: nothing here can run code when it is read. Dropout needs no stored generator: each step seeds its own (`batches.step_seed`).
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tunesmith.model.few_rows import add
from tunesmith.model.tensors import read, write
from tunesmith.spec.checkpoint import CurvePoint
from tunesmith.spec.noun import Noun
from tunesmith.store.disk import sync_folder
from tunesmith.train.rounding import publish

PLAN = "plan.json"
SECONDS = "seconds.json"
AGAIN = "the run's own state is damaged: `tunesmith jobs` names its folder; remove it, and the same command trains from the start"


class RunState(Noun):
    """Everything a run knows besides tensors; a new value per step."""

    step: int = 0
    """Steps done."""
    curve: tuple[CurvePoint, ...] = ()
    losses: tuple[float, ...] = ()
    """Mean loss per trained token, one per step done."""
    best_step: int = 0
    best_dev_loss: float | None = None
    best_dev_metric: float | None = None
    evaluations_without_better: int = 0
    alarms: tuple[str, ...] = ()
    stopped_early: bool = False
    trained_rows: int = 0
    trained_tokens: int = 0
    logical_tokens: int = 0
    computed_tokens: int = 0


class Weights:
    """The trained parameters with float32 masters, their optimiser, and how they are stored.

    Adapters are float32 already and are their own masters. In full fine-tuning the model keeps its dtype, and every step rounds the masters
    into it: `rounding`.
    """

    def __init__(self, model: nn.Module, lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.masters = {name: p if p.dtype == torch.float32 else p.detach().float() for name, p in self.trained.items()}
        decayed = [m for m in self.masters.values() if m.ndim > 1]
        plain = [m for m in self.masters.values() if m.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=betas, eps=eps, foreach=False, fused=True)

    def collect(self) -> None:
        """Add the gradients of a micro-batch to the masters'."""
        for name, parameter in self.trained.items():
            master = self.masters[name]
            if master is parameter or parameter.grad is None:
                continue
            master.grad = parameter.grad.float() if master.grad is None else add(master.grad, parameter.grad)
            parameter.grad = None

    def clip(self, limit: float) -> float:
        """The gradient's global norm before it was cut to `limit`."""
        return float(nn.utils.clip_grad_norm_(self.masters.values(), limit))

    def step(self, lr: float) -> None:
        """One update at rate `lr`; the gradients are gone afterwards."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.publish()

    def publish(self) -> None:
        """Round the masters into the model."""
        with torch.no_grad():
            for name, parameter in self.trained.items():
                if self.masters[name] is not parameter:
                    publish(self.masters[name], parameter)

    def tensors(self) -> dict[str, Tensor]:
        """Masters and moments under flat names."""
        named = {f"value.{name}": master.detach() for name, master in self.masters.items()}
        for name, master in self.masters.items():
            for key, value in self.optimizer.state.get(master, {}).items():
                named[f"{key}.{name}"] = value
        return named

    def restore(self, named: dict[str, Tensor]) -> None:
        """The inverse of `tensors`, bit for bit."""
        with torch.no_grad():
            for name, master in self.masters.items():
                master.copy_(named[f"value.{name}"])
                moments = {key: named[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}.{name}" in named}
                if moments:
                    self.optimizer.state[master] = {k: v.to(master.device).clone() for k, v in moments.items()}  # `step` too: fused
        self.publish()

    def values(self) -> dict[str, Tensor]:
        """A copy of the masters: what the best checkpoint is made of."""
        return {name: master.detach().clone() for name, master in self.masters.items()}

    def set_values(self, named: dict[str, Tensor]) -> None:
        """Put a copy made by `values` back."""
        with torch.no_grad():
            for name, master in self.masters.items():
                master.copy_(named[name])
        self.publish()


def save(folder: Path, state: RunState, weights: Weights, best: dict[str, Tensor] | None, seconds: float) -> None:
    """Write `state-N` whole, then drop older ones. A new best goes into `best-N.safetensors` first.

    `seconds`: what this training has taken so far, in all processes that led to this state. It stands beside the state and is no part of it.
    """
    if best is not None:
        write(best, folder / f"best-{state.best_step}.safetensors")
    target, making = folder / f"state-{state.step:08d}", folder / "making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    write(weights.tensors(), making / "tensors.safetensors")
    _write_text(making / "state.json", state.model_dump_json())
    _write_text(making / SECONDS, json.dumps(seconds))
    if target.exists():
        shutil.rmtree(making)  # the same step gives the same state
    else:
        os.replace(making, target)
        sync_folder(folder)
    for old in folder.glob("state-*"):
        if old != target:
            shutil.rmtree(old)
    for file in folder.glob("best-*"):  # unfinished ones as well
        if file.name != f"best-{state.best_step}.safetensors":
            file.unlink()


def _write_text(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def restore(folder: Path, weights: Weights) -> RunState | None:
    """The latest whole state, put back into `weights`; None if there is none."""
    found = sorted(folder.glob("state-*"))
    if not found:
        return None
    weights.restore(read(found[-1] / "tensors.safetensors", AGAIN))
    return RunState.model_validate_json((found[-1] / "state.json").read_text())


def seconds_before(folder: Path) -> float:
    """Seconds that went into the latest whole state; 0 where there is none."""
    found = sorted(folder.glob("state-*"))
    return float(json.loads((found[-1] / SECONDS).read_text())) if found else 0.0


def read_best(folder: Path, state: RunState) -> dict[str, Tensor]:
    """The best weights so far."""
    best: dict[str, Tensor] = read(folder / f"best-{state.best_step}.safetensors", AGAIN)
    return best


def read_plan(folder: Path) -> dict[str, Any] | None:
    """The plan that an earlier, unfinished run froze."""
    path = folder / PLAN
    if not path.exists():
        return None
    plan: dict[str, Any] = json.loads(path.read_text())
    return plan


def write_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Freeze the plan: a resumed run follows it whatever the machine has free by then."""
    making = folder / (PLAN + ".making")
    _write_text(making, json.dumps(plan))
    os.replace(making, folder / PLAN)

"""A home with a tiny base, adapters and a fully tuned checkpoint in it, and a client that drives the live engine turn by turn.

home = living.Home(tmp_path)                     # home.base, home.adapter("one", r=4), home.full("whole")
found = living.Client(home).ask(chat(...))       # every line that the request was told
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests import tiny
from tunesmith.answer.asked import Target
from tunesmith.answer.limits import Limits
from tunesmith.answer.live import Live
from tunesmith.answer.requests import Chat, Complete
from tunesmith.answer.residents import Residents
from tunesmith.answer.ticket import Ticket
from tunesmith.model import lora
from tunesmith.model.device import Placement
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.recipe import Lora, Recipe
from tunesmith.store.artifacts import Store

PLENTY = 2**40


class Home:
    """A store with models."""

    def __init__(self, folder: Path, kind: str = "llama", **changes: Any) -> None:
        self.base = str(tiny.save(folder / "models" / "base", kind, **changes))
        self.store = Store.open(folder / "home")
        self.target = Target(base=self.base)

    def adapter(self, name: str, spec: Lora | None = None, prompt: Prompt | None = None) -> Target:
        """A checkpoint whose adapter changes what the base says."""
        spec = spec or Lora(r=4, alpha=16.0)
        model = tiny.load(Path(self.base))
        lora.inject(model.network, spec, 0.0, seed=sum(name.encode()))
        generator = torch.Generator().manual_seed(sum(name.encode()))
        for _, layer in lora.adapters(model.network):
            layer.lora_B.data.normal_(std=0.15, generator=generator)
            if layer.magnitude is not None:
                layer.magnitude.data.mul_(1 + 0.3 * torch.rand(layer.magnitude.shape, generator=generator))
        with self.store.work(f"{sum(name.encode()):032x}", stage="train", title=name) as work:
            lora.save(model.network, spec, 0.0, work.path, self.base)
            return self._finished(work, "lora", prompt)

    def full(self, name: str) -> Target:
        """A checkpoint with weights of its own."""
        other = tiny.save(Path(self.base).parent / f"other {name}", seed=sum(name.encode()))
        with self.store.work(f"{sum(name.encode()):032x}", stage="train", title=name) as work:
            shutil.copy(other / "model.safetensors", work.path)
            return self._finished(work, "full", None)

    def _finished(self, work: Any, kind: str, prompt: Prompt | None) -> Target:
        manifest = Checkpoint.model_validate(
            {
                "base": self.base, "base_digest": tiny.found(Path(self.base)).digest, "parent": None, "dataset": "dataset-0",
                "prompt": (prompt or Prompt(name="none")).model_dump(), "template_digest": "", "passed": Recipe().model_dump(),
                "resolved": Recipe().model_dump(), "choices": [], "kind": kind, "files": {}, "best_step": 1, "steps": 1, "planned_steps": 1,
                "stopped": "finished", "stop_reason": "", "best_dev_loss": None, "best_dev_metric": None, "curve": [], "truncated_rows": 0,
                "trained_rows": 1, "trained_tokens": 1, "logical_tokens": 1, "computed_tokens": 1, "alarms": [], "versions": {},
            }
        )  # fmt: skip
        return Target(base=self.base, checkpoint=work.finish("checkpoint", manifest).name)


@dataclass
class Told:
    """What one request was told."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def text(self, index: int = 0) -> str:
        """The answer's text, joined."""
        return "".join(line["delta"]["text"] for line in self.lines if "delta" in line and line["delta"]["index"] == index)

    def logprobs(self, index: int = 0) -> list[dict[str, Any]]:
        """Of all its tokens."""
        deltas = [line["delta"] for line in self.lines if "delta" in line and line["delta"]["index"] == index]
        return [one for delta in deltas for one in delta["logprobs"] or ()]

    def reasons(self) -> dict[int, str]:
        """Why each answer ended."""
        return {line["finish"]["index"]: line["finish"]["reason"] for line in self.lines if "finish" in line}

    def calls(self, index: int = 0) -> list[dict[str, Any]]:
        """The tools that it called."""
        return next((line["tool_calls"]["calls"] for line in self.lines if "tool_calls" in line and line["tool_calls"]["index"] == index), [])

    @property
    def start(self) -> dict[str, Any]:
        """The first line."""
        first: dict[str, Any] = self.lines[0]["start"]
        return first

    @property
    def usage(self) -> dict[str, int]:
        """The last line."""
        last: dict[str, int] = self.lines[-1]["end"]["usage"]
        return last

    @property
    def error(self) -> dict[str, Any] | None:
        """The error, if it ended with one."""
        return next((line["error"] for line in self.lines if "error" in line), None)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.lines) and ("end" in self.lines[-1] or "error" in self.lines[-1])


class Client:
    """A live engine without a thread: the test takes its turns."""

    def __init__(self, home: Home, limits: Limits | None = None, memory: int = PLENTY, placement: Placement = tiny.CPU) -> None:
        self.home = home
        self.residents = Residents(home.store, placement, memory)
        self.live = Live(self.residents, limits)
        self.tickets: dict[int, Ticket] = {}

    def send(self, request: Chat | Complete, owner: str = "me", deadline: float | None = None) -> Told:
        """Let a request wait for its turn."""
        told = Told()
        ticket = Ticket(owner, request.target, request.prepare, told.lines.extend, deadline)
        self.tickets[id(told)] = ticket
        self.live.submit(ticket)
        return told

    def cancel(self, told: Told) -> None:
        """Close the request's connection."""
        self.live.cancel(self.tickets[id(told)])

    def turn(self, count: int = 1) -> None:
        """Take turns."""
        with torch.inference_mode():
            for _ in range(count):
                self.live.turn()
                for future in list(self.residents.loading.values()):
                    future.exception()  # waits

    def finish(self, told: Iterable[Told], most: int = 5000) -> None:
        """Take turns until all these are over."""
        waiting = list(told)
        for _ in range(most):
            if all(one.is_over for one in waiting):
                return
            self.turn()
        raise AssertionError(f"not over after {most} turns: {waiting}")

    def ask(self, request: Chat | Complete, owner: str = "me") -> Told:
        """The whole answer to one request."""
        told = self.send(request, owner)
        self.finish([told])
        return told


def chat(target: Target, *turns: str, system: str | None = None, **options: Any) -> Chat:
    """A conversation as a client sends it; options of the sampling go to `sampling`, others to the request."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    messages += [{"role": "assistant" if i % 2 else "user", "content": turn} for i, turn in enumerate(turns)]
    own = {name: options.pop(name) for name in ("tools", "tool_choice", "parallel_tool_calls", "choices") if name in options}
    return Chat.model_validate({"target": target, "messages": messages, "sampling": {"max_tokens": 12, "temperature": 0} | options} | own)


def complete(target: Target, prompts: Sequence[Any], **options: Any) -> Complete:
    """Raw prompts as a client sends them."""
    own = {name: options.pop(name) for name in ("echo", "best_of", "suffix") if name in options}
    return Complete.model_validate({"target": target, "prompts": prompts, "sampling": {"max_tokens": 8, "temperature": 0} | options} | own)

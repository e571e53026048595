"""Requests → answers of a model of the store, by the project's own engine, which holds JSON answers to their schema token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from tunesmith.answer.asked import Target
from tunesmith.answer.live import LOOK_S, Live
from tunesmith.answer.requests import Chat
from tunesmith.answer.residents import Residents
from tunesmith.answer.ticket import Ticket
from tunesmith.errors import TunesmithError, from_json
from tunesmith.spec.making_teacher import Asked, Failure, LocalTeacher, Reply

AT_ONCE = 64
"""Requests that the engine is given at a time; it answers them side by side as far as memory goes."""
OWN_FAULT = frozenset({"bad_record", "bad_project", "unsupported"})
"""Errors of one request: the others go on."""


@dataclass(eq=False)
class Local:
    """A teacher on this machine. `residents` holds models in memory and is closed by whoever opened it."""

    teacher: LocalTeacher
    residents: Residents

    @property
    def identity(self) -> str:
        """As in `Opened`."""
        return f"local {self.teacher.checkpoint or self.teacher.model}"

    def answer(self, asked: Sequence[Asked], take: Callable[[int, Reply | Failure], None], stop: Callable[[], bool]) -> None:
        """As in `Opened`.

        Raises: NotFound, DamagedWeights, DoesNotFit for a model that cannot be loaded.
        """
        live = Live(self.residents)
        waiting = list(enumerate(asked))[::-1]  # the last comes first
        going: list[Heard] = []
        while waiting or going:
            while waiting and len(going) < AT_ONCE and not stop():
                going.append(self._sent(live, *waiting.pop()))
            if not live.turn() and going:
                sleep(LOOK_S)  # the model is being loaded
            for heard in [one for one in going if one.is_over]:
                going.remove(heard)
                take(heard.place, heard.found())
            if stop():
                return

    def _sent(self, live: Live, place: int, asked: Asked) -> Heard:
        heard = Heard(place)
        chat = Chat.model_validate(
            {
                "target": Target(base=self.teacher.model, checkpoint=self.teacher.checkpoint),
                "messages": [{"role": m.role, "content": m.content or ""} for m in asked.messages],
                "no_prompt": True,
                "sampling": {
                    "max_tokens": asked.max_tokens,
                    "temperature": asked.temperature,
                    "seed": asked.seed,
                    "format": {"kind": "json_schema", "schema": asked.answer_schema} if asked.answer_schema is not None else {"kind": "text"},
                },
            }
        )
        live.submit(Ticket("teacher", chat.target, chat.prepare, heard.lines.extend))
        return heard


@dataclass(eq=False)
class Heard:
    """What the engine says about one request."""

    place: int
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.lines) and ("end" in self.lines[-1] or "error" in self.lines[-1])

    def found(self) -> Reply | Failure:
        """The answer.

        Raises: the engine's error where it is not about this request alone.
        """
        error = next((line["error"] for line in self.lines if "error" in line), None)
        if error is not None:
            message = str(error["message"])
            if error["code"] == "does_not_fit" and "context" in message:  # the same code says that a model is too large for the memory
                return Failure(reason="too_long", message=message)
            if error["code"] in OWN_FAULT:
                return Failure(reason="refused", message=message)
            raise from_json(error) if error["code"] != "internal" else TunesmithError(message, where="engine")
        text = "".join(line["delta"]["text"] for line in self.lines if "delta" in line)
        reason = next(line["finish"]["reason"] for line in self.lines if "finish" in line)
        usage = self.lines[-1]["end"]["usage"]
        if not text.strip():
            return Failure(reason="empty_answer", message="the teacher's answer is empty")
        return Reply(text=text, is_whole=reason != "length", prompt_tokens=usage["prompt_tokens"], answer_tokens=usage["completion_tokens"])

"""The engine's lines → the events of a response, numbered, in the order of the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from tunesmith.console.asking import frame_of, with_pings
from tunesmith.console.chat_reply import token_logprobs
from tunesmith.console.chat_stream import padding
from tunesmith.console.engine_client import Choice, Line, sources
from tunesmith.console.failures import ApiError, bug
from tunesmith.console.ids import new_id
from tunesmith.console.response_object import call_item, failed, finished, message_item, text_part
from tunesmith.errors import TunesmithError
from tunesmith.spec.wire_responses import ResponseRequest, ResponseStreamOptions

Keep = Callable[[dict[str, Any]], Awaitable[None]]


class ResponseStream:
    """The events of one response."""

    def __init__(self, wanted: ResponseRequest, response: Mapping[str, Any], start: Line, keep: Keep) -> None:
        self.wanted = wanted
        self.response = dict(response)
        self.own = sources(start)
        """What only this server tells."""
        self.keep = keep
        self.is_padded = bool((wanted.stream_options or ResponseStreamOptions()).include_obfuscation)
        self.sent = 0
        self.output: list[dict[str, Any]] = []
        """Items that are complete."""
        self.message: str | None = None
        """Id of the message that is being said."""
        self.text = ""
        self.logprobs: list[Line] = []
        self.reason = "stop"

    async def frames(self, lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
        """Everything that is sent."""
        async for frame in with_pings(self._frames(lines)):
            yield frame

    async def _frames(self, lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
        yield self._event("response.created", response=self.response)
        yield self._event("response.in_progress", response=self.response)
        usage: dict[str, int] = {}
        try:
            async for line in lines:
                for frame in self._of_line(line):
                    yield frame
                if "end" in line:
                    usage = line["end"]["usage"]
            for frame in self._message_done(at_end=True):
                yield frame
            done = finished(self.response, self.output, self.reason, usage, self.own)
            if self.wanted.store is not False:
                await self.keep(done)
            yield self._event("response.incomplete" if self.reason == "length" else "response.completed", response=done)
        except (ApiError, TunesmithError) as error:
            why = error if isinstance(error, ApiError) else bug()
            yield self._event("error", code=why.code, message=why.message, param=why.param)
            yield self._event("response.failed", response=failed(self.response, why))
        finally:
            await lines.aclose()

    def _event(self, kind: str, **values: Any) -> str:
        event = {"type": kind, "sequence_number": self.sent, **values}
        self.sent += 1
        return frame_of(event, kind)

    def _of_line(self, line: Line) -> Iterator[str]:
        if delta := line.get("delta"):
            yield from self._piece(delta)
        elif called := line.get("tool_calls"):
            yield from self._message_done()
            for call in called["calls"]:
                yield from self._call(call)
        elif finish := line.get("finish"):
            ended = Choice(0)
            ended.finish(finish)
            self.reason, self.own = ended.reason, self.own | ended.own

    def _piece(self, delta: Line) -> Iterator[str]:
        tokens = (delta.get("logprobs") or []) if self.wanted.wants_logprobs else []
        if not delta["text"] and not tokens:
            return
        yield from self._message_begun()
        self.text += delta["text"]
        self.logprobs += tokens
        extra = {"obfuscation": padding(delta["text"])} if self.is_padded else {}
        logprobs = token_logprobs(tokens)["content"]
        yield self._event("response.output_text.delta", **self._place(), delta=delta["text"], logprobs=logprobs, **extra)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.message, "output_index": len(self.output), "content_index": 0}

    def _message_begun(self) -> Iterator[str]:
        if self.message is not None:
            return
        self.message = new_id("msg_")
        item = message_item(self.message, [], "in_progress")
        yield self._event("response.output_item.added", output_index=len(self.output), item=item)
        yield self._event("response.content_part.added", **self._place(), part=text_part("", ()))

    def _message_done(self, *, at_end: bool = False) -> Iterator[str]:
        """Close the message that is being said. An answer without any item gets an empty one."""
        if self.message is None:
            if self.output or not at_end:
                return
            yield from self._message_begun()
        assert self.message is not None
        part = text_part(self.text, self.logprobs)
        item = message_item(self.message, [part], "incomplete" if self.reason == "length" else "completed")
        yield self._event("response.output_text.done", **self._place(), text=self.text, logprobs=part["logprobs"])
        yield self._event("response.content_part.done", **self._place(), part=part)
        yield self._event("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)
        self.message, self.text, self.logprobs = None, "", []

    def _call(self, call: Line) -> Iterator[str]:
        place = {"item_id": (name := new_id("fc_")), "output_index": len(self.output)}
        opened = call_item(call, name, "in_progress", arguments="")
        yield self._event("response.output_item.added", output_index=place["output_index"], item=opened)
        yield self._event("response.function_call_arguments.delta", **place, delta=call["arguments"])
        yield self._event("response.function_call_arguments.done", **place, name=call["name"], arguments=call["arguments"])
        item = call_item(call, name)
        yield self._event("response.output_item.done", output_index=place["output_index"], item=item)
        self.output.append(item)

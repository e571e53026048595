"""The engine's lines → the chunks of a chat completion, as server-sent events.

First a chunk with the role for each choice, then the pieces, then each choice's reason to end; usage, where it was asked for; `[DONE]`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from tunesmith.console.asking import frame_of, told, with_pings
from tunesmith.console.chat_reply import completion, finish_reason, token_logprobs, usage_of
from tunesmith.console.engine_client import Choice, Gathered, Line, as_extension, sources
from tunesmith.console.failures import ApiError
from tunesmith.spec.wire_chat import ChatRequest, StreamOptions

DONE = "data: [DONE]\n\n"
PAD = 64
"""With obfuscation, the length of a chunk's text plus padding is a multiple of this."""
Keep = Callable[[dict[str, Any]], Awaitable[None]]


class ChatStream:
    """The chunks of one request."""

    def __init__(self, chat: ChatRequest, head: Mapping[str, Any], start: Line, keep: Keep) -> None:
        options = chat.stream_options or StreamOptions()
        self.chat = chat
        self.head = head
        self.start = start
        self.keep = keep
        self.is_old = chat.functions is not None
        self.has_usage = bool(options.include_usage)
        self.is_padded = bool(options.include_obfuscation)
        self.choices = [Choice(i) for i in range(chat.n or 1)]

    async def frames(self, lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
        """Everything that is sent."""
        async for frame in with_pings(told(self._frames(lines), error_frame)):
            yield frame

    async def _frames(self, lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
        usage: dict[str, int] = {}
        try:
            for choice in self.choices:
                own = as_extension(sources(self.start)) if choice.index == 0 else {}
                yield self._chunk(choice.index, {"role": "assistant", "content": "", "refusal": None}, own=own)
            async for line in lines:
                for frame in self._of_line(line):
                    yield frame
                if "end" in line:
                    usage = line["end"]["usage"]
        finally:
            await lines.aclose()
        if self.chat.store:
            await self.keep(completion(self.chat, self.head, Gathered(self.start, self.choices, usage)))
        if self.has_usage:
            yield frame_of({**self._common(), "choices": [], "usage": usage_of(usage)})
        yield DONE

    def _of_line(self, line: Line) -> list[str]:
        if delta := line.get("delta"):
            return self._piece(delta)
        if called := line.get("tool_calls"):
            return self._calls(called["index"], called["calls"])
        if finish := line.get("finish"):
            choice = self.choices[finish["index"]]
            choice.finish(finish)
            return [self._chunk(choice.index, {}, finish=finish_reason(choice.reason, self.is_old), own=as_extension(choice.own))]
        return []

    def _piece(self, delta: Line) -> list[str]:
        choice, tokens = self.choices[delta["index"]], delta.get("logprobs") or []
        choice.logprobs += tokens
        if not delta["text"] and not (tokens and self.chat.logprobs):
            return []
        choice.text += delta["text"]
        return [self._chunk(choice.index, {"content": delta["text"]}, logprobs=token_logprobs(tokens) if self.chat.logprobs else None)]

    def _calls(self, index: int, calls: list[Line]) -> list[str]:
        choice, frames = self.choices[index], []
        for call in calls:
            place = len(choice.calls)
            choice.calls.append(call)
            if self.is_old:
                frames.append(self._chunk(index, {"function_call": {"name": call["name"], "arguments": ""}}))
                frames.append(self._chunk(index, {"function_call": {"arguments": call["arguments"]}}))
                break  # the older API knows one call
            function = {"name": call["name"], "arguments": ""}
            frames.append(self._chunk(index, {"tool_calls": [{"index": place, "id": call["id"], "type": "function", "function": function}]}))
            frames.append(self._chunk(index, {"tool_calls": [{"index": place, "function": {"arguments": call["arguments"]}}]}))
        return frames

    def _common(self) -> dict[str, Any]:
        return {**self.head, "object": "chat.completion.chunk", "service_tier": "default"}

    def _chunk(self, index: int, delta: Line, *, logprobs: Line | None = None, finish: str | None = None, own: Line | None = None) -> str:
        """One event. `own` stands in the choice where that ends, else in the chunk."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        if finish is not None:
            choice |= own or {}
        chunk = self._common() | {"choices": [choice]} | ((own or {}) if finish is None else {})
        if self.has_usage:
            chunk["usage"] = None
        if self.is_padded:
            chunk["obfuscation"] = padding(str(delta.get("content") or ""))
        return frame_of(chunk)


def padding(text: str) -> str:
    """Random letters that hide from an eavesdropper how long `text` is."""
    return secrets.token_hex(PAD)[: PAD - len(text) % PAD]


def error_frame(error: ApiError) -> str:
    """A failure as the last event of a stream."""
    return frame_of(error.body())

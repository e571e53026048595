"""POST /v1/completions: text → what the model puts behind it, or how probable it finds it; whole or as a stream."""

from __future__ import annotations

import codecs
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from tunesmith.console.access import Caller
from tunesmith.console.asking import DEADLINE_S, STREAM_DEADLINE_S, Account, Asked, EventStream, asked, frame_of, told, with_pings
from tunesmith.console.chat_reply import finite, usage_of
from tunesmith.console.chat_request import common_sampling
from tunesmith.console.chat_stream import DONE, error_frame, padding
from tunesmith.console.engine_client import Line, ask, gather
from tunesmith.console.failures import Reply
from tunesmith.console.ids import new_id
from tunesmith.console.parsing import Parsed
from tunesmith.console.state import Console
from tunesmith.spec.wire_chat import StreamOptions
from tunesmith.spec.wire_completion import CompletionRequest

MAX_TOKENS = 16
"""What the API promises where a request does not say how much it wants."""


async def create(console: Console, caller: Caller, parsed: Parsed[CompletionRequest]) -> Response:
    """The completion, or the stream of its chunks.

    Raises: ApiError.
    """
    wanted = parsed.body
    one = await asked(console, caller, wanted.model, "completions", parsed.ignored)
    lines = await ask(console.engine_socket, engine_request(wanted, one), one.about)
    try:
        start = (await lines.first())["start"]
        account = Account(one, start["prompt_tokens"])
        head = heading(one)
        if wanted.stream:
            return EventStream(frames(wanted, head, account.follow(lines)), lines, one.headers(start))
        whole = await gather(start, account.follow(lines), len(wanted.prompts) * (wanted.n or 1))
    except BaseException:
        lines.close()
        raise
    lines.close()
    choices = [
        {
            "index": choice.index,
            "text": choice.text,
            "logprobs": Offsets().logprobs(choice.logprobs, wanted.logprobs) if wanted.logprobs is not None else None,
            "finish_reason": choice.reason,
        }
        for choice in whole.choices
    ]
    return Reply({**head, "choices": choices, "usage": usage_of(whole.usage)}, headers=one.headers(start))


def engine_request(wanted: CompletionRequest, one: Asked) -> dict[str, Any]:
    """What the engine is asked."""
    return {
        **one.request("complete", STREAM_DEADLINE_S if wanted.stream else DEADLINE_S),
        "target": one.engine_target,
        "prompts": wanted.prompts,
        "echo": bool(wanted.echo),
        "best_of": wanted.best_of or 0,
        "suffix": None,
        "sampling": common_sampling(wanted)
        | {
            "max_tokens": MAX_TOKENS if wanted.max_tokens is None else wanted.max_tokens,
            "logprobs": wanted.logprobs is not None,
            "top_logprobs": wanted.logprobs or 0,
            "format": {"kind": "text"},
        },
    }


def heading(one: Asked) -> dict[str, Any]:
    """What the completion and all its chunks have in common."""
    head = {"id": new_id("cmpl-"), "object": "text_completion", "created": int(time.time())}
    return {**head, "model": one.target.name, "system_fingerprint": one.fingerprint}


class Offsets:
    """Where each token begins in its text, in characters. A character may be spread over several tokens."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._at = 0

    def logprobs(self, tokens: Sequence[Line], top: int | None) -> dict[str, Any]:
        """The next tokens in the form of the older API."""
        offsets = [self._next(token) for token in tokens]
        return {
            "tokens": [spelling(token) for token in tokens],
            "token_logprobs": [None if token["logprob"] is None else finite(token["logprob"]) for token in tokens],
            "top_logprobs": [most_probable(token) for token in tokens] if top else None,
            "text_offset": offsets,
        }

    def _next(self, token: Line) -> int:
        begins = self._at
        self._at += len(self._decoder.decode(bytes(token["bytes"] or ())))
        return begins


def spelling(token: Line) -> str:
    """A token's text; its bytes where they are no whole characters.

    >>> spelling({"token": "\\ufffd", "bytes": [226, 130]})
    'bytes:\\\\xe2\\\\x82'
    """
    raw = bytes(token["bytes"] or ())
    try:
        return raw.decode("utf-8") if raw else str(token["token"])
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)


def most_probable(token: Line) -> dict[str, float] | None:
    """The most probable tokens in this place and the one that stands there; None for a first token, before which there is nothing."""
    if token["logprob"] is None:
        return None
    return {spelling(other): finite(other["logprob"]) for other in (*(token.get("top") or ()), token)}


async def frames(wanted: CompletionRequest, head: Mapping[str, Any], lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
    """Everything that a stream sends."""
    async for frame in with_pings(told(_frames(wanted, head, lines), error_frame)):
        yield frame


async def _frames(wanted: CompletionRequest, head: Mapping[str, Any], lines: AsyncGenerator[Line]) -> AsyncGenerator[str]:
    options = wanted.stream_options or StreamOptions()
    offsets = [Offsets() for _ in range(len(wanted.prompts) * (wanted.n or 1))]
    usage: dict[str, int] = {}

    def chunk(index: int, text: str, logprobs: dict[str, Any] | None = None, finish: str | None = None) -> str:
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
        extra = {"usage": None} if options.include_usage else {}
        return frame_of({**head, "choices": [choice], **extra, **({"obfuscation": padding(text)} if options.include_obfuscation else {})})

    try:
        async for line in lines:
            if delta := line.get("delta"):
                tokens = delta.get("logprobs") or []
                logprobs = offsets[delta["index"]].logprobs(tokens, wanted.logprobs) if wanted.logprobs is not None else None
                if delta["text"] or (tokens and logprobs):
                    yield chunk(delta["index"], delta["text"], logprobs)
            elif finish := line.get("finish"):
                yield chunk(finish["index"], "", finish=finish["reason"])
            elif end := line.get("end"):
                usage = end["usage"]
    finally:
        await lines.aclose()
    if options.include_usage:
        yield frame_of({**head, "choices": [], "usage": usage_of(usage)})
    yield DONE

"""Requests → answers of an OpenAI-compatible endpoint: a few at once, again after errors that pass, never faster than it allows.

The first request goes alone: a wrong key, model or URL is met once, and what the endpoint does not know of a request is found out before many
are on their way. When an endpoint asks for patience all requests wait. A request that keeps failing is given up alone as long as others are
answered; when nothing is answered any more, the work ends with an error, and what was answered is kept.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tunesmith.answer.remote_address import Endpoint, Pinned, endpoint
from tunesmith.answer.remote_reply import Mask, Unknown, Verdict, Wait, judged, masking
from tunesmith.errors import BadProject, Overloaded
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, RemoteTeacher, Reply

FIRST_WAIT_S, GROWTH, LONGEST_WAIT_S = 1.0, 2.0, 60.0
"""Before the second attempt, from one to the next, and at most (seconds); each is shortened by up to half, so that many do not come back at once."""
PATIENCE_S = 900.0
"""An endpoint that asks for a longer pause is not waited for."""
GIVE_UP = 3
"""So many requests in a row that were given up end the work."""
SILENT = 2
"""So often an endpoint is asked that has not answered anything and says nothing for as long as `timeout_s`."""
LOOK_S = 0.2
GRACE_S = 10.0
"""After a request to stop, answers that are being written may still come in for so long: they are paid for."""
MOST_BYTES = 8 * 2**20
"""Of a response."""
FORMATS = ("json_schema", "json_object", "text")
Take = Callable[[int, "Reply | Failure"], None]


class Remote:
    """A model behind a URL: a teacher, a judge, or the yardstick of candidates. `key` is sent to it and shown nowhere; `say` hears what people should know."""

    def __init__(self, config: RemoteTeacher, key: str | None = None, say: Callable[[str], None] = lambda text: None) -> None:
        """Raises: BadProject for a URL that must not be called, or a key that no header can carry."""
        if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
            raise BadProject(
                "holds a key with characters that no key has",
                where=f"environment variable {config.key_variable}",
                fix="copy the key again, without spaces and line ends",
            )
        self.config, self.there = config, endpoint(config)
        self.identity = f"{self.there.url} {config.model}"
        self._key, self._say, self._manner = key, say, Manner()

    def answer(self, asked: Sequence[Asked], take: Take, stop: Callable[[], bool]) -> None:
        """Tell `take` the place and the answer of each request, as they come; fewer once `stop()`.

        Raises: BadProject, Unsupported for what no later request can be better than; Overloaded where nothing is answered any more.
        """
        if asked:
            asyncio.run(self._all(asked, take, stop))

    async def _all(self, asked: Sequence[Asked], take: Take, stop: Callable[[], bool]) -> None:
        inner = httpx2.AsyncHTTPTransport(trust_env=False, proxy=self.config.proxy, limits=httpx2.Limits(max_connections=self.config.at_once))
        transport = inner if self.config.proxy else Pinned(self.there, inner, allow_private=self.config.allow_private)
        async with httpx2.AsyncClient(transport=transport, headers=self._headers(), timeout=self.config.timeout_s, trust_env=False) as client:
            sending = Sending(self.config, self.there, client, self._manner, masking(self._key), self._say, stop)
            await finished([sending.work(iter(enumerate(asked[:1])), take)], stop)
            rest = iter(enumerate(asked[1:], 1))
            await finished([sending.work(rest, take) for _ in range(self.config.at_once)], stop)

    def _headers(self) -> dict[str, str]:
        key = {"authorization": f"Bearer {self._key}"} if self._key else {}
        return {"user-agent": "tunesmith", "accept": "application/json", **key}


def open_remote(config: RemoteTeacher, key: str | None, say: Callable[[str], None] = lambda text: None) -> Remote:
    """The model. `key` is what the variable holds that `key_variable` names.

    Raises: BadProject for a URL that must not be called, or a variable that is named and not set.
    """
    if config.key_variable is not None and not key:
        raise BadProject(
            "is not set", where=f"environment variable {config.key_variable}", expected="the endpoint's key",
            fix=f"export {config.key_variable}=…, or remove `key_variable` if the endpoint wants none",
        )  # fmt: skip
    return Remote(config, key, say)


async def finished(work: Sequence[Any], stop: Callable[[], bool]) -> None:
    """Wait until all of it is done; after `stop()` for GRACE_S at most.

    Raises: what the first that fails raises; the others are ended then.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    until: float | None = None
    try:
        while pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending, timeout=LOOK_S, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
            if stop():
                until = until or time.monotonic() + GRACE_S
            if until is not None and time.monotonic() > until:
                return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Manner:
    """How requests are written: as much as the endpoint was found to know."""

    format: str = FORMATS[0]
    tokens: str | None = "max_tokens"
    without: set[str] = field(default_factory=set)

    def body(self, asked: Asked, model: str) -> dict[str, Any]:
        """The JSON of a request."""
        found: dict[str, Any] = {"model": model, "messages": [written(message) for message in asked.messages]}
        found |= {name: value for name, value in (("temperature", asked.temperature), ("seed", asked.seed)) if name not in self.without}
        if self.tokens is not None:
            found[self.tokens] = asked.max_tokens
        if asked.answer_schema is not None and self.format == "json_schema":
            found["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": asked.answer_schema}}
        elif asked.answer_schema is not None and self.format == "json_object":
            found["response_format"] = {"type": "json_object"}
        return found

    def adapt(self, name: str, sent: dict[str, Any]) -> str | None:
        """Do without what the endpoint did not know in the request that was `sent`; returns what that means, None if it was found out already."""
        if name == "response_format":
            if sent[name]["type"] != self.format:
                return None
            self.format = FORMATS[FORMATS.index(self.format) + 1]
            return f"the endpoint cannot be held to {sent[name]['type']}; it is asked for {self.format} and its answers are checked all the same"
        if name in ("max_tokens", "max_completion_tokens"):
            if self.tokens != name:
                return None
            self.tokens = "max_completion_tokens" if name == "max_tokens" else None
            return f"the endpoint does not know `{name}`; " + (
                "`max_completion_tokens` is sent instead" if self.tokens else "answers may be longer than estimated"
            )
        if name in self.without:
            return None
        self.without.add(name)
        return f"the endpoint does not take `{name}`; its own is used"


@dataclass
class Sending:
    """The requests of one call of `Remote.answer`."""

    config: RemoteTeacher
    there: Endpoint
    client: httpx2.AsyncClient
    manner: Manner
    mask: Mask
    say: Callable[[str], None]
    stop: Callable[[], bool]
    not_before: float = 0.0
    """By the monotonic clock: the endpoint asked for patience until then."""
    answered: int = 0
    refused: int = 0
    given_up: int = 0
    """In a row."""
    told: bool = False
    """That it was silent once."""

    async def work(self, waiting: Iterator[tuple[int, Asked]], take: Take) -> None:
        """Send one request after the other until none is left, or a stop is wanted."""
        for place, asked in waiting:
            found = await self.one(asked)
            if found is None:
                return
            take(place, found)
            if self.stop():
                return

    async def one(self, asked: Asked) -> Reply | Failure | None:
        """The answer to one request; None if a stop was wanted before it came.

        Raises: as `Remote.answer`.
        """
        attempt, silent = 0, 0
        while True:
            if not await self._patience():
                return None
            sent = self.manner.body(asked, self.config.model)
            verdict = await self._sent(sent, asked)
            if isinstance(verdict, Reply | Failure):
                self._heard(verdict)
                return verdict
            if isinstance(verdict, Unknown):
                told = self.manner.adapt(verdict.field, sent)
                if told:
                    self.say(told)
                continue
            attempt, silent = attempt + 1, silent + verdict.is_silent
            is_gone = silent >= SILENT and not self.answered
            if is_gone or attempt >= self.config.attempts or (verdict.seconds or 0.0) > PATIENCE_S:
                return self._give_up(verdict, attempt)
            if verdict.is_silent and not self.told:
                self.told = True
                self.say(f"{self.there.name}: {verdict.why}; asked again")
            pause = verdict.seconds if verdict.seconds is not None else back_off(attempt)
            everybody = verdict.seconds is not None or verdict.why.startswith("HTTP 429")
            until = time.monotonic() + pause
            if everybody:
                self.not_before = max(self.not_before, until)
            if not await self._rest(until):
                return None

    def _heard(self, verdict: Reply | Failure) -> None:
        """Count an answer.

        Raises: BadProject where every request is refused: then it is not for what stands in them.
        """
        self.given_up = 0
        if isinstance(verdict, Reply):
            self.answered += 1
            return
        self.refused += 1
        if not self.answered and self.refused >= GIVE_UP:
            raise BadProject(
                "the endpoint refuses every request", where=self.there.name, got=verdict.message, expected="an OpenAI-compatible chat endpoint",
                fix="check `model`, and that the model fits such requests",
            )  # fmt: skip

    async def _sent(self, sent: dict[str, Any], asked: Asked) -> Verdict:
        try:
            async with asyncio.timeout(self.config.timeout_s), self.client.stream("POST", self.there.url, json=sent) as response:
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        return Failure(reason="too_long", message=f"the response is larger than {MOST_BYTES:,} bytes")
                return judged(response.status_code, response.headers, body, asked, sent, self.there.name, self.mask)
        except (TimeoutError, httpx2.TimeoutException):
            return Wait(f"no answer within {self.config.timeout_s:g} s", is_silent=True)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            return Wait(f"{type(error).__name__}: {self.mask(str(error))}"[:200])

    def _give_up(self, last: Wait, attempts: int) -> Failure:
        """The failure of a request that was tried often enough.

        Raises: Overloaded where the others fail as well.
        """
        self.given_up += 1
        if not self.answered or self.given_up >= GIVE_UP:
            times = "once" if attempts == 1 else f"{attempts} times"
            code = " ".join(last.why.split()[:2])
            raise Overloaded(
                f"the endpoint answers with {code}" if code.startswith("HTTP ") else "the endpoint does not answer", where=self.there.name, got=f"{last.why}; tried {times}", expected="an answer",
                fix="check that it runs; then run the same command again: what was answered is kept and not asked again",
            )  # fmt: skip
        return Failure(reason="not_answered", message=f"{last.why}; tried {attempts} times")

    async def _patience(self) -> bool:
        """Wait as long as the endpoint asked for; False if a stop is wanted meanwhile."""
        while self.not_before > time.monotonic():
            if not await self._rest(self.not_before):
                return False
        return not self.stop()

    async def _rest(self, until: float) -> bool:
        """Sleep until then; False if a stop is wanted meanwhile."""
        while (left := until - time.monotonic()) > 0:
            if self.stop():
                return False
            await asyncio.sleep(min(left, LOOK_S))
        return True


def written(message: Message) -> dict[str, Any]:
    """A message as it is sent: what it does not have is left out."""
    kept = message.model_dump(mode="json", exclude_none=True, include={"name", "tool_calls", "tool_call_id"})
    return {"role": message.role, "content": message.content or "", **kept}


def back_off(attempt: int) -> float:
    """Seconds to wait after so many attempts."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * GROWTH ** (attempt - 1)) * random.uniform(0.5, 1.0)

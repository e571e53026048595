"""An endpoint's HTTP response → an answer, a refusal of this one request, a reason to wait, or an error that ends the work."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import BadProject, TunesmithError, Unsupported, excerpt
from tunesmith.spec.making_teacher import Asked, Failure, Reply

REFUSED = (400, 413, 422)
"""The request cannot be answered as it is; others may."""
WAITS = frozenset({408, 409, 425, 429})
"""Beside every 5xx: the same request may succeed later."""
NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
"""Codes that come as 429 and do not pass with time."""
LONGEST_WORDS = 160
LONG = re.compile(r"context.length|maximum.context|too.long|too.large|too many tokens|exceed", re.I)
CHARACTERS_PER_TOKEN = 4.0
"""Of alphabetic scripts: about 4.2 in English prose with today's vocabularies of 100,000 to 200,000 tokens, less with numbers and code."""
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
KEYLIKE = re.compile(r"\b(?:sk|rk|pk|key)-[\w*.…-]{4,}|\bBearer\s+\S+", re.I)


@dataclass(frozen=True)
class Wait:
    """The request is to be sent again."""

    why: str
    seconds: float | None = None
    """What the endpoint asks for; None: it is left to us."""
    is_silent: bool = False
    """Nothing came at all, for as long as was waited."""


@dataclass(frozen=True)
class Unknown:
    """The endpoint does not know a part of the request (`temperature`, `response_format` …) that can be left out or said otherwise."""

    field: str


Verdict = Reply | Failure | Wait | Unknown
Mask = Callable[[str], str]


def masking(key: str | None) -> Mask:
    """What takes a key, and whatever looks like one, out of an endpoint's words."""

    def mask(text: str) -> str:
        return KEYLIKE.sub("•••", text.replace(key, "•••") if key else text)

    return mask


def judged(status: int, headers: Mapping[str, str], body: bytes, asked: Asked, sent: Mapping[str, Any], where: str, mask: Mask) -> Verdict:
    """What a response means for the request that was `sent`.

    Raises: BadProject for a wrong key, model or URL; Unsupported where money has run out.
    """
    if status == 200:
        return answer(body, asked)
    words, code = said(body)
    words = mask(words)
    if code in NO_CREDIT or status == 402:
        raise Unsupported(
            "the endpoint wants money first", where=where, got=f"HTTP {status} {words}", fix="top up the account, then run the same command again"
        )
    if status in WAITS or status >= 500:
        return Wait(f"HTTP {status} {words}".rstrip(), retry_after(headers, time.time()))
    if status in REFUSED:
        is_long = status == 413 or LONG.search(words) is not None
        unknown = next((field for field in FIELDS if field in sent and re.search(rf"\b{field}\b", words)), None)
        if unknown is not None and not is_long:
            return Unknown(unknown)
        return Failure(reason="too_long" if is_long else "refused", message=f"the endpoint refused it: HTTP {status} {words}".rstrip())
    raise ending(status, headers, words, where)


FIELDS = ("response_format", "max_tokens", "max_completion_tokens", "temperature", "seed")
"""Parts of a request that some endpoints do not know; named in their error."""


def ending(status: int, headers: Mapping[str, str], words: str, where: str) -> TunesmithError:
    """The error for a response that no later one can be better than."""
    got = f"HTTP {status} {words}".rstrip()
    if status in (401, 403):
        return BadProject(
            "the endpoint does not accept the key",
            where=where,
            got=f"HTTP {status}",
            expected="a key that is valid there",
            fix="check the variable that `key_variable` names",
        )
    if 300 <= status < 400:
        target = excerpt(headers.get("location", ""), 100)
        return BadProject(
            "the URL leads elsewhere, and redirects are not followed",
            where=where,
            got=f"HTTP {status} to {target}",
            fix="write the final URL in `base_url`",
        )
    if status == 404:
        return BadProject(
            "there is no such model or endpoint",
            where=where,
            got=got,
            fix="check `model`, and that `base_url` ends where the endpoint's documents say, mostly in /v1",
        )
    return BadProject(
        "the endpoint does not take chat requests",
        where=where,
        got=got,
        expected="an OpenAI-compatible POST /chat/completions",
        fix="check `base_url`",
    )


def answer(body: bytes, asked: Asked) -> Verdict:
    """The answer in a successful response; a body that is none is worth another try (a proxy's page, a cut connection)."""
    try:
        found = json.loads(body)
        choice = found["choices"][0]
        message = choice["message"]
        text, refusal, finish = message.get("content"), message.get("refusal"), choice.get("finish_reason")
        usage = found.get("usage") or {}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return Wait("the response is no chat completion")
    if refusal or finish == "content_filter":
        return Failure(reason="refused", message="the model refused to answer")
    if text is not None and not isinstance(text, str):
        return Wait("the response holds no text")
    if not text or not text.strip():
        cut = " before it said anything; raise the tokens of an answer, or ask it to think less" if finish == "length" else ""
        return Failure(reason="empty_answer", message="the model stopped" + cut if cut else "the answer is empty")
    prompt = _count(usage, "prompt_tokens", sum(approximate_tokens(m.content or "") for m in asked.messages))
    return Reply(
        text=text, is_whole=finish != "length", prompt_tokens=prompt, answer_tokens=_count(usage, "completion_tokens", approximate_tokens(text))
    )


def _count(usage: Any, name: str, otherwise: int) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def said(body: bytes) -> tuple[str, str]:
    """(an endpoint's words about an error, shortened; their code)."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return excerpt(body[:LONGEST_WORDS].decode("utf-8", "replace"), LONGEST_WORDS) if body.strip() else "", ""
    error = found.get("error", found) if isinstance(found, dict) else found
    if isinstance(error, dict):
        words = error.get("message") or error.get("detail") or ""
        return excerpt(words, LONGEST_WORDS) if words else "", str(error.get("code") or error.get("type") or "")
    return excerpt(error, LONGEST_WORDS), ""


def approximate_tokens(text: str) -> int:
    """About how many tokens `text` has, by its characters.

    >>> approximate_tokens("How do I reset my password?"), approximate_tokens("猫が好き")
    (7, 4)
    """
    dense = len(_DENSE.findall(text)) if not text.isascii() else 0
    return dense + round((len(text) - dense) / CHARACTERS_PER_TOKEN)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date; None where there is none that can be read.

    >>> retry_after({"retry-after": "7"}, 0.0), retry_after({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, 10.0), retry_after({}, 0.0)
    (7.0, 20.0, None)
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", text):
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
    return max(0.0, when.timestamp() - now) if when is not None else None

"""A reply that ought to be JSON → the value it holds, or what is wrong with it; what is wrong is told to the model once, which then answers again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from tunesmith.answer.replies import Kept, Opened, replies
from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, Reply
from tunesmith.spec.noun import Noun

T = TypeVar("T", bound=Noun)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.S)
_FENCE = re.compile(r"\A\s*```(?:json)?[^\S\n]*\n(.*?)\n?\s*```\s*\Z", re.S)
AGAIN = "That is not the JSON that was asked for: {problem}. Answer again with the JSON object only, nothing before or after it."
SHORTER = "That answer was cut off before its end. Answer again with at most half as many entries, as a JSON object only."
SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class Bad:
    """An answer that cannot be read."""

    reply: Reply
    problem: str


def repaired(asked: Asked, bad: Bad) -> Asked:
    """The request with the bad answer behind it, and what is wrong with it."""
    again = AGAIN.format(problem=bad.problem) if bad.reply.is_whole else SHORTER
    more = (Message(role="assistant", content=bad.reply.text), Message(role="user", content=again))
    return asked.model_copy(update={"messages": (*asked.messages, *more)})


def read(reply: Reply | Failure, noun: type[T]) -> T | Failure | Bad:
    """The value in an answer. A thought before it and one fence around it are taken off; else it has to be the JSON alone, without unknown keys."""
    if isinstance(reply, Failure):
        return reply
    text = bare(reply.text)
    if read_json(text) is NOT_JSON:
        return Bad(reply, "it was cut off" if not reply.is_whole else "it is not one JSON value")
    try:
        return noun.model_validate_json(text, strict=True)
    except ValidationError as error:
        return Bad(reply, "; ".join(problems(error)))


def bare(text: str) -> str:
    """The text without a thought before it and a fence around it.

    >>> bare('<think>hm</think>```json\\n{"a": 1}\\n```')
    '{"a": 1}'
    """
    text = _THOUGHT.sub("", text)
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced else text).strip()


def problems(error: ValidationError) -> Iterator[str]:
    """The first few things that do not fit, without the values."""
    for one in error.errors(include_url=False, include_input=False, include_context=False)[:SHOWN_PROBLEMS]:
        yield f"`{'.'.join(map(str, one['loc'])) or 'answer'}`: {one['msg']}"


def ask_json(
    model: Opened, asked: Sequence[Asked], noun: type[T], kept: Kept, *, done: Callable[[int], None], stop: Callable[[], bool]
) -> list[T | Failure | None]:
    """One value or failure for each request, in order; None for what a stop left open. An answer that is no such JSON is asked for once more.

    Raises: what the model raises; what was answered before is kept.
    """
    found = [None if reply is None else read(reply, noun) for reply in replies(model, asked, kept, done=done, stop=stop)]
    bad = [(place, one) for place, one in enumerate(found) if isinstance(one, Bad)]
    if bad:
        again = replies(model, [repaired(asked[place], one) for place, one in bad], kept, done=lambda n: None, stop=stop)
        for (place, _), reply in zip(bad, again, strict=True):
            found[place] = None if reply is None else read(reply, noun)
    return [
        Failure(reason="bad_answer", message=f"the answer is not the JSON asked for: {one.problem}") if isinstance(one, Bad) else one for one in found
    ]


def schema_of(noun: type[Noun]) -> dict[str, Any]:
    """The noun's JSON schema as endpoints take it: no titles, no descriptions."""
    found = json.loads(json.dumps(noun.model_json_schema()))
    plain = _plain(found)
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any, *, names: bool = False) -> Any:
    """The schema without what only people read; `names`: the keys are names of properties or definitions, and all of them stay."""
    if isinstance(value, dict):
        return {
            key: _plain(item, names=key in ("properties", "$defs") and not names)
            for key, item in value.items()
            if names or key not in ("title", "description")
        }
    return [_plain(item) for item in value] if isinstance(value, list) else value

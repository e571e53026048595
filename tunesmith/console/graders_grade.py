"""A grader, a row and a sample → a score, with everything that went wrong on the way as the flags that OpenAI's API has for it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from starlette.concurrency import run_in_threadpool

from tunesmith.console.failures import ApiError
from tunesmith.errors import TunesmithError
from tunesmith.measure import graders
from tunesmith.measure.graders_formula import BadFormula
from tunesmith.measure.graders_template import NoSuchVariable
from tunesmith.measure.similarity import cosine
from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.wire_graders import AnyGrader, LabelModel, Multi, ScoreModel, StringCheck, TextSimilarity

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""(path of a route, body) → the body of its reply. Raises: ApiError."""
CHAT = "/v1/chat/completions"
JUDGE_TOKENS = 512
"""A judge's answer is one number: more would be a loop."""
FLAGS = (
    "formula_parse_error", "sample_parse_error", "truncated_observation_error", "unresponsive_reward_error", "invalid_variable_error",
    "other_error", "python_grader_server_error", "python_grader_runtime_error", "model_grader_server_error", "model_grader_refusal_error",
    "model_grader_parse_error",
)  # fmt: skip


class NotAScore(Exception):
    """A judge said something that is no number of the range."""


@dataclass
class Used:
    """What one model cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        """Count one reply."""
        self.calls += 1
        self.prompt_tokens += int(usage.get("prompt_tokens", 0))
        self.completion_tokens += int(usage.get("completion_tokens", 0))
        self.cached_tokens += int((usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt_tokens + self.completion_tokens


@dataclass
class Graded:
    """A score and how it came to be."""

    score: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    """Of a `multi`: key → score."""
    errors: dict[str, str] = field(default_factory=dict)
    """Flag → what happened. A score with errors is 0 and says nothing."""
    used: dict[str, Used] = field(default_factory=dict)
    """Model → what it cost."""
    model: str | None = None
    """The judge."""
    sample: dict[str, Any] | None = None
    """What the judge was asked and said."""

    def take_in(self, part: Graded) -> None:
        """Count what a part cost, and what went wrong there."""
        self.errors |= part.errors
        self.model = self.model or part.model
        for name, used in part.used.items():
            own = self.used.setdefault(name, Used())
            own.calls += used.calls
            own.prompt_tokens += used.prompt_tokens
            own.completion_tokens += used.completion_tokens
            own.cached_tokens += used.cached_tokens


@dataclass(frozen=True)
class Judges:
    """How models are asked."""

    ask: Ask
    embedder: str | None
    """The model that makes vectors; None where none is installed."""


async def grade(grader: AnyGrader, spaces: Mapping[str, Any], judges: Judges) -> Graded:
    """The score; nothing that can go wrong with a row is raised."""
    found = Graded()
    try:
        found.score = await _score(grader, spaces, judges, found)
    except NoSuchVariable as error:
        flag = (
            "sample_parse_error" if "output_json" in error.problems[0].where and "output_json" not in spaces["sample"] else "invalid_variable_error"
        )
        found.errors[flag] = words(error)
    except BadFormula as error:
        found.errors["formula_parse_error"] = words(error)
    except ApiError as error:
        found.errors["model_grader_server_error"] = error.message
    except NotAScore as error:
        found.errors["model_grader_parse_error"] = str(error)
    except TunesmithError as error:
        found.errors["other_error"] = words(error)
    if found.errors:
        found.score = 0.0
    return found


async def _score(grader: AnyGrader, spaces: Mapping[str, Any], judges: Judges, found: Graded) -> float:
    match grader:
        case StringCheck():
            return graders.checked(grader, spaces)
        case TextSimilarity(evaluation_metric="cosine"):
            return await _cosine(grader, spaces, judges, found)
        case TextSimilarity():
            return await run_in_threadpool(graders.alike, grader, spaces)
        case ScoreModel():
            return await _number(grader, spaces, judges, found)
        case LabelModel():
            return await _label(grader, spaces, judges, found)
        case Multi():
            for key, part in grader.named.items():
                one = await grade(part, spaces, judges)
                found.parts[key] = one.score
                found.take_in(one)
            return 0.0 if found.errors else graders.combined(grader, found.parts)
        case unknown:
            assert_never(unknown)


async def _cosine(grader: TextSimilarity, spaces: Mapping[str, Any], judges: Judges, found: Graded) -> float:
    texts = graders.compared(grader, spaces)
    if not all(text.strip() for text in texts):  # nothing has no direction
        return float(texts[0] == texts[1])
    if judges.embedder is None:
        raise ApiError(400, NO_EMBEDDER, code="model_not_found")
    reply = await judges.ask("/v1/embeddings", {"model": judges.embedder, "input": list(texts), "encoding_format": "float"})
    found.used.setdefault(judges.embedder, Used()).add(reply["usage"])
    return cosine(*(row["embedding"] for row in reply["data"]))


NO_EMBEDDER = "The metric cosine needs an embedding model, and none is installed: `tunesmith models pull all-minilm-l6-v2`."


async def _number(grader: ScoreModel, spaces: Mapping[str, Any], judges: Judges, found: Graded) -> float:
    low, high = grader.range
    how = f'Answer with a JSON object {{"result": number}}; the number is between {low:g} and {high:g}.'
    schema = {"type": "object", "properties": {"result": {"type": "number", "minimum": low, "maximum": high}}, "required": ["result"],
        "additionalProperties": False}  # fmt: skip
    body = _chat(grader, graders.instructed(graders.messages(grader, spaces), how))
    body["response_format"] = {"type": "json_schema", "json_schema": {"name": "score", "schema": schema, "strict": True}}
    said = await _said(body, judges, found)
    value = read_json(said)
    result = value.get("result") if value is not NOT_JSON and isinstance(value, dict) else None
    if isinstance(result, bool) or not isinstance(result, int | float) or not math.isfinite(result) or not low <= result <= high:
        raise NotAScore(f"The judge did not give a number between {low:g} and {high:g}.")
    return float(result)


async def _label(grader: LabelModel, spaces: Mapping[str, Any], judges: Judges, found: Graded) -> float:
    how = "Answer with one of these labels: " + ", ".join(grader.labels) + "."
    body = _chat(grader, graders.instructed(graders.messages(grader, spaces), how)) | {"tunesmith": {"choices": list(dict.fromkeys(grader.labels))}}
    said = await _said(body, judges, found)
    if said not in grader.labels:
        raise NotAScore("The judge did not choose one of the labels.")
    return float(said in grader.passing_labels)


def _chat(grader: ScoreModel | LabelModel, asked: list[dict[str, str]]) -> dict[str, Any]:
    sampling = grader.sampling_params
    given = sampling.model_dump(exclude_none=True, exclude={"reasoning_effort", "max_completions_tokens"}) if sampling is not None else {}
    limit = sampling.max_completions_tokens if sampling is not None else None
    return {"model": grader.model, "messages": asked, "max_completion_tokens": limit or JUDGE_TOKENS, **given}


async def _said(body: dict[str, Any], judges: Judges, found: Graded) -> str:
    reply = await judges.ask(CHAT, body)
    found.model = str(reply["model"])
    found.used.setdefault(found.model, Used()).add(reply["usage"])
    said = str(reply["choices"][0]["message"]["content"] or "")
    found.sample = {
        "input": body["messages"],
        "output": [{"role": "assistant", "content": said}],
        "finish_reason": reply["choices"][0]["finish_reason"],
        "model": found.model,
    }
    return said


def words(error: TunesmithError) -> str:
    """What an error says, on one line."""
    one = error.problems[0]
    return "; ".join(part for part in (f"{one.where}: {one.message}" if one.where else one.message, one.got, one.expected) if part)

"""What is asked of a candidate that won → the refusal of what it cannot do, and what it rested on as a client is told. Nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tunesmith.answer.asked import Sampling, Text
from tunesmith.answer.grounding import place_of
from tunesmith.answer.retrieve import Retriever
from tunesmith.errors import Unsupported
from tunesmith.spec.elected import Elected
from tunesmith.spec.index import Excerpt

WHY: Mapping[str, str] = {
    "no_prompt": "is a model with its prompt",
    "choices": "answers as it was measured",
    "tools": "calls no tools",
    "response_format": "writes no JSON on demand",
    "n": "gives one answer to a question: the next would be the same",
    "logprobs": "tells no tokens; where it has a confidence, that stands in `tunesmith` beside its answer",
    "logit_bias": "chooses no tokens that could be favoured",
    "frequency_penalty": "chooses no tokens that could be penalised",
    "presence_penalty": "chooses no tokens that could be penalised",
    "stop": "gives its answer as a whole",
    "top_p": "is not asked for `top_p`",
}
"""Parameter → why a candidate does without it."""


def refuse_impossible(elected: Elected, sampling: Sampling, asked: Collection[str]) -> None:
    """Nothing, if the candidate can do what is wanted; `asked` names what the request brings beside its sampling: `tools`, `choices`, `no_prompt`, `decline`.

    Raises: Unsupported, naming the parameter.
    """
    wanted = {"no_prompt": "no_prompt" in asked}
    if elected.reader is None or elected.is_fixed:
        wanted |= {
            "choices": "choices" in asked,
            "tools": "tools" in asked,
            "response_format": not isinstance(sampling.form, Text),
            "n": sampling.n > 1,
            "logprobs": sampling.logprobs,
            "logit_bias": bool(sampling.logit_bias),
            "frequency_penalty": bool(sampling.frequency_penalty),
            "presence_penalty": bool(sampling.presence_penalty),
            "stop": bool(sampling.stop) and elected.is_fixed,
            "top_p": sampling.top_p < 1 and not elected.is_fixed,
        }
    name = next((name for name, is_wanted in wanted.items() if is_wanted), None)
    if name is not None:
        raise Unsupported(f"the candidate `{elected.candidate.name}` {WHY[name]}", where=name, fix=f"leave `{name}` out")
    if "decline" in asked and elected.threshold is None:
        raise no_threshold(elected.candidate.name)


def no_threshold(name: str) -> Unsupported:
    """The error where declining is asked for and there is nothing to go by."""
    return Unsupported(
        f"there is no threshold for `{name}` to decline below", where="decline",
        expected="a candidate whose report has one that does not break its promise on the locked rows, and `task.out_of_scope` to say instead",
        fix="leave `decline` out; the report says of each threshold whether serving can apply it",
    )  # fmt: skip


def sources_of(retriever: Retriever, shown: Sequence[str]) -> list[dict[str, str]]:
    """What stood before a question, the nearest first: passages with their text; of worked examples, which are somebody's rows, the id alone."""
    found = [retriever.entry(ident) for ident in shown]
    return [
        {"id": one.id, "kind": "passage", "place": place_of(one), "text": one.text} if isinstance(one, Excerpt) else {"id": one.id, "kind": "example"}
        for one in found
    ]

"""POST /v1/completions and /v1/embeddings: their bodies as frozen nouns."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from tunesmith.spec import hosted_only
from tunesmith.spec.wire import MAX_TOKENS, Body, refuse
from tunesmith.spec.wire_chat import Bias, Penalty, Seed, Stop, StreamOptions, Temperature, TopP

MAX_PROMPTS = 256
MAX_INPUTS = 2048
MAX_ROWS = 1024
"""Answers that one request may have computed: prompts times the larger of `n` and `best_of`."""
TokenId = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


def texts_kind(value: Any) -> str:
    """The tag of a text, tokens, or several of either."""
    if isinstance(value, str):
        return "@string"
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, list):
        return "@rows"
    return "@tokens" if isinstance(first, int) and not isinstance(first, bool) else "@texts"


Row = Annotated[tuple[TokenId, ...], Field(min_length=1)]
Texts = Annotated[
    Annotated[str, Tag("@string")]
    | Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_INPUTS), Tag("@texts")]
    | Annotated[Row, Tag("@tokens")]
    | Annotated[tuple[Row, ...], Field(min_length=1, max_length=MAX_INPUTS), Tag("@rows")],
    Discriminator(texts_kind),
]


def as_list(given: str | tuple[str, ...] | tuple[int, ...] | tuple[tuple[int, ...], ...]) -> list[str | list[int]]:
    """Texts or rows of tokens, one or several → a list of them.

    >>> as_list((1, 2)), as_list("a")
    ([[1, 2]], ['a'])
    """
    if isinstance(given, str):
        return [given]
    alone = [item for item in given if isinstance(item, int)]
    return [alone] if alone else [item if isinstance(item, str) else list(item) for item in given if not isinstance(item, int)]


class CompletionRequest(Body):
    """POST /v1/completions: plain text goes on."""

    hosted_only: ClassVar = hosted_only.COMPLETIONS

    model: Annotated[str, Field(min_length=1, max_length=512)]
    prompt: Texts | None = None
    best_of: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Bias | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    max_tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    presence_penalty: Penalty | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None

    @model_validator(mode="after")
    def agrees_with_itself(self) -> Self:
        """No field contradicts another."""
        if self.suffix:
            refuse("This model does not support 'suffix': it was not made to fill in the middle.", "suffix", "invalid_value")
        if self.stream_options is not None and not self.stream:
            refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", "invalid_parameter_combination")
        best, count = self.best_of or 0, self.n or 1
        if best and best < count:
            refuse(f"You requested that the server return more choices than it will generate (HINT: 'n' ({count}) must not be greater than 'best_of' ({best})).", "best_of", "invalid_parameter_combination")  # fmt: skip
        if self.stream and best > count:
            refuse(
                "'best_of' cannot be used with 'stream': which answers are best is only known at the end.", "best_of", "invalid_parameter_combination"
            )
        if self.max_tokens == 0 and not self.echo:
            refuse("'max_tokens' may only be 0 with 'echo': there would be nothing to return.", "max_tokens", "invalid_parameter_combination")
        rows = len(self.prompts) * max(best, count)
        if len(self.prompts) > MAX_PROMPTS or rows > MAX_ROWS:
            refuse(f"Invalid 'prompt': {len(self.prompts)} prompts with {max(best, count)} answers each. Expected at most {MAX_PROMPTS} prompts and {MAX_ROWS} answers.", "prompt", "array_above_max_length")  # fmt: skip
        return self

    @property
    def prompts(self) -> list[str | list[int]]:
        """What goes on; without a prompt the model begins a text of its own."""
        return as_list(self.prompt) if self.prompt is not None else [""]


class EmbeddingRequest(Body):
    """POST /v1/embeddings."""

    hosted_only: ClassVar = hosted_only.EMBEDDINGS

    model: Annotated[str, Field(min_length=1, max_length=512)]
    input: Texts
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """No text is empty."""
        empty = next((i for i, text in enumerate(self.inputs) if not text), None)
        if empty is not None:
            place = "" if isinstance(self.input, str) else f"[{empty}]"
            refuse(f"Invalid 'input{place}': input cannot be an empty string.", f"input{place}", "invalid_value")
        return self

    @property
    def inputs(self) -> list[str | list[int]]:
        """What is embedded, in order."""
        return as_list(self.input)

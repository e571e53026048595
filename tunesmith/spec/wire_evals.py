"""`/v1/evals`: requests. An eval says what rows look like and what is asked of an answer; a run brings the rows, and a model where it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator

from tunesmith.spec.openai import Metadata
from tunesmith.spec.wire import Body, Wire, refuse
from tunesmith.spec.wire_chat import ResponseFormat, Seed, Temperature, TokenCount, Tool, TopP
from tunesmith.spec.wire_graders import Messages, ModelName, Single, TextSimilarity

MAX_ROWS = 50_000
Title = Annotated[str, Field(max_length=512)]
RunState = Literal["queued", "in_progress", "completed", "canceled", "failed"]
PENDING: frozenset[str] = frozenset({"queued", "in_progress"})


class Absent(Wire):
    """A kind that OpenAI's service has and this server does not."""

    model_config = ConfigDict(extra="allow")

    type: Any = None


def refuse_absent(value: Any, field: str, kinds: str) -> None:
    """Stop where a kind of this server was not chosen."""
    if not isinstance(value, Absent):
        return
    if value.type is None:
        refuse("Missing required parameter: '{param}'.", f"{field}.type", "missing_required_parameter")
    refuse(f"Invalid value: '{str(value.type)[:80]}'. Supported values are: {kinds}.", f"{field}.type", "invalid_value")


def config_kind(value: Any) -> str:
    """The tag of a data source's configuration."""
    return "@custom" if kind_in(value) == "custom" else "@absent"


def source_kind(value: Any) -> str:
    """The tag of a source of rows."""
    return f"@{kind_in(value)}" if kind_in(value) in ("file_content", "file_id") else "@absent"


def data_kind(value: Any) -> str:
    """The tag of a run's data."""
    return f"@{kind_in(value)}" if kind_in(value) in ("jsonl", "completions") else "@absent"


def messages_kind(value: Any) -> str:
    """The tag of a run's messages."""
    return f"@{kind_in(value)}" if kind_in(value) in ("template", "item_reference") else "@absent"


def kind_in(value: Any) -> Any:
    """The type of something, raw or parsed."""
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


class CustomConfig(Wire):
    """Rows as a JSON schema describes them."""

    type: Literal["custom"]
    item_schema: dict[str, JsonValue]
    include_sample_schema: bool = False
    """Whether answers are made, or brought, as `sample`."""


class EvalRequest(Body):
    """POST /v1/evals."""

    data_source_config: Annotated[Annotated[CustomConfig, Tag("@custom")] | Annotated[Absent, Tag("@absent")], Discriminator(config_kind)]
    testing_criteria: Annotated[tuple[Single, ...], Field(min_length=1, max_length=100)]
    name: Title | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def is_ours(self) -> Self:
        """A kind of rows that there is here, and a threshold where one is needed."""
        refuse_absent(self.data_source_config, "data_source_config", "'custom'")
        for i, one in enumerate(self.testing_criteria):
            if isinstance(one, TextSimilarity) and one.pass_threshold is None:
                refuse("Missing required parameter: '{param}'.", f"testing_criteria[{i}].pass_threshold", "missing_required_parameter")
        return self


class EvalChange(Body):
    """POST /v1/evals/{id}: what can be changed."""

    name: Title | None = None
    metadata: Metadata | None = None


class Row(Wire):
    """One row, with an answer where it brings one."""

    item: dict[str, JsonValue]
    sample: dict[str, JsonValue] | None = None


class FileContent(Wire):
    """Rows in the request."""

    type: Literal["file_content"]
    content: Annotated[tuple[Row, ...], Field(min_length=1, max_length=MAX_ROWS)]


class FileId(Wire):
    """Rows in a file."""

    type: Literal["file_id"]
    id: Annotated[str, Field(min_length=1, max_length=256)]


Source = Annotated[
    Annotated[FileContent, Tag("@file_content")] | Annotated[FileId, Tag("@file_id")] | Annotated[Absent, Tag("@absent")],
    Discriminator(source_kind),
]
SOURCES = "'file_content' and 'file_id'"


class Jsonl(Wire):
    """Rows that bring their answers, or need none."""

    type: Literal["jsonl"]
    source: Source

    @model_validator(mode="after")
    def is_ours(self) -> Self:
        """A source that there is here."""
        refuse_absent(self.source, "source", SOURCES)
        return self


class TemplateMessages(Wire):
    """The messages to answer, with templates in them."""

    type: Literal["template"]
    template: Messages


class ItemReference(Wire):
    """The place in a row where its messages are, as in `item.input_trajectory`."""

    type: Literal["item_reference"]
    item_reference: Annotated[str, Field(min_length=1, max_length=1000)]


class Sampling(Wire):
    """How answers are sampled."""

    max_completion_tokens: TokenCount | None = None
    max_completions_tokens: TokenCount | None = None
    """The same, as older examples spell it."""
    reasoning_effort: JsonValue = None
    response_format: ResponseFormat | None = None
    seed: Seed | None = None
    temperature: Temperature | None = None
    tools: Annotated[tuple[Tool, ...], Field(max_length=128)] | None = None
    top_p: TopP | None = None

    @property
    def limit(self) -> int | None:
        """Tokens of an answer at most."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_completions_tokens


class Completions(Wire):
    """Rows that a model answers."""

    type: Literal["completions"]
    source: Source
    input_messages: Annotated[
        Annotated[TemplateMessages, Tag("@template")] | Annotated[ItemReference, Tag("@item_reference")] | Annotated[Absent, Tag("@absent")],
        Discriminator(messages_kind),
    ]
    model: ModelName
    sampling_params: Sampling | None = None

    @model_validator(mode="after")
    def is_ours(self) -> Self:
        """A source and messages that there are here."""
        refuse_absent(self.source, "source", SOURCES)
        refuse_absent(self.input_messages, "input_messages", "'template' and 'item_reference'")
        return self


class RunRequest(Body):
    """POST /v1/evals/{id}/runs."""

    data_source: Annotated[
        Annotated[Jsonl, Tag("@jsonl")] | Annotated[Completions, Tag("@completions")] | Annotated[Absent, Tag("@absent")],
        Discriminator(data_kind),
    ]
    name: Title | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def is_ours(self) -> Self:
        """Data that there are here."""
        refuse_absent(self.data_source, "data_source", "'jsonl' and 'completions'")
        return self

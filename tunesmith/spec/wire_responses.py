"""POST /v1/responses: the subset of its body that a local model can honour, as a frozen noun."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator

from tunesmith.spec import hosted_only
from tunesmith.spec.openai import Metadata
from tunesmith.spec.wire import MAX_TOKENS, Body, StringOr, Wire, refuse
from tunesmith.spec.wire_chat import OTHER_MODES, Extensions, Name, Temperature, ToolType, TopP, check_names

PARTS = ("input_text", "output_text", "text", "refusal")
ITEMS = ("message", "function_call", "function_call_output")
Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
"""All but the last concern items that never occur here."""
LOGPROBS = "message.output_text.logprobs"


def only_text(kind: str) -> str:
    """The type of a part, if a model that reads text can read it."""
    if kind in OTHER_MODES:
        refuse(f"Invalid content type. {kind} is only supported by certain models; the models here read text.", code="unsupported_content_type")
    if kind not in PARTS:
        refuse(f"Invalid value: '{kind[:80]}'. Supported values are: 'input_text', 'output_text', and 'refusal'.", code="invalid_value")
    return kind


def only_turns(kind: str) -> str:
    """The type of an item, if it is one that occurs here."""
    if kind not in ITEMS:
        refuse(f"Invalid value: '{kind[:80]}'. Supported values are: 'message', 'function_call', and 'function_call_output'.", code="invalid_value")
    return kind


class ItemPart(Wire):
    """One part of an item's content. What the service adds to its answers may come back."""

    type: Annotated[str, AfterValidator(only_text)]
    text: str | None = None
    refusal: str | None = None
    annotations: tuple[JsonValue, ...] | None = None
    logprobs: tuple[JsonValue, ...] | None = None
    parsed: JsonValue = None

    @model_validator(mode="after")
    def has_its_text(self) -> Self:
        """A part holds what its type says."""
        if (field := "refusal" if self.type == "refusal" else "text") and getattr(self, field) is None:
            refuse("Missing required parameter: '{param}'.", field, "missing_required_parameter")
        return self


Parts = StringOr[Annotated[tuple[ItemPart, ...], Field(max_length=10_000)]]
NEEDED = {"message": ("role", "content"), "function_call": ("call_id", "name", "arguments"), "function_call_output": ("call_id", "output")}


class Item(Wire):
    """One item of the input: a message, a call of a function, or what it returned."""

    type: Annotated[str, AfterValidator(only_turns)] = "message"
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    phase: Literal["commentary", "final_answer"] | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Parts | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    parsed_arguments: JsonValue = None
    output: Parts | None = None

    @model_validator(mode="after")
    def has_what_it_needs(self) -> Self:
        """Each kind of item has its fields."""
        missing = next((name for name in NEEDED[self.type] if getattr(self, name) is None), None)
        if missing is not None:
            refuse("Missing required parameter: '{param}'.", missing, "missing_required_parameter")
        return self


def text_of(content: str | tuple[ItemPart, ...] | None) -> str:
    """A content as one text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text or part.refusal or "" for part in content)


class FlatTool(Wire):
    """A function, as this API writes it."""

    type: ToolType
    name: Name
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = None


class FlatNamed(Wire):
    """The choice of one function."""

    type: ToolType
    name: str


class FlatAllowed(Wire):
    """The choice among some of the tools."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Annotated[tuple[FlatNamed, ...], Field(min_length=1)]


def choice_kind(value: Any) -> str:
    """The tag of a choice of tools, raw or parsed."""
    if isinstance(value, FlatAllowed) or (isinstance(value, dict) and value.get("type") == "allowed_tools"):
        return "@allowed"
    return "@named" if isinstance(value, dict | Wire) else "@word"


FlatChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("@word")] | Annotated[FlatNamed, Tag("@named")] | Annotated[FlatAllowed, Tag("@allowed")],
    Discriminator(choice_kind),
]


class FlatFormat(Wire):
    """What the answer must be."""

    type: Literal["text", "json_object", "json_schema"]
    name: Name | None = None
    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None
    description: str | None = None
    strict: bool | None = None

    @model_validator(mode="after")
    def has_its_schema(self) -> Self:
        """A schema with a name where one is announced, and only there."""
        for field, value in (("name", self.name), ("schema", self.schema_)):
            if self.type == "json_schema" and value is None:
                refuse("Missing required parameter: '{param}'.", field, "missing_required_parameter")
            if self.type != "json_schema" and value is not None:
                refuse(f"'{field}' is not allowed where 'type' is '{self.type}'.", field, "invalid_value")
        return self


class TextOptions(Wire):
    """How the answer is written."""

    format: FlatFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ResponseStreamOptions(Wire):
    """What a stream carries besides the answer."""

    include_obfuscation: bool | None = None


class Turn(Body):
    """What a response and the count of its tokens have in common."""

    hosted_only: ClassVar = hosted_only.RESPONSES

    model: Annotated[str, Field(min_length=1, max_length=512)]
    input: StringOr[Annotated[tuple[Item, ...], Field(max_length=10_000)]] | None = None
    instructions: str | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: Annotated[str, Field(max_length=256)] | None = None
    text: TextOptions | None = None
    tool_choice: FlatChoice | None = None
    tools: Annotated[tuple[FlatTool, ...], Field(max_length=128)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    tunesmith: Extensions | None = None

    @model_validator(mode="after")
    def asks_something(self) -> Self:
        """There is an input, or an earlier response to go on from; chosen tools exist."""
        if not self.input and self.previous_response_id is None:
            refuse("Missing required parameter: 'input'.", "input", "missing_required_parameter")
        names = [tool.name for tool in self.tools or ()]
        check_names(names, "tools")
        chosen: tuple[str, ...] = ()
        match self.tool_choice:
            case FlatNamed() as one:
                chosen = (one.name,)
            case FlatAllowed() as some:
                chosen = tuple(tool.name for tool in some.tools)
            case "required":
                if not names:
                    refuse("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice", "invalid_value")
        for name in chosen:
            if name not in names:
                refuse(f"Tool choice '{name[:80]}' not found in 'tools' parameter.", "tool_choice", "invalid_value")
        own = self.tunesmith
        if own is not None and own.choices is not None and (self.tools or (self.text and self.text.format)):
            refuse("'tunesmith.choices' excludes 'tools' and 'text.format'.", "tunesmith.choices", "invalid_parameter_combination")
        return self

    @property
    def items(self) -> tuple[Item, ...]:
        """The input in one form."""
        return (Item(role="user", content=self.input),) if isinstance(self.input, str) else self.input or ()

    def without_effect(self) -> list[str]:
        """The fields of this request that were accepted and change nothing."""
        found = super().without_effect()
        found += ["text.verbosity"] if self.text and self.text.verbosity else []
        return found + (["text.format.description"] if self.text and self.text.format and self.text.format.description else [])


class TokenCountRequest(Turn):
    """POST /v1/responses/input_tokens."""


class ResponseRequest(Turn):
    """POST /v1/responses."""

    background: bool | None = None
    include: tuple[Include, ...] | None = None
    max_output_tokens: Annotated[int, Field(ge=16, le=MAX_TOKENS)] | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    temperature: Temperature | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    top_p: TopP | None = None

    @model_validator(mode="after")
    def agrees_with_itself(self) -> Self:
        """No field contradicts another."""
        if self.stream_options is not None and not self.stream:
            refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", "invalid_parameter_combination")
        if self.background and self.stream:
            refuse(
                "'background' and 'stream' cannot be combined here: ask for the response by its id.", "background", "invalid_parameter_combination"
            )
        if self.background and self.store is False:
            refuse("'background' requires 'store': the response is fetched later.", "store", "invalid_parameter_combination")
        return self

    @property
    def wants_logprobs(self) -> bool:
        """The answer's tokens are to come with their logarithms."""
        return LOGPROBS in (self.include or ()) or bool(self.top_logprobs)

"""POST /v1/chat/completions: its body as a frozen noun. What a field may be, and which fields exclude one another, is said here and nowhere else."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator

from tunesmith.spec import hosted_only
from tunesmith.spec.openai import Metadata
from tunesmith.spec.wire import MAX_INTEGER, MAX_TOKENS, Body, StringOr, Wire, refuse

NAME = r"^[a-zA-Z0-9_-]+$"
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]
ChatRole = Literal["developer", "system", "user", "assistant", "tool", "function"]
OTHER_MODES = ("image_url", "input_audio", "file", "input_image", "input_file")
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
TokenCount = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Seed = Annotated[int, Field(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)]
Stop = StringOr[Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Field(max_length=4)]]


def only_text(kind: str) -> str:
    """The type of a part of a message, if a model that reads text can read it."""
    if kind in OTHER_MODES:
        refuse(f"Invalid content type. {kind} is only supported by certain models; the models here read text.", code="unsupported_content_type")
    if kind not in ("text", "refusal"):
        refuse(f"Invalid value: '{kind[:80]}'. Supported values are: 'text' and 'refusal'.", code="invalid_value")
    return kind


def token_ids(bias: dict[str, float]) -> dict[str, float]:
    """Biases, if all are for tokens."""
    for key in bias:
        if not (key.isascii() and key.isdigit() and len(key) <= 10):
            refuse(f"Invalid key in 'logit_bias': '{key[:40]}'. You should only be submitting non-negative integers.", code="invalid_value")
    return bias


Bias = Annotated[dict[str, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=1024), AfterValidator(token_ids)]


class Part(Wire):
    """One part of a message's content."""

    type: Annotated[str, AfterValidator(only_text)]
    text: str | None = None
    refusal: str | None = None

    @model_validator(mode="after")
    def has_its_text(self) -> Self:
        """A part holds what its type says."""
        if getattr(self, self.type) is None:
            refuse("Missing required parameter: '{param}'.", self.type, "missing_required_parameter")
        return self

    @property
    def words(self) -> str:
        """What it says."""
        return self.text if self.text is not None else self.refusal or ""


class CalledFunction(Wire):
    """A function that was called, with its arguments as JSON text."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    arguments: str


class Call(Wire):
    """One call in an assistant's message."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class ChatMessage(Wire):
    """One message. Fields that the hosted service puts into its answers may come back in the next request."""

    role: ChatRole
    content: StringOr[Annotated[tuple[Part, ...], Field(min_length=1)]] | None = None
    name: str | None = None
    tool_calls: Annotated[tuple[Call, ...], Field(max_length=128)] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    refusal: str | None = None
    annotations: Annotated[tuple[JsonValue, ...], Field(max_length=0)] | None = None
    audio: None = None

    @model_validator(mode="after")
    def fits_its_role(self) -> Self:
        """Content where there must be some, calls only from an assistant, answers only to calls."""
        is_assistant = self.role == "assistant"
        if not is_assistant and (self.tool_calls or self.function_call or self.refusal):
            given = next(name for name in ("tool_calls", "function_call", "refusal") if getattr(self, name))
            refuse(f"Only messages of role 'assistant' may have '{given}'.", given, "invalid_value")
        if self.content is None and not (is_assistant and (self.tool_calls or self.function_call or self.refusal)):
            refuse("Invalid value for 'content': expected a string, got null.", "content", "invalid_type")
        if self.role == "tool" and self.tool_call_id is None:
            refuse("Missing required parameter: '{param}'.", "tool_call_id", "missing_required_parameter")
        if self.role == "function" and self.name is None:
            refuse("Missing required parameter: '{param}'.", "name", "missing_required_parameter")
        return self

    @property
    def words(self) -> str | None:
        """The content as one text."""
        if self.content is None:
            return self.refusal
        return self.content if isinstance(self.content, str) else "".join(part.words for part in self.content)


class Function(Wire):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = None


def only_functions(kind: str) -> str:
    """The type of a tool, if it is one that the caller runs."""
    if kind != "function":
        refuse(f"Invalid value: '{kind[:80]}'. Supported values are: 'function'. There are no built-in tools here.", code="invalid_value")
    return kind


ToolType = Annotated[str, AfterValidator(only_functions)]


class Tool(Wire):
    """A tool: always a function."""

    type: ToolType
    function: Function


class Named(Wire):
    """The name of a function."""

    name: str


class NamedTool(Wire):
    """The choice of one function, or one of those that are allowed."""

    type: ToolType
    function: Named


class Allowed(Wire):
    """Which tools may be called this time."""

    mode: Literal["auto", "required"]
    tools: Annotated[tuple[NamedTool, ...], Field(min_length=1)]


class AllowedTools(Wire):
    """The choice among some of the tools."""

    type: Literal["allowed_tools"]
    allowed_tools: Allowed


def choice_kind(value: Any) -> str:
    """The tag of a choice of tools, raw or parsed."""
    if isinstance(value, AllowedTools) or (isinstance(value, dict) and value.get("type") == "allowed_tools"):
        return "@allowed"
    return "@named" if isinstance(value, dict | Wire) else "@word"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("@word")] | Annotated[NamedTool, Tag("@named")] | Annotated[AllowedTools, Tag("@allowed")],
    Discriminator(choice_kind),
]
FunctionChoice = Annotated[Annotated[Literal["none", "auto"], Tag("@word")] | Annotated[Named, Tag("@named")], Discriminator(choice_kind)]


class SchemaFormat(Wire):
    """A JSON schema that the answer keeps."""

    name: Name
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(Wire):
    """What the answer must be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None

    @model_validator(mode="after")
    def has_its_schema(self) -> Self:
        """A schema where one is announced, and only there."""
        if self.type == "json_schema" and self.json_schema is None:
            refuse("Missing required parameter: '{param}'.", "json_schema", "missing_required_parameter")
        if self.type != "json_schema" and self.json_schema is not None:
            refuse(f"'json_schema' is not allowed where 'type' is '{self.type}'.", "json_schema", "invalid_value")
        return self


class StreamOptions(Wire):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Extensions(Wire):
    """What Tunesmith can do beyond OpenAI's API; in `extra_body` under `tunesmith`."""

    choices: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(min_length=1, max_length=1000)] | None = None
    """The answer is one of these, the most probable by the trie of their tokens."""
    no_prompt: bool | None = None
    """Leave the prompt out that the model was tuned with."""
    decline: bool | None = None
    """Let a candidate that won say what it says instead wherever it is less sure than the threshold that its report proposed. None: as the server was started."""


class ChatRequest(Body):
    """POST /v1/chat/completions."""

    hosted_only: ClassVar = hosted_only.CHAT

    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1, max_length=10_000)]
    model: Annotated[str, Field(min_length=1, max_length=512)]
    frequency_penalty: Penalty | None = None
    function_call: FunctionChoice | None = None
    functions: Annotated[tuple[Function, ...], Field(min_length=1, max_length=128)] | None = None
    logit_bias: Bias | None = None
    logprobs: bool | None = None
    max_completion_tokens: TokenCount | None = None
    max_tokens: TokenCount | None = None
    metadata: Metadata | None = None
    modalities: tuple[Literal["text"], ...] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    presence_penalty: Penalty | None = None
    response_format: ResponseFormat | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    tool_choice: ToolChoice | None = None
    tools: Annotated[tuple[Tool, ...], Field(max_length=128)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    top_p: TopP | None = None
    tunesmith: Extensions | None = None

    @model_validator(mode="after")
    def agrees_with_itself(self) -> Self:
        """No field contradicts another."""
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            refuse(
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "max_tokens", "invalid_parameter_combination"
            )
        if self.top_logprobs is not None and not self.logprobs:
            refuse("'top_logprobs' may only be specified when 'logprobs' is set to true.", "top_logprobs", "invalid_parameter_combination")
        if self.stream_options is not None and not self.stream:
            refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", "invalid_parameter_combination")
        check_tools(self)
        check_extensions(self.tunesmith, (("tools", self.tools), ("functions", self.functions), ("response_format", self.response_format)))
        check_answers(self.messages)
        return self

    def without_effect(self) -> list[str]:
        """The fields of this request that were accepted and change nothing."""
        found = super().without_effect()
        found += ["metadata"] if self.metadata and not self.store else []
        described = self.response_format and self.response_format.json_schema and self.response_format.json_schema.description
        return found + (["response_format.json_schema.description"] if described else [])


class MetadataChange(Wire):
    """POST /v1/chat/completions/{id}: all that can be changed of a stored completion."""

    metadata: Metadata | None


def check_tools(chat: ChatRequest) -> None:
    """Raise if tools are chosen that were not brought, or brought in both the old way and the new."""
    if chat.functions is not None and chat.tools is not None:
        refuse("'functions' is deprecated in favour of 'tools': give one of them.", "functions", "invalid_parameter_combination")
    if chat.function_call is not None and chat.functions is None:
        refuse("'function_call' is only allowed when 'functions' are specified.", "function_call", "invalid_parameter_combination")
    if isinstance(chat.function_call, Named) and chat.function_call.name not in {f.name for f in chat.functions or ()}:
        refuse(f"Function choice '{chat.function_call.name[:80]}' not found in 'functions' parameter.", "function_call", "invalid_value")
    for field in ("tool_choice", "parallel_tool_calls"):
        if getattr(chat, field) is not None and not chat.tools and getattr(chat, field) != "none":
            refuse(f"'{field}' is only allowed when 'tools' are specified.", field, "invalid_parameter_combination")
    names = [tool.function.name for tool in chat.tools or ()]
    check_names(names, "tools")
    check_names([f.name for f in chat.functions or ()], "functions")
    match chat.tool_choice:
        case NamedTool() as one:
            check_known((one,), names)
        case AllowedTools() as some:
            check_known(some.allowed_tools.tools, names)


def check_names(names: list[str], param: str) -> None:
    """Raise if two functions bear one name."""
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        refuse(f"Invalid '{param}': the name '{twice}' is used more than once.", param, "invalid_value")


def check_known(chosen: tuple[NamedTool, ...], names: list[str]) -> None:
    """Raise if a tool is chosen that is not among those of the request."""
    for tool in chosen:
        if tool.function.name not in names:
            refuse(f"Tool choice '{tool.function.name[:80]}' not found in 'tools' parameter.", "tool_choice", "invalid_value")


def check_extensions(own: Extensions | None, others: tuple[tuple[str, object], ...]) -> None:
    """Raise if the answer is to be one of some labels and something else too."""
    if own is None or own.choices is None:
        return
    for name, value in others:
        if value is not None:
            refuse(f"'tunesmith.choices' and '{name}' exclude one another.", "tunesmith.choices", "invalid_parameter_combination")


def check_answers(messages: tuple[ChatMessage, ...]) -> None:
    """Raise if a tool answers that was not called, or a called one does not."""
    waiting: dict[str, int] = {}
    for i, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                refuse(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.", f"messages[{i}].role",
                )  # fmt: skip
            waiting.pop(message.tool_call_id)
            continue
        check_waiting(waiting)
        waiting = {call.id: i for call in message.tool_calls or ()}
    check_waiting(waiting)


def check_waiting(waiting: dict[str, int]) -> None:
    """Raise if a call is left without its answer."""
    for name, i in waiting.items():
        refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {name[:80]}", f"messages[{i}].role",
        )  # fmt: skip

"""Graders as they stand on the wire: what judges an answer, by its text, by a model, or by both together."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator

from tunesmith.spec.wire import Body, Wire, refuse
from tunesmith.spec.wire_chat import Seed, Temperature, TokenCount, TopP

Template = Annotated[str, Field(max_length=1 << 20)]
GraderName = Annotated[str, Field(min_length=1, max_length=256)]
ModelName = Annotated[str, Field(min_length=1, max_length=512)]
KINDS = ("string_check", "text_similarity", "score_model", "label_model")
NO_PYTHON = (
    "Graders of type 'python' run code that a request brings, and are not available on this server: it cannot prove that such code would be "
    "kept from its network and files. Use string_check, text_similarity, score_model, label_model or multi."
)


def only_words(kind: str) -> str:
    """The type of a block, if it is text."""
    if kind not in ("input_text", "output_text", "text"):
        refuse(f"Invalid content type. {kind[:80]} is only supported by certain models; the models here read text.", code="unsupported_content_type")
    return kind


class Block(Wire):
    """A text."""

    model_config = ConfigDict(extra="allow")  # an image has other fields: what is wrong with it is its type

    type: Annotated[str, AfterValidator(only_words)]
    text: Template | None = None

    @model_validator(mode="after")
    def has_its_text(self) -> Self:
        """It says something, and nothing else is said with it."""
        if self.text is None:
            refuse("Missing required parameter: '{param}'.", "text", "missing_required_parameter")
        if extra := next(iter(self.model_extra or {}), None):
            refuse(f"Unknown parameter: '{extra[:80]}'.", extra[:80], "unknown_parameter")
        return self


def content_kind(value: Any) -> str:
    """The tag of a message's content, or of a part of it."""
    return "@string" if isinstance(value, str) else "@array" if isinstance(value, list | tuple) else "@block"


ContentPart = Annotated[Annotated[Template, Tag("@string")] | Annotated[Block, Tag("@block")], Discriminator(content_kind)]
Content = Annotated[
    Annotated[Template, Tag("@string")] | Annotated[tuple[ContentPart, ...], Tag("@array")] | Annotated[Block, Tag("@block")],
    Discriminator(content_kind),
]


class TemplateMessage(Wire):
    """A message with templates in it."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    type: Literal["message"] | None = None

    @property
    def template(self) -> str:
        """The content as one text."""
        parts = self.content if isinstance(self.content, tuple) else (self.content,)
        return "".join(part if isinstance(part, str) else part.text or "" for part in parts)


Messages = Annotated[tuple[TemplateMessage, ...], Field(min_length=1, max_length=1000)]


class JudgeSampling(Wire):
    """How a judge's answer is sampled. OpenAI spells its limit `max_completions_tokens`."""

    max_completions_tokens: TokenCount | None = None
    reasoning_effort: JsonValue = None
    seed: Seed | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None


class StringCheck(Wire):
    """Whether a text is, is not, or contains another."""

    type: Literal["string_check"]
    name: GraderName
    input: Template
    reference: Template
    operation: Literal["eq", "ne", "like", "ilike"]


class TextSimilarity(Wire):
    """How alike two texts are."""

    type: Literal["text_similarity"]
    name: GraderName
    input: Template
    reference: Template
    evaluation_metric: Literal[
        "cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"
    ]  # fmt: skip
    pass_threshold: float | None = None


class ScoreModel(Wire):
    """A number that a model gives."""

    type: Literal["score_model"]
    name: GraderName
    model: ModelName
    input: Messages
    range: Annotated[tuple[float, ...], Field(min_length=2, max_length=2)] = (0.0, 1.0)
    sampling_params: JudgeSampling | None = None
    pass_threshold: float | None = None

    @model_validator(mode="after")
    def has_a_range(self) -> Self:
        """The range has a beginning before its end."""
        if not self.range[0] < self.range[1]:
            refuse("Invalid 'range': the first number must be smaller than the second.", "range", "invalid_value")
        return self

    @property
    def threshold(self) -> float:
        """The score that passes: the middle of the range, unless another is given."""
        return self.pass_threshold if self.pass_threshold is not None else math.fsum(self.range) / 2


class LabelModel(Wire):
    """A label that a model chooses."""

    type: Literal["label_model"]
    name: GraderName
    model: ModelName
    input: Messages
    labels: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(min_length=1, max_length=1000)]
    passing_labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    sampling_params: JudgeSampling | None = None

    @model_validator(mode="after")
    def passes_with_its_labels(self) -> Self:
        """Every label that passes is one of the labels."""
        unknown = next((label for label in self.passing_labels if label not in self.labels), None)
        if unknown is not None:
            refuse(f"Invalid 'passing_labels': '{unknown[:80]}' is not one of 'labels'.", "passing_labels", "invalid_value")
        return self


class Other(Wire):
    """A grader that there is not here."""

    model_config = ConfigDict(extra="allow")

    type: Any = None

    @model_validator(mode="after")
    def is_refused(self) -> Self:
        """Say why."""
        refuse_kind(self.type)


def refuse_kind(kind: Any) -> NoReturn:
    """Stop at a grader that this server does not have."""
    if kind is None:
        refuse("Missing required parameter: '{param}'.", "type", "missing_required_parameter")
    if kind == "python":
        refuse(NO_PYTHON, "type", "unsupported_grader")
    words = ", ".join(f"'{name}'" for name in KINDS)
    refuse(f"Invalid value: '{str(kind)[:80]}'. Supported values are: {words}, and 'multi' where graders are combined.", "type", "invalid_value")


def grader_kind(value: Any) -> str:
    """The tag of a grader, raw or parsed."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"@{kind}" if kind in KINDS else "@multi" if kind == "multi" else "@other"


def single_kind(value: Any) -> str:
    """The tag of a grader where there is no `multi`."""
    kind = grader_kind(value)
    return "@other" if kind == "@multi" else kind


Single = Annotated[
    Annotated[StringCheck, Tag("@string_check")]
    | Annotated[TextSimilarity, Tag("@text_similarity")]
    | Annotated[ScoreModel, Tag("@score_model")]
    | Annotated[LabelModel, Tag("@label_model")]
    | Annotated[Other, Tag("@other")],
    Discriminator(single_kind),
]


def graders_kind(value: Any) -> str:
    """The tag of the three ways to write several graders."""
    if isinstance(value, list | tuple):
        return "@array"
    return "@map" if isinstance(value, dict) and not isinstance(value.get("type"), str) else "@single"


class Multi(Wire):
    """Several graders, and a formula over their scores. `graders` is a map, as the guides have it, a list, or one grader."""

    type: Literal["multi"]
    name: GraderName
    graders: Annotated[
        Annotated[Single, Tag("@single")]
        | Annotated[Annotated[tuple[Single, ...], Field(min_length=1, max_length=50)], Tag("@array")]
        | Annotated[Annotated[dict[GraderName, Single], Field(min_length=1, max_length=50)], Tag("@map")],
        Discriminator(graders_kind),
    ]
    calculate_output: Annotated[str, Field(min_length=1, max_length=4000)]

    @property
    def named(self) -> dict[str, StringCheck | TextSimilarity | ScoreModel | LabelModel]:
        """Key → grader; in a list, and alone, the key is the name, numbered where it occurs twice."""
        if isinstance(self.graders, dict):
            return {key: known(one) for key, one in self.graders.items()}
        every = [known(one) for one in (self.graders if isinstance(self.graders, tuple) else (self.graders,))]
        found: dict[str, StringCheck | TextSimilarity | ScoreModel | LabelModel] = {}
        for one in every:
            number = 2
            key = one.name
            while key in found:
                key, number = f"{one.name}_{number}", number + 1
            found[key] = one
        return found

    @property
    def variables(self) -> dict[str, str]:
        """Name in the formula → key: the key, the key as a word, and, where it tells them apart, `<name>_score` and `<type>_score`."""
        named = self.named
        meant: dict[str, set[str]] = {}
        for key, one in named.items():
            for name in {as_word(key), f"{as_word(key)}_score", f"{as_word(one.name)}_score", f"{one.type}_score"} - set(named):
                meant.setdefault(name, set()).add(key)
        return {key: key for key in named} | {name: keys.pop() for name, keys in meant.items() if len(keys) == 1}


def as_word(name: str) -> str:
    """A name as a formula can hold it.

    >>> as_word("my grader-1")
    'my_grader_1'
    """
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def known(grader: StringCheck | TextSimilarity | ScoreModel | LabelModel | Other) -> StringCheck | TextSimilarity | ScoreModel | LabelModel:
    """The grader: one that is refused has not come so far."""
    assert not isinstance(grader, Other)
    return grader


AnyGrader = StringCheck | TextSimilarity | ScoreModel | LabelModel | Multi
Grader = Annotated[
    Annotated[StringCheck, Tag("@string_check")]
    | Annotated[TextSimilarity, Tag("@text_similarity")]
    | Annotated[ScoreModel, Tag("@score_model")]
    | Annotated[LabelModel, Tag("@label_model")]
    | Annotated[Multi, Tag("@multi")]
    | Annotated[Other, Tag("@other")],
    Discriminator(grader_kind),
]


class ValidateRequest(Body):
    """POST /v1/fine_tuning/alpha/graders/validate."""

    grader: Grader


class RunRequest(Body):
    """POST /v1/fine_tuning/alpha/graders/run."""

    grader: Grader
    model_sample: Annotated[str, Field(max_length=1 << 20)]
    item: JsonValue = None


def judges(grader: AnyGrader) -> tuple[ScoreModel | LabelModel, ...]:
    """The parts of a grader that ask a model."""
    match grader:
        case ScoreModel() | LabelModel():
            return (grader,)
        case Multi():
            return tuple(one for part in grader.named.values() for one in judges(part))
        case _:
            return ()


def without_effect(grader: AnyGrader) -> tuple[str, ...]:
    """Fields that are accepted and change nothing here."""
    has_effort = any(one.sampling_params and one.sampling_params.reasoning_effort is not None for one in judges(grader))
    return ("sampling_params.reasoning_effort",) if has_effort else ()


def plain(grader: AnyGrader | Other) -> dict[str, Any]:
    """A grader as it was sent, with its defaults."""
    return grader.model_dump(mode="json", exclude_none=True)

"""What general ability is probed with: questions with four answers, instructions whose compliance can be seen, passages of plain prose."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tunesmith.spec.noun import Noun

Area = Literal["physics", "nature", "body", "tools", "time", "arithmetic", "geography", "language", "social", "logic", "people", "reading"]
LanguageCode = Literal["en", "de", "fr", "es", "it", "pt"]
Texts = Annotated[tuple[str, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class ChoiceProbe(Noun):
    """A question with one right answer among several. The answers are not shown: each is scored by how probable it is as an answer."""

    id: str
    """The area and eight hex digits of the digest of what is asked."""
    area: Area
    question: str
    passage: str | None = None
    """The text in which the answer stands."""
    options: Annotated[tuple[str, ...], Field(min_length=2)]
    right: Annotated[int, Field(ge=0)]
    """Place of the right one among `options`."""

    @property
    def asked(self) -> str:
        """What is asked, the passage in front."""
        return self.question if self.passage is None else f"{self.passage}\n\n{self.question}"

    @property
    def cluster(self) -> str:
        """The same for all questions about one passage: they are no independent evidence."""
        return self.id if self.passage is None else self.passage


class _Range(Noun):
    """At least so many, at most so many; None: any number."""

    least: Annotated[int, Field(ge=0)] | None = None
    most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("needs `least` or `most`")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("`least` is greater than `most`")
        return self

    def holds(self, count: int) -> bool:
        """True if `count` is within."""
        return (self.least is None or count >= self.least) and (self.most is None or count <= self.most)


class Words(_Range):
    """Words, apart by white space; marks that stand alone do not count."""

    kind: Literal["words"] = "words"


class Characters(_Range):
    """Characters, outer white space aside."""

    kind: Literal["characters"] = "characters"


class Sentences(_Range):
    """Sentences: what ends with a full stop, a question mark or an exclamation mark, or with the text."""

    kind: Literal["sentences"] = "sentences"


class Lines(_Range):
    """Lines that are not empty."""

    kind: Literal["lines"] = "lines"


class Paragraphs(_Range):
    """Blocks of text with empty lines between them."""

    kind: Literal["paragraphs"] = "paragraphs"


class Bullets(_Range):
    """Lines that begin with a hyphen, an asterisk or a bullet."""

    kind: Literal["bullets"] = "bullets"


class Numbered(Noun):
    """Lines numbered 1 to `count`, in this order, and no further ones."""

    kind: Literal["numbered"] = "numbered"
    count: Count


class Separated(Noun):
    """`count` parts, none of them empty, with `by` between them."""

    kind: Literal["separated"] = "separated"
    by: Annotated[str, Field(min_length=1)]
    count: Count


class Includes(Noun):
    """Each of the texts, as whole words; case does not count."""

    kind: Literal["includes"] = "includes"
    texts: Texts


class AnyOf(Noun):
    """One of the texts at least, as whole words; case does not count."""

    kind: Literal["any_of"] = "any_of"
    texts: Texts


class Excludes(Noun):
    """None of the texts, as whole words; case does not count."""

    kind: Literal["excludes"] = "excludes"
    texts: Texts


class Order(Noun):
    """Each of the texts, the first occurrence of each behind that of the one before."""

    kind: Literal["order"] = "order"
    texts: Annotated[tuple[str, ...], Field(min_length=2)]


class Repeats(Noun):
    """One text exactly so often, as whole words; case does not count."""

    kind: Literal["repeats"] = "repeats"
    text: str
    count: Count


class Without(Noun):
    """None of these characters."""

    kind: Literal["without"] = "without"
    characters: Annotated[str, Field(min_length=1)]


class Begins(Noun):
    """How it begins, letter by letter."""

    kind: Literal["begins"] = "begins"
    text: Annotated[str, Field(min_length=1)]


class Ends(Noun):
    """How it ends. Case does not count; where `text` ends with a letter, neither does a mark behind it."""

    kind: Literal["ends"] = "ends"
    text: Annotated[str, Field(min_length=1)]


class Wrapped(Noun):
    """What the whole answer stands between."""

    kind: Literal["wrapped"] = "wrapped"
    left: Annotated[str, Field(min_length=1)]
    right: Annotated[str, Field(min_length=1)]


class Case(Noun):
    """All letters are capitals, or none is; there is at least one."""

    kind: Literal["case"] = "case"
    letters: Literal["upper", "lower"]


class Exactly(Noun):
    """One of the texts and nothing else; case, outer marks and outer white space do not count."""

    kind: Literal["exactly"] = "exactly"
    texts: Texts


class Number(Noun):
    """A number in digits within the bounds, and nothing else."""

    kind: Literal["number"] = "number"
    low: float
    high: float


class Pattern(Noun):
    """A regular expression that the whole answer fits."""

    kind: Literal["pattern"] = "pattern"
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return value


class Json(Noun):
    """A JSON object with exactly these keys, in a code fence or not."""

    kind: Literal["json"] = "json"
    keys: Texts


class JsonList(Noun):
    """A JSON array with so many values, in a code fence or not."""

    kind: Literal["json_list"] = "json_list"
    count: Count


class Language(Noun):
    """Written in this language, by its most frequent words."""

    kind: Literal["language"] = "language"
    code: LanguageCode


Check = Annotated[
    Words | Characters | Sentences | Lines | Paragraphs | Bullets | Numbered | Separated | Includes | AnyOf | Excludes | Order | Repeats
    | Without | Begins | Ends | Wrapped | Case | Exactly | Number | Pattern | Json | JsonList | Language,
    Field(discriminator="kind"),
]  # fmt: skip
"""What `measure/compliance.py` can see in an answer."""


class InstructionProbe(Noun):
    """An instruction, and what must hold of an answer that follows it."""

    id: str
    ask: str
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    """All of them must hold."""


class ProseProbe(Noun):
    """A passage of plain prose: how improbable a model finds it says how well it still knows the language."""

    id: str
    text: str


class Probes(Noun):
    """Everything that is shipped."""

    examples: tuple[tuple[str, str], ...]
    """Questions with their answers that stand before every choice, as earlier turns: they show how short an answer is wanted."""
    choices: tuple[ChoiceProbe, ...]
    instructions: tuple[InstructionProbe, ...]
    prose: tuple[ProseProbe, ...]
    digest: str
    """sha256 of all of them; results can be compared where it is the same."""

    def texts(self) -> dict[str, str]:
        """Id → every text that must not be trained on: questions with their passages, instructions, prose."""
        asked = {probe.id: probe.asked for probe in self.choices} | {probe.id: probe.ask for probe in self.instructions}
        return asked | {probe.id: probe.text for probe in self.prose}

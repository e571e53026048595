"""Rows made out of documents, threads and models: each with its source, and the manifest of how they were made."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from tunesmith.spec.chat import Message
from tunesmith.spec.noun import Noun
from tunesmith.spec.passage import Skipped, Spot

MakingKind = Literal["questions", "threads", "corpus", "teacher", "outside", "paraphrases"]


class Cited(Noun):
    """Where a made row comes from: enough for a person to find the place, and for a check to compare the words."""

    file: str
    line: int | None = None
    last_line: int | None = None
    page: int | None = None
    paragraph: int | None = None
    heading: str | None = None
    """The headings over it, outermost first, joined by ` › `."""
    quote: str | None = None
    """The words of the document that support the row, without markup, exactly as its passages hold them."""

    @classmethod
    def of(cls, spot: Spot, headings: tuple[str, ...] = (), quote: str | None = None) -> Cited:
        """The source of something at `spot`."""
        return cls(**spot.model_dump(), heading=" › ".join(headings) or None, quote=quote)

    def spot(self) -> Spot:
        """The place alone."""
        return Spot(file=self.file, line=self.line, last_line=self.last_line, page=self.page, paragraph=self.paragraph)


class Made(Noun):
    """One row as it is written. Exactly one of `messages` and `text` is set."""

    messages: tuple[Message, ...] | None = None
    """A conversation that ends with the assistant's turn."""
    text: str | None = None
    """A piece of a document, for continued pre-training."""
    group: str | None = None
    """Rows of one group must stay in one split: a thread, a document."""
    how: str
    """What it was made from, a stable word: `heading`, `labelled`, `table`, `thread`, `chunk` …"""
    source: Cited
    details: dict[str, str | int | float | bool] = {}
    """What else its maker says about it: a model's name, a score."""

    def line(self) -> str:
        """The row as one line of JSON, without the end of the line; absent values are left out."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True, exclude_defaults=True), ensure_ascii=False)


class Making(Noun):
    """The manifest of a making. What was read is either used or counted here with a reason."""

    kind: MakingKind
    inputs: dict[str, str]
    """File as named by the user → sha256 of its bytes."""
    unit: str
    """What is counted: `passages`, `questions`, `turns`."""
    read: int
    used: int
    passed_over: dict[str, int]
    """Reason → units left out without being a problem: a heading that asks nothing, a line that stands in every file."""
    problems: dict[str, int]
    """Reason → units that could not be used, and files that could not be read."""
    left: dict[str, int] = {}
    """Reason → whole conversations that gave no row."""
    rows: int
    by_how: dict[str, int]
    """`Made.how` → rows."""
    tokens: int | None = None
    token_unit: str | None = None
    """`tokens of <model>` or `words`."""
    reasons: tuple[str, ...] = ()
    """Each automatic choice, with its reason."""
    first: tuple[Skipped, ...] = ()
    """The first of each reason, problems before what was passed over; all of them stand in skipped.jsonl."""
    wishes: dict[str, Any] = {}
    """What was asked for, defaults included."""


class Limits(Noun):
    """What a document may cost: files from elsewhere may be hostile."""

    file_bytes: Annotated[int, Field(ge=1)] = 200_000_000
    """A larger file is not opened."""
    text_bytes: Annotated[int, Field(ge=1)] = 30_000_000
    """The same for text, Markdown, reStructuredText and HTML, which are held in memory as a whole."""
    unpacked_bytes: Annotated[int, Field(ge=1)] = 500_000_000
    """Of a Word file, all its parts together."""
    pages: Annotated[int, Field(ge=1)] = 5_000
    passages: Annotated[int, Field(ge=1)] = 200_000
    """Of one file."""
    depth: Annotated[int, Field(ge=1)] = 60
    """Levels of nesting that are looked into."""
    seconds: Annotated[float, Field(gt=0)] = 120.0
    """For one file."""
    memory_bytes: Annotated[int, Field(ge=1)] = 4_000_000_000
    """Address space of the process that reads."""


class QuestionWishes(Noun):
    """Which questions are taken from documents."""

    system: str | None = None
    """A system message in front of every row."""
    from_topics: bool = True
    """Make questions of headings that ask nothing themselves, where the grammar leaves no doubt: `How to …`, `Installing the …`, `X` over `X is a …`."""
    min_characters: Annotated[int, Field(ge=1)] = 2
    """Of an answer."""
    max_characters: Annotated[int, Field(ge=1)] = 16_000
    """Of an answer; a longer one is reported."""


class ThreadWishes(Noun):
    """What the columns of a log mean, and who is who. Everything left open is guessed, with the reason told."""

    thread: str | None = None
    """Column whose equal values are one conversation."""
    author: str | None = None
    role: str | None = None
    """Column that says on which side an author is."""
    email: str | None = None
    time: str | None = None
    text: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    """Column with the id of the turn that is answered, where there is no thread column; `id` is needed too."""
    id: str | None = None
    gap_minutes: Annotated[float, Field(gt=0)] | None = None
    """Where nothing says which turns belong together: a silence of so many minutes begins a new conversation."""
    agents: tuple[str, ...] = ()
    """Authors, addresses, or domains written `@acme.com`, that answer."""
    customers: tuple[str, ...] = ()
    """The same for those who ask."""
    bots: tuple[str, ...] = ()
    """Authors whose turns are dropped, besides those that look like bots."""
    system: str | None = None
    """A system message in front of every row."""
    max_characters: Annotated[int, Field(ge=1)] = 100_000
    """Of a conversation; a longer one is reported."""


class CorpusWishes(Noun):
    """How documents are cut for continued pre-training."""

    chunk_tokens: Annotated[int, Field(ge=16)] = 512
    """A chunk has at most so many tokens."""
    tokenizer: str | None = None
    """A tokenizer.json to count with; None counts words."""
    min_tokens: Annotated[int, Field(ge=0)] = 8
    """A smaller chunk is left out."""
    similarity: Annotated[float, Field(gt=0.5, le=1)] = 0.8
    """Jaccard similarity of word 5-grams from which a passage repeats an earlier one; 1 compares only equal ones."""
    boilerplate_files: Annotated[int, Field(ge=2)] = 4
    """A short passage that stands in so many files, and in a tenth of them, is boilerplate."""
    with_headings: bool = True
    """Each chunk begins with the headings over it."""

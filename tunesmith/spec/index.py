"""What can be looked up: pieces of documents and worked examples, the index over them, and the rows that were given passages to read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Record, SplitName
from tunesmith.spec.noun import Noun
from tunesmith.spec.passage import Skipped, Spot

VERSION = 1
"""Part of every key that an index stands under, or rows with passages; raised when the same entries would be found in another order, or the same rows be
given other passages."""
Content = Literal["passages", "rows"]


class Document(Noun):
    """Documents of the user's, to answer from."""

    file: Annotated[str, Field(min_length=1)]
    """A file, a folder with all that is in it, or a pattern (`docs/**/*.md`), relative to the project file: PDF, Word (.docx), HTML, Markdown, reStructuredText or text."""


class Excerpt(Noun):
    """A piece of a document: what is searched, and what is shown as a whole."""

    kind: Literal["excerpt"] = "excerpt"
    id: str
    """16 hex digits of the digest of its place and text."""
    text: str
    """With the headings over it in front, as Markdown."""
    headings: tuple[str, ...] = ()
    """The headings over it, the outermost first; one that it begins with is among them."""
    spot: Spot

    def searched(self) -> str:
        """The text that questions are compared with."""
        return self.text

    def marks(self) -> frozenset[str]:
        """What it is recognised by where it must not be found."""
        return frozenset({self.id})


class Example(Noun):
    """A training row that can be shown as a worked example."""

    kind: Literal["example"] = "example"
    id: str
    """Of the row."""
    conversation: Conversation
    """One question and its answer."""
    kin: tuple[str, ...] = ()
    """Marks of the rows that it may not be torn apart from: its cluster's and its group's."""

    def searched(self) -> str:
        """The question."""
        return self.conversation.messages[0].content or ""

    def marks(self) -> frozenset[str]:
        """What it is recognised by where it must not be found."""
        return frozenset({self.id, *self.kin})


Entry = Annotated[Excerpt | Example, Field(discriminator="kind")]


def kin_of(row: Record) -> tuple[str, ...]:
    """Marks that a row shares with all rows of its cluster and its group.

    A cluster bears the id of one of its rows, so that this row is recognised too.
    """
    return (*([row.cluster] if row.cluster else []), *([f"group {row.group}"] if row.group else []))


class Passages(Noun):
    """The manifest of documents that were cut into excerpts: they stand beside it in passages.jsonl, what could not be used in skipped.jsonl."""

    documents: dict[str, str]
    """Document as the user's names lead to it → sha256 of its bytes."""
    excerpts: int
    words: int
    """Of all excerpts."""
    longest: int
    """An excerpt has at most so many words, the headings over it included."""
    repeated: int
    """Pieces with the words of an earlier one, left out."""
    personal: dict[str, int] = {}
    """Kind of personal data or secret → excerpts that hold some. Nothing is taken out of documents."""
    problems: dict[str, int]
    """Reason → files, pages or lines that could not be used."""
    first: tuple[Skipped, ...] = ()
    """The first of each reason."""
    files: dict[str, str]
    """File in the artifact → sha256."""


class Index(Noun):
    """The manifest of an index: the entries stand beside it with their vectors, and the weights of their words."""

    content: Content
    source: str
    """Name of the artifact whose passages or training rows these are."""
    embedder: str
    """Id of the model that made the vectors; questions have to be put to the same one."""
    embedder_digest: str
    entries: int
    width: int
    """Of a vector."""
    words: int
    """Different ones."""
    files: dict[str, str]
    """File in the artifact → sha256."""


class Grounding(Noun):
    """The manifest of rows that were given passages to read, as train.jsonl and dev.jsonl beside it: what a reader is trained with."""

    dataset: str
    index: str
    count: int
    """Passages before a question, at most."""
    most: int
    """Passages that stand before some training row: fewer than `count` where the length limit leaves no room."""
    mean: float
    """Passages before a training row."""
    with_best: int
    """Training rows that have the passage which fits question and answer best among theirs."""
    seed: int
    rows: dict[SplitName, int]
    files: dict[str, str]
    """File in the artifact → sha256."""

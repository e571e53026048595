"""Rows with their origin, and the data set that a stage makes of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.finding import Finding
from tunesmith.spec.noun import Noun
from tunesmith.spec.task import Form, TaskKind

SplitName = Literal["train", "dev", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "dev", "test")
FormatName = Literal["chat", "completion", "alpaca", "sharegpt", "preference", "rated", "table", "text", "markdown"]


class Source(Noun):
    """One file to read, and what its columns mean."""

    file: str
    """Path, relative to the project file."""
    format: FormatName | None = None
    """None: detected from the content, with the reason printed."""
    input: str | None = None
    """Column or key of the question or text (table formats)."""
    output: str | None = None
    """Column or key of the answer (table formats)."""
    label: str | None = None
    """Column or key of the label; it is the answer as well when there is no `output`."""
    group: str | None = None
    """Column whose equal values must stay in one split (a customer, a document)."""
    columns: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """More columns or keys (a region, a product, a channel) whose values travel with the rows: the report looks for the value where answers are worse."""
    split: SplitName | None = None
    """Put all rows of this file in one split; None: they are split by the project's rules."""
    encoding: str | None = None
    """None: UTF-8, or what a byte-order mark says; anything else is an error, not a guess."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Of a table; None: comma, tab or semicolon, whichever fits, with the reason printed."""
    rename_roles: dict[str, str] = {}
    """Role names of the file → ours, for chat formats: `{bot = "assistant"}`."""


class Cleaning(Noun):
    """Which pure rules run over every row. Each removal is counted and listed with its line."""

    skip_faulty: bool = False
    """Leave rows out that cannot be read or used (broken JSON, an unknown role, no answer, too long …), counted and listed with their lines. Off: any such row stops the run, and all of them are listed."""
    repair_text: bool = True
    """Mend mojibake and HTML entities (ftfy), then Unicode NFC; control characters other than newline and tab are dropped."""
    drop_exact_duplicates: bool = True
    """Keep the first of rows that are equal after case and white space are folded."""
    drop_near_duplicates: bool = False
    """Keep the first of each near-duplicate cluster. Off: they stay, together in one split."""
    near_duplicate_similarity: Annotated[float, Field(gt=0.5, le=1)] = 0.8
    """Jaccard similarity of word 5-grams (character 4-grams under 20 words) from which rows count as near duplicates."""
    conflicts: Literal["keep", "drop", "refuse"] = "keep"
    """Same input, different answer: keep and report, drop all of them, or refuse to go on."""
    personal_data: Literal["refuse", "redact", "drop", "keep"] = "refuse"
    """Rows with personal data or secrets (e-mail, phone, bank and card numbers, national ids, keys …): stop until it is decided, put placeholders there, drop the rows, or keep them. `redact` counts them under `repaired`, `drop` lists them among the rejected rows."""
    max_characters: Annotated[int, Field(ge=1)] = 200_000
    """A longer row cannot be used."""


class SplitRule(Noun):
    """How many rows are held out. A number below 1 is a share, a whole number is a count."""

    dev: Annotated[float, Field(gt=0)] = 0.1
    """For choices: prompts, early stopping."""
    test: Annotated[float, Field(gt=0)] = 0.1
    """Locked: opened once per verdict."""
    dev_out_of_scope: Annotated[float, Field(ge=0)] | None = None
    """Of the out-of-scope rows; None: as `dev`. `dev` and `test` then count rows in scope."""
    test_out_of_scope: Annotated[float, Field(ge=0)] | None = None
    """Of the out-of-scope rows; None: as `test`."""
    seed: Annotated[int, Field(ge=0)] = 0


class Origin(Noun):
    """Where a row came from: the file as the user named it and the 1-based physical line it begins on."""

    file: str
    line: int


class Record(Noun):
    """One row of a data set. Exactly one of `conversation` and `text` is set."""

    id: str
    """16 hex digits of the content's digest: the same row has the same id in every data set."""
    conversation: Conversation | None = None
    """Ends with the assistant's reference answer (for preference rows: the chosen one)."""
    rejected: tuple[Message, ...] | None = None
    """Preference rows: the turn or turns that were not preferred."""
    answer_turns: int | None = None
    """Messages at the conversation's end that are the answer which was preferred or rated, where there is more than one."""
    desirable: bool | None = None
    """Rated rows: whether the answer was liked; None: it is a reference answer."""
    text: str | None = None
    """A document without roles."""
    label: str | None = None
    group: str | None = None
    columns: dict[str, str] | None = None
    """Column that the source names beside these → this row's value, cut off at 100 characters; it is no part of what the row says. None: it has none."""
    cluster: str | None = None
    """The same for all rows that may not be torn apart (near duplicates, equal questions, one group): the id of one of them; None: it stands alone."""
    origin: Origin


class Rejected(Noun):
    """A row that was not used, and why."""

    origin: Origin
    reason: str
    """A stable word: `bad_json`, `unknown_role`, `no_answer`, `empty`, `too_long`, `duplicate`, `conflict`, `encoding` …"""
    message: str
    """What a person needs to mend it."""
    other: Origin | None = None
    """The row it duplicates or contradicts."""


class Spread(Noun):
    """The distribution of a length."""

    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float


class Conflict(Noun):
    """Rows with the same input and different answers."""

    origins: tuple[Origin, ...]
    answers: tuple[str, ...]


class Profile(Noun):
    """What is in the data: shown before anything is trained."""

    rows_read: int
    rows_kept: int
    removed: dict[str, int]
    """Reason → rows removed by it."""
    repaired: dict[str, int]
    """Rule → rows changed (not removed) by it."""
    input_tokens: Spread
    """Length of the question, in the base model's tokens (in words where there is no tokenizer)."""
    answer_tokens: Spread
    token_unit: str
    """`tokens of <model>` or `words`."""
    labels: dict[SplitName, dict[str, int]]
    """Split → label → rows; empty where the task has no labels."""
    near_duplicate_clusters: int
    near_duplicate_rows: int
    """Rows that stand in a cluster of two or more."""
    conflicts: tuple[Conflict, ...]
    """At most 50, worst first."""
    conflict_count: int
    examples: tuple[str, ...]
    """Up to five inputs with their answers, for the eye."""
    warnings: tuple[str, ...]
    """Likely mistakes in how the rows were split and for this model, each with its fix; what is wrong with the rows is told by `Dataset.findings`."""


class LeakProof(Noun):
    """What was checked between the splits, after splitting."""

    exact_pairs: int
    """Pairs across splits with the same folded input: 0, or the split is refused."""
    near_pairs: int
    """Pairs across splits at or above the similarity that clustering used: 0, or the split is refused."""
    pairs_compared: int
    """Candidate pairs whose similarity was computed."""
    method: str
    ancestor_rows: int = 0
    """Rows that the continued model and its ancestors were trained on, each compared with every row of these data; 0: nothing is continued."""
    kept_in_train: int = 0
    """Rows of these data that are equal or near duplicates of such a row, or stand in a cluster with one that is: none of them is in dev or test."""


class Dataset(Noun):
    """The manifest of a prepared data set; the rows stand beside it as train.jsonl, dev.jsonl and test.jsonl."""

    project: str
    task: Form
    task_reason: str
    purpose: TaskKind | None = None
    """What the rows are for, in the user's words; None: the form says it."""
    purpose_reason: str = ""
    labels: tuple[str, ...]
    """In a fixed order (sorted, out-of-scope last); empty unless the task is `classify`."""
    out_of_scope: str | None
    rows: dict[SplitName, int]
    files: dict[str, str]
    """File name in the artifact → sha256."""
    sources: dict[str, str]
    """Source file as named by the user → sha256 of its bytes."""
    formats: dict[str, str]
    """Source file → format and why it was taken for that."""
    profile: Profile
    findings: tuple[Finding, ...] = ()
    """What `tunesmith data check` finds in these sources without a model, the gravest first; of large ones the first lines and clusters."""
    leak_proof: LeakProof
    parents: tuple[str, ...] = ()
    """Names of the data sets this one was derived from."""

    @property
    def kind(self) -> TaskKind:
        """What the rows are for."""
        return self.purpose or self.task

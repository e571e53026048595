"""Teachers, what asking them costs, and the wishes for rows that are made with them, out of scope, or by paraphrase."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from tunesmith.spec.chat import Message
from tunesmith.spec.noun import Noun, digest

Difficulty = Literal["easy", "medium", "hard", "unrated"]
Strength = Literal["light", "medium", "strong"]
PerMillion = Annotated[float, Field(ge=0)]


class RemoteTeacher(Noun):
    """A model behind an OpenAI-compatible chat endpoint."""

    kind: Literal["remote"] = "remote"
    base_url: str
    """Up to and including the version, as OpenAI's clients take it: `https://api.openai.com/v1`, `http://127.0.0.1:8000/v1`."""
    model: str
    key_variable: str | None = None
    """The environment variable that holds the key; None: the endpoint wants none. The key itself stands in no file of ours."""
    allow_private: bool = False
    """Allow addresses inside a private network, and plain HTTP there. This machine itself (`localhost`, 127.0.0.1, ::1) counts as allowed when `base_url` names it."""
    proxy: str | None = None
    """URL of a proxy to go through; it then looks up the endpoint's name."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests on the way at the same time."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """For one whole answer, in seconds."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    """How often one request is tried when the endpoint is overloaded, fails or does not answer in time."""
    prompt_price: PerMillion | None = None
    """Money per million prompt tokens; with `answer_price`, costs are told before it starts and `budget` can hold."""
    answer_price: PerMillion | None = None
    """Money per million answer tokens."""
    currency: str = "USD"
    budget: Annotated[float, Field(gt=0)] | None = None
    """No further request is begun once so much is spent in all, earlier runs of the same work included."""


class LocalTeacher(Noun):
    """A model of the store, answered by the project's own engine. It costs nothing but time."""

    kind: Literal["local"] = "local"
    model: str
    """Catalogue id, folder or hub id of the base."""
    checkpoint: str | None = None
    """A fine-tuned checkpoint of it."""


Teacher = Annotated[RemoteTeacher | LocalTeacher, Field(discriminator="kind")]


class Asked(Noun):
    """One request to a teacher."""

    messages: tuple[Message, ...]
    answer_schema: dict[str, Any] | None = None
    """The JSON schema that the answer has to fit; None: free text."""
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0

    def key(self, teacher: str) -> str:
        """What the answer is found by again: a digest (64 hex digits) of everything it depends on."""
        return digest({"teacher": teacher, **self.model_dump(mode="json", exclude_none=True)})


class Reply(Noun):
    """What a teacher said."""

    text: str
    is_whole: bool = True
    """False: it was cut off at `max_tokens`."""
    prompt_tokens: int = 0
    answer_tokens: int = 0


class Failure(Noun):
    """Why there is no answer to one request; the others go on."""

    reason: str
    """A stable word: `refused`, `empty_answer`, `bad_answer`, `too_long`, `not_answered`, `budget` …"""
    message: str


class Estimate(Noun):
    """What a work will ask of a teacher, told before it starts."""

    requests: int
    """At most: questions that are dropped early are not checked."""
    already_answered: int
    """Requests of the same work that an earlier run was answered, so far as they are known; they are not among `requests`."""
    prompt_tokens: int
    answer_tokens: int
    cost: float | None
    """In the teacher's currency; None: no prices are given."""
    currency: str
    method: str
    """How the tokens were counted."""

    def words(self) -> str:
        """The estimate for a person, on one line.

        >>> Estimate(requests=12, already_answered=0, prompt_tokens=9000, answer_tokens=3000, cost=0.0123, currency="USD", method="").words()
        'about 12 requests, 9,000 prompt tokens and 3,000 answer tokens: about 0.02 USD'
        """
        money = "" if self.cost is None else f": about {rounded_up(self.cost)} {self.currency}"
        before = f" ({self.already_answered:,} more are answered already)" if self.already_answered else ""
        return f"about {self.requests:,} requests, {self.prompt_tokens:,} prompt tokens and {self.answer_tokens:,} answer tokens{before}{money}"


class Spent(Noun):
    """What a work has asked of a teacher so far, earlier runs included."""

    requests: int = 0
    """Answered requests; repeats after an error are not counted again."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float | None = None
    currency: str = "USD"


class TaughtWishes(Noun):
    """How a teacher makes questions and answers of documents."""

    per_section: Annotated[int, Field(ge=1, le=20)] = 4
    """At most so many questions about each section."""
    section_words: Annotated[int, Field(ge=40, le=4000)] = 350
    """Passages under one heading are asked about together, up to so many words."""
    min_words: Annotated[int, Field(ge=1)] = 12
    """A shorter section is passed over."""
    language: str | None = None
    """Of the questions and answers; None: the document's."""
    style: str | None = None
    """More wishes, in the user's words: how long answers are, how polite …"""
    system: str | None = None
    """A system message in front of every row."""
    check_answers: bool = True
    """Ask every question again, with the section only, and keep it if both answers agree."""
    agreement: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Token F1 of both answers, function words and endings aside, from which they agree."""
    containment: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Share of the shorter answer's words that the other one has, from which they agree too: one may say more than the other."""
    similarity: Annotated[float, Field(gt=0.5, le=1)] = 0.8
    """Jaccard similarity of character 4-grams (word 5-grams from 20 words on) from which two questions count as one."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """For the questions; they are answered again at 0."""
    seed: Annotated[int, Field(ge=0)] = 0


OutsideKind = Literal["far", "near", "name", "slot", "attribute", "false_premise"]
OUTSIDE_KINDS: tuple[OutsideKind, ...] = ("far", "near", "name", "slot", "attribute", "false_premise")


class OutsideWishes(Noun):
    """Which rows out of scope are made for a user's own domain, without any teacher."""

    refusal: Annotated[str, Field(min_length=1)]
    """The label or the answer that means: not our business. For a project it is `task.out_of_scope`."""
    share: Annotated[float, Field(ge=0.05, le=0.15)] = 0.1
    """Of the resulting data, rows out of scope that are there already included."""
    kinds: tuple[OutsideKind, ...] = OUTSIDE_KINDS
    """`far`: from other walks of life. `near`: of those the closest that the domain does not answer. `name`, `slot`: the user's own questions about another company's product, or another thing of the same name. `attribute`: what nobody here knows about a thing of the domain. `false_premise`: about something that is not so."""
    near_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Of the rows made: near misses of all kinds; the others are far off."""
    own_names: tuple[str, ...] = ()
    """The user's own company and products; near misses by `name` put others in their place."""
    not_topics: tuple[str, ...] = ()
    """Topics of the shipped questions that are the user's business after all, and must not be used."""
    seed: Annotated[int, Field(ge=0)] = 0


class ParaphraseWishes(Noun):
    """How rows are said in other words."""

    per_row: Annotated[int, Field(ge=1, le=20)] = 1
    """Paraphrases of each row, at most."""
    strength: Strength = "medium"
    """How many changes each gets: `light` one, `medium` up to two, `strong` up to four."""
    kinds: tuple[str, ...] = ()
    """Which changes are made (`contraction`, `politeness`, `frame`, `phrase`, `order`, `typo`, `casing`, `punctuation`); empty: all that suit the language."""
    language: str = "en"
    """Two letters. For other languages than English only `typo`, `casing` and `punctuation` are made."""
    balance_to: Annotated[int, Field(ge=1)] | None = None
    """Only labels with fewer rows get paraphrases, until they have so many (or `per_row` for each of their rows). None: every row gets them."""
    min_similarity: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Cosine of the sentence vectors from which a paraphrase is kept, where an encoder is given. BANKING77: 93 % of them are; a classifier finds the right label in 92.4 % of those, and in 93.5 % of the rows themselves."""
    max_likeness: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Jaccard similarity of character 4-grams above which a paraphrase is too much like its row or another paraphrase of it; 1: only equal ones are dropped."""
    seed: Annotated[int, Field(ge=0)] = 0


def rounded_up(money: float) -> str:
    """An amount with two decimals, never less than it is.

    >>> rounded_up(0.0123), rounded_up(0), rounded_up(12.5)
    ('0.02', '0.00', '12.50')
    """
    return f"{math.ceil(money * 100 - 1e-9) / 100:.2f}"

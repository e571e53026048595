"""Anything that can answer: the tagged union that evaluation, release and serving take without asking which remedy it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.chat import Prompt
from tunesmith.spec.noun import Noun


class Constant(Noun):
    """Always the same answer: the majority class, the cheapest control there is."""

    kind: Literal["constant"] = "constant"
    name: str
    answer: str


class Classifier(Noun):
    """A linear model over sentence embeddings: a control for tasks with labels."""

    kind: Literal["classifier"] = "classifier"
    name: str
    embedder: str
    """Catalogue id of the embedding model."""
    weights: str
    """Name of the artifact that holds the linear model."""


class Prompted(Noun):
    """A base model with a prompt, and examples if the prompt has some."""

    kind: Literal["prompted"] = "prompted"
    name: str
    model: str
    """Catalogue id, folder or hub id of the base."""
    prompt: Prompt


class Tuned(Noun):
    """A fine-tuned checkpoint with the prompt it was tuned with."""

    kind: Literal["tuned"] = "tuned"
    name: str
    checkpoint: str
    """Name of the checkpoint artifact; it names its base."""
    prompt: Prompt


class Retrieval(Noun):
    """A model that reads what an index finds for the question: passages of documents, or training rows as worked examples."""

    kind: Literal["retrieval"] = "retrieval"
    name: str
    reader: Annotated[Prompted | Tuned, Field(discriminator="kind")]
    """Who answers."""
    index: str
    """Name of the index artifact."""
    count: Annotated[int, Field(ge=1, le=64)] = 4
    """Passages or examples for a question, at most: fewer where the model's context has no room for more."""
    shown: Literal["passages", "examples"] = "passages"
    """`passages`: in front of the question, in its turn. `examples`: as earlier turns, the nearest one last."""


class Remote(Noun):
    """A model elsewhere behind OpenAI's API: the yardstick. What it is asked leaves the machine."""

    kind: Literal["remote"] = "remote"
    name: str
    url: str
    """Up to and without `/chat/completions`."""
    model: str
    prompt: Prompt
    key_variable: str | None = None
    """The environment variable that holds the key; None: the endpoint wants none. The key itself stands in no file of ours."""
    allow_private: bool = False
    """Allow addresses inside a private network, and plain HTTP there. This machine itself (`localhost`, 127.0.0.1, ::1) counts as allowed when `url` names it."""


Candidate = Annotated[Constant | Classifier | Prompted | Tuned | Retrieval | Remote, Field(discriminator="kind")]


def reader(candidate: Candidate) -> Candidate:
    """Who answers: a candidate that looks things up has a reader."""
    return candidate.reader if isinstance(candidate, Retrieval) else candidate


class Decoding(Noun):
    """How tokens are chosen."""

    choices: tuple[str, ...] = ()
    """The closed set of answers; empty: free text."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stop: tuple[str, ...] = ()
    """Strings that end the answer; they are not part of it."""
    seed: Annotated[int, Field(ge=0)] = 0


class Answer(Noun):
    """One answer, with what it cost."""

    text: str
    confidence: float | None = None
    """Probability among the choices, or the mean token probability of a free answer; None where neither exists."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Literal["stop", "length", "choice", "constant", "too_long"] = "stop"
    """`too_long`: the question leaves no room for an answer in the model's context; the text is empty."""
    shown: tuple[str, ...] = ()
    """Ids of the passages or examples that stood before the question, the nearest first: entries of the candidate's index."""

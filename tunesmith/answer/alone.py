"""An answerer and questions → how long one question takes that is asked alone, as people ask the served model: a reading of the clock.

In a batch many rows share every pass through the weights, so seconds by rows say how much is answered, and not how long anybody waits. Here questions
come one after another. What all prompts begin with has been read before the first, as the service keeps it; what is looked up for a question is looked up in
its own time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from scipy.special import bdtr

from tunesmith.answer.candidate import Answerer, ModelAnswerer, RetrievalAnswerer
from tunesmith.answer.engine import Engine, Usage
from tunesmith.answer.remote_answerer import RemoteAnswerer
from tunesmith.answer.replies import InMemory
from tunesmith.answer.session import open_session
from tunesmith.model.forest import shared_by_all
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation
from tunesmith.spec.report import Wait

LEAST = 2
"""One question alone says nothing of nine of ten; of two that take long, it is sure."""
UNSURE = 0.05
"""How often so few of some questions take less than the time that nine of ten take at most."""
Asking = Callable[[Conversation], Answer]


def waited(
    answerer: Answerer,
    questions: Sequence[Conversation],
    decoding: Decoding,
    *,
    longest_s: float,
    stop: Callable[[], bool],
    clock: Callable[[], float] = time.perf_counter,
) -> Wait | None:
    """How long each of the questions takes by itself; after the first two, no further one is asked once all have taken `longest_s`. None where none was answered."""
    taken: list[float] = []
    if questions:
        ask = asking(answerer, questions, decoding)
        for question in questions:
            if stop() or (len(taken) >= LEAST and sum(taken) >= longest_s):
                break
            began = clock()
            answer = ask(question)
            seconds = clock() - began
            taken += [seconds] if answer.finish != "too_long" else []
    return of_seconds(taken) if taken else None


def of_seconds(taken: Sequence[float]) -> Wait:
    """The reading that some seconds make, by nearest rank; what is sure of nine of ten is an order statistic, so that it holds for whatever times there are.

    >>> found = of_seconds([0.3, 0.1, 0.2])
    >>> found.n, found.median_s, found.p90_s, found.p90_least_s
    (3, 0.2, 0.3, 0.2)
    """
    ordered = sorted(taken)
    median, most = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.9))
    sure = [seconds for below, seconds in enumerate(ordered) if bdtr(below, len(ordered), 0.9) <= UNSURE]
    return Wait(n=len(ordered), median_s=median, p90_s=most, p90_least_s=sure[-1] if sure else 0.0)


def asking(answerer: Answerer, questions: Sequence[Conversation], decoding: Decoding) -> Asking:
    """What answers one question, ready: what the prompts of `questions` share has been read."""
    if isinstance(answerer, ModelAnswerer):
        prompt, warm = answerer.prompt, Warm(answerer.engine, [answerer.prompt.apply(one) for one in questions])
        return lambda question: warm.answer(prompt.apply(question), decoding)
    if isinstance(answerer, RetrievalAnswerer):
        answerer.decoding = decoding
        ask = asking(answerer.reader, [one.conversation for one in answerer.ground(questions)], decoding)
        return lambda question: ask(answerer.ground([question])[0].conversation)
    alone = replace(answerer, kept=InMemory(), usage=Usage()) if isinstance(answerer, RemoteAnswerer) else answerer  # kept replies take no time
    return lambda question: next(iter(alone.answer([question], decoding, done=lambda n: None, stop=lambda: False)))


class Warm:
    """A model that has read what some conversations begin with, and answers one conversation after another."""

    def __init__(self, engine: Engine, conversations: Sequence[Conversation]) -> None:
        self.engine, model = engine, engine.model
        prompts = [model.template.prompt(one) for one in conversations]
        room = [prompt for prompt in prompts if len(prompt) < model.context] or [prompts[0][: model.context - 1]]
        shared = min(shared_by_all(room), min(len(prompt) for prompt in room) - 1)  # the last token's state is needed
        self.trunk = shared if model.shares_prefixes else 0
        self.session = open_session(model, self.trunk)
        self.session.add(room[:1])
        self.session.keep([])

    @torch.inference_mode()
    def answer(self, conversation: Conversation, decoding: Decoding) -> Answer:
        """The answer, as the engine gives it among others, but for the rounding of the model's dtype."""
        model = self.engine.model
        prompt = model.template.prompt(conversation)
        if len(prompt) > self.engine.room(decoding):
            return Answer(text="", prompt_tokens=len(prompt), finish="too_long")
        own = prompt[self.trunk :]
        self.session.enter([None], [len(own)])
        found = self.engine.answer_after(self.session, self.session.extend([own]), prompt, decoding)
        self.session.keep([])
        return found

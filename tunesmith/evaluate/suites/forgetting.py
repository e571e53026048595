"""A base model, a model tuned from it and the shipped probes → what general ability the tuning has cost.

    questions      four answers each, none of them shown: the answer is the one whose words the model finds most probable, by log-likelihood per character
    instructions   answered greedily; a pure function sees whether each was followed
    prose          perplexity of plain texts, without a chat around them
    divergence     forward KL(base‖tuned) where the base itself speaks, on the task's questions and on general instructions

Both models are asked as a stranger would ask them, without the task's prompt: a router that is told to route must not be blamed for doing so. The task's
questions of the divergence are the exception: there both stand behind the prompt that the model was tuned with.

Six worked examples stand before every question, for the base and the tuned model alike, so that what is compared is knowledge and not how long an answer is
wont to be. SmolLM2-135M is right in 67 % of the questions so, in 51 % without examples, and in 24 % when it sees only the answers. Per character and not per
token, so that the rule suits every tokenizer and the shortest answer does not win by being short; the end of the turn is left aside (`answer/options.py`).

The models are opened one after the other, and the base's results can be passed in from an earlier time: a second tuned model costs half.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

from tunesmith.answer.divergence import Base, continuations, divergence, remembered
from tunesmith.answer.engine import Engine
from tunesmith.answer.options import option_losses
from tunesmith.answer.prose import prose_losses
from tunesmith.errors import Interrupted
from tunesmith.measure.compliance import complies
from tunesmith.measure.forgetting import Rule, forgetting
from tunesmith.spec.candidate import Decoding
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.forgetting import Answered, Followed, Forgetting, ProbeLimits, Prompts, Read, Taken, Tolerance
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.probe import ChoiceProbe, InstructionProbe, Probes

QUESTIONS_AT_ONCE = 32
"""Asked together, with all their answers: so few tokens that they fit one forest, in which a question's answers share it."""
PASSAGES_AT_ONCE = 8


class Probe(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """Its name."""


P = TypeVar("P", bound=Probe)


@dataclass(frozen=True)
class Pair:
    """The two models. Each is opened when it is its turn; the first may be gone by the time the second is there."""

    base: Callable[[], Engine]
    tuned: Callable[[], Engine]
    task: Sequence[Conversation] = ()
    """Questions of the task, the prompt of the tuned model in front of each."""
    before: Taken | None = None
    """What the base made of the same probes within the same limits, if that is known."""


@dataclass(frozen=True)
class Outcome:
    """The comparison, and the results of each model that it rests on."""

    forgetting: Forgetting
    before: Taken
    after: Taken


@dataclass(frozen=True)
class Suite:
    """What is asked, and who hears how far it is."""

    probes: Probes
    monitor: Monitor
    limits: ProbeLimits = field(default_factory=ProbeLimits)
    tolerance: Tolerance = field(default_factory=Tolerance)

    def run(self, pair: Pair) -> Outcome:
        """The tuned model beside its base.

        Raises: Interrupted; Unsupported if the two do not have one vocabulary.
        """
        base = pair.base()
        before = pair.before or self.take(base, "base")
        spoken = dict(self._spoken(base, pair.task))
        del base
        tuned = pair.tuned()
        after = self.take(tuned, "tuned model")
        moved: dict[Prompts, list[tuple[float, int]]] = {}
        for on, speech in spoken.items():
            self._tell(f"tuned model: divergence on {on} prompts", 0, len(speech.rows))
            moved[on] = divergence(speech, tuned.model)
        return Outcome(forgetting(before, after, moved, Rule(self.probes, self.limits, self.tolerance)), before, after)

    def take(self, engine: Engine, name: str) -> Taken:
        """What one model makes of the probes.

        Raises: Interrupted.
        """
        return Taken(
            probes=self.probes.digest,
            questions=tuple(self._questions(engine, name)),
            instructions=tuple(self._instructions(engine, name)),
            prose=tuple(self._prose(engine, name)),
        )

    def _questions(self, engine: Engine, name: str) -> Iterator[Answered]:
        asked, shown = self.chosen_questions(), worked(self.probes)
        for start in range(0, len(asked), QUESTIONS_AT_ONCE):
            self._tell(f"{name}: everyday questions", start, len(asked))
            yield from answered(engine, asked[start : start + QUESTIONS_AT_ONCE], shown)

    def _instructions(self, engine: Engine, name: str) -> Iterator[Followed]:
        asked = self.chosen_instructions()
        label = f"{name}: general instructions"
        self._tell(label, 0, len(asked))
        answers = engine.answer(
            [question(probe.ask) for probe in asked],
            Decoding(max_new_tokens=self.limits.answer_tokens),
            done=lambda n: self.monitor.emit(Progress(label=label, done=n, total=len(asked))),
            stop=self.monitor.stopping,
        )
        if len(answers) < len(asked):
            raise stopped()
        for probe, answer in zip(asked, answers, strict=True):
            yield Followed(id=probe.id, answer=answer.text, complied=complies(answer.text, probe))

    def _prose(self, engine: Engine, name: str) -> Iterator[Read]:
        passages = chosen([one for one in self.probes.prose if one.id not in self.limits.excluded], self.limits.passages)
        for start in range(0, len(passages), PASSAGES_AT_ONCE):
            self._tell(f"{name}: neutral prose", start, len(passages))
            some = passages[start : start + PASSAGES_AT_ONCE]
            for passage, (nll, tokens) in zip(some, prose_losses(engine.model, [one.text for one in some]), strict=True):
                yield Read(id=passage.id, nll=nll, tokens=tokens)

    def _spoken(self, engine: Engine, task: Sequence[Conversation]) -> Iterator[tuple[Prompts, Base]]:
        """What the base goes on to say on the task's prompts and on general ones, and how sure it is of every word."""
        general = [question(probe.ask) for probe in chosen(self.chosen_instructions(), self.limits.general_prompts)]
        prompts: Mapping[Prompts, Sequence[Conversation]] = {"task": task[: self.limits.task_prompts], "general": general}
        for on, asked in prompts.items():
            label = f"base: continuing {on} prompts"
            self._tell(label, 0, len(asked))
            rows = continuations(engine, asked, tokens=self.limits.continuation_tokens, seed=self.limits.seed, stop=self.monitor.stopping)
            self._tell(label, len(asked), len(asked))
            if rows:  # none, where no prompt leaves room to go on
                yield on, remembered(engine.model, rows)

    def chosen_questions(self) -> list[ChoiceProbe]:
        """The questions that are asked, spread evenly over the areas."""
        by_area: dict[str, list[ChoiceProbe]] = defaultdict(list)
        for probe in chosen([one for one in self.probes.choices if one.id not in self.limits.excluded], None):
            by_area[probe.area].append(probe)
        dealt = chain.from_iterable(zip_longest(*by_area.values()))
        return [probe for probe in dealt if probe is not None][: self.limits.questions]

    def chosen_instructions(self) -> list[InstructionProbe]:
        """The instructions that are given."""
        return chosen([one for one in self.probes.instructions if one.id not in self.limits.excluded], self.limits.instructions)

    def _tell(self, label: str, done: int, total: int) -> None:
        """How far it is; the end, where the user wants one. Raises: Interrupted."""
        self.monitor.emit(Progress(label=label, done=done, total=total, unit="items"))
        if self.monitor.stopping():
            raise stopped()


def chosen(probes: Sequence[P], count: int | None) -> list[P]:
    """At most so many, in an order that says nothing about what they are: that of the digests of their ids. So a smaller number is a part of a larger one."""
    return sorted(probes, key=lambda probe: hashlib.sha256(probe.id.encode()).digest())[:count]


def answered(engine: Engine, asked: Sequence[ChoiceProbe], shown: Prompt) -> Iterator[Answered]:
    """Each question's most probable answer, behind the examples that are shown."""
    rows = [shown.apply(said(probe.asked, option)) for probe in asked for option in probe.options]
    losses = iter(option_losses(engine.model, rows))
    for probe in asked:
        scores = [-next(losses) / len(option) for option in probe.options]
        best = scores.index(max(scores))
        margin = scores[probe.right] - max(score for place, score in enumerate(scores) if place != probe.right)
        yield Answered(id=probe.id, chosen=best, is_right=best == probe.right, margin=margin)


def worked(probes: Probes) -> Prompt:
    """The examples that stand before every question."""
    return Prompt(name="worked", examples=tuple(said(question, answer) for question, answer in probes.examples))


def said(asked: str, answer: str) -> Conversation:
    """A question and an answer."""
    return Conversation(messages=(*question(asked).messages, Message(role="assistant", content=answer)))


def stopped() -> Interrupted:
    """What is raised where the user wants an end: nothing is kept of an unfinished suite."""
    return Interrupted("stopped while looking for what was forgotten", where="evaluation", fix="run the same command again")


def question(text: str) -> Conversation:
    """A stranger's question, without anything in front."""
    return Conversation(messages=(Message(role="user", content=text),))

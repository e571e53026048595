"""One question at a time: the same answers as among others, and the readings that an injected clock makes of them."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests import tiny
from tunesmith.answer import alone
from tunesmith.answer.alone import Warm, asking, waited
from tunesmith.answer.candidate import ConstantAnswerer, ModelAnswerer
from tunesmith.answer.engine import Engine, Usage
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Prompt
from tunesmith.spec.report import Wait

SYSTEM = "Sort what people write to the bank: " + ", ".join(f"topic {n}" for n in range(9))
QUESTIONS = [tiny.chat(text) for text in ("hello", "a rather longer question about cards", "why?", "hello world", "why not?")]
PROMPT = Prompt(name="plain", system=SYSTEM)
CHOICES = Decoding(choices=("yes", "yes sir", "no", "north"))
FREE = Decoding(max_new_tokens=8)


@dataclass
class Ticking:
    """A clock on which each answer of a scripted answerer takes what it is told."""

    seconds: list[float]
    now: float = 0.0
    usage: Usage = field(default_factory=Usage)
    remark: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, questions, decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        [question] = questions
        self.now += self.seconds[len(self.asked)]
        self.asked.append(question.messages[-1].content)
        return [Answer(text="yes", finish="too_long" if question.messages[-1].content == "why?" else "choice")]

    def likelihood(self, conversations) -> None:
        return None


def test_the_examples_hold() -> None:
    assert doctest.testmod(alone) == doctest.TestResults(0, 2)


def wait_of(seconds: list[float], longest_s: float = 100.0, stop: Callable[[], bool] = lambda: False) -> tuple[Wait | None, list[str]]:
    one = Ticking(seconds)
    return waited(one, QUESTIONS, CHOICES, longest_s=longest_s, stop=stop, clock=lambda: one.now), one.asked


def test_median_and_nine_of_ten_by_nearest_rank_and_what_cannot_be_read_is_no_reading() -> None:
    found, asked = wait_of([0.25, 0.5, 64.0, 1.0, 2.0])
    assert len(asked) == 5
    assert found == Wait(n=4, median_s=0.5, p90_s=2.0, p90_least_s=0.5)
    twenty = [0.01 * n for n in range(1, 21)]
    assert alone.of_seconds(twenty[::-1]) == Wait(n=20, median_s=twenty[9], p90_s=twenty[17], p90_least_s=twenty[15])


def test_slow_answers_are_timed_less_often() -> None:
    found, asked = wait_of([4.0, 8.0, 1.0, 1.0, 1.0], longest_s=10.0)
    assert (found, len(asked)) == (Wait(n=2, median_s=4.0, p90_s=8.0, p90_least_s=4.0), 2)
    found, asked = wait_of([16.0, 8.0, 1.0], longest_s=10.0)
    assert (found, len(asked)) == (Wait(n=2, median_s=8.0, p90_s=16.0, p90_least_s=8.0), 2)  # one alone would say nothing of nine of ten


def test_nothing_is_read_where_nothing_was_asked() -> None:
    assert wait_of([1.0] * 5, stop=lambda: True) == (None, [])
    assert waited(ConstantAnswerer("yes"), [], FREE, longest_s=1.0, stop=lambda: False) is None


def test_a_limit_is_missed_by_what_is_sure_of_nine_of_ten_and_not_by_the_median() -> None:
    found = Wait(n=20, median_s=0.1, p90_s=0.3, p90_least_s=0.2)
    limits = {None: (False, True), 0.15: (True, False), 0.2: (False, False), 0.3: (False, True)}
    held = {limit: found.model_copy(update={"at_most_s": limit}) for limit in limits}
    assert {limit: (one.is_too_long, one.is_in_time) for limit, one in held.items()} == limits


@pytest.mark.parametrize("n", [1, 2, 5, 9, 20, 29, 60])
def test_what_nine_of_ten_take_is_hardly_ever_less_than_is_called_sure(n: int) -> None:
    draws = np.random.default_rng(n).exponential(size=(400, n))
    below = [alone.of_seconds(row.tolist()).p90_least_s <= np.log(10) for row in draws]
    assert np.mean(below) >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "lfm2"])
@pytest.mark.parametrize("decoding", [CHOICES, FREE], ids=["choose", "write"])
def test_the_answers_are_those_that_are_given_among_others(model, kind, decoding) -> None:
    together = ModelAnswerer(Engine(model(kind)), PROMPT)
    among = together.answer(QUESTIONS, decoding, done=lambda n: None, stop=lambda: False)
    ask = asking(ModelAnswerer(Engine(model(kind)), PROMPT), QUESTIONS, decoding)
    single = [ask(question) for question in QUESTIONS]
    assert [(one.text, one.finish, one.prompt_tokens, one.completion_tokens) for one in single] == [
        (one.text, one.finish, one.prompt_tokens, one.completion_tokens) for one in among
    ]


def test_what_all_prompts_begin_with_is_read_once_and_before_the_first(model) -> None:
    loaded = model("llama")
    conversations = [PROMPT.apply(question) for question in QUESTIONS]
    lengths = [len(loaded.template.prompt(one)) for one in conversations]
    warm = Warm(Engine(loaded), conversations)
    read = warm.session.computed
    warm.answer(conversations[2], Decoding(choices=("yes",)))
    assert warm.trunk > 64
    assert warm.session.computed - read == lengths[2] - warm.trunk
    too_long = warm.answer(PROMPT.apply(tiny.chat("z" * 600)), FREE)
    assert too_long.finish == "too_long"


def test_one_question_alone_has_nothing_in_common_with_others(model) -> None:
    found = waited(ModelAnswerer(Engine(model("llama")), PROMPT), QUESTIONS[:1], FREE, longest_s=1.0, stop=lambda: False)
    assert found is not None
    assert found.n == 1
    twice = Warm(Engine(model("llama")), [PROMPT.apply(QUESTIONS[0])] * 2)
    assert twice.answer(PROMPT.apply(QUESTIONS[0]), FREE).finish in ("stop", "length")

"""What a base knows: graded by hand from answers that are given, and asked of a real engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests import tiny
from tests.data.examine.test_meaning import Impatient
from tunesmith.answer.engine import Engine
from tunesmith.data.examine.known import FEWEST, SAMPLES, SHOWN, is_fact, is_right, known
from tunesmith.errors import Interrupted
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation
from tunesmith.spec.job import Silent


class Speaker:
    """Says what its rule says for a question, for how it is asked, and for the number of the try."""

    def __init__(self, rule: Callable[[str, bool, int], str]) -> None:
        self.rule = rule
        self.asked: list[tuple[Conversation, Decoding]] = []

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]
    ) -> list[Answer]:
        self.asked += [(one, decoding) for one in conversations]
        questions = [one.messages[-1].content or "" for one in conversations]
        return [] if stop() else [Answer(text=self.rule(q, decoding.temperature == 0, i % SAMPLES)) for i, q in enumerate(questions)]


def facts(count: int) -> list[Conversation]:
    return [tiny.chat(f"q{i}", f"fact {i}", system="Be short.") for i in range(count)]


def test_grades_by_hand():
    def rule(question: str, is_greedy: bool, number: int) -> str:
        kind, text = int(question[1:]) % 3, f"it is fact {question[1:]}."
        return text if kind == 0 or (kind == 1 and not is_greedy and number < 2) else "no idea"

    speaker = Speaker(rule)
    found = known(facts(20), speaker, "generate", Silent())
    assert found.rows.tolist() == list(range(20))
    assert found.grades == tuple(["known", "maybe", "unknown"][i % 3] for i in range(20))
    assert found.right.tolist() == [[8, 2, 0][i % 3] for i in range(20)]
    assert found.unknown.tolist() == [2, 5, 8, 11, 14, 17]
    share, low, high = found.share
    assert share == pytest.approx(0.3)
    assert low < 0.2 < 0.3 < high < 0.55
    assert not found.wants_retrieval  # 20 facts are too few to tell


def test_enough_facts_are_asked_behind_worked_examples_that_are_none_of_them():
    speaker = Speaker(lambda question, is_greedy, number: "no idea")
    rows = facts(FEWEST + 10)
    rows[7] = tiny.chat("why?", "because " * 40)
    found = known(rows, speaker, "generate", Silent())
    assert (found.facts, len(found.rows)) == (FEWEST + 9, FEWEST + 9 - SHOWN)
    assert 7 not in found.rows
    assert found.wants_retrieval
    for asked, _ in speaker.asked:
        roles = [m.role for m in asked.messages]
        assert roles == ["system", *["user", "assistant"] * SHOWN, "user"]
        assert asked.messages[-1].content not in {m.content for m in asked.messages[:-1]}
    assert {decoding.temperature for _, decoding in speaker.asked} == {0.0, 0.7}


def test_a_stop_is_told():
    with pytest.raises(Interrupted):
        known(facts(5), Speaker(lambda *_: ""), "generate", Impatient(1))


def test_no_facts_no_share():
    found = known([tiny.chat("a", "word " * 30)], Speaker(lambda *_: ""), "generate", Silent())
    assert (len(found.rows), found.facts, found.share, found.wants_retrieval) == (0, 0, (0.0, 0.0, 1.0), False)


@pytest.mark.parametrize(
    ("answer", "is_it"), [("Paris", True), ("", False), ("one two three four five six seven eight nine ten", True), ("word " * 11, False)]
)
def test_a_fact_is_short(answer, is_it):
    assert is_fact(answer) == is_it


def test_right_is_what_the_task_says():
    assert is_right("extract", '{"a": 1}', '{ "a":1 }')
    assert not is_right("extract", 'it is {"a": 1}', '{"a": 1}')
    assert is_right("generate", "The answer is: the Eiffel Tower!", "Eiffel tower")
    assert not is_right("generate", "in Parisian style", "Paris")
    assert not is_right("generate", "anything", "the")


def test_a_real_engine_is_asked(tmp_path: Path):
    engine = Engine(tiny.load(tiny.save(tmp_path / "llama")))
    found = known(facts(3), engine, "generate", Silent())
    assert len(found.grades) == 3
    assert known(facts(3), engine, "generate", Silent()).right.tolist() == found.right.tolist()

"""What rows have to teach, by hand; and the measuring that survives a stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.data.examine.test_meaning import Impatient
from tunesmith.answer.losses import AnswerLoss
from tunesmith.data.examine import usefulness as module
from tunesmith.data.examine.usefulness import Losses, measured, sampled, usefulness
from tunesmith.errors import Interrupted
from tunesmith.spec.chat import Conversation
from tunesmith.spec.job import Silent


class Measure:
    """Losses from the texts' lengths, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, conversations: Sequence[Conversation]) -> list[AnswerLoss]:
        answers = [one.answer() or "" for one in conversations]
        self.asked += answers
        return [AnswerLoss(asked=2.0 * len(a), alone=3.0 * len(a), tokens=len(a)) for a in answers]


def rows(count: int) -> list[Conversation]:
    return [tiny.chat("why?", "x" * (i + 1)) for i in range(count)]


def test_losses_are_per_token_and_measured_once(tmp_path: Path) -> None:
    first, second = Measure(), Measure()
    found = measured(rows(5), first, "m", tmp_path / "l", Silent())
    np.testing.assert_allclose(found.asked, 2.0)
    np.testing.assert_allclose(found.ifd, math.exp(-1))
    assert (found.tokens.tolist(), found.is_sample) == ([1, 2, 3, 4, 5], False)
    measured(rows(5), second, "m", tmp_path / "l", Silent())
    assert second.asked == []
    measured(rows(5), second, "another", tmp_path / "l", Silent())
    assert len(second.asked) == 5


def test_a_stopped_measuring_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    with pytest.raises(Interrupted):
        measured(rows(5), Measure(), "m", tmp_path / "l", Impatient(2))
    rest = Measure()
    found = measured(rows(5), rest, "m", tmp_path / "l", Silent())
    assert rest.asked == ["xxxxx"]
    assert found.rows.tolist() == [0, 1, 2, 3, 4]


def test_many_rows_are_sampled_and_say_so(tmp_path: Path) -> None:
    found = measured(rows(30), Measure(), "m", tmp_path / "l", Silent(), most=7)
    assert (len(found.rows), found.of, found.is_sample) == (7, 30, True)
    assert found.tokens.tolist() == (found.rows + 1).tolist()
    assert sampled(30, 7, 0).tolist() == found.rows.tolist() == sorted(set(found.rows.tolist()))


def test_easy_hard_and_unhelped_by_hand() -> None:
    ifd = np.array([0.1, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.2, 1.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    alone = np.full(20, 2.0)
    alone[0] = 1.0 - math.log(0.1)  # its perplexity is e behind the question: improbable as it is, it is not easy
    alone[1] = 0.1 - math.log(0.15)
    losses = Losses(np.arange(100, 120), alone + np.log(ifd), alone, np.full(20, 5), 20)
    np.testing.assert_allclose(losses.ifd, ifd)
    found = usefulness(losses)
    assert found.no_help.tolist() == [110, 111]
    assert found.trivial.tolist() == [101]
    assert found.hard.tolist() == [109]
    assert found.median == pytest.approx(0.5)


def test_an_answer_without_tokens_has_no_difficulty() -> None:
    nothing = Losses(np.arange(2), np.zeros(2), np.zeros(2), np.zeros(2, np.int64), 2)
    assert np.isnan(nothing.ifd).all()
    assert np.isnan(usefulness(nothing).median)
    assert [len(part) for part in (usefulness(nothing).no_help, usefulness(nothing).trivial, usefulness(nothing).hard)] == [0, 0, 0]

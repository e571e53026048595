"""What a run registers: names that it leaves as they were are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.ears import Ears
from tunesmith.conclusion import Conclusion
from tunesmith.spec.job import Note
from tunesmith.spec.verdict import Verdict
from tunesmith.store.artifacts import Version


def test_a_run_that_recommends_nothing_leaves_the_name_to_the_earlier_one_and_says_so() -> None:
    ears = Ears()
    versions = {"a-best": [Version("a-best", 1, "candidate-1", 0.0), Version("a-best", 2, "candidate-2", 1.0)]}
    line: Any = SimpleNamespace(best="a-best", model="a", store=SimpleNamespace(registered=lambda: versions), monitor=ears)
    nothing: Any = None
    conclusion = Conclusion(line, (), nothing, nothing, (), 1, None, nothing, None, 0.0, None)
    verdict = Verdict(decision="nothing helps", headline="", reasons=(), metric="accuracy", winner=None, goal_met=None, comparisons=(), looks=1)
    conclusion._elect(verdict)
    told = [(note.level, note.text) for note in ears.heard if isinstance(note, Note)]
    assert told == [("warning", "a-best is still candidate-2 of an earlier run, not of this one: it recommends nothing to be served")]
    versions.clear()
    conclusion._elect(verdict)
    assert len(ears.heard) == 1

"""One scale on which higher is better, whatever the metric."""

from __future__ import annotations

from tests.decide.planning import make_facts, measured
from tunesmith.decide.reach import Reach, best_of, in_full, reach, rivals_of
from tunesmith.spec.candidate import Constant, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.trial import Pilot, Trial


def constant(name: str) -> Trial:
    return Trial(remedy="majority", candidate=Constant(name=name, answer="x"))


def test_an_interval_keeps_its_ends_in_order() -> None:
    found = reach(measured(constant("a"), 0.2, 100, "false_refusal_rate"), "false_refusal_rate")
    assert found is not None
    assert found.low < found.score == 0.8 < found.high
    assert reach(measured(constant("a"), 8.0, 100, "perplexity"), "perplexity") == Reach(-8.0, -8.0, -8.0)


def test_what_was_not_measured_reaches_nothing() -> None:
    assert reach(constant("a"), "exact_match") is None
    assert reach(measured(constant("a"), 0.5, 10), "macro_f1") is None
    assert best_of([constant("a")], "exact_match") is None


def test_ties_go_to_the_first_name() -> None:
    best = best_of([measured(constant(name), 0.5, 10) for name in "ba"], "exact_match")
    assert best is not None
    assert best[0].candidate.name == "a"


def test_pilots_and_parts_of_dev_do_not_count_as_full() -> None:
    facts = make_facts()
    whole, part = measured(constant("a"), 0.5, 400), measured(constant("b"), 0.9, 50)
    tuned = Trial(remedy="fine-tune", candidate=Tuned(name="tuned", checkpoint="", prompt=Prompt(name="tuned")))
    small = tuned.model_copy(update={"pilot": Pilot(share=0.1, rows=40, recipe=Recipe())})
    every = [whole, part, measured(tuned, 0.9, 400), measured(small, 0.8, 400)]
    assert in_full(every, ("majority", "fine-tune"), facts) == [whole, every[2]]
    assert rivals_of(every, facts) == [whole]

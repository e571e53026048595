"""What an elected candidate is like, and which threshold goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from tunesmith.spec.candidate import Answer, Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.elected import Elected, proposed
from tunesmith.spec.suite import OutOfScope, Suites, Threshold

PROMPT = Prompt(name="p")
PROMPTED, TUNED = Prompted(name="prompt", model="m", prompt=PROMPT), Tuned(name="tuned", checkpoint="c", prompt=PROMPT)
CLASSIFIER = Classifier(name="classifier", embedder="e", weights="w")


def threshold(**changes: Any) -> Threshold:
    nothing: dict[str, Any] = dict.fromkeys(("chosen", "checked", "coverage", "risk", "recall"))
    values = {"bounded": "risk", "bound": 0.1, "value": 0.5, "promised": True, "instead": "no", "kept": "yes", "sentence": ""}
    return Threshold.model_validate(nothing | values | changes)


def suites(*found: Threshold, candidate: Candidate = CLASSIFIER) -> Suites:
    return Suites.model_construct(candidate=candidate, out_of_scope=OutOfScope.model_construct(thresholds=found))


@pytest.mark.parametrize(
    ("candidate", "reader", "reads_all", "fixed_among_labels", "fixed_freely"),
    [
        (Constant(name="c", answer="a"), None, False, True, True),
        (CLASSIFIER, None, False, True, True),
        (PROMPTED, PROMPTED, True, True, False),
        (TUNED, TUNED, True, True, False),
        (Retrieval(name="r", reader=TUNED, index="i"), TUNED, True, True, False),
        (Remote(name="r", url="http://localhost", model="m", prompt=PROMPT), None, True, False, False),
    ],
)
def test_what_follows_from_the_kind(candidate: Candidate, reader: Any, reads_all: bool, fixed_among_labels: bool, fixed_freely: bool) -> None:
    labels, free = (Elected(candidate=candidate, decoding=one, dataset="d") for one in (Decoding(choices=("a", "b")), Decoding()))
    assert (labels.reader, free.reader, free.reads_all) == (reader, reader, reads_all)
    assert (labels.is_fixed, free.is_fixed) == (fixed_among_labels, fixed_freely)


def test_a_threshold_goes_with_the_candidate_that_it_was_proposed_for() -> None:
    good = threshold()
    assert proposed(suites(good), CLASSIFIER) == good
    assert proposed(suites(good), PROMPTED) is None
    assert proposed(Suites.model_construct(candidate=CLASSIFIER, out_of_scope=None), CLASSIFIER) is None


@pytest.mark.parametrize("changes", [{"value": None}, {"value": 0.0}, {"instead": None}, {"kept": "no"}])
def test_one_that_declines_nothing_or_breaks_its_promise_is_passed_over(changes: dict[str, Any]) -> None:
    bad, good = threshold(**changes), threshold(value=0.25, kept="cannot tell")
    assert proposed(suites(bad), CLASSIFIER) is None
    assert proposed(suites(bad, good), CLASSIFIER) == good


@pytest.mark.parametrize(
    ("changes", "confidence", "expected"),
    [({}, 0.49, True), ({}, 0.5, False), ({}, None, False), ({"value": None}, 0.1, False), ({"instead": None}, 0.1, False)],
)
def test_what_is_declined(changes: dict[str, Any], confidence: float | None, expected: bool) -> None:
    one, answer = threshold(**changes), Answer(text="yes", confidence=confidence)
    assert one.declines(confidence) is expected
    assert one.applied(answer) == answer.model_copy(update={"text": "no"} if expected else {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"kept": "cannot tell"}, ""),
        ({"value": 0.0}, "declines nothing"),
        ({"instead": None}, "task.out_of_scope"),
        ({"kept": "no"}, "breaks its promise"),
    ],
)
def test_a_threshold_says_why_serving_does_not_apply_it(changes: dict[str, Any], why: str) -> None:
    found = threshold(**changes).unfit
    assert (why in found) if why else found == ""

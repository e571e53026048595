"""What a verdict is told of the suites: every sentence, and a warning only where there is evidence."""

from __future__ import annotations

from tests.evaluate.suites.test_page_parts import suites
from tunesmith.evaluate.suites.sides import sides
from tunesmith.spec.report import Metric


def test_every_suite_has_its_sentence() -> None:
    made = suites()
    found = {side.topic: side for side in sides(made)}
    assert list(found) == ["out of scope", "hallucination", "consistency", "memorisation", "calibration", "worst slice"]
    assert made.slices is not None
    assert found["worst slice"].sentence == made.slices.sentence
    assert {side.candidate for side in found.values()} == {"tuned"}
    assert "blocks" not in {side.standing for side in found.values()}


def test_a_warning_needs_evidence() -> None:
    made = suites()
    assert made.memorisation is not None
    assert made.hallucination is not None

    def standing(topic: str, **changes: object) -> str:
        return next(side.standing for side in sides(made.model_copy(update=changes)) if side.topic == topic)

    assert standing("memorisation", memorisation=made.memorisation.model_copy(update={"overfits": False, "memorises": False})) == "fine"
    assert standing("memorisation", memorisation=made.memorisation.model_copy(update={"overfits": True})) == "worse"
    for low, expected in ((0.45, "fine"), (0.55, "worse")):
        share = Metric(value=0.7, low=low, high=0.9, n=20, method="wilson")
        assert standing("hallucination", hallucination=made.hallucination.model_copy(update={"made": share, "given": None})) == expected


def test_what_was_not_examined_is_not_spoken_of() -> None:
    assert "consistency" not in {side.topic for side in sides(suites().model_copy(update={"consistency": None}))}

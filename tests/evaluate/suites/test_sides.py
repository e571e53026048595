"""What a verdict is told of the suites: every sentence, a warning only where there is evidence, and "fine" only where there is too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evaluate.suites.test_page_parts import suites
from tunesmith.evaluate.suites.sides import forgetting_side, sides
from tunesmith.measure.forgetting import sentence, standing_of
from tunesmith.spec.forgetting import STANDINGS, Change, Fluency, Forgetting, ProbeLimits, Tolerance
from tunesmith.spec.report import Metric
from tunesmith.spec.task import MustNotWorsen, TaskKind


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

    quiet = made.memorisation.model_copy(update={"overfits": False, "memorises": False})
    for high, expected in ((0.09, "fine"), (0.12, "cannot tell")):  # 10 points are called overfitting
        gap = Metric(value=0.05, low=0.01, high=high, n=90, method="newcombe")
        assert standing("memorisation", memorisation=quiet.model_copy(update={"gap": gap})) == expected
    assert standing("memorisation", memorisation=quiet.model_copy(update={"gap": None})) == "cannot tell"
    assert standing("memorisation", memorisation=made.memorisation.model_copy(update={"overfits": True})) == "worse"
    for low, expected in ((0.45, "cannot tell"), (0.55, "worse")):
        share = Metric(value=0.7, low=low, high=0.9, n=20, method="wilson")
        assert standing("hallucination", hallucination=made.hallucination.model_copy(update={"made": share, "given": None})) == expected


def test_what_was_not_examined_is_not_spoken_of() -> None:
    assert "consistency" not in {side.topic for side in sides(suites().model_copy(update={"consistency": None}))}


def test_consistency_claims_nothing() -> None:
    assert next(side.standing for side in sides(suites()) if side.topic == "consistency") == "measured"


def test_without_a_slice_that_could_be_judged_nothing_is_called_fine() -> None:
    made = suites()
    assert made.slices is not None
    empty = made.model_copy(update={"slices": made.slices.model_copy(update={"slices": ()})})
    assert next(side.standing for side in sides(empty) if side.topic == "worst slice") == "cannot tell"


def lost(value: float, low: float, high: float, factor: tuple[float, float, float] = (1.0, 0.98, 1.02)) -> Forgetting:
    """A tuning that changed the answers to general questions by so much, and perplexity by that factor."""
    empty: dict[str, Any] = {"divergence": (), "areas": {}, "lost": ()}
    share, gap = Metric(value=0.5, low=0.4, high=0.6, n=432, method="wilson"), Metric(value=value, low=low, high=high, n=432, method="bca")
    ratio = Metric(value=factor[0], low=factor[1], high=factor[2], n=40, method="bca")
    fluency = Fluency(before=share, after=share, ratio=ratio, standing="kept" if ratio.high < 1.2 else "block")
    change = Change(
        ability="questions", before=share, after=share, difference=gap, lost=1, won=1, p_value=0.5, p_adjusted=0.5, test="mcnemar mid-p",
        minimum_detectable=0.04, standing=standing_of(gap, Tolerance()),
    )  # fmt: skip
    standing = max((change.standing, fluency.standing), key=STANDINGS.index)
    said = sentence(standing, [change], fluency, Tolerance())
    return Forgetting(
        probes="d", limits=ProbeLimits(), tolerance=Tolerance(), changes=(change,), fluency=fluency, standing=standing, sentence=said, **empty
    )


@pytest.mark.parametrize(
    ("found", "limits", "kind", "expected"),
    [
        (lost(-0.10, -0.14, -0.06), {}, "chat", ("blocks", True)),  # five points are allowed, six at least are lost
        (lost(-0.10, -0.14, -0.06), {}, "classify", ("worse", False)),  # it can say nothing but labels
        (lost(-0.10, -0.14, -0.06), {}, "answer", ("worse", False)),  # it has a single job
        (lost(-0.10, -0.14, -0.06), {"general_ability": 0.05}, "answer", ("blocks", True)),
        (lost(-0.10, -0.14, -0.06), {"general_ability": 0.05}, "classify", ("blocks", True)),
        (lost(-0.10, -0.14, -0.06), {"general_ability": 0.2}, "generate", ("worse", True)),
        (lost(-0.06, -0.10, -0.03), {}, "chat", ("worse", True)),  # a loss, and whether it is more than five points is open
        (lost(-0.02, -0.07, 0.03), {}, "chat", ("cannot tell", True)),
        (lost(-0.02, -0.07, 0.03), {}, "classify", ("cannot tell", False)),
        (lost(0.0, -0.015, 0.015), {}, "chat", ("fine", True)),
        (lost(0.0, -0.015, 0.015), {"general_ability": 0.01}, "chat", ("cannot tell", True)),
        (lost(0.0, -0.015, 0.015, (1.4, 1.3, 1.5)), {}, "chat", ("blocks", True)),
        (lost(0.0, -0.015, 0.015, (1.4, 1.3, 1.5)), {"perplexity": 2.0}, "generate", ("worse", True)),
    ],
)
def test_what_a_tuning_has_cost_is_held_against_its_limits(
    found: Forgetting, limits: dict[str, float], kind: TaskKind, expected: tuple[str, bool]
) -> None:
    side = forgetting_side("tuned", found, MustNotWorsen.model_validate(limits), kind)
    assert (side.standing, side.is_limited) == expected


def test_the_sentence_says_what_is_allowed() -> None:
    said = forgetting_side("tuned", lost(-0.10, -0.14, -0.06), MustNotWorsen(), "generate").sentence
    assert said.endswith(
        "(-10.0 points, -14.0 to -6.0); perplexity of neutral prose 0.5 before and 0.5 after (times 1.00, 0.98 to 1.02). That is beyond doubt more than is allowed (5 points and perplexity times 1.2)."
    )

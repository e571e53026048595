"""Before and after by hand: counts, intervals, the gate and the sentence."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure.forgetting import Rule, change, forgetting, standing_of
from tunesmith.probes.load import choice_of
from tunesmith.spec.forgetting import STANDINGS, Answered, Followed, ProbeLimits, Read, Taken, Tolerance
from tunesmith.spec.probe import InstructionProbe, Probes, Words
from tunesmith.spec.report import Metric

CHOICES = tuple(choice_of("tools", None, f"What is tool {number}?", "right", "wrong", "worse", "worst") for number in range(200))
INSTRUCTIONS = tuple(InstructionProbe(id=f"i{number}", ask=f"Do {number}.", checks=(Words(least=1),)) for number in range(100))
PROBES = Probes(examples=(), choices=CHOICES, instructions=INSTRUCTIONS, prose=(), digest="d")
RULE = Rule(PROBES, ProbeLimits(), Tolerance())


def taken(right: AbstractSet[int], followed: AbstractSet[int] = frozenset(range(60)), nats: float = 3.0, margin: float = 0.5) -> Taken:
    questions = []
    for number, probe in enumerate(CHOICES):
        is_right = number in right
        chosen = probe.right if is_right else (probe.right + 1) % 4
        questions.append(Answered(id=probe.id, chosen=chosen, is_right=is_right, margin=margin if is_right else -margin - number / 1000))
    answers = [Followed(id=probe.id, answer=f"answer {number}", complied=number in followed) for number, probe in enumerate(INSTRUCTIONS)]
    prose = [Read(id=f"p{number}", nll=nats * 50 * (1 + number / 100), tokens=50) for number in range(12)]
    return Taken(probes="d", questions=tuple(questions), instructions=tuple(answers), prose=tuple(prose))


def test_an_unchanged_model_has_lost_nothing() -> None:
    same = taken(set(range(120)))
    found = forgetting(same, same, {"task": [(0.0, 5), (0.0, 7)]}, RULE)
    questions, instructions = found.changes
    assert (questions.before.value, questions.after.value, questions.difference.value) == (0.6, 0.6, 0.0)
    assert (questions.lost, questions.won, questions.p_value) == (0, 0, 1.0)
    assert instructions.before.value == 0.6
    assert found.fluency is not None
    assert (found.fluency.ratio.value, found.fluency.ratio.low, found.fluency.ratio.high, found.fluency.ratio.method) == (1.0, 1.0, 1.0, "exact")
    assert (found.divergence[0].nats.value, found.divergence[0].tokens) == (0.0, 12)
    assert found.lost == ()
    assert found.areas == {"tools": (200, 120, 120)}
    # 200 rows that all agree: at most 1.9 % of others might not, which is below two points; 100 instructions cannot rule so much out
    assert (questions.standing, instructions.standing, found.fluency.standing, found.standing) == ("kept", "cannot tell", "kept", "cannot tell")


def test_a_heavy_loss_blocks_and_names_the_worst() -> None:
    found = forgetting(taken(set(range(120))), taken(set(range(90))), {}, RULE)
    questions = found.changes[0]
    assert questions.difference.value == pytest.approx(-0.15)
    assert questions.difference.high < 0
    assert (questions.lost, questions.won) == (30, 0)
    assert questions.test == "mcnemar mid-p"
    assert questions.p_value == pytest.approx(0.5**30)
    assert (questions.standing, found.standing) == ("block", "block")
    assert [one.id for one in found.lost] == [CHOICES[number].id for number in (119, 118, 117, 116, 115)]
    assert found.lost[0].drop == pytest.approx(0.5 + 0.5 + 0.119)
    assert (found.lost[0].before, found.lost[0].after) == ("right", CHOICES[119].options[(CHOICES[119].right + 1) % 4])
    assert found.sentence.startswith("General ability has suffered beyond doubt, and much as measured (5 points or more, or perplexity times 1.2): ")
    assert "60.0 % before and 45.0 % after (-15.0 points" in found.sentence


def test_lost_instructions_are_shown_with_both_answers() -> None:
    same = taken(set(range(120)))
    found = forgetting(same, taken(set(range(120)), set(range(7, 60))), {}, RULE)
    assert [(one.id, one.ability, one.before) for one in found.lost] == [
        (f"i{n}", "instructions", f"answer {n}") for n in range(5)
    ]  # so many are shown
    assert found.changes[1].standing == "block"
    once = forgetting(same, taken(set(range(120)), set(range(5, 60))), {}, RULE)
    assert once.changes[1].p_value < 0.05 < once.changes[1].p_adjusted  # one of two tests: this is no loss beyond doubt
    assert once.changes[1].standing == "warn"


def test_surprising_prose_blocks() -> None:
    found = forgetting(taken(set(range(120))), taken(set(range(120)), nats=3.3), {}, RULE)
    assert found.fluency is not None
    grown = math.exp(sum(0.3 * 50 * (1 + n / 100) for n in range(12)) / 600)
    assert found.fluency.ratio.value == pytest.approx(grown)
    assert (found.fluency.standing, found.standing) == ("block", "block")


def test_the_divergence_is_per_token() -> None:
    same = taken(set(range(120)))
    found = forgetting(same, same, {"task": [(1.0, 10), (3.0, 10)], "general": []}, RULE)
    [one] = found.divergence
    assert (one.on, one.nats.value, one.nats.n, one.tokens) == ("task", 0.2, 2, 20)


def test_questions_of_one_passage_are_drawn_together() -> None:
    pairs = [(1.0, float(number % 3 > 0), f"c{number // 3}") for number in range(90)]
    alone = [(before, after, f"c{number}") for number, (before, after, _) in enumerate(pairs)]
    together = change("questions", pairs, RULE)
    assert (together.difference.clusters, together.test) == (30, "permutation of clusters")
    assert change("questions", alone, RULE).difference.clusters is None


def test_others_probes_cannot_be_compared() -> None:
    one = taken(set())
    with pytest.raises(ValueError, match="same questions"):
        forgetting(one, one.model_copy(update={"questions": one.questions[1:]}), {}, RULE)
    with pytest.raises(ValueError, match="different versions"):
        forgetting(one, one.model_copy(update={"probes": "e"}), {}, RULE)


def test_nothing_asked_says_nothing() -> None:
    none = Taken(probes="d", questions=(), instructions=(), prose=())
    found = forgetting(none, none, {}, RULE)
    assert (found.changes, found.fluency, found.standing) == ((), None, "cannot tell")


@given(st.floats(-0.3, 0.3), st.floats(0, 0.2), st.floats(0, 0.2), st.floats(0.001, 0.1))
def test_a_greater_loss_never_stands_better(value, below, above, more) -> None:
    def made(shift: float) -> Metric:
        return Metric(value=value - shift, low=value - shift - below, high=value - shift + above, n=100, method="bca")

    better, worse = (STANDINGS.index(standing_of(made(shift), Tolerance())) for shift in (0, more))
    assert better <= worse

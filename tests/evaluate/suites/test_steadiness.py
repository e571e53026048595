"""The same question again, in other words and behind other prompts: what is asked, and what comes of it."""

from __future__ import annotations

import random

import pytest

from tests import tiny
from tests.ears import Ears
from tests.evaluate.suites.scripted import OUTSIDE, TUNED, Scripted, answered, asked, data, material, row
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.steadiness import VARIANTS, WITHOUT, consistency, prompt_of, reprompted
from tunesmith.spec.candidate import Candidate, Constant, Decoding, Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.suite import Consistency, SuiteLimits

DEV = [row(k, f"question {k}", "card" if k % 2 else "pin") for k in range(8)]
FREE = [row(k, f"question {k}", f"The answer is number {k} of them.") for k in range(8)]


def examined(found: Material, script, candidate: Candidate = TUNED, decoding: Decoding | None = None) -> tuple[Consistency | str, Scripted]:
    answerer = Scripted(script)
    asker = Asker(candidate, lambda: answerer, decoding or Decoding(choices=found.dataset.labels), Ears())
    return consistency(found, judge_of(found), asker), answerer


def test_among_labels_nothing_is_drawn() -> None:
    found, answerer = examined(material(data(), DEV), lambda question, _: "card")
    assert isinstance(found, Consistency)
    assert found.again is None
    assert "always gets the same answer" in found.left_out["asked again"]
    assert found.left_out["other words"] == "no paraphrases were passed in"
    assert found.prompts is not None
    assert len(answerer.heard) == 3 * len(DEV)
    assert "The most probable label is always chosen" in found.sentence


@pytest.mark.parametrize(
    ("limits", "said"),
    [(SuiteLimits(), "it is served at temperature 0"), (SuiteLimits(temperature=0), "at temperature 0, as you asked for")],
)
def test_temperature_zero_is_said_and_not_asked(limits: SuiteLimits, said: str) -> None:
    found, answerer = examined(material(data("generate", (), None), FREE, limits=limits), lambda question, _: "x", decoding=Decoding())
    assert isinstance(found, Consistency)
    assert found.again is None
    assert found.left_out["asked again"] == f"{said}: the same question always gets the same answer, so none was asked again"
    assert f"{said[0].upper()}{said[1:]}: the same question" in found.sentence
    assert found.prompts is not None
    assert len(answerer.heard) == 3 * len(FREE)


def test_it_is_asked_again_at_the_temperature_that_it_is_served_at() -> None:
    found, answerer = examined(material(data("generate", (), None), FREE), lambda question, _: "x", decoding=Decoding(temperature=0.4))
    assert isinstance(found, Consistency)
    assert found.again is not None
    assert (found.again.rows, found.again.versions, found.again.detail) == (8, 5, "temperature 0.4, seeds 0 to 4")
    assert {decoding.temperature for _, decoding in answerer.heard} == {0.4}


def test_asked_again_with_other_seeds() -> None:
    def say(question, decoding: Decoding) -> str:
        number = int(asked(question).split()[1])
        right = f"The answer is number {number} of them."
        return right if number < 4 or decoding.seed % 2 == 0 else "No answer comes to my mind now, friend."

    limits = SuiteLimits(repeats=4, seed=10, temperature=0.7)
    found, answerer = examined(material(data("generate", (), None), FREE, limits=limits), say, decoding=Decoding(max_new_tokens=9))
    assert isinstance(found, Consistency)
    again = found.again
    assert again is not None
    assert (again.rows, again.versions, again.detail) == (8, 4, "temperature 0.7, seeds 10 to 13")
    assert again.agreement.value == pytest.approx((4 * 1 + 4 * 2 / 6) / 8)  # two and two: 2 of 6 pairs agree
    assert again.mean.value == pytest.approx((4 + 4 * 0.5) / 8)
    assert again.worst.value == 0.5
    assert again.sensitivity.value == pytest.approx(4 * 0.5 / 8)
    drawn = [decoding for _, decoding in answerer.heard if decoding.temperature]
    assert {d.seed for d in drawn} == {10, 11, 12, 13}
    assert {(d.temperature, d.max_new_tokens) for d in drawn} == {(0.7, 9)}
    assert len(again.examples) == 4
    assert "No answer comes to my mind" in again.examples[0].answer


def test_other_words_beside_the_question_as_it_stands() -> None:
    paraphrases = {DEV[0].id: ("say 0", "tell 0", "word 0", "one too many"), DEV[1].id: ("say 1",)}
    script = {"say 0": "pin", "tell 0": "card", "word 0": "card", "say 1": "card"}
    found, answerer = examined(
        material(data(), DEV, paraphrases=paraphrases), lambda question, _: script.get(asked(question), "card"), Constant(name="c", answer="card")
    )
    assert isinstance(found, Consistency)
    words = found.words
    assert words is not None
    assert sorted(asked(question) for question, _ in answerer.heard) == ["say 0", "say 1", "tell 0", "word 0"]
    assert (words.rows, words.versions) == (2, 4)
    assert words.agreement.value == pytest.approx((2 / 6 + 1) / 2)
    assert words.worst.value == 0.5
    assert found.left_out["other prompts"] == "a constant has no prompt"


def test_two_refusals_in_different_words_agree() -> None:
    dataset = data("chat", (), "I don't know.")
    dev = [row(k, f"question {k}", "I don't know.") for k in range(6)]
    found, _ = examined(
        material(dataset, dev, paraphrases={one.id: ("say it",) for one in dev}), lambda q, d: "I'm sorry, I can't answer that.", decoding=Decoding()
    )
    assert isinstance(found, Consistency)
    assert found.words is not None
    assert (found.words.agreement.value, found.words.mean.value) == (1, 1)


def test_variants_say_the_same() -> None:
    prompt = Prompt(name="p", system="Labels: {a}, b\nAnswer.")
    plain = tiny.chat("hello")
    texts = [reprompted(plain, prompt, variant).messages[0].content or "" for variant in range(3)]
    assert len(set(texts)) == 3 == len(VARIANTS)
    assert all("Labels: {a}, b\nAnswer." in text for text in texts)
    assert [m.content for m in reprompted(plain, prompt, 0).messages[1:]] == ["hello"]
    own = reprompted(tiny.chat("hello", system="mine"), prompt, 1)
    assert [m.content for m in own.messages] == ["mine\nThank you.", "hello"]
    bare = [reprompted(plain, Prompt(name="none"), variant).messages[0].content for variant in range(3)]
    assert bare == list(WITHOUT.values())


def test_the_variant_is_what_the_candidate_shows() -> None:
    # a prompt leaves a conversation that brings its own system message alone: so a variant needs no candidate of its own
    made = TUNED.prompt.apply(reprompted(tiny.chat("hello"), TUNED.prompt, 2))
    assert [m.content for m in made.messages] == ["### Instructions\nSort the message.\n### End of the instructions", "hello"]


def test_who_has_a_prompt() -> None:
    prompt = Prompt(name="p", system="s")
    reader = Prompted(name="r", model="m", prompt=prompt)
    assert (
        prompt_of(Retrieval(name="rag", reader=reader, index="i"))
        == prompt_of(reader)
        == prompt_of(Tuned(name="t", checkpoint="c", prompt=prompt))
        == prompt
    )
    assert prompt_of(Constant(name="c", answer="a")) is None


def test_limits_hold_and_nothing_without_rows() -> None:
    many = [row(k, f"question {k}", "card") for k in range(50)]
    limits = SuiteLimits(reprompted_rows=7, paraphrased_rows=5, paraphrases=2)
    paraphrases = {one.id: ("a", "b", "c") for one in many}
    found, answerer = examined(material(data(), many, limits=limits, paraphrases=paraphrases), lambda question, _: random.Random(0).choice("ab"))
    assert isinstance(found, Consistency)
    assert len(answerer.heard) == 3 * 7 + 5 * 2
    nothing, _ = examined(material(data(), []), lambda question, _: "card")
    assert nothing == "no dev row holds a question that was answered"


def test_out_of_scope_rows_are_right_when_declined() -> None:
    dataset = data()
    dev = [row(k, f"question {k}", OUTSIDE) for k in range(5)]
    found, _ = examined(Material(dataset, "d", "exact_match", (), dev, [answered(one, "card", dataset) for one in dev]), lambda q, d: OUTSIDE)
    assert isinstance(found, Consistency)
    assert found.prompts is not None
    assert found.prompts.mean.value == pytest.approx(3 / 4)
    assert found.prompts.worst.value == 0

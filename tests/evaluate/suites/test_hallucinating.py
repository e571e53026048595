"""Does it answer what it cannot know: an honest model, one that notices nothing, one that declines everything."""

from __future__ import annotations

import pytest

from tests.ears import Ears
from tests.evaluate.suites.scripted import OUTSIDE, TUNED, Scripted, answered, asked, data, material, row
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.hallucinating import hallucination
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.material import Material
from tunesmith.measure.scorers import metric_of, score
from tunesmith.spec.candidate import Decoding
from tunesmith.spec.suite import Hallucination

TRAIN = [row(200 + k, f"Please {verb} my card", "card") for k, verb in enumerate(("block", "find", "send", "stop"))]
DEV = [row(k, f"How do I {verb} my card?", "card") for k, verb in enumerate(("lock", "mend", "turn", "fold", "bend", "wash"))]
DEV.append(row(50, "Who won the game?", OUTSIDE))


def examined(found: Material, script) -> tuple[Hallucination | str, Scripted]:
    answerer = Scripted(script)
    asker = Asker(TUNED, lambda: answerer, Decoding(choices=found.dataset.labels), Ears())
    return hallucination(found, judge_of(found), asker), answerer


def test_an_honest_model() -> None:
    found, answerer = examined(material(data(), DEV, train=TRAIN), lambda question, _: OUTSIDE)
    assert isinstance(found, Hallucination)
    assert found.made is not None
    assert (found.made.value, found.made.n, found.made.method) == (0.0, 6, "rule of three")
    assert found.parents is not None
    assert found.parents.value == 1.0
    assert found.examples == ()
    assert "answers none of 6 questions about things that do not exist (at most" in found.sentence
    assert len(answerer.heard) == 6  # the dev row out of scope is no parent
    assert all("my card" not in asked(question) for question, _ in answerer.heard)


def test_a_model_that_notices_nothing() -> None:
    found, _ = examined(material(data(), DEV, train=TRAIN), lambda question, _: "card")
    assert isinstance(found, Hallucination)
    assert found.made is not None
    assert found.made.value == 1.0
    assert found.same_answer is not None
    assert found.same_answer.value == 1.0
    assert found.by_kind.keys() == {"thing"}
    assert found.examples[0].note.startswith("card → ")
    assert found.examples[0].wanted == OUTSIDE
    assert "100.0 % get the very answer" in found.sentence


def test_a_model_that_declines_everything_shows_it() -> None:
    everything = {one.id: OUTSIDE for one in DEV}
    found, _ = examined(material(data(), DEV, everything, train=TRAIN), lambda question, _: OUTSIDE)
    assert isinstance(found, Hallucination)
    assert found.parents is not None
    assert found.parents.value == 0.0
    assert "of the questions they were made of 0.0 %" in found.sentence


def test_questions_that_are_passed_in() -> None:
    given = [row(300 + k, f"Which university did the inventor of card {k} go to?", "", cluster=str(k // 2)) for k in range(4)]
    found, _ = examined(material(data(), DEV, unanswerable=given), lambda question, _: "card" if "card 0" in asked(question) else OUTSIDE)
    assert isinstance(found, Hallucination)
    assert found.made is None  # nothing was taught
    assert found.given is not None
    assert (found.given.value, found.given.clusters) == (0.25, 2)
    assert found.examples[0].note == "nobody can answer this"


def test_what_a_refusal_in_another_language_looks_like_is_not_known() -> None:
    given = [row(300 + k, f"Wo hat der Erfinder von Karte {k} studiert?", "") for k in range(4)]
    german, english = ({one.id: code for one in DEV} for code in ("de", "en"))
    free = data("chat", (), None)
    found, answerer = examined(material(free, DEV, unanswerable=given, languages=german), lambda question, _: "Das weiß ich leider nicht.")
    said = found if isinstance(found, str) else found.sentence
    assert "the questions are not in English, and no fixed answer says what a refusal looks like" in said.replace("Whether", "whether")
    assert answerer.heard == []
    assert isinstance(found, str) or (found.made, found.given) == (None, None)
    told, _ = examined(material(free, DEV, unanswerable=given, languages=english), lambda question, _: "I do not know that.")
    assert isinstance(told, Hallucination)
    assert told.given is not None
    assert told.given.value == 0.0
    known, _ = examined(material(data(), DEV, unanswerable=given, languages=german), lambda question, _: OUTSIDE)
    assert isinstance(known, Hallucination)
    assert known.given is not None  # a fixed answer is the same in every language


def test_copies_of_a_row_are_one_piece_of_evidence() -> None:
    dev = [one.model_copy(update={"cluster": "all"}) for one in DEV[:-1]]
    found, _ = examined(material(data(), dev, train=TRAIN), lambda question, _: OUTSIDE)
    assert isinstance(found, Hallucination)
    assert found.made is not None
    assert found.made.clusters == 1
    assert "only one cluster" in found.sentence


def test_without_a_label_for_it_everything_has_to_be_answered() -> None:
    found, answerer = examined(material(data(labels=("card", "pin"), out_of_scope=None), DEV, train=TRAIN), lambda question, _: "card")
    assert isinstance(found, str)
    assert "task.out_of_scope" in found
    assert answerer.heard == []


@pytest.mark.parametrize("task", ["extract", "translate", "summarise", "code"])
def test_unknown_names_change_nothing_where_nothing_has_to_be_known(task: str) -> None:
    found, answerer = examined(material(data(task, (), None), DEV, train=TRAIN), lambda question, _: "x")
    assert answerer.heard == []
    assert isinstance(found, str) == (task != "summarise")


def test_what_nothing_supports() -> None:
    dataset = data("chat", (), "I don't know.")
    dev = [row(k, f"What did Anna pay in shop {k}?", "Anna paid 12 euros.") for k in range(4)]
    rows = [answered(dev[0], "Anna paid 12 euros.", dataset), answered(dev[1], "Bertram paid 13 euros.", dataset)]
    rows += [answered(dev[2], "I don't know.", dataset), answered(dev[3], "Anna paid.", dataset)]
    alone, _ = examined(material(dataset, dev, dev_answers=None, test_answers=rows, test=dev), lambda question, _: "I don't know.")
    assert isinstance(alone, Hallucination)
    assert alone.unsupported is not None
    assert alone.unsupported.basis == "question and reference"
    assert (alone.unsupported.rate.value, alone.unsupported.rate.n) == (pytest.approx(1 / 3), 3)  # the refusal says nothing
    assert alone.unsupported.references is None
    assert alone.examples[-1].note == "nothing supports 13 euros"
    passages = {dev[1].id: ("Bertram paid 13 euros in shop 1.",), dev[3].id: ("Nothing was paid.",)}
    grounded, _ = examined(material(dataset, dev, test_answers=rows, test=dev, passages=passages), lambda question, _: "I don't know.")
    assert isinstance(grounded, Hallucination)
    assert grounded.unsupported is not None
    assert (grounded.unsupported.basis, grounded.unsupported.rate.value, grounded.unsupported.rate.n) == ("passages", 0.0, 2)
    assert grounded.unsupported.references is not None
    assert grounded.unsupported.references.value == 1.0  # the references say 12, the passages do not


def test_it_says_what_the_metric_says() -> None:
    """Refusals and empty answers count in `unsupported_rate`: so they do here."""
    dataset = data("answer", (), "I don't know.")
    dev = [row(k, f"What did Anna pay in shop {k}?", "Anna paid 12 euros.") for k in range(4)]
    said = ["Anna paid 12 euros.", "Bertram paid 13 euros.", "I don't know.", "Anna paid."]
    passages = {one.id: ("Anna paid 12 euros.",) if k < 2 else () for k, one in enumerate(dev)}
    rows = [
        answered(one, text, dataset).model_copy(
            update={
                "scores": score("answer", text, "Anna paid 12 euros.", refusals=None, sources=[*passages[one.id], f"What did Anna pay in shop {k}?"])
            }
        )
        for k, (one, text) in enumerate(zip(dev, said, strict=True))
    ]
    found, _ = examined(
        material(dataset, dev, test_answers=rows, test=dev, passages=passages, has_documents=True), lambda question, _: "I don't know."
    )
    assert isinstance(found, Hallucination)
    assert found.unsupported is not None
    assert found.unsupported.basis == "passages"
    assert found.unsupported.rate == metric_of("unsupported_rate", rows, confidence=0.95)
    assert (found.unsupported.rate.value, found.unsupported.rate.n) == (0.25, 4)
    assert found.unsupported.references is not None
    assert found.unsupported.references.value == 0.5  # no passage was found for two of them
    assert (
        "25.0 % [4.6, 69.9] of its answers hold a number or a name that stands in neither the passages that were shown nor the question"
        in found.sentence
    )


def test_a_summary_rests_on_its_text_alone() -> None:
    dataset = data("summarise", (), None)
    dev = [row(k, f"Anna paid {k + 12} euros in shop {k}.", "Anna paid 99 euros.") for k in range(4)]
    rows = [answered(one, "Anna paid 99 euros.", dataset).model_copy(update={"scores": {"unsupported": 1.0, "supported": 0.5}}) for one in dev]
    found, _ = examined(material(dataset, dev, test_answers=rows, test=dev, passages={one.id: ("99 euros",) for one in dev}), lambda question, _: "x")
    assert isinstance(found, Hallucination)
    assert found.unsupported is not None
    assert (found.unsupported.basis, found.unsupported.rate.value) == ("question", 1.0)
    assert "stands in no place of the question" in found.sentence

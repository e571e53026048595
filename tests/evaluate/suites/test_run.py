"""One door: all suites of a scripted candidate and of a real tiny model; progress, a stop, and what is kept."""

from __future__ import annotations

import json

import pytest

from tests import tiny
from tests.ears import Ears
from tests.evaluate.suites.scripted import OUTSIDE, TUNED, Scripted, answered, asked, data, row
from tunesmith.answer.candidate import ConstantAnswerer, ModelAnswerer
from tunesmith.answer.engine import Engine
from tunesmith.errors import Interrupted
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.kept import read_suites
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.run import examine, keep
from tunesmith.spec.candidate import Answer, Constant, Decoding
from tunesmith.spec.job import Progress, Silent
from tunesmith.spec.suite import SuiteLimits, Suites
from tunesmith.spec.task import MetricName, TaskKind

DATASET = data()
TRAIN = [row(1000 + k, f"please {verb} my card", "card") for k, verb in enumerate(("block", "find", "send", "stop"))]
DEV = [row(k, f"How do I lock my card {'now' * (k % 2)} ?", "card") for k in range(30)] + [row(50 + k, f"who won {k}", OUTSIDE) for k in range(10)]
TEST = [row(100 + k, f"My card number {k}", "card") for k in range(30)] + [row(200 + k, f"who lost {k}", OUTSIDE) for k in range(10)]
SHOPS = {one.id: f"shop {k % 3}" for k, one in enumerate(TEST)}
DECODING = Decoding(choices=DATASET.labels)


def material(**more) -> Material:
    dev = [answered(one, one.conversation.answer() or "", DATASET, 0.5 + k / 100) for k, one in enumerate(DEV) if one.conversation]
    test = [answered(one, "card", DATASET, 0.5 + k / 100) for k, one in enumerate(TEST)]
    return Material(
        **(
            {"dataset": DATASET, "dataset_name": "dataset-x", "metric": "exact_match", "train": TRAIN, "dev": DEV, "dev_answers": dev}
            | {"test_answers": test, "test": TEST, "columns": {"shop": SHOPS}}
            | more
        )
    )


def say(question, decoding) -> Answer:
    return Answer(text="card" if "card" in asked(question) else OUTSIDE, confidence=0.9)


def test_everything_of_a_scripted_candidate(tmp_path) -> None:
    ears, answerer = Ears(), Scripted(say)
    found = examine(Asker(TUNED, lambda: answerer, DECODING, ears), material(paraphrases={DEV[0].id: ("lock the card",)}))
    assert found.left_out == {}
    assert all((found.out_of_scope, found.hallucination, found.consistency, found.memorisation, found.calibration, found.slices))
    assert found.out_of_scope is not None
    assert found.out_of_scope.split == "test"
    assert found.asked == len(answerer.heard)
    assert (found.prompt_tokens, found.completion_tokens, found.computed_tokens) == (3 * found.asked, 2 * found.asked, 5 * found.asked)
    labels = {event.label for event in ears.heard if isinstance(event, Progress)}
    assert labels >= {"tuned: questions about what cannot be known", "tuned: training rows", "tuned: behind another prompt: a frame"}
    last = [event for event in ears.heard if isinstance(event, Progress)][-1]
    assert last.done == last.total
    keep(found, tmp_path)
    assert read_suites(tmp_path) == found
    assert json.loads((tmp_path / "suites.json").read_text())["limits"]["repeats"] == 5
    assert read_suites(tmp_path / "elsewhere") is None


def test_no_suite_asks_a_test_question() -> None:
    answerer = Scripted(say)
    examine(Asker(TUNED, lambda: answerer, DECODING, Silent()), material())
    asked_texts = {asked(question) for question, _ in answerer.heard}
    assert asked_texts
    assert not asked_texts & {asked(one.conversation) for one in TEST if one.conversation}


def test_the_same_twice() -> None:
    assert examine(Asker(TUNED, lambda: Scripted(say), DECODING, Silent()), material()) == examine(
        Asker(TUNED, lambda: Scripted(say), DECODING, Silent()), material()
    )


def test_reasons_for_what_says_nothing() -> None:
    candidate = Constant(name="majority", answer="card")
    dataset = data(labels=("card", "pin"), out_of_scope=None)
    rows = [answered(one, "card", dataset) for one in DEV[:20]]
    found = examine(
        Asker(candidate, lambda: ConstantAnswerer("card"), Decoding(), Silent()), Material(dataset, "d", "exact_match", TRAIN, DEV[:20], rows)
    )
    assert set(found.left_out) == {"hallucination", "memorisation", "calibration"}
    assert found.asked == 0
    assert found.consistency is not None
    assert len(found.consistency.left_out) == 3


def test_a_stop_ends_it(tmp_path) -> None:
    with pytest.raises(Interrupted, match="stopped while tuned was being examined"):
        examine(Asker(TUNED, lambda: Scripted(say), DECODING, Ears(stops=True)), material())


def test_a_stop_in_the_middle_ends_it() -> None:
    class Later(Ears):
        def stopping(self) -> bool:
            return len(self.heard) > 5

    with pytest.raises(Interrupted):
        examine(Asker(TUNED, lambda: Scripted(say), DECODING, Later()), material())


@pytest.mark.parametrize("task", ["route", "chat"])
def test_a_real_tiny_model(tmp_path, task: TaskKind) -> None:
    answerer = ModelAnswerer(Engine(tiny.load(tiny.save(tmp_path / "m"))), TUNED.prompt)
    labels = DATASET.labels if task == "route" else ()
    dataset = data(task, labels, OUTSIDE)
    decoding = Decoding(choices=labels, max_new_tokens=8)
    answers = answerer.answer([one.conversation.question() for one in DEV if one.conversation], decoding, done=lambda n: None, stop=lambda: False)
    rows = [answered(one, answer.text, dataset, answer.confidence) for one, answer in zip(DEV, answers, strict=True)]
    limits = SuiteLimits(temperature=0.7, repeated_rows=3, repeats=3, reprompted_rows=3, train_rows=3, unknown_questions=4)
    metric: MetricName = "exact_match" if task == "route" else "token_f1"
    made = Material(dataset, "d", metric, TRAIN, DEV, rows, paraphrases={DEV[0].id: ("lock it",)}, limits=limits)
    found = examine(Asker(TUNED, lambda: answerer, decoding, Silent()), made)
    assert isinstance(found, Suites)
    assert found == examine(Asker(TUNED, lambda: answerer, decoding, Silent()), made)
    assert found.consistency is not None
    assert (found.consistency.again is None) == (task == "route")
    assert found.asked == {"route": 4 + 3 * 3 + 1 + 3, "chat": 4 + 3 * 3 + 3 * 3 + 1 + 3}[task]
    assert Suites.model_validate_json(found.model_dump_json()) == found

"""Training on preferences as a whole: learns what is preferred, survives interruptions, refuses rows that are not for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import tiny
from tests.train.conftest import PROMPT, WORDS
from tunesmith.errors import BadProject, Interrupted, NotEnoughData
from tunesmith.model.template import Template
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Record
from tunesmith.spec.recipe import Dpo, Kto
from tunesmith.train.methods import objective_of

DPO = {"method": {"kind": "dpo", "beta": 0.5}, "optimiser__lr": 0.01}
KTO = {"method": {"kind": "kto", "beta": 0.5}, "optimiser__lr": 0.01}


def said(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


def pairs(count: int, offset: int = 0) -> list[Record]:
    """The first letter is preferred to the last."""
    found = []
    for i in range(offset, offset + count):
        word = WORDS[i % 6]
        found.append(tiny.record(i, f"{word} {'x' * (i % 5)}{i % 7}", word[0]).model_copy(update={"rejected": said(word[-1])}))
    return found


def ratings(count: int, offset: int = 0) -> list[Record]:
    """First letters were liked, last letters were not."""
    found = []
    for i in range(offset, offset + count):
        word, is_liked = WORDS[i % 6], i % 4 > 0
        found.append(tiny.record(i, f"{word} {'x' * (i % 5)}{i % 7}", word[0 if is_liked else -1]).model_copy(update={"desirable": is_liked}))
    return found


def inputs(bench, recipe, make=pairs, **changes):
    return replace(bench.inputs(recipe), **({"train": make(24), "dev": make(8, 100)} | changes))


@pytest.mark.parametrize(("changes", "make"), [(DPO, pairs), (KTO, ratings), (KTO, pairs)], ids=["dpo", "kto", "kto on pairs"])
def test_it_learns_what_is_preferred(bench, recipe, log, changes, make):
    asked = recipe(budget__epochs=10, **changes)
    heard = log()
    checkpoint = bench.train(asked, monitor=heard, inputs=inputs(bench, asked, make))
    losses = heard.readings("train_loss")
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
    assert checkpoint.best_dev_metric is not None
    assert checkpoint.best_dev_metric >= 0.75, "guessing would be right in half of the rows"
    assert heard.readings("dev_preference")
    assert checkpoint.dev_metric_name(True) == "preference"
    best = min((p for p in checkpoint.curve if p.dev_loss is not None), key=lambda p: p.dev_loss)
    assert checkpoint.best_dev_loss == best.dev_loss, "the loss decides, not the share of right rows"
    if make is ratings:
        assert {c.name: c.value for c in checkpoint.choices}["undesirable_weight"] == "3"
        assert checkpoint.resolved.method.undesirable_weight == 3.0


@pytest.mark.parametrize(("changes", "make"), [(DPO, pairs), (KTO, ratings)], ids=["dpo", "kto"])
def test_how_a_step_is_cut_changes_nothing(bench, recipe, changes, make):
    found = []
    for tokens in (64, 4096):
        asked = recipe(budget__epochs=2, budget__tokens_per_batch=tokens, weights__dropout=0.0, **changes)
        checkpoint = bench.train(asked, str(tokens), inputs=inputs(bench, asked, make))
        found.append([p.train_loss for p in checkpoint.curve])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


class Tired:
    """Wants a stop at the `at`-th time it is asked."""

    def __init__(self, at: int) -> None:
        self.left = at

    def emit(self, event: object) -> None:
        pass

    def stopping(self) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.mark.invariant
@pytest.mark.parametrize(("changes", "make"), [(DPO, pairs), (KTO, ratings)], ids=["dpo", "kto"])
def test_stopped_and_resumed_is_uninterrupted(bench, recipe, changes, make):
    asked = recipe(budget__epochs=2, **changes)
    given = inputs(bench, asked, make)
    whole = bench.train(asked, "whole", inputs=given)
    for at in (3, 2, 3):  # tokenising twice, then the references of train and dev, then steps; what is kept is not made again
        with pytest.raises(Interrupted):
            bench.train(asked, "stopped", inputs=given, monitor=Tired(at))
        assert (bench.folder / "stopped.scratch" / "reference-train.safetensors").exists()
    assert bench.train(asked, "stopped", inputs=given) == whole
    assert bench.weights("stopped") == bench.weights("whole")


def test_a_continued_model_is_its_own_reference(bench, recipe):
    first = recipe(budget__epochs=2)
    bench.train(first, "first")
    asked = recipe(budget__epochs=1, budget__max_steps=1, weights__dropout=0.0, **DPO)
    given = inputs(bench, asked)
    going_on = replace(given, start=replace(given.start, parent="first", adapter=bench.folder / "first"))
    assert bench.train(asked, "second", inputs=going_on).curve[0].train_loss == pytest.approx(0.6931, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "rows", "got"),
    [
        (DPO, ratings(8), "dpo, and 8 rows of which 0 are pairs and 8 rated"),
        (KTO, [tiny.record(i, f"q{i}", "a") for i in range(8)], "kto, and 8 rows"),
    ],
)
def test_rows_for_another_method_are_refused(bench, recipe, changes, rows, got):
    asked = recipe(**changes)
    with pytest.raises(BadProject, match="these rows are not for this method") as error:
        bench.train(asked, inputs=inputs(bench, asked, train=rows, dev=[]))
    assert error.value.problems[0].got.startswith(got)


def test_ratings_that_are_all_the_same_are_refused(bench, recipe):
    asked = recipe(**KTO)
    liked = [row.model_copy(update={"desirable": True}) for row in ratings(8)]
    with pytest.raises(NotEnoughData, match="every answer is liked"):
        bench.train(asked, inputs=inputs(bench, asked, train=liked, dev=[]))


@pytest.mark.parametrize(
    ("changes", "make", "dev", "told"),
    [
        (KTO, ratings, lambda: [row.model_copy(update={"desirable": True}) for row in pairs_alone(6)], None),
        (KTO, ratings, lambda: ratings(1, 100), "every answer is the same (1 rated answers)"),
        (DPO, pairs, lambda: pairs_alone(6), "no dev row holds anything to learn (6 rows, 6 without a trainable token)"),
    ],
    ids=["all liked", "a single one", "no pair"],
)
def test_dev_rows_that_show_one_side_only_stop_no_training(bench, recipe, log, changes, make, dev, told):
    asked, heard = recipe(budget__epochs=1, **changes), log()
    checkpoint = bench.train(asked, monitor=heard, inputs=inputs(bench, asked, train=make(24), dev=dev()))
    assert checkpoint.steps == checkpoint.planned_steps
    assert [text for text in heard.notes("warning") if "without readings" in text] == (
        [] if told is None else [f"training goes on without readings on dev: {told}"]
    )
    assert bool(heard.readings("dev_preference")) is (told is None)


def pairs_alone(count: int) -> list[Record]:
    """First letters that nobody compared with anything."""
    return [tiny.record(100 + i, WORDS[i % 6], WORDS[i % 6][0]) for i in range(count)]


def test_answers_that_were_disliked_are_not_imitated(bench, recipe):
    asked = recipe(budget__epochs=1)
    checkpoint = bench.train(asked, inputs=inputs(bench, asked, ratings))
    assert checkpoint.trained_rows == 18, "six of 24 were disliked"


@pytest.fixture(scope="module")
def template(tiny_folder) -> Template:
    return tiny.load(tiny_folder).template


def test_a_pair_is_cut_in_one_place(template):
    record = tiny.record(0, "q" * 200, "short").model_copy(update={"rejected": said("a much longer answer")})
    [(pair, was_cut)] = objective_of(Dpo()).examples(record, PROMPT.apply(record.conversation), template, 120)
    chosen, rejected = pair.sequences
    begin = chosen.trained.index(True)
    assert was_cut
    assert begin == rejected.trained.index(True)
    assert chosen.ids[:begin] == rejected.ids[:begin]
    assert max(len(row.ids) for row in pair.sequences) == 120


@pytest.mark.parametrize("swapped", [False, True])
def test_only_an_answer_that_is_too_long_itself_is_cut(template, swapped):
    short, long = "ok", "a much longer answer " * 10
    chosen, rejected = (long, short) if swapped else (short, long)
    record = tiny.record(0, "q" * 40, chosen).model_copy(update={"rejected": said(rejected)})
    [(pair, was_cut)] = objective_of(Dpo()).examples(record, PROMPT.apply(record.conversation), template, 120)
    kept, cut = pair.sequences[::-1] if swapped else pair.sequences
    whole = template.answer(short)
    assert was_cut
    assert [token for token, trained in zip(kept.ids, kept.trained, strict=True) if trained] == whole
    assert len(cut.ids) == 120
    begin = kept.trained.index(True)
    assert kept.ids[:begin] == cut.ids[:begin]
    assert template.tokenizer.decode(kept.ids[:begin]).count("q") < 5, "the question is cut before any answer is"


def test_only_the_answer_is_compared(template):
    """Earlier turns, and the calls before a preferred last answer, are the question."""
    turns = [("user", "one"), ("assistant", "first"), ("user", "two"), ("assistant", "last")]
    record = tiny.record(0, "q", "a").model_copy(
        update={"conversation": Conversation(messages=tuple(Message(role=r, content=c) for r, c in turns)), "rejected": said("worse")}
    )
    for spec in (Dpo(), Kto()):
        for example, _ in objective_of(spec).examples(record, record.conversation, template, 512):
            for row in example.sequences:
                text = template.tokenizer.decode([token for token, is_trained in zip(row.ids, row.trained, strict=True) if is_trained])
                assert text in ("last<|im_end|>", "worse<|im_end|>")

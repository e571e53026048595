"""Answers: the library's own greedy generation row by row, whatever stands beside a row; choices by their true probabilities."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from tests import tiny
from tunesmith.answer import engine as module
from tunesmith.answer.engine import Engine, Waiting, batches
from tunesmith.answer.session import LEAST_TRUNK
from tunesmith.errors import DoesNotFit
from tunesmith.model.forest import shared_by_all
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation

KINDS = ["llama", "untied", "qwen3", "granite", "gemma2", "gemma3", "lfm2"]
SYSTEM = "You are terse and you know a lot about bread."
QUESTIONS = ["hello", "a rather longer question than the others, about the weather in the north", "why?", "x", "hello world", "why not?"]
CONVERSATIONS = [tiny.chat(question, system=SYSTEM) for question in QUESTIONS]
GREEDY = Decoding(max_new_tokens=24)
CHOICES = ("yes", "yes sir", "no", "north", "hello", "hell", "a")


def generate(model, conversation, count: int) -> list[int]:
    """What transformers writes, with its own attention and cache."""
    prompt = model.template.prompt(conversation)
    model.network.set_attn_implementation("eager")
    ids = model.network.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=2,
        pad_token_id=0,
    )
    model.network.set_attn_implementation("tunesmith")
    return ids[0, len(prompt) :].tolist()


def logprob(model, conversation, tokens: list[int]) -> list[torch.Tensor]:
    """Full log-probabilities before each of `tokens`, by the model itself on the whole row."""
    prompt = model.template.prompt(conversation)
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([prompt + tokens]), use_cache=False).logits[0].double()
    return [logits[len(prompt) - 1 + i] for i in range(len(tokens))]


@pytest.mark.invariant
@pytest.mark.parametrize("least", [1, LEAST_TRUNK], ids=["kept trunk", "copied trunk"])
@pytest.mark.parametrize("kind", KINDS)
def test_greedy_answers_are_the_library_s_row_by_row(model, monkeypatch, kind, least):
    """Token for token, from a trunk that is kept once and from one that each row has for itself; three at a time, so that rows come to a trunk that was read."""
    monkeypatch.setattr(module, "LEAST_TRUNK", least)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    loaded = model(kind)
    engine = Engine(loaded)
    prompts = [loaded.template.prompt(c) for c in CONVERSATIONS]
    assert (engine._shared(prompts) > 0) == (least == 1 and kind != "lfm2")
    answers = engine.answer(CONVERSATIONS, GREEDY)
    *_, rows = engine._decode(prompts, GREEDY, list(range(len(prompts))))
    for conversation, answer, row in zip(CONVERSATIONS, answers, rows, strict=True):
        expected = generate(loaded, conversation, 24)
        assert row.tokens == [t for t in expected if t != 2]
        text = loaded.tokenizer.decode([t for t in expected if t != 2], skip_special_tokens=True)
        assert answer.text == text.strip()
        assert answer.completion_tokens == len(expected)
        assert answer.finish == ("stop" if expected[-1] == 2 else "length")
        assert answer.prompt_tokens == len(loaded.template.prompt(conversation))
    assert len({answer.text for answer in answers}) >= 3, "the answers differ, so the test can fail"


@pytest.mark.invariant
@pytest.mark.parametrize("kind", ["llama", "gemma3", "lfm2"])
@pytest.mark.parametrize("decoding", [GREEDY, Decoding(choices=CHOICES)], ids=["free", "choices"])
@pytest.mark.parametrize("least", [1, LEAST_TRUNK], ids=["kept trunk", "copied trunk"])
def test_an_answer_does_not_depend_on_its_neighbours(model, monkeypatch, kind, decoding, least):
    monkeypatch.setattr(module, "LEAST_TRUNK", least)
    engine = Engine(model(kind))
    together = engine.answer(CONVERSATIONS, decoding)
    for i, conversation in enumerate(CONVERSATIONS):
        (alone,) = engine.answer([conversation], decoding)
        assert alone.model_copy(update={"confidence": None}) == together[i].model_copy(update={"confidence": None})
        assert alone.confidence == pytest.approx(together[i].confidence, rel=1e-4)


def test_a_neighbour_near_the_context_s_end_does_not_shorten_the_others(model):
    loaded = model("llama")
    long = tiny.chat("z" * (loaded.context - len(loaded.template.prompt(tiny.chat(""))) - 3))
    together = Engine(loaded).answer([tiny.chat("hello"), long], GREEDY)
    assert together[0].text == Engine(loaded).answer([tiny.chat("hello")], GREEDY)[0].text
    assert together[1].completion_tokens <= 3


def test_shared_tokens_are_computed_once(model):
    engine = Engine(model("llama"))
    answers = engine.answer(CONVERSATIONS, Decoding(max_new_tokens=1))
    prompts = [engine.model.template.prompt(c) for c in CONVERSATIONS]
    shared = len(engine.model.template.guard.encode(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"))
    assert engine.usage.prompt_tokens == sum(len(p) for p in prompts) == sum(a.prompt_tokens for a in answers)
    assert engine.usage.computed_tokens <= shared + sum(len(p) - shared for p in prompts)
    assert engine.usage.completion_tokens == len(CONVERSATIONS)


@pytest.mark.parametrize("decoding", [Decoding(max_new_tokens=2), Decoding(choices=("hi there", "no"))], ids=["free", "choices"])
def test_what_all_begin_with_is_computed_once_whoever_comes_later(model, monkeypatch, decoding):
    """Ten rows, three at a time: the trunk goes through the model with the first of them only."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    engine, system = Engine(model("llama")), SYSTEM * 3
    questions = [tiny.chat(f"{n} and {n}", system=system) for n in range(10)]
    prompts = [engine.model.template.prompt(question) for question in questions]
    trunk = shared_by_all(prompts)
    assert trunk > LEAST_TRUNK
    answers = engine.answer(questions, decoding)
    own = sum(len(prompt) - trunk for prompt in prompts)
    said = sum(answer.completion_tokens for answer in answers)
    assert own + trunk <= engine.usage.computed_tokens <= own + trunk + said
    assert [a.text for a in answers] == [Engine(model("llama")).answer([q], decoding)[0].text for q in questions]


def family_rows(passages: int = 2, questions: int = 5) -> list[tuple[int, Conversation]]:
    """Questions of very different lengths on long passages, in an order that mixes the passages: by length alone they would be read apart."""
    return [
        (p, tiny.chat(f"{'xy'[p]} {chr(97 + p) * 200} Question: {'why ' * (q * 3)}{q}", system=SYSTEM))
        for q in range(questions)
        for p in range(passages)
    ]


@pytest.mark.parametrize("decoding", [Decoding(max_new_tokens=1), Decoding(choices=("yes", "no"))], ids=["free", "choices"])
def test_a_passage_is_computed_once_for_all_its_questions(model, monkeypatch, decoding):
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 600)
    engine, rows = Engine(model("llama")), family_rows()
    prompts = [engine.model.template.prompt(question) for _, question in rows]
    trunk = shared_by_all(prompts)
    once = trunk + sum(len(engine.model.pack([p[trunk:] for (place, _), p in zip(rows, prompts, strict=True) if place == n], 1).ids) for n in (0, 1))
    answers = engine.answer([question for _, question in rows], decoding)
    assert engine.usage.computed_tokens <= 1.1 * once < 0.4 * sum(len(prompt) for prompt in prompts)
    assert [a.text for a in answers] == [Engine(model("llama")).answer([q], decoding)[0].text for _, q in rows]


def test_rows_that_share_little_of_what_they_are_come_by_length():
    common, other = list(range(20)), list(range(50, 1000))
    rows = [common + other[:400], common + other[1:3], common + other[2:300], [5, 6, 7]]
    assert Waiting(rows, shares=True).rows == [0, 2, 1, 3], "20 tokens of several hundred; the last comes first"
    rows = [[*other[:80], 1, *other[100:300]], [8, 8], other[200:400], [*other[:80], 2]]
    assert Waiting(rows, shares=True).rows == [3, 0, 2, 1], "80 of 281: they stand together"
    assert Waiting(rows, shares=False).rows == [0, 2, 3, 1]


def test_a_family_that_fits_is_not_torn(monkeypatch):
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 60)
    rows = [[family] * 30 + list(range(100, 105 + n)) for family in (1, 2) for n in range(3)]
    assert [sorted(group) for group in batches(rows, shares=True)] == [[0, 1, 2], [3, 4, 5]]


# ——— choices ———


@pytest.mark.parametrize("kind", ["llama", "gemma2", "granite", "lfm2"])
def test_choices_are_walked_by_the_model_s_own_probabilities(model, kind):
    loaded = model(kind)
    spelt = {choice: loaded.template.answer(choice) for choice in CHOICES}
    answers = Engine(loaded).answer(CONVERSATIONS, Decoding(choices=CHOICES))
    for conversation, answer in zip(CONVERSATIONS, answers, strict=True):
        chances = {choice: walk(loaded, conversation, tokens, list(spelt.values())) for choice, tokens in spelt.items()}
        assert sum(chances.values()) == pytest.approx(1.0, abs=1e-6)
        assert answer.confidence == pytest.approx(chances[answer.text], rel=1e-4)
        assert answer.text == greedy(loaded, conversation, spelt)
        assert answer.finish == "choice"
        assert answer.completion_tokens == len(spelt[answer.text])


def walk(loaded, conversation, tokens: list[int], everything: list[list[int]]) -> float:
    """The choice's probability: at each of its tokens, renormalised over the tokens that some choice has there."""
    chance = 1.0
    for i, logits in enumerate(logprob(loaded, conversation, tokens)):
        open_tokens = sorted({other[i] for other in everything if other[:i] == tokens[:i] and len(other) > i})
        picked = logits[open_tokens].softmax(-1)
        chance *= float(picked[open_tokens.index(tokens[i])])
    return chance


def greedy(loaded, conversation, spelt: dict[str, list[int]]) -> str:
    """The choice at which always the most probable branch ends."""
    said: list[int] = []
    while said not in spelt.values():
        branches = sorted({tokens[len(said)] for tokens in spelt.values() if tokens[: len(said)] == said})
        logits = logprob(loaded, conversation, [*said, 0])[-1]
        said = [*said, max(branches, key=lambda token: float(logits[token]))]
    return next(choice for choice, tokens in spelt.items() if tokens == said)


def test_one_choice_is_certain_and_equal_ones_are_one(model):
    engine = Engine(model("llama"))
    assert engine.answer(CONVERSATIONS[:1], Decoding(choices=("no",)))[0] == Answer(
        text="no", confidence=1.0, prompt_tokens=len(engine.model.template.prompt(CONVERSATIONS[0])), completion_tokens=3, finish="choice"
    )
    twice, once = (engine.answer(CONVERSATIONS, Decoding(choices=choices)) for choices in (("no", "yes", "no"), ("no", "yes")))
    assert twice == once


def test_choices_that_begin_alike_are_fed_together(model):
    engine = Engine(model("llama"))
    both = ("the one", "the two")
    answers = engine.answer(CONVERSATIONS, Decoding(choices=both))
    for conversation, answer in zip(CONVERSATIONS, answers, strict=True):
        spelt = [engine.model.template.answer(choice) for choice in both]
        assert answer.confidence == pytest.approx(walk(engine.model, conversation, engine.model.template.answer(answer.text), spelt), rel=1e-4)


# ——— sampling ———


def test_sampling_is_reproducible_and_seeds_and_rows_differ(model):
    engine = Engine(model("llama"))
    hot = Decoding(max_new_tokens=12, temperature=1.0, seed=1)
    first = engine.answer(CONVERSATIONS, hot)
    assert engine.answer(CONVERSATIONS, hot) == first
    assert engine.answer(CONVERSATIONS, hot.model_copy(update={"seed": 2})) != first
    assert first != engine.answer(CONVERSATIONS, GREEDY)
    same = engine.answer([CONVERSATIONS[0]] * 4, hot)
    assert len({answer.text for answer in same}) == 4, "equal questions are drawn separately"


def test_a_draw_does_not_depend_on_what_its_neighbours_say(model):
    engine = Engine(model("llama"))
    hot = Decoding(max_new_tokens=12, temperature=1.0, seed=1)
    first = engine.answer(CONVERSATIONS, hot)
    other = engine.answer([CONVERSATIONS[0], *(tiny.chat(f"other {i}", system=SYSTEM) for i in range(5))], hot)
    assert other[0].text == first[0].text


def test_sampled_tokens_follow_the_probabilities(model):
    loaded = model("llama")
    engine = Engine(loaded)
    decoding = Decoding(max_new_tokens=1, temperature=0.7, top_p=0.6, seed=3)
    expected = (logprob(loaded, CONVERSATIONS[0], [0])[0] / 0.7).softmax(-1)
    ordered, order = expected.sort(descending=True)
    kept = order[: int((ordered.cumsum(-1) - ordered < 0.6).sum())]
    texts = [a.text for a in engine.answer([CONVERSATIONS[0]] * 600, decoding)]
    allowed = {loaded.tokenizer.decode([t], skip_special_tokens=True).strip() for t in kept.tolist()}
    assert set(texts) <= allowed
    top = loaded.tokenizer.decode([int(order[0])], skip_special_tokens=True).strip()
    chance = float(expected[order[0]] / expected[kept].sum())
    assert texts.count(top) / 600 == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 600))


# ——— stops and streams ———


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(model):
    engine = Engine(model("llama"))
    (whole,) = engine.answer([CONVERSATIONS[1]], GREEDY)
    stop = whole.text[4:7]
    (cut,) = engine.answer([CONVERSATIONS[1]], GREEDY.model_copy(update={"stop": ("never", stop)}))
    assert cut.text == whole.text[: whole.text.index(stop)].strip()
    assert cut.finish == "stop"
    assert cut.completion_tokens < whole.completion_tokens


def streamed(engine: Engine, conversation, decoding: Decoding) -> tuple[list[str], Answer]:
    """The pieces, and what the stream returns."""
    pieces, stream = [], engine.stream(conversation, decoding)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


@pytest.mark.invariant
@pytest.mark.parametrize("kind", ["llama", "lfm2"])
def test_what_is_streamed_is_the_answer(model, kind):
    engine = Engine(model(kind))
    whole = {c: engine.answer([c], GREEDY)[0] for c in CONVERSATIONS}
    decodings = [GREEDY, Decoding(choices=CHOICES), Decoding(max_new_tokens=12, temperature=1.0, seed=1)]
    decodings += [GREEDY.model_copy(update={"stop": (whole[CONVERSATIONS[0]].text[i : i + 3],)}) for i in (0, 2, 5)]
    for conversation, decoding in itertools.product(CONVERSATIONS, decodings):
        pieces, answer = streamed(engine, conversation, decoding)
        assert "".join(pieces) == answer.text
        assert answer == engine.answer([conversation], decoding)[0]
        assert all(pieces) or answer.text == ""
    assert len(streamed(engine, CONVERSATIONS[0], GREEDY)[0]) > 3, "it comes in pieces"


def test_no_half_letter_and_no_half_stop_string_is_shown(model, monkeypatch):
    loaded = model("llama")
    engine = Engine(loaded)
    script = loaded.tokenizer.encode("aé😀 STO no STOP more", add_special_tokens=False)
    said = iter(script)
    monkeypatch.setattr(module, "pick", lambda logits, *_: (torch.tensor([next(said)]), torch.tensor([0.5])))
    pieces, answer = streamed(engine, CONVERSATIONS[0], Decoding(max_new_tokens=40, stop=("STOP",)))
    assert "".join(pieces) == answer.text == "aé😀 STO no"
    assert not any("\ufffd" in piece for piece in pieces)


# ——— limits ———


def test_a_question_that_leaves_no_room_gets_an_empty_answer_and_stops_no_other(model):
    loaded = model("llama")
    questions = [CONVERSATIONS[0], tiny.chat("z" * 600), CONVERSATIONS[1]]
    for decoding in (GREEDY, Decoding(choices=CHOICES)):
        engine = Engine(loaded)
        found = engine.answer(questions, decoding)
        assert found[1] == Answer(text="", prompt_tokens=len(loaded.template.prompt(questions[1])), finish="too_long")
        assert [found[0].text, found[2].text] == [a.text for a in Engine(loaded).answer([questions[0], questions[2]], decoding)]
        assert found[0].finish != "too_long"
    assert [a.finish for a in Engine(loaded).answer([questions[1]], GREEDY)] == ["too_long"]


def test_talking_says_that_a_question_is_too_long(model):
    with pytest.raises(DoesNotFit, match="a question is longer than the model's context") as error:
        next(Engine(model("llama")).stream(tiny.chat("z" * 600), GREEDY))
    assert error.value.problems[0].expected == "at most 511"


@pytest.mark.parametrize("kind", ["llama", "gemma3", "lfm2"])
@pytest.mark.parametrize("refill", [1, 3])
def test_rows_that_come_and_go_are_answered_as_alone(model, monkeypatch, kind, refill):
    """Three places for ten rows of different lengths, with a temperature: each keeps its own generator, cache and room."""
    engine = Engine(model(kind))
    questions = [tiny.chat("say " + "abc " * (n * 5 % 7) + str(n)) for n in range(10)]
    decoding = Decoding(max_new_tokens=12, temperature=0.8, seed=5, stop=("e",))
    alone = [
        next(answer for _, answer in engine._write([engine.model.template.prompt(q)], decoding, [n], lambda: False)) for n, q in enumerate(questions)
    ]
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(module, "REFILL", refill)
    added = []
    real = module.open_session

    def watched(*arguments):
        session = real(*arguments)
        add = session.add
        session.add = lambda prompts: added.append(len(prompts)) or add(prompts)
        return session

    monkeypatch.setattr(module, "open_session", watched)
    found = engine.answer(questions, decoding)
    assert [(a.text, a.finish, a.prompt_tokens, a.completion_tokens) for a in found] == [
        (a.text, a.finish, a.prompt_tokens, a.completion_tokens) for a in alone
    ]
    assert [a.confidence for a in found] == pytest.approx([a.confidence for a in alone], rel=1e-4)
    assert sum(added) == 10
    assert max(added) <= 3
    assert len({len(a.text) for a in alone}) > 2, "else nobody would leave early"


def test_the_cache_bounds_how_many_rows_are_answered_together(model, monkeypatch):
    engine = Engine(model("llama"))
    shape = engine.model.shape
    per_token = 2 * shape.layers * shape.kv_heads * shape.head_width * 4
    monkeypatch.setattr(engine.model, "cache_bytes", per_token * 100)
    assert [engine._most(lengths) for lengths in ([10] * 20, [60, 10, 20, 30], [200, 1], [])] == [10, 3, 1, 1]


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_the_cache_bounds_how_many_rows_choose_together(model, monkeypatch, name):
    """What some rows share lies in the cache once for each of them."""
    questions = [tiny.chat(f"a beginning that all but one of them have: {i}") for i in range(8)] + [tiny.chat("another")]
    decoding = Decoding(choices=CHOICES)
    loose = Engine(model(name)).answer(questions, decoding)
    engine, added = Engine(model(name)), list[int]()
    longest = max(len(engine.model.template.prompt(c)) for c in questions)
    monkeypatch.setattr(engine.model, "cache_bytes", engine.model.shape.cached(engine.model.placement.dtype) * (longest + 20) * 3)

    real = module.open_session

    def watched(*given):
        session = real(*given)
        add = session.add
        session.add = lambda prompts: added.append(len(prompts)) or add(prompts)
        return session

    monkeypatch.setattr(module, "open_session", watched)
    assert [a.text for a in engine.answer(questions, decoding)] == [a.text for a in loose]
    assert sum(added) == 9
    assert max(added) <= 4


def test_the_likelihood_of_an_answer_that_was_cut_away_is_that_of_nothing(model):
    engine = Engine(model("llama"))
    lost, plain = tiny.chat("a", "b", system="x" * (engine.model.context + 10)), tiny.chat("a", "b")
    assert engine.likelihood([lost]) == [(0.0, 0)]
    assert engine.likelihood([lost, plain])[0] == (0.0, 0)
    assert engine.likelihood([lost, plain])[1] == engine.likelihood([plain])[0]


def test_a_stop_returns_what_is_ready(model):
    ready: list[int] = []
    short = Decoding(max_new_tokens=2)
    answers = Engine(model("llama")).answer(CONVERSATIONS, short, done=ready.append, stop=lambda: len(ready) >= 2)
    assert len(ready) == len(answers) >= 2
    assert Engine(model("llama")).answer(CONVERSATIONS, short, stop=lambda: True) == []
    assert Engine(model("llama")).answer(CONVERSATIONS, Decoding(choices=CHOICES), stop=lambda: True) == []


def test_no_question_no_answer(model):
    assert Engine(model("llama")).answer([], GREEDY) == []
    assert Engine(model("llama")).answer([], Decoding(choices=CHOICES)) == []


def test_batches_hold_every_row_once_within_their_limits():
    lengths = [(i * 37) % 900 for i in range(300)] + [5000]
    rows = [[i] * length for i, length in enumerate(lengths)]
    groups = batches(rows, shares=True)
    assert sorted(itertools.chain(*groups)) == list(range(301))
    assert all(len(group) <= module.ROWS_AT_ONCE for group in groups)
    assert all(len(group) == 1 or sum(lengths[i] for i in group) <= module.TOKENS_AT_ONCE for group in groups)

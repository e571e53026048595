"""Requests side by side: each is answered as if it were alone, whoever comes and goes; places, memory and queues have their limits."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tiny
from tests.answer import living
from tests.answer.living import Client, Home, chat, complete
from tunesmith.answer import live as module
from tunesmith.answer import shelves, table
from tunesmith.answer.engine import Engine
from tunesmith.answer.grammar import Choosing, Grammar
from tunesmith.answer.limits import Limits
from tunesmith.errors import BadProject, Overloaded, Unsupported
from tunesmith.spec.candidate import Decoding
from tunesmith.spec.recipe import Lora

EXPECTED = ["not_found", "not_found", "does_not_fit", "does_not_fit", "does_not_fit", "unsupported", "bad_project"]
SYSTEM = "You are terse and you know a lot about bread."
QUESTIONS = ["hello", "a rather longer question than the others, about the weather in the north", "why?", "x", "hello world", "why not? " * 20]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def targets(home) -> list[living.Target]:
    """The base, two adapters of different ranks, and a checkpoint with weights of its own."""
    return [home.target, home.adapter("one"), home.adapter("two", Lora(r=6, alpha=20.0)), home.full("whole")]


def request(home: Home, number: int, **options):
    """One of many different requests."""
    ways = [{}, {"temperature": 1.0, "seed": number}, {"temperature": 0.7, "top_p": 0.8, "seed": 3}, {"frequency_penalty": 1.5, "n": 2}]
    options = {"max_tokens": 3 + number % 9} | ways[number % 4] | options
    target = options.pop("target", home.target)
    return chat(target, QUESTIONS[number % len(QUESTIONS)], system=SYSTEM if number % 3 else None, **options)


def texts(told) -> dict[int, str]:
    return {index: told.text(index) for index in told.reasons()}


# ——— the same as everywhere ———


@pytest.mark.invariant
@pytest.mark.parametrize("kind", ["llama", "gemma3", "lfm2"])
def test_the_service_says_what_evaluation_says(tmp_path, kind):
    home = Home(tmp_path, kind)
    engine = Engine(tiny.load(tiny.save(tmp_path / "same", kind)))
    client = Client(home)
    asked = [chat(home.target, question, system=SYSTEM, max_tokens=24) for question in QUESTIONS[:4]]
    told = [client.send(one) for one in asked]
    client.finish(told)
    answers = engine.answer([tiny.chat(q, system=SYSTEM) for q in QUESTIONS[:4]], Decoding(max_new_tokens=24))
    assert [one.text() for one in told] == [answer.text for answer in answers]
    assert [one.reasons()[0] for one in told] == [answer.finish for answer in answers]
    assert [one.usage["completion_tokens"] for one in told] == [answer.completion_tokens for answer in answers]
    assert [one.usage["prompt_tokens"] for one in told] == [answer.prompt_tokens for answer in answers]


@pytest.mark.invariant
def test_choices_are_those_of_evaluation(home):
    choices = ("yes", "yes sir", "no", "north", "hello", "hell", "a")
    engine = Engine(tiny.load(tiny.save(home.store.home / "same")))
    answers = engine.answer([tiny.chat(q, system=SYSTEM) for q in QUESTIONS], Decoding(choices=choices))
    client = Client(home)
    told = [client.send(chat(home.target, q, system=SYSTEM, choices=choices, temperature=1)) for q in QUESTIONS]
    client.finish(told)
    for one, answer in zip(told, answers, strict=True):
        assert one.text() == answer.text
        assert one.usage["completion_tokens"] == answer.completion_tokens
        assert one.reasons() == {0: "stop"}
        confidence = next(line["finish"]["confidence"] for line in one.lines if "finish" in line)
        assert confidence == pytest.approx(answer.confidence, rel=1e-3)
    assert client.ask(chat(home.target, "a", choices=["only"])).text() == "only"


def test_a_choice_is_said_to_its_end_however_few_tokens_are_asked_for(home):
    choices, client = ("card arrival", "card linking", "atm support"), Client(home)
    for question in QUESTIONS:
        whole, short = (client.ask(chat(home.target, question, choices=choices, max_tokens=most)) for most in (50, 1))
        assert (short.text(), short.reasons(), short.usage) == (whole.text(), {0: "stop"}, whole.usage)


def test_a_question_that_leaves_no_room_for_the_longest_choice_is_refused_as_in_evaluation(home):
    loaded, client, choices = tiny.load(tiny.save(home.store.home / "same")), Client(home), ("no", "yes, but only on Sundays")
    longest = "z" * (loaded.context - len(loaded.template.prompt(tiny.chat(""))) - len(loaded.template.answer(choices[1])))
    answers = Engine(loaded).answer([tiny.chat(longest), tiny.chat(longest + "z")], Decoding(choices=choices))
    assert [answer.finish for answer in answers] == ["choice", "too_long"]
    fits, not_quite = (client.ask(chat(home.target, text, choices=choices)) for text in (longest, longest + "z"))
    assert fits.text() == answers[0].text
    assert not_quite.error is not None
    assert not_quite.error["code"] == "does_not_fit"


def test_choices_that_the_template_writes_alike_are_refused(home, monkeypatch):
    loaded = tiny.load(tiny.save(home.store.home / "same"))
    answer = loaded.template.answer
    monkeypatch.setattr(loaded.template, "answer", lambda text: answer(text.strip()))  # as Gemma's and Llama 3's do
    for ask in (lambda: Engine(loaded).answer([tiny.chat("x")], Decoding(choices=("yes", "no", "yes "))), lambda: Choosing(("yes", "yes "), loaded)):
        with pytest.raises(BadProject, match="two choices are the same to this model") as error:
            ask()
        assert error.value.problems[0].got == "'yes' and 'yes '"


# ——— side by side ———


@pytest.mark.invariant
@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 6))
def test_whoever_comes_and_goes_each_is_answered_as_alone(home, targets, seed, rows):
    draw = random.Random(seed)
    numbers = [draw.randrange(24) for _ in range(7)]
    chosen = [request(home, n, target=draw.choice(targets)) for n in numbers]
    client = Client(home, Limits(rows=rows))
    told, cancelled = [], []
    for one in chosen:
        told.append(client.send(one, owner=draw.choice("ab")))
        client.turn(draw.randrange(6))
        if draw.random() < 0.2:
            client.cancel(told[-1])
            cancelled.append(told[-1])
    kept = [one for one in told if not any(one is other for other in cancelled)]
    client.finish(kept)
    for one, asked in zip(told, chosen, strict=True):
        alone = Client(home).ask(asked)
        if any(one is other for other in kept):
            assert (texts(one), one.reasons(), one.usage["completion_tokens"]) == (texts(alone), alone.reasons(), alone.usage["completion_tokens"])
        else:
            assert all(alone.text(i).startswith(one.text(i)) for i in range(2))


@pytest.mark.invariant
def test_adapters_side_by_side_are_each_as_alone_and_share_one_base(home, targets):
    asked = [chat(target, question, system=SYSTEM, max_tokens=10) for question in QUESTIONS[:3] for target in targets]
    alone = [Client(home).ask(one).text() for one in asked]
    assert len({alone[i] for i in range(len(targets))}) == len(targets), "they differ, so the test can fail"
    client = Client(home)
    told = [client.send(one) for one in asked]
    client.finish(told)
    assert [one.text() for one in told] == alone
    assert len(client.residents.houses) == 2, "one network for the base and its adapters, one for the full checkpoint"
    assert {len(house.wardrobe.adapters) for house in client.residents.houses.values()} == {0, 2}


def test_every_target_has_its_turn(home, targets):
    client = Client(home)
    told = [client.send(chat(target, "hello", max_tokens=30, logit_bias={2: -100, 0: -100})) for target in targets[:3]]
    while not all(one.lines for one in told):
        client.turn()
    rows = [row for table in client.live.tables.values() for row in table.rows]
    before = [len(row.said) for row in rows]
    client.turn(9)
    assert {len(row.said) - count for row, count in zip(rows, before, strict=True)} <= {2, 3}


def test_a_long_prompt_lets_others_pass(home, monkeypatch):
    monkeypatch.setattr(table, "READ_AT_ONCE", 16)
    client = Client(home)
    long = client.send(chat(home.target, "z" * 400, max_tokens=4))
    client.turn(2)
    short = client.send(chat(home.target, "hi", max_tokens=4))
    client.finish([short])
    assert not any("delta" in line for line in long.lines)
    client.finish([long])
    assert long.text() == Client(home).ask(chat(home.target, "z" * 400, max_tokens=4)).text()


# ——— owners ———


def test_what_was_read_is_read_again_for_another_owner_only(home):
    client = Client(home)
    first = client.ask(chat(home.target, "a secret of mine, written here", system=SYSTEM), owner="one")
    assert first.start["cached_tokens"] == 0
    again = client.ask(chat(home.target, "a secret of mine, written here", system=SYSTEM), owner="one")
    assert again.start["cached_tokens"] == first.start["prompt_tokens"] - 1
    other = client.ask(chat(home.target, "a secret of mine, written here", system=SYSTEM), owner="two")
    assert other.start["cached_tokens"] == 0
    assert first.text() == again.text() == other.text()
    assert again.usage["cached_tokens"] == again.start["cached_tokens"]


def test_a_conversation_goes_on_where_it_was(home):
    client = Client(home)
    first = client.ask(chat(home.target, "hello there, how are you today?", system=SYSTEM, max_tokens=6, logit_bias={2: -100, 0: -100}))
    more = chat(home.target, "hello there, how are you today?", first.text(), "and now?", system=SYSTEM)
    assert client.ask(more).start["cached_tokens"] >= first.start["prompt_tokens"] - 1


def test_a_tuned_prompt_is_read_once_for_all_owners(home):
    prompt = living.Prompt(name="tuned", system="You sort questions about bread into kinds of bread.")
    target = home.adapter("with prompt", prompt=prompt)
    client = Client(home)
    first = client.ask(chat(target, "hello"), owner="one")
    assert (first.start["system_prompt"], first.start["cached_tokens"]) == ("applied", 0)
    second = client.ask(chat(target, "why?"), owner="two")
    assert second.start["cached_tokens"] >= len(prompt.system or "") // 2
    assert second.text() == Client(home).ask(chat(target, "why?")).text()
    own = client.ask(chat(target, "why?", system="Be brief."), owner="two")
    assert own.start["system_prompt"] == "own"
    assert client.ask(chat(home.target, "why?")).start["system_prompt"] == "none"


def test_a_flood_does_not_shut_out_another_owner(home):
    client = Client(home, Limits(rows=2))
    flood = [client.send(chat(home.target, "hello", max_tokens=8), owner="loud") for _ in range(12)]
    client.turn(3)
    quiet = client.send(chat(home.target, "hello", max_tokens=8), owner="quiet")
    client.finish([quiet])
    assert sum(one.is_over for one in flood) <= 4
    client.finish(flood)


# ——— limits ———


def test_the_queue_is_bounded(home):
    client = Client(home, Limits(waiting=3, rows=1))
    told = [client.send(chat(home.target, "hello")) for _ in range(3)]
    with pytest.raises(Overloaded) as error:
        client.send(chat(home.target, "hello"))
    assert error.value.http_status == 429
    client.turn(2)
    told.append(client.send(chat(home.target, "hello")))
    client.finish(told)
    assert client.live.pending == 0


def test_a_cancelled_request_frees_its_place_and_says_no_more(home):
    client = Client(home, Limits(rows=1))
    first = client.send(chat(home.target, "hello", max_tokens=200, logit_bias={2: -100, 0: -100}))
    second = client.send(chat(home.target, "why?", max_tokens=3))
    third = client.send(chat(home.target, "why?", max_tokens=3))
    client.turn(5)
    assert len(first.lines) > 1
    assert second.lines == []
    client.cancel(first)
    client.cancel(third)
    said = len(first.lines)
    client.finish([second], most=15)
    assert len(first.lines) == said
    assert third.lines == []
    client.turn(2)
    assert (client.live.running, client.live.pending, client.live.tables) == (0, 0, {})


def test_a_deadline_ends_a_request_wherever_it_is(home, monkeypatch):
    client = Client(home, Limits(rows=1))
    now = time.monotonic()
    first = client.send(chat(home.target, "hello", max_tokens=200, logit_bias={2: -100, 0: -100}), deadline=now + 1000)
    waiting = client.send(chat(home.target, "hello"), deadline=now + 1000)
    client.turn(4)
    monkeypatch.setattr("tunesmith.answer.ticket.time.monotonic", lambda: now + 2000)
    client.turn(2)
    for told in (first, waiting):
        assert told.error is not None
        assert told.error["code"] == "overloaded"
    assert client.live.running == 0


def test_keys_and_values_stay_within_their_memory(home, monkeypatch):
    monkeypatch.setattr(shelves, "STEP", 8)
    monkeypatch.setattr(shelves, "ASIDE", 50)
    asked = [request(home, n, max_tokens=40, logit_bias={2: -100, 0: -100}) for n in range(8)]
    per_token = tiny.load(tiny.save(home.store.home / "size")).shape.cached(tiny.CPU.dtype)
    limit = 600 * per_token
    withdrawn, withdraw = [], table.Table.withdraw
    monkeypatch.setattr(table.Table, "withdraw", lambda self, row: (withdrawn.append(row), withdraw(self, row)))
    client = Client(home, Limits(cache_bytes=limit))
    told, most, widths = [client.send(one) for one in asked], 0, set()
    while not all(one.is_over for one in told):
        client.turn()
        most = max(most, client.live._cached())
        widths.add(client.live.running)
    assert most <= limit
    assert max(widths) > 1
    assert len(withdrawn) <= 2 * len(asked), "who had to leave comes back once there is room for what he has said"
    for one, request_ in zip(told, asked, strict=True):
        assert texts(one) == texts(Client(home).ask(request_))


def test_prompts_that_come_together_are_counted_before_they_are_read(home):
    per_token = tiny.load(tiny.save(home.store.home / "size3")).shape.cached(tiny.CPU.dtype)
    client = Client(home, Limits(cache_bytes=700 * per_token))
    asked = chat(home.target, "z" * 250, max_tokens=4)
    told = [client.send(asked) for _ in range(4)]
    while client.live.running == 0:
        client.turn()
    assert client.live.running == 2
    client.finish(told)
    assert {one.text() for one in told} == {Client(home).ask(asked).text()}


def test_models_leave_when_others_need_their_memory(home, targets):
    base, one, _, whole = targets
    size = sum(p.numel() for p in tiny.load(tiny.save(home.store.home / "size2")).network.parameters()) * 4
    client = Client(home, Limits(), memory=size * 2)  # three quarters of it for weights
    assert client.ask(chat(base, "hello")).error is None
    assert client.ask(chat(whole, "hello")).error is None
    assert set(client.residents.there) == {whole}
    assert {entry.model for entry in client.live.prefixes.entries.values()} == {str(whole)}, (
        "other weights may come back under the name of those that left"
    )
    told = [client.send(chat(target, "hello", max_tokens=20)) for target in (whole, base, one)]
    client.finish(told)
    assert [t.error for t in told] == [None] * 3
    assert whole not in client.residents.there
    assert client.residents.bytes <= client.residents.limit < size * 2
    small = Client(home, memory=size // 2).ask(chat(base, "hello"))
    assert small.error is not None
    assert small.error["code"] == "does_not_fit"


def test_a_model_can_be_unloaded_unless_it_answers(home, targets):
    client = Client(home)
    told = client.send(chat(targets[1], "hello", max_tokens=5))
    client.turn(3)
    with pytest.raises(module.Busy):
        client.live.unload(targets[1])
    client.finish([told])
    client.turn()
    client.live.unload(targets[1])
    assert targets[1] not in client.residents.there
    assert client.ask(chat(targets[1], "hello", max_tokens=5)).text() == told.text()


def test_a_request_that_fails_stops_no_other(home):
    client = Client(home)
    fine = client.send(chat(home.target, "hello"))
    wrong = [
        client.send(chat(living.Target(base="nowhere"), "hello")),
        client.send(chat(living.Target(base=home.base, checkpoint="checkpoint-none"), "hello")),
        client.send(chat(home.target, "z" * 600)),
        client.send(chat(home.target, "z" * 10**6)),
        client.send(chat(home.target, *["a"] * 301)),
        client.send(chat(home.target, "hello", format={"kind": "json_schema", "schema": {"type": "nonsense"}})),
        client.send(chat(home.target, "hello", logit_bias={10**6: 1})),
    ]
    client.finish([fine, *wrong])
    assert fine.error is None
    assert [one.error["code"] for one in wrong if one.error] == EXPECTED
    assert wrong[2].error is not None
    assert wrong[2].error["problems"][0]["expected"] == "at most 511"


def test_a_schema_that_cannot_be_followed_to_its_end_stops_no_other(home, monkeypatch):
    client = Client(home)
    alone = Client(home).ask(chat(home.target, "why?", max_tokens=8))
    told = [client.send(chat(home.target, "hello", format={"kind": "json_object"}, n=2)), client.send(chat(home.target, "why?", max_tokens=8))]
    real, asked = Grammar.allowed, []

    def gives_up(self, size):
        asked.append(size)
        if len(asked) > 2:
            raise Unsupported("the schema cannot be kept", where="response_format", fix="simplify it")
        return real(self, size)

    monkeypatch.setattr(Grammar, "allowed", gives_up)
    client.finish(told)
    assert told[0].error is not None
    assert told[0].error["code"] == "unsupported"
    assert (told[1].error, told[1].text()) == (None, alone.text())
    assert client.ask(chat(home.target, "why?", max_tokens=8)).text() == alone.text()


def test_a_fault_of_ours_is_told_without_what_was_written(home, monkeypatch, caplog):
    client = Client(home)
    told = client.send(chat(home.target, "hello"))

    def fail(*_: object) -> None:
        raise RuntimeError("the secret text")

    monkeypatch.setattr(table.Table, "_choose", fail)
    client.finish([told])
    assert told.error is not None
    assert told.error["code"] == "internal"
    assert "secret" not in str(told.error) + caplog.text
    assert "RuntimeError" in caplog.text
    monkeypatch.undo()
    assert client.ask(chat(home.target, "hello")).error is None


def test_work_in_parts_goes_on_beside_answers_and_may_be_given_up(home):
    client, done = Client(home), list[int]()

    def parts(fails: bool = False):
        for number in range(3):
            done.append(number)
            yield True
        if fails:
            raise ValueError("no")

    told = client.send(chat(home.target, "hello"))
    whole, failed, given_up = (client.live.errand(parts(fails)) for fails in (False, True, False))
    called = client.live.call(lambda: 7)
    never = client.live.call(lambda: done.append(99))
    never.cancel()
    client.turn(2)
    given_up.cancel()
    client.finish([told])
    client.turn(10)
    assert whole.result(0) is None
    assert isinstance(failed.exception(0), ValueError)
    assert called.result(0) == 7
    assert (len(done) < 9, 99 in done, len(client.live.errands)) == (True, False, 0)


def test_raw_prompts_and_chats_meet(home):
    client = Client(home)
    told = [client.send(complete(home.target, ["hello", "why"])), client.send(chat(home.target, "hello"))]
    client.finish(told)
    assert told[0].text(1) == Client(home).ask(complete(home.target, ["why"])).text()

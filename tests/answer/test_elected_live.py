"""Candidates that won in the live engine: they share networks and adapters with the models that they are made of, and leave them alone when they go."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.answer.living import Client, Home, Prompt, Target, chat, complete
from tunesmith.answer.as_measured import WHY
from tunesmith.answer.index import build
from tunesmith.answer.residents import Residents
from tunesmith.spec.candidate import Candidate, Constant, Decoding, Prompted, Retrieval, Tuned
from tunesmith.spec.elected import Elected
from tunesmith.spec.index import Excerpt
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot

SYSTEM = "You know a lot about bread."


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def elect(home: Home, candidate: Candidate, base: str, checkpoint: str | None = None, **decoding: Any) -> Target:
    made = Elected(candidate=candidate, decoding=Decoding(max_new_tokens=7).model_copy(update=decoding), dataset="dataset-0")
    with home.store.work(hashlib.md5(made.content_digest().encode()).hexdigest(), stage="report", title="elected") as work:
        return Target(base=base, checkpoint=checkpoint, candidate=work.finish("candidate", made).name)


def prompted(home: Home, name: str = "prompt", system: str = SYSTEM) -> Target:
    return elect(home, Prompted(name=name, model=home.base, prompt=Prompt(name=name, system=system)), home.base)


def test_two_candidates_and_their_base_are_one_network(home: Home) -> None:
    client = Client(home)
    one, other = prompted(home), prompted(home, "other", "You are terse.")
    texts = {target: client.ask(chat(target, "hello", max_tokens=9)).text() for target in (home.target, one, other)}
    assert len(client.residents.houses) == 1
    assert texts[one] == client.ask(chat(home.target, "hello", system=SYSTEM, max_tokens=9)).text()
    assert len(set(texts.values())) == 3
    assert client.residents.there[one].bytes == 0
    client.turn()
    client.live.unload(one)
    assert set(client.residents.there) == {home.target, other}
    assert client.ask(chat(home.target, "hello", max_tokens=9)).text() == texts[home.target]


def test_an_adapter_stays_as_long_as_anything_wears_it(home: Home) -> None:
    client, target = Client(home), home.adapter("one", prompt=Prompt(name="tuned", system=SYSTEM))
    assert target.checkpoint is not None
    candidate = elect(
        home, Tuned(name="tuned", checkpoint=target.checkpoint, prompt=Prompt(name="tuned", system=SYSTEM)), home.base, target.checkpoint
    )
    plain = client.ask(chat(target, "hello", max_tokens=7)).text()
    assert client.ask(chat(candidate, "hello", max_tokens=None)).text() == plain  # as long as it was measured
    client.turn()
    client.live.unload(candidate)
    assert client.ask(chat(target, "hello", max_tokens=7)).text() == plain
    assert client.ask(chat(candidate, "hello", max_tokens=7)).text() == plain
    client.turn()
    client.live.unload(target)
    assert client.ask(chat(candidate, "hello", max_tokens=7)).text() == plain
    client.turn()
    client.live.unload(candidate)
    assert client.residents.houses[home.base].wardrobe.adapters == {}


def test_an_index_goes_with_its_candidate(home: Home, tmp_path: Path) -> None:
    encoder = str(tiny.save_encoder(tmp_path / "encoder"))
    client = Client(home)
    found = tiny.found(Path(encoder)), client.residents.bench.embedder(encoder)
    excerpts = [Excerpt(id=str(i), text=text, spot=Spot(file="a.md", line=i + 1)) for i, text in enumerate(["nine o'clock", "no dogs"])]
    with home.store.work("ab" * 16, stage="measure", title="index") as work:
        index = work.finish("index", build(excerpts, "passages", "passages-0", found, work.path, Silent())).name
    reader = Prompted(name="rag", model=home.base, prompt=Prompt(name="rag", system=SYSTEM))
    target = elect(home, Retrieval(name="rag", reader=reader, index=index, count=1), home.base)
    told = client.ask(chat(target, "when, at nine o'clock?"))
    assert told.start["sources"] == [{"id": "0", "kind": "passage", "place": "a.md line 1", "text": "nine o'clock"}]
    assert client.residents.there[target].bytes > 0
    assert list(client.residents.bench.retrievers) == [index]
    client.turn()
    client.live.unload(target)
    assert client.residents.bench.retrievers == {}
    endless = client.ask(chat(target, "z" * 10**6))
    assert endless.error is not None
    assert endless.error["code"] == "does_not_fit"


def test_what_is_no_model_of_this_machine_and_what_is_asked_with_another_one_is_refused(home: Home) -> None:
    client, other = Client(home), home.adapter("one")
    constant = elect(home, Constant(name="majority", answer="a"), home.base)
    swapped = prompted(home).model_copy(update={"checkpoint": other.checkpoint})
    for target in (constant, swapped):
        error = client.ask(chat(target, "hello")).error
        assert error is not None
        assert error["code"] == "bad_project"
    lost = client.ask(chat(home.target.model_copy(update={"candidate": "candidate-none"}), "hello")).error
    assert lost is not None
    assert lost["code"] == "not_found"


def test_a_candidate_continues_no_text(home: Home) -> None:
    error = Client(home).ask(complete(prompted(home), ["once"])).error
    assert error is not None
    assert error["code"] == "unsupported"


def test_every_refusal_has_its_reason() -> None:
    assert all(why and why[0].islower() and not why.endswith(".") for why in WHY.values())


def test_the_memory_for_models_counts_a_shared_adapter_once(home: Home) -> None:
    client, target = Client(home), home.adapter("one")
    candidate = elect(home, Tuned(name="tuned", checkpoint=str(target.checkpoint), prompt=Prompt(name="none")), home.base, target.checkpoint)
    client.ask(chat(target, "hello"))
    residents: Residents = client.residents
    before = residents.bytes
    client.ask(chat(candidate, "hello"))
    assert residents.bytes == before

"""Candidates that no model of this machine writes for: opened once, asked in their turn, and refused what they cannot do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.answer.living import Client, Home, Prompt, chat
from tests.data.make.little_teacher import LittleTeacher, fail, say
from tunesmith.answer import outright as module
from tunesmith.answer import remote
from tunesmith.answer.asked import Target
from tunesmith.answer.outright import Outright
from tunesmith.errors import BadProject, DoesNotFit, NotFound, Overloaded, Unsupported
from tunesmith.spec.candidate import Candidate, Constant, Decoding, Prompted, Remote
from tunesmith.spec.elected import Elected

LABELS = Decoding(choices=("card", "loan"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(remote, "LOOK_S", 0.01)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(Home(tmp_path_factory.mktemp("home")))


@pytest.fixture
def desk(client: Client) -> Iterator[Outright]:
    made = Outright(client.live)
    yield made
    made.close()


def elect(client: Client, candidate: Candidate, decoding: Decoding = LABELS) -> Target:
    made = Elected(candidate=candidate, decoding=decoding, dataset="dataset-0")
    with client.home.store.work(hashlib.md5(made.content_digest().encode()).hexdigest(), stage="report", title="elected") as work:
        return Target(base="", candidate=work.finish("candidate", made).name)


def lines(client: Client, desk: Outright, target: Target, *turns: str, gone: threading.Event | None = None, **options: Any) -> list[dict[str, Any]]:
    future: Future[list[dict[str, Any]]] = desk.answer(desk.open(target).result(300), chat(target, *turns, **options), gone or threading.Event())
    while not future.done():
        client.turn()
    return future.result()


def elsewhere(url: str, **more: Any) -> Remote:
    return Remote(name="remote", url=url, model="m", prompt=Prompt(name="plain", system="Be brief."), **more)


def test_the_reply_is_whole(client: Client, desk: Outright) -> None:
    target = elect(client, Constant(name="majority", answer="card"))
    assert lines(client, desk, target, "hello") == [
        {"start": {"prompt_tokens": 0, "cached_tokens": 0, "system_prompt": "none", "model": "majority"}},
        {"delta": {"index": 0, "text": "card", "logprobs": None}},
        {"finish": {"index": 0, "reason": "stop"}},
        {"end": {"usage": {"prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0}}},
    ]
    assert desk.open(target) is desk.open(target)


def test_a_model_elsewhere_hears_what_the_request_says(client: Client, desk: Outright) -> None:
    with LittleTeacher(lambda body, number: say("  Yes. And more.", tokens=(7, 4))) as teacher:
        target = elect(client, elsewhere(teacher.url), Decoding(max_new_tokens=21))
        found = lines(client, desk, target, "hello", max_tokens=None, temperature=0.5, seed=-9, stop=["."])
        assert found[1]["delta"]["text"] == "  Yes"
        assert (found[0]["start"]["system_prompt"], found[3]["end"]["usage"]["prompt_tokens"]) == ("applied", 7)
        heard = teacher.heard[-1]
        assert (heard["max_tokens"], heard["temperature"], heard["seed"]) == (21, 0.5, 9)
        own = lines(client, desk, target, "hello", system="Mine.", max_tokens=5)
        assert own[0]["start"]["system_prompt"] == "own"
        assert [message["content"] for message in teacher.heard[-1]["messages"]] == ["Mine.", "hello"]
        assert teacher.heard[-1]["max_tokens"] == 5
        labels = elect(client, elsewhere(teacher.url))
        teacher.rule = lambda body, number: say(' "loan".')
        assert lines(client, desk, labels, "hello", temperature=0)[1]["delta"]["text"] == "loan"


def test_what_goes_wrong_elsewhere_is_told(client: Client, desk: Outright) -> None:
    with LittleTeacher(lambda body, number: fail(413, "too long")) as teacher:
        with pytest.raises(DoesNotFit):
            lines(client, desk, elect(client, elsewhere(teacher.url)), "hello")
        teacher.rule = lambda body, number: fail(401)
        with pytest.raises(BadProject, match="does not accept the key"):
            lines(client, desk, elect(client, elsewhere(teacher.url)), "hello")


def test_who_has_gone_is_not_answered_and_nothing_is_asked(client: Client, desk: Outright) -> None:
    gone = threading.Event()
    gone.set()
    with LittleTeacher(lambda body, number: say("yes")) as teacher:
        assert lines(client, desk, elect(client, elsewhere(teacher.url)), "hello", gone=gone) == []
        assert teacher.heard == []


def test_too_many_waiting_are_refused_and_places_are_given_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    desk, held = Outright(client.live), threading.Event()

    def slow(body: dict[str, Any], number: int) -> Any:
        assert held.wait(300)
        return say("yes")

    with LittleTeacher(slow) as teacher:
        target = elect(client, elsewhere(teacher.url))
        opened = desk.open(target).result(300)
        first = desk.answer(opened, chat(target, "one"), threading.Event())
        with pytest.raises(Overloaded):
            desk.answer(opened, chat(target, "two"), threading.Event())
        held.set()
        assert first.result(300)[1]["delta"]["text"] == "yes"
        assert lines(client, desk, target, "three")[1]["delta"]["text"] == "yes"
    desk.close()


def test_a_private_address_is_called_only_where_the_user_allows_it(client: Client, desk: Outright) -> None:
    url = "http://10.255.255.1:1/v1"
    with pytest.raises(BadProject, match="https"):
        desk.open(elect(client, elsewhere(url))).result(300)
    assert desk.open(elect(client, elsewhere(url, allow_private=True))).result(300).elected.candidate.name == "remote"


def test_what_cannot_be_opened_is_tried_again(client: Client, desk: Outright) -> None:
    missing = Target(base="", candidate="candidate-none")
    first = desk.open(missing)
    with pytest.raises(NotFound):
        first.result(300)
    assert desk.open(missing) is not first
    with pytest.raises(NotFound):
        desk.open(Target(base="")).result(300)
    with pytest.raises(BadProject, match="a model of this machine"):
        desk.open(elect(client, Prompted(name="prompt", model=client.home.base, prompt=Prompt(name="p")))).result(300)


def test_what_it_cannot_do_is_refused_at_once(client: Client, desk: Outright, tmp_path: Path) -> None:
    opened = desk.open(target := elect(client, Constant(name="majority", answer="card"))).result(300)
    for wanted in ({"n": 2}, {"logprobs": True}, {"stop": ["a"]}):
        with pytest.raises(Unsupported, match="the candidate `majority`"):
            desk.answer(opened, chat(target, "a", **wanted), threading.Event())

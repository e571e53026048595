"""Keys: made, found, limited, revoked; their secrets lie nowhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import insert

from tunesmith.errors import BadProject, NotFound
from tunesmith.store.access import SCOPES, Keys, Limits, digest
from tunesmith.store.artifacts import Store
from tunesmith.store.tables import ACCESS


@pytest.fixture
def keys(store):
    return Keys(store.database)


def test_a_key_is_found_by_its_secret_alone(keys):
    key, secret = keys.create("laptop", ("read", "serve"), Limits(requests_per_minute=5, own_only=True))
    found = keys.find(secret)
    assert (found.id, found.name, found.scopes, found.limits) == (key.id, "laptop", ("read", "serve"), Limits(5, None, None, True, False))
    assert keys.find(secret + "x") is None
    assert keys.find("") is None
    assert keys.find("\ud800") is None
    assert keys.list()[0].last_used_at is not None
    assert key.id.startswith("key_")


def test_the_secret_is_stored_nowhere(keys, store):
    _, secret = keys.create("laptop")
    store.close()
    for path in store.home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()


def test_a_revoked_key_is_good_for_nothing(keys):
    key, secret = keys.create("laptop")
    assert keys.revoke(key.id).revoked_at is not None
    assert keys.find(secret) is None
    first = keys.get(key.id).revoked_at
    keys.revoke(key.id)
    assert keys.get(key.id).revoked_at == first
    with pytest.raises(NotFound):
        keys.revoke("key_nothing")


def test_names_are_good_enough_where_they_say_which(keys, store):
    one, _ = keys.create("a")
    assert keys.get("a").id == one.id
    with store.database.write() as connection:  # as earlier versions did
        connection.execute(insert(ACCESS).values(id="key_older", name="a", digest=digest("sk-older"), scopes=["read"], limits={}, created_at=0.0))
    with pytest.raises(NotFound, match="could be any of several keys"):
        keys.get("a")


def test_a_name_is_free_again_once_its_key_is_revoked(keys):
    key, _ = keys.create("laptop")
    with pytest.raises(BadProject, match="there is a key with this name"):
        keys.create("laptop")
    keys.revoke(key.id)
    assert keys.create("laptop")[0].id != key.id


def test_of_creators_at_the_same_moment_one_gets_the_name(store):
    others = [Store.open(store.home) for _ in range(2)]  # each with its own connections, as processes have
    ready = Barrier(len(others))

    def create(mine, name):
        ready.wait()
        try:
            return Keys(mine.database).create(name)[0].name
        except BadProject as refused:
            return refused.message

    with ThreadPoolExecutor(len(others)) as pool:
        for name in map(str, range(20)):
            said = sorted(pool.map(create, others, [name] * len(others)))
            assert said == [name, "there is a key with this name"]
    assert sorted(key.name for key in Keys(store.database).list()) == sorted(map(str, range(20)))
    for other in others:
        other.close()


@pytest.mark.parametrize("secret", ["short", "x" * 20 + "é", "x" * 20 + "\n", "x" * 20 + " y"])
def test_a_secret_that_cannot_be_sent_or_is_guessed(keys, secret):
    with pytest.raises(BadProject, match="printable ASCII"):
        keys.create("a", secret=secret)


def test_scopes_that_there_are_not(keys):
    with pytest.raises(BadProject, match="no such scope"):
        keys.create("a", ("read", "fly"))
    with pytest.raises(BadProject, match="no such scope"):
        keys.create("a", ())


def test_a_preset_key_is_made_once_and_replaces_the_one_before(keys):
    first = keys.preset("sk-automation-0001")
    assert first.scopes == SCOPES
    assert keys.preset("sk-automation-0001").id == first.id
    second = keys.preset("sk-automation-0002")
    assert keys.find("sk-automation-0001") is None
    assert keys.find("sk-automation-0002").id == second.id
    assert keys.preset(None) is None
    assert keys.find("sk-automation-0002") is None
    with pytest.raises(BadProject, match="used before"):
        keys.preset("sk-automation-0002")

"""Keys: made, found, limited, revoked; their secrets lie nowhere."""

from __future__ import annotations

import pytest

from tunesmith.errors import BadProject, NotFound
from tunesmith.store.access import SCOPES, Keys, Limits


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


def test_names_are_good_enough_where_they_say_which(keys):
    one, _ = keys.create("a")
    assert keys.get("a").id == one.id
    keys.create("a")
    with pytest.raises(NotFound, match="could be any of several keys"):
        keys.get("a")


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

"""Objects are found again, changed whole or not at all, and read in pages without gaps or repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.errors import NotFound
from tunesmith.store.objects import Objects


@pytest.fixture
def objects(store):
    return Objects(store.database)


def test_an_object_is_found_by_its_kind_and_id(objects):
    made = objects.add("file", "file-1", {"bytes": 3}, parent="p", owner="k")
    assert objects.get("file", "file-1") == made
    assert (made.body, made.parent, made.owner) == ({"bytes": 3}, "p", "k")
    with pytest.raises(NotFound, match="no such upload"):
        objects.get("upload", "file-1")


def test_a_change_that_fails_changes_nothing(objects):
    objects.add("file", "file-1", {"bytes": 3})

    def broken(body):
        body["bytes"] = 4
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (ours, without words)
        objects.change("file", "file-1", broken)
    assert objects.get("file", "file-1").body == {"bytes": 3}
    assert objects.change("file", "file-1", lambda body: body | {"bytes": 5}).body == {"bytes": 5}


def test_what_is_removed_is_gone(objects):
    objects.add("file", "file-1", {})
    objects.remove("file", "file-1")
    with pytest.raises(NotFound):
        objects.remove("file", "file-1")


@pytest.mark.parametrize("newest_first", [True, False])
@given(limit=st.integers(1, 7), count=st.integers(0, 15))
def test_pages_hold_everything_once_and_in_order(tmp_path_factory, newest_first, limit, count):
    from tunesmith.store.artifacts import Store

    objects = Objects(Store.open(tmp_path_factory.mktemp("home")).database)
    for number in range(count):
        objects.add("file", f"file-{number}", {"even": number % 2 == 0}, parent="a" if number % 3 else "b")
    seen, after = [], None
    while True:
        page = objects.page("file", parent="a", after=after, limit=limit, newest_first=newest_first, where=lambda one: one.body["even"])
        seen += [one.id for one in page.items]
        assert len(page.items) <= limit
        if not page.has_more:
            break
        after = seen[-1]
    wanted = [f"file-{n}" for n in range(count) if n % 3 and n % 2 == 0]
    assert seen == (wanted[::-1] if newest_first else wanted)


def test_an_unknown_place_to_begin_is_said(objects):
    with pytest.raises(NotFound):
        objects.page("file", after="file-9")

"""What was read before is found by its owner, and by nobody else."""

from __future__ import annotations

import torch

from tunesmith.answer.prefixes import Prefixes
from tunesmith.answer.shelves import Kept

IDS = list(range(100, 140))


def kept(length: int) -> Kept:
    return Kept(length, {0: (torch.zeros(1, length, 2), torch.zeros(1, length, 2))})


def test_only_the_owner_finds_his_own():
    prefixes = Prefixes(10**6)
    prefixes.keep("m", "one", IDS, kept(40))
    assert prefixes.find("m", "two", IDS) is None
    assert prefixes.find("other", "one", IDS) is None
    found = prefixes.find("m", "one", IDS)
    assert found is not None
    assert found.length == 39, "the last token's state is needed"
    assert prefixes.find("m", "one", [*IDS, 1, 2]).length == 40
    assert prefixes.find("m", "one", [*IDS[:20], 1]).length == 20
    assert prefixes.find("m", "one", [*IDS[:10], 1]) is None, "too little to be worth it"


def test_what_is_everybody_s_is_found_by_all():
    prefixes = Prefixes(10**6)
    prefixes.keep("m", None, IDS[:20], kept(20))
    prefixes.keep("m", "one", IDS, kept(40))
    assert prefixes.find("m", "two", IDS).length == 20
    assert prefixes.find("m", "one", IDS).length == 39
    assert prefixes.has("m", None, IDS[:20])
    assert not prefixes.has("m", None, IDS)


def test_memory_is_bounded_and_the_oldest_goes():
    prefixes = Prefixes(3 * kept(40).bytes)
    for name in "abcd":
        prefixes.keep("m", name, IDS, kept(40))
        if name == "c":
            prefixes.find("m", "a", IDS)
    assert [prefixes.find("m", name, IDS) is not None for name in "abcd"] == [True, False, True, True]
    assert prefixes.bytes <= prefixes.limit
    prefixes.keep("m", "e", list(range(500)), kept(500))
    assert prefixes.find("m", "e", list(range(500))) is None, "larger than all there is"
    prefixes.forget("m")
    assert (prefixes.bytes, len(prefixes.entries)) == (0, 0)


def test_a_conversation_that_goes_on_replaces_its_beginning():
    prefixes = Prefixes(10**6)
    prefixes.keep("m", "a", IDS[:20], kept(20))
    prefixes.keep("m", "a", IDS, kept(40))
    assert (len(prefixes.entries), prefixes.bytes) == (1, kept(40).bytes)

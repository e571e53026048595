"""Shingles, joins and clusters against the plain way: every pair compared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data import buckets, neighbours
from tunesmith.data.duplicates import Clusters, band_rows, first_of_equals, join_near_duplicates
from tunesmith.data.fold import fold, key
from tunesmith.data.leak import find_leaks
from tunesmith.data.neighbours import Tally, may_be_similar, similar_pairs, slip_apart, slip_pairs
from tunesmith.data.shingles import SHORT_WORDS, bitmaps, is_short, shingle
from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.data.spool import Spool
from tunesmith.spec.dataset import Origin

WORDS = st.lists(
    st.sampled_from(["where", "is", "my", "card", "lost", "the", "pin", "code", "of", "a", "new", "account", "please", "help", "me", "now"]),
    min_size=1,
    max_size=30,
)


def grams(text):
    """The shingles of a folded text, the slow way."""
    words = text.split(" ")
    if len(words) >= SHORT_WORDS:
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
    padded = text.ljust(4, "\0")
    return {padded[i : i + 4] for i in range(len(padded) - 3)}


def alike(a, b, similarity):
    """The definition of a near duplicate, the slow way."""
    if is_short(a) != is_short(b):
        return False
    if len(grams(a) & grams(b)) / len(grams(a) | grams(b)) >= similarity:
        return True
    longest = max(len(a), len(b))
    one_letter = abs(len(a) - len(b)) <= 1 and distance(a, b) == 1 and [c for c in a if c.isdigit()] == [c for c in b if c.isdigit()]
    return is_short(a) and longest >= 8 and 1 - 1 / longest >= similarity - 1e-9 and one_letter


def distance(a, b):
    """Optimal string alignment distance by the textbook's table."""
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i, j in itertools.product(range(1, len(a) + 1), range(1, len(b) + 1)):
        table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
            table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]


@pytest.fixture
def spooled(tmp_path):
    """Questions → (facts, texts), as the first pass leaves them."""
    spools = []

    def build(questions):
        spool = Spool(tmp_path / f"s{len(spools)}")
        spools.append(spool)
        for line, question in enumerate(questions):
            spool.add(record(Origin(file="f", line=line + 1), conversation=exchange(question, "yes")))
        return spool.finish()

    yield build
    for spool in spools:
        spool.__exit__(None, None, None)


@given(
    st.lists(
        st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(fold).filter(bool), WORDS.map(" ".join)), min_size=1, max_size=8
    )
)
def test_shingles_are_the_sets_of_the_slow_way(texts):
    hashes, offsets = shingle(texts)
    sets = [set(hashes[offsets[i] : offsets[i + 1]].tolist()) for i in range(len(texts))]
    assert [len(s) for s in sets] == [len(grams(text)) for text in texts]
    assert all(np.all(np.diff(hashes[offsets[i] : offsets[i + 1]].astype(object)) > 0) for i in range(len(texts)))
    for a, b in itertools.combinations(range(len(texts)), 2):
        if is_short(texts[a]) == is_short(texts[b]):
            assert len(sets[a] & sets[b]) == len(grams(texts[a]) & grams(texts[b]))


def test_shingle_hashes_never_change():
    """Numbers written down once: a data set prepared today is split as one prepared in a year."""
    hashes, _ = shingle(["my card"])
    assert [int(h) for h in hashes] == sorted(int(h) for h in hashes)
    assert int(hashes.sum()) == FROZEN_SHORT
    assert int(shingle([" ".join("abcdefghijklmnopqrstuvwxyz")])[0].sum()) == FROZEN_LONG
    assert key("my card") == FROZEN_KEY


FROZEN_SHORT, FROZEN_LONG, FROZEN_KEY = 11388585805263067171, 3816630845275916988, 7088784143684190902


@given(st.lists(WORDS.map(" ".join), min_size=2, max_size=8, unique=True), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_bitmap_filter_never_drops_a_similar_pair(texts, similarity):
    hashes, offsets = shingle(texts)
    maps = bitmaps(hashes, offsets)
    a, b = (np.array(side) for side in zip(*itertools.combinations(range(len(texts)), 2), strict=True))
    kept = may_be_similar(maps, np.diff(offsets), a, b, similarity)
    for i, j, passes in zip(a, b, kept, strict=True):
        first, second = grams(texts[i]), grams(texts[j])
        if is_short(texts[i]) == is_short(texts[j]) and len(first & second) / len(first | second) >= similarity:
            assert passes


QUESTIONS = st.lists(
    st.one_of(WORDS.map(" ".join), st.text("ab1 ", min_size=8, max_size=12).map(fold).filter(bool), st.text("abcdefgh", min_size=10, max_size=11)),
    min_size=2,
    max_size=25,
    unique=True,
)


@settings(max_examples=80, deadline=None)
@given(questions=QUESTIONS, similarity=st.sampled_from([0.6, 0.8, 0.9]), at_once=st.sampled_from([50, 10**6]))
def test_the_joins_find_every_pair(tmp_path_factory, questions, similarity, at_once):
    with pytest.MonkeyPatch.context() as patch, Spool(tmp_path_factory.mktemp("x") / "s") as spool:
        for line, question in enumerate(questions):
            spool.add(record(Origin(file="f", line=line + 1), conversation=exchange(question, "yes")))
        _, texts = spool.finish()
        patch.setattr(buckets, "ENTRIES_AT_ONCE", at_once)
        patch.setattr(neighbours, "PAIRS_AT_ONCE", max(3, at_once // 10))
        rows = np.arange(len(questions))
        found = set()
        for join in (similar_pairs, slip_pairs):
            for first, second in join(texts, rows, None, similarity, Tally()):
                found |= {(min(a, b), max(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)}
        assert found == {(i, j) for i, j in itertools.combinations(range(len(questions)), 2) if alike(questions[i], questions[j], similarity)}


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_slip_is_distance_one(a, b):
    assert slip_apart(a, b) == (distance(a, b) == 1)


def test_one_typo_is_found_and_another_number_is_not(spooled):
    questions = ["where is my card", "where is my crad", "wheres my card", "pay 100 dollars", "pay 200 dollars", "abc", "abd"]
    facts, texts = spooled(questions)
    clusters = Clusters(len(facts))
    join_near_duplicates(clusters, texts, np.arange(len(facts)), 0.8, Tally(), lambda done: None)
    assert clusters.roots().tolist() == [0, 0, 2, 3, 4, 5, 6]


def test_clusters_by_minhash_are_those_of_all_pairs(spooled):
    rng = np.random.default_rng(3)
    words = np.array(
        [
            "card",
            "bank",
            "pin",
            "code",
            "lost",
            "money",
            "transfer",
            "rate",
            "please",
            "help",
            "when",
            "where",
            "how",
            "why",
            "account",
            "limit",
            "order",
            "check",
            "fee",
            "travel",
        ]
    )
    questions = []
    for _ in range(70):
        question = rng.choice(words, rng.integers(4, 40)).tolist()
        questions.append(" ".join(question))
        if rng.random() < 0.4:
            question[rng.integers(len(question))] = "changed"
            questions.append(" ".join(question))
    facts, texts = spooled(questions)
    clusters, expected = Clusters(len(facts)), Clusters(len(facts))
    join_near_duplicates(clusters, texts, np.arange(len(facts)), 0.7, Tally(), lambda done: None)
    for i, j in itertools.combinations(range(len(questions)), 2):
        if alike(questions[i], questions[j], 0.7):
            expected.join(i, j)
    assert clusters.roots().tolist() == expected.roots().tolist()
    assert len(set(clusters.roots().tolist())) < len(questions)


def test_leaks_are_found_across_splits_only(spooled):
    long = " ".join(f"word{i}" for i in range(60))
    facts, texts = spooled(["Where  is my card", "where is my card", "where is my crad", "pin", long, long.replace("word7 ", "other "), "pin"])
    side = np.array([0, 1, 0, 0, 2, 0, 0], np.int8)
    found = find_leaks(facts, texts, np.arange(7), side, 0.8)
    assert found.exact == ((0, 1),)
    assert found.near == ((1, 2), (4, 5))
    assert found.compared > 0
    assert find_leaks(facts, texts, np.arange(7), np.zeros(7, np.int8), 0.8).near == ()
    assert "similarity 1" in find_leaks(facts, texts, np.arange(7), side, 1).proof(1, 1).method


def test_equal_values_and_bands():
    clusters = Clusters(5)
    clusters.join_equal(np.array([3, 1, 3, 2, 1]))
    assert clusters.roots().tolist() == [0, 1, 0, 3, 1]
    assert first_of_equals(np.array([3, 1, 3, 2, 1])).tolist() == [0, 1, 0, 3, 1]
    for similarity in (0.55, 0.7, 0.8, 0.9, 0.99):
        r = band_rows(similarity)
        assert (1 - similarity**r) ** (128 // r) < 1e-4 <= (1 - similarity ** (r + 1)) ** (128 // (r + 1)) or r == 16

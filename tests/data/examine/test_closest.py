"""Neighbours and pairs against the plain way: all against all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data.examine import closest as module
from tunesmith.data.examine.closest import Kin, alike, crossing_pairs, crossings, density, figures, joining, nearest, semantic_pairs


def sphere(rows: int, width: int = 5, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)


def plain(queries, keys, count, kin):
    cosines = queries @ keys.T
    if kin is not None:
        cosines[kin.queries[:, None] == kin.keys[None]] = -np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    best = np.take_along_axis(cosines, order, axis=1)
    return np.where(best > -np.inf, order, -1), best


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(1, 9), st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_nearest_are_those_of_all_against_all(queries, keys, count, groups, seed):
    random = np.random.default_rng(seed)
    q, k = sphere(queries, seed=seed), sphere(keys, seed=seed + 1)
    k[: keys // 3] = k[keys - keys // 3 :][: keys // 3]  # ties
    kin = Kin(random.integers(0, groups, queries), random.integers(0, groups, keys))
    for relation in (None, kin):
        found, cosines = nearest(q, k, count, relation)
        _, expected = plain(q, k, count, relation)
        width = expected.shape[1]
        np.testing.assert_allclose(cosines[:, :width], expected, rtol=1e-5, atol=1e-6)
        assert (found[:, width:] == -1).all()
        there = found >= 0
        own = np.einsum("qd,qcd->qc", q, k[np.maximum(found, 0)])
        np.testing.assert_allclose(own[there], cosines[there], rtol=1e-5, atol=1e-6)
        assert all(len(set(row[row >= 0].tolist())) == (row >= 0).sum() for row in found)


def test_a_row_is_no_neighbour_of_itself_and_halves_are_read_as_they_are():
    vectors = sphere(20).astype(np.float16)
    found, _ = nearest(vectors, vectors, 3, Kin.themselves(20))
    assert not (found == np.arange(20)[:, None]).any()
    assert nearest(vectors, vectors[:0], 3)[0].tolist() == [[-1] * 3] * 20


@given(st.integers(0, 25), st.floats(-0.5, 0.99), st.integers(0, 10**6))
@settings(max_examples=40)
def test_pairs_and_clusters_are_those_of_all_against_all(rows, threshold, seed):
    vectors = sphere(rows, 3, seed)
    cosines = vectors @ vectors.T
    expected = {(a, b) for a, b in itertools.combinations(range(rows), 2) if cosines[a, b] >= threshold}
    found = [(int(a), int(b)) for first, second, _ in semantic_pairs(vectors, threshold) for a, b in zip(first, second, strict=True)]
    assert sorted(found) == sorted(expected)
    sets = {frozenset([row]) for row in range(rows)}
    for a, b in expected:
        one, other = (next(s for s in sets if row in s) for row in (a, b))
        sets = (sets - {one, other}) | {one | other}
    same = alike(vectors, threshold)
    assert {frozenset(cluster) for cluster in same.clusters} == {s for s in sets if len(s) > 1}
    assert same.pairs == len(expected)
    assert [len(c) for c in same.clusters] == sorted((len(c) for c in same.clusters), reverse=True)


def test_many_equal_rows_are_one_cluster(monkeypatch):
    monkeypatch.setattr(module, "MANY_PAIRS", 3)
    vectors = np.repeat(sphere(3, seed=4), 12, axis=0)
    assert [len(cluster) for cluster in alike(vectors, 0.999).clusters] == [12, 12, 12]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=15))
def test_fewer_pairs_join_the_same_rows(pairs):
    def components(some):
        sets = {frozenset([row]) for row in range(10)}
        for a, b in some:
            one, other = (next(s for s in sets if row in s) for row in (a, b))
            sets = (sets - {one, other}) | {one | other}
        return sets

    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    assert components(joining(first, second, 10)) == components(pairs)


def test_crossings_name_each_rows_nearest_match():
    first, second = sphere(17, seed=1), sphere(23, seed=2)
    second[5], second[6] = first[3], first[3]
    cosines = first @ second.T
    found = crossings(first, second, 0.8)
    assert {one.row for one in found} == set(np.flatnonzero(cosines.max(axis=1) >= 0.8).tolist())
    for one in found:
        assert one.cosine == pytest.approx(cosines[one.row].max(), rel=1e-5)
    assert (found[0].row, found[0].other) == (3, 5)
    assert sum(len(a) for a, _, _ in crossing_pairs(first, second, 0.8)) == int((cosines >= 0.8).sum())


def test_density_leaves_out_neighbours_that_are_not_there():
    assert density(np.array([[0.5, 0.25], [0.5, -np.inf], [-np.inf, -np.inf]], dtype=np.float32)).tolist() == [0.375, 0.5, 0.0]


def test_texts_with_other_numbers_do_not_say_the_same():
    texts = ["send 100 dollars", "please send 100 dollars", "send 200 dollars", "send 2 of 3", "send 3 of 2"]
    numbers = figures(texts)
    assert (numbers[0] == numbers[1], numbers[0] == numbers[2], numbers[3] == numbers[4]) == (True, False, True)
    vectors = np.repeat(sphere(1), 5, axis=0)
    assert alike(vectors, 0.9, numbers=numbers).clusters == ((0, 1), (3, 4))
    assert [(c.row, c.other) for c in crossings(vectors[:3], vectors[2:], 0.9, numbers=(numbers[:3], numbers[2:]))] == [(2, 0)]

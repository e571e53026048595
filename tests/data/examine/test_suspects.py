"""Wrong labels that were planted are found; right ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examine.planted import around
from tunesmith.data.examine.suspects import FEWEST, FOLDS, folds, judged, neighbour_votes, suspects
from tunesmith.errors import Interrupted
from tunesmith.spec.job import Silent, Spoken


def test_planted_errors_come_first_with_the_right_suggestion():
    vectors, truth = around(6, 40, seed=1)
    labels = truth.copy()
    wrong = np.arange(0, 240, 20)
    labels[wrong] = (truth[wrong] + 1) % 6
    found = suspects(vectors, labels, np.arange(240), Silent())
    assert set(found.ranked[: len(wrong)].tolist()) == set(wrong.tolist())
    assert set(found.listed.tolist()) == set(wrong.tolist())
    assert set(found.listed.tolist()) <= set(found.believed.tolist())
    np.testing.assert_array_equal(found.suggested[wrong], truth[wrong])
    assert found.chance[wrong].max() < 0.1 < np.delete(found.chance, wrong).min()
    assert sorted(found.ranked.tolist()) == list(range(240))
    assert found.left_out == ()


def test_a_clean_file_has_a_clean_bill():
    vectors, labels = around(8, 30, seed=2)
    found = suspects(vectors, labels, np.arange(240), Silent())
    assert len(found.listed) == 0
    assert len(found.believed) == 0


def test_the_same_rows_give_the_same_list():
    vectors, truth = around(5, 30, noise=1.2, seed=3)
    one, other = (suspects(vectors, truth, np.arange(150), Silent(), seed=7) for _ in range(2))
    np.testing.assert_array_equal(one.ranked, other.ranked)
    np.testing.assert_array_equal(one.chance, other.chance)


def test_labels_with_too_few_rows_are_told_and_left_out():
    vectors, labels = around(4, 20, seed=4)
    labels = np.concatenate([labels, [9, 9]])
    vectors = np.concatenate([vectors, vectors[:2]])
    found = suspects(vectors, labels, np.arange(82), Silent())
    assert found.left_out == ((9, 2),)
    assert 80 not in found.ranked
    assert np.isnan(found.chance[80:]).all()
    assert found.suggested[80:].tolist() == [-1, -1]


def test_one_label_alone_cannot_be_judged():
    vectors, labels = around(1, 20)
    found = suspects(vectors, labels, np.arange(20), Silent())
    assert (len(found.ranked), len(found.listed), found.left_out) == (0, 0, ())


def test_copies_of_a_row_do_not_speak_for_its_label():
    """Twelve copies of a wrong row would vouch for one another, were they not of one group."""
    vectors, truth = around(3, 40, seed=5)
    labels, groups = truth.copy(), np.arange(120)
    vectors[:12], labels[:12], groups[:12] = vectors[0], 2, 0
    found = suspects(vectors, labels, groups, Silent())
    assert set(range(12)) <= set(found.listed.tolist())
    assert neighbour_votes(vectors, labels, groups, Silent())[0, 2] == 0


def test_a_label_needs_rows_that_ask_different_things():
    labels, groups = np.repeat([0, 1], FEWEST), np.arange(2 * FEWEST)
    groups[FEWEST] = groups[FEWEST + 1]
    assert judged(labels, groups).tolist() == [0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=60), st.integers(0, 100))
@settings(max_examples=60)
def test_groups_lie_in_one_fold_and_labels_in_several(rows, seed):
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    groups = groups * 4 + labels  # a group has one label
    fold = folds(labels, groups, seed)
    assert set(fold.tolist()) <= set(range(FOLDS))
    for group in set(groups.tolist()):
        assert len(set(fold[groups == group].tolist())) == 1
    for label in set(labels.tolist()):
        sizes = np.bincount([int(fold[groups == g][0]) for g in set(groups[labels == label].tolist())], minlength=FOLDS)
        assert sizes.max() - sizes.min() <= 1


class Stopping:
    """The user wants a stop."""

    def emit(self, event: Spoken) -> None:
        """Nobody listens."""

    def stopping(self) -> bool:
        return True


def test_it_stops_when_asked():
    vectors, labels = around(3, 20)
    with pytest.raises(Interrupted):
        suspects(vectors, labels, np.arange(60), Stopping())

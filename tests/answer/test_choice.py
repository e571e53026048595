"""The trie of choices."""

import pytest

from tunesmith.answer.choice import forced, leaf, trie


def test_branches_and_forced_tokens():
    root = trie([[1, 2, 9], [1, 2, 3, 9], [1, 4, 9]])
    tokens, node = forced(root)
    assert tokens == [1]
    assert sorted(node.children) == [2, 4]
    assert leaf(node) is None
    assert leaf(node.children[4]) == 2
    assert sorted(node.children[2].children) == [3, 9]
    assert leaf(node.children[2].children[9]) == 0


@pytest.mark.parametrize("choices", [[[1, 2], [1, 2]], [[1], [1, 2]], [[1, 2], [1]]])
def test_choices_that_are_or_begin_one_another_are_refused(choices):
    with pytest.raises(ValueError, match="is or begins another choice"):
        trie(choices)

"""A closed set of answers → a trie of their tokens, walked by the model's own probabilities.

Where the trie branches, the model's probabilities are renormalised over the branches; the most probable one is taken. A choice's
probability is the product of its branch probabilities, so the probabilities of all choices sum to 1. Tuned and untuned models walk the
same trie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tunesmith.errors import BadProject
from tunesmith.model.template import Template


@dataclass(eq=False)
class Node:
    """A place in the trie: the tokens that may follow, and the choice that ends here."""

    children: dict[int, Node] = field(default_factory=dict)
    choice: int | None = None


def spelt(template: Template, choices: Sequence[str]) -> dict[str, list[int]]:
    """Each choice, named once, and its tokens to the end of the turn.

    Raises: BadProject for two that the model would write alike, as templates do that trim white space.
    """
    found = {choice: template.answer(choice) for choice in choices}
    first: dict[tuple[int, ...], str] = {}
    for choice, tokens in found.items():
        other = first.setdefault(tuple(tokens), choice)
        if other != choice:
            raise BadProject(
                "two choices are the same to this model", where="choices", got=f"{other[:60]!r} and {choice[:60]!r}",
                expected="choices that differ in more than white space", fix="leave one of them out",
            )  # fmt: skip
    return found


def trie(choices: Sequence[Sequence[int]]) -> Node:
    """The trie of token sequences, none of which begins another (each ends with the end-of-turn token).

    Raises: ValueError if a choice is another one or begins it.
    """
    root = Node()
    for index, tokens in enumerate(choices):
        node = root
        for token in tokens:
            if node.choice is not None:
                break
            node = node.children.setdefault(token, Node())
        if node.choice is not None or node.children:
            raise ValueError(f"choice {index} is or begins another choice")
        node.choice = index
    return root


def forced(node: Node) -> tuple[list[int], Node]:
    """The tokens that have no alternative from `node` on, and the node where one begins or the choice ends.

    >>> tokens, end = forced(trie([[1, 2, 3]]))
    >>> tokens, end.choice
    ([1, 2, 3], 0)
    """
    tokens: list[int] = []
    while len(node.children) == 1:
        token, node = next(iter(node.children.items()))
        tokens.append(token)
    return tokens, node


def leaf(node: Node) -> int | None:
    """The only choice left below `node`, or None while there are several: then nothing needs to be computed any more."""
    end = forced(node)[1]
    return end.choice

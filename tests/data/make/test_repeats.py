"""Which texts repeat an earlier one: against comparing all pairs."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.fold import fold
from tunesmith.data.make.repeats import repeats

TEXTS = st.lists(
    st.lists(st.sampled_from(["where", "is", "my", "card", "pin", "the", "new", "how"]), min_size=1, max_size=6).map(" ".join), max_size=12
)


def grams(text):
    padded = text.ljust(4, "\0")
    return {padded[i : i + 4] for i in range(len(padded) - 3)}


def test_worked_by_hand(tmp_path):
    texts = ["Where is my card?", "how do I pay", "where  is my CARD?", "where is my card", "how do I pay", "what now"]
    assert repeats(texts, 0.8, tmp_path / "s") == [None, None, 0, 0, 1, None]
    assert repeats(texts, 1.0, tmp_path / "s") == [None, None, 0, None, 1, None]
    assert repeats([], 0.8, tmp_path / "s") == []
    assert not (tmp_path / "s").exists()


def test_known_texts_stay_even_if_they_repeat_each_other(tmp_path):
    assert repeats(["a b c d e", "a b c d e", "a b c d e", "other words here"], 0.8, tmp_path / "s", kept=2) == [None, None, 0, None]


@given(TEXTS, st.sampled_from([0.7, 0.8, 1.0]))
def test_everything_that_stays_is_new_and_everything_else_has_a_reason(tmp_path_factory, texts, similarity):
    found = repeats(texts, similarity, tmp_path_factory.mktemp("repeats") / "s")
    folded = [fold(text) for text in texts]

    def alike(a: int, b: int) -> bool:
        return folded[a] == folded[b] or (
            similarity < 1 and len(grams(folded[a]) & grams(folded[b])) / len(grams(folded[a]) | grams(folded[b])) >= similarity
        )

    stay = [i for i, other in enumerate(found) if other is None]
    assert not any(alike(a, b) for a, b in itertools.combinations(stay, 2))
    for number, other in enumerate(found):
        assert other is None or (other < number and found[other] is None)

"""Signatures that no closing words announce."""

from __future__ import annotations

from tunesmith.data.make.thread_endings import Endings, may_sign


def test_lines_that_come_again_and_again_go():
    endings = Endings()
    turns = [f"Answer {n}.\n\nAnn | Acme\nLine two" for n in range(4)] + ["Only this\nonce"]
    for turn in turns:
        endings.see("ann", turn)
    assert [endings.without("ann", turn) for turn in turns] == ["Answer 0.", "Answer 1.", "Answer 2.", "Answer 3.", "Only this\nonce"]
    assert endings.without("bob", turns[0]) == turns[0]


def test_the_first_line_and_sentences_stay():
    endings = Endings()
    for _ in range(5):
        endings.see("ann", "Ann | Acme")
        endings.see("bob", "Yes.\nIs there anything else?")
    assert endings.without("ann", "Ann | Acme") == "Ann | Acme"
    assert endings.without("bob", "Yes.\nIs there anything else?") == "Yes.\nIs there anything else?"
    assert not may_sign("")

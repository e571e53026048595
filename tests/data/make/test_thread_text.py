"""What a writer wrote, and what mail programs, lawyers and telephones added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.thread_text import is_automatic, is_markup, own_words

OUTLOOK = "Thanks, it works.\n\n________________________________\nFrom: Ann <ann@acme.com>\nSent: Monday, 3 February 2025 10:00\nTo: Bob\nSubject: Knob\n\nPlease press it."
LEGAL = "It is done.\n\nThis e-mail and any attachments are confidential and intended solely for the addressee. If you are not the intended recipient, delete it."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello!", "Hello!"),
        ("Hi Ann,\n\nit broke.\n\nThanks,\nBob Miller\nAcme Ltd.\n+44 1234", "Hi Ann,\n\nit broke."),
        ("it broke\n\n-- \nBob\nAcme", "it broke"),
        ("it broke\n\nSent from my iPhone", "it broke"),
        ("it broke\n\nGet Outlook for iOS", "it broke"),
        ("geht nicht\n\nMit freundlichen Grüßen\nBob", "geht nicht"),
        ("Yes.\n\nOn Mon, 3 Feb 2025 at 10:01, Ann <ann@acme.com> wrote:\n> Does it work?\n> Ann", "Yes."),
        ("Yes.\n\nOn Mon, 3 Feb 2025 at 10:01,\nAnn Example\n<ann@acme.com> wrote:\n\nDoes it work?", "Yes."),
        ("Am 03.02.2025 um 10:01 schrieb Ann:\n> Geht es?\n\nJa, es geht.", "Ja, es geht."),
        ("> Does it work?\nYes.\n> And this?\nNo.", "Yes.\nNo."),
        (OUTLOOK, "Thanks, it works."),
        (LEGAL, "It is done."),
        ("ok\n\nBest regards,\nAnn\n\nPlease consider the environment before printing this e-mail.", "ok"),
        ("Thank you!", "Thank you!"),
        ("Thank you for contacting Acme Bank! Your card is on its way.", "Your card is on its way."),
        ("Hello Ann!\nThank you for contacting Acme Bank!\n\nIt is blocked.", "Hello Ann!\nIt is blocked."),
        ("Press the knob. Thank you for your patience!\n\nBest regards,\nAnn", "Press the knob."),
        ("Vielen Dank für Ihre Nachricht. Die Karte kommt.", "Die Karte kommt."),
        ("Merci de nous avoir contactés !\nC'est fait.", "C'est fait."),
        ("Gracias por contactar con Acme. Está hecho.", "Está hecho."),
        ("Thank you for contacting us.", "Thank you for contacting us."),
        ("Hi Ann,\n\nThanks for reaching out!", "Hi Ann,\n\nThanks for reaching out!"),
        ("Thank you for choosing the red one, it ships today.", "Thank you for choosing the red one, it ships today."),
        ("Thank you for your message and sorry for the wait.", "Thank you for your message and sorry for the wait."),
        ("Thanks", "Thanks"),
        ("It works now.\nThanks!", "It works now.\nThanks!"),
        ("Steps:\n1. Open it\n2. Thanks to the knob it turns.", "Steps:\n1. Open it\n2. Thanks to the knob it turns."),
        ("a > b\nand 3 > 2", "a > b\nand 3 > 2"),
        ("> only quoted", "> only quoted"),
        ("From: here to there\nit is far", "From: here to there\nit is far"),
    ],
)
def test_own_words(text, words):
    assert own_words(text) == words


@pytest.mark.parametrize("text", ["I am out of the office until Monday.", "This is an automated message.", "Automatic reply: away", "Your request (#123) has been received and is being reviewed."])  # fmt: skip
def test_automatic_replies(text):
    assert is_automatic(text)


def test_what_a_person_wrote_is_not_automatic():
    assert not is_automatic("The office is closed. We have a new one.")
    assert not is_automatic("x " * 300 + "out of office")
    assert is_automatic("see below", "Automatic reply: knob")


def test_markup():
    assert is_markup("<p>hi</p>")
    assert not is_markup("a < b and c > d")


@given(st.text(max_size=300))
def test_never_more_than_was_written(text):
    kept = own_words(text)
    assert len(kept) <= len(text)
    assert own_words(kept) is not None

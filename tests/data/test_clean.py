"""Pure rules on texts, each with its tally."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.clean import RULES, clean, repair, trim
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.spec.dataset import Cleaning, Origin

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def row(question, answer, **more):
    return record(Origin(file="f", line=1), conversation=exchange(question, answer, **more))


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        ("plain text\twith tab\n", "plain text\twith tab\n", ()),
        ("L\u2019\u00c3\u00a9cole", "L\u2019\u00e9cole", ("mojibake",)),
        ("caf\u00e2\u0082\u00ac", "caf\u20ac", ("mojibake",)),
        ("R&amp;D", "R&D", ("mojibake",)),
        ("AT&T", "AT&T", ()),
        ("<b>R&amp;D</b>", "<b>R&amp;D</b>", ()),
        ("&lt;p&gt;EUR &amp; GBP?&lt;/p&gt;", "&lt;p&gt;EUR &amp; GBP?&lt;/p&gt;", ()),
        ("caf\u00c3\u00a9 &amp;lt;br&amp;gt;", "caf\u00e9 &amp;lt;br&amp;gt;", ("mojibake",)),
        ("5 &lt; 6", "5 < 6", ("mojibake",)),
        ("a\x00b\x07c", "abc", ("control_characters",)),
        ("W\x00h\x00e\x00r\x00e", "Where", ("control_characters",)),
        ("Where\x07is my card", "Where is my card", ("control_characters",)),
        ("am I\x00\x01late \x07now?", "am I late now?", ("control_characters",)),
        ("card\x07_lost", "card_lost", ("control_characters",)),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07done", "red done", ("control_characters",)),
        ("a\r\nb\rc", "a\nb\nc", ("control_characters",)),
        ("e\u0301", "\u00e9", ("unicode_nfc",)),
        ("“curly” ﬁne １", "“curly” ﬁne １", ()),
        ("\u05d0\u200f!", "\u05d0\u200f!", ()),
        ("👩\u200d👧", "👩\u200d👧", ()),
    ],
)
def test_repair(before, after, rules):
    assert repair(before) == (after, rules)


@given(TEXT)
def test_repaired_text_is_clean_and_the_rules_are_named(text):
    mended, changed = repair(text)
    assert unicodedata.is_normalized("NFC", mended)
    assert not [c for c in mended if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert bool(changed) == (mended != text) or "mojibake" in changed
    assert set(changed) <= set(RULES)


@pytest.mark.parametrize(
    ("before", "after"), [("  a \n", "a"), ("\n  x = 1\n  y = 2\n", "  x = 1\n  y = 2"), ("  \n", ""), ("\n\n a", "a"), ("a", "a")]
)
def test_trim(before, after):
    assert trim(before) == after


def test_a_clean_row_is_returned_as_it_is_and_a_mended_one_gets_its_new_id():
    tally = Counter()
    same, other = row("hi", "yes"), row(" hi\x00 ", "yes\n", system="s&amp;s")
    assert clean(same, Cleaning(), tally) is same
    mended = clean(other, Cleaning(), tally)
    assert [m.content for m in mended.conversation.messages] == ["s&s", "hi", "yes"]
    assert mended.id == row("hi", "yes", system="s&s").id != other.id
    assert tally == {"mojibake": 1, "control_characters": 1, "outer_space": 1}


def test_repair_can_be_switched_off():
    kept = clean(row("a\x07 &amp;", "b"), Cleaning(repair_text=False), Counter())
    assert kept.conversation.messages[0].content == "a\x07 &amp;"


def test_nothing_left_and_too_much():
    with pytest.raises(RowFault, match="assistant's text holds nothing") as empty:
        clean(row("hi", "\x00\x01"), Cleaning(), Counter())
    with pytest.raises(RowFault, match=r"has 13 characters; `cleaning.max_characters` is 12") as long:
        clean(row("1234567890", "abc"), Cleaning(max_characters=12), Counter())
    assert (empty.value.reason, long.value.reason) == ("empty", "too_long")


def test_documents():
    tally = Counter()
    document = record(Origin(file="f", line=1), text="a\x00b")
    assert clean(document, Cleaning(), tally).text == "ab"
    with pytest.raises(RowFault):
        clean(record(Origin(file="f", line=1), text="\x00"), Cleaning(), tally)


def test_values_of_columns_are_mended_and_change_no_id():
    before = row("a", "b").model_copy(update={"columns": {"shop": "caf\u00c3\u00a9 "}})
    tally: Counter[str] = Counter()
    made = clean(before, Cleaning(), tally)
    assert (made.columns, made.id) == ({"shop": "café"}, before.id)
    assert tally == {"mojibake": 1, "outer_space": 1}

"""Passages under one heading are asked about together, and a quote is found again where it stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.qa_sections import Section, sections
from tunesmith.spec.passage import Passage, PassageKind, Spot


def passage(text: str, *headings: str, file: str = "a.md", line: int | None = 1, last: int | None = None, kind: PassageKind = "paragraph") -> Passage:
    end = last if last is not None or line is None else line + text.count("\n")
    return Passage(kind=kind, text=text, headings=headings, spot=Spot(file=file, line=line, last_line=end))


def test_one_heading_one_section():
    given_ = [
        passage("H", kind="heading"), passage("one two three", "A"), passage("four five", "A", kind="list"), passage("six", "A", "B"), passage("  "), passage("seven", "A"),
        passage("eight", "A", file="b.md"),
    ]  # fmt: skip
    assert [section.text for section in sections(given_, 100)] == ["one two three\n\nfour five", "six", "seven", "eight"]


def test_long_texts_are_parted():
    found = list(sections([passage(" ".join(["word"] * n)) for n in (3, 3, 3, 50, 1)], 6))
    assert [len(section.passages) for section in found] == [2, 1, 1, 1]


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("AB"), st.sampled_from(["a.md", "b.md"])), max_size=12), st.integers(1, 12))
def test_nothing_is_lost_and_no_section_mixes_headings_or_files(given_, most):
    passages = [passage(f"p{i} " + "word " * (n - 1), heading, file=file) for i, (n, heading, file) in enumerate(given_)]
    found = list(sections(passages, most))
    assert passages == [one for section in found for one in section.passages]
    for section in found:
        assert len({(one.headings, one.spot.file) for one in section.passages}) == 1
        assert len(section.passages) == 1 or sum(len(one.text.split()) for one in section.passages) <= most


SECTION = Section(
    (
        passage("Returns are free.\nYou have 30 days\nto send it back.", "Shop", "Returns", line=10),
        passage("Refunds take five working days. See `policy(v2)` for more.", "Shop", "Returns", line=20, last=22),
    )
)


def test_a_quote_is_found_with_its_line_and_in_the_documents_own_white_space():
    found = SECTION.find("You have 30   days to send it back.")
    assert found is not None
    assert (found.line, found.heading, found.quote) == (11, "Shop › Returns", "You have 30 days\nto send it back.")
    assert (found.file, found.last_line) == ("a.md", 12)


def test_a_quote_in_a_passage_whose_lines_were_joined_has_the_passages_line():
    found = SECTION.find("policy(v2)` for more.")
    assert found is not None
    assert (found.line, found.last_line) == (20, 22)


def test_a_quote_over_two_passages_begins_where_the_first_does():
    found = SECTION.find("send it back. Refunds take five")
    assert found is not None
    assert found.line == 12


def test_what_does_not_stand_there_word_for_word_is_not_found():
    for quote in ("You have 31 days", "you have 30 days", "Returns are free You have", "", "  "):
        assert SECTION.find(quote) is None


def test_equal_texts_have_one_group():
    other = Section(tuple(one.model_copy(update={"spot": Spot(file="copy.md", line=1)}) for one in SECTION.passages))
    assert SECTION.group == other.group
    assert SECTION.group != Section(SECTION.passages[:1]).group

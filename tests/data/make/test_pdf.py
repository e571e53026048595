"""PDFs written by hand, read back."""

from __future__ import annotations

import pytest

from tests.data.make.library_faq import column, pdf
from tunesmith.data.make.pdf import pdf_passages
from tunesmith.data.make.pdf_layout import lines_of
from tunesmith.data.make.pdf_page import Run
from tunesmith.errors import BadData
from tunesmith.spec.making import Limits

WORDS = ["the", "quick", "brown", "quill", "writes", "over", "a", "lazy", "page", "and"]


def read(tmp_path, data, **limits):
    (tmp_path / "f.pdf").write_bytes(data)
    return list(pdf_passages(tmp_path / "f.pdf", "f.pdf", Limits(**limits)))


def prose(start, lines, words=8):
    return [" ".join(f"{WORDS[(start + i + k) % len(WORDS)]}" for k in range(words)) for i in range(lines)]


def test_paragraphs_headings_and_pages(tmp_path):
    data = pdf(
        [
            [*column(["A large title"], y=740, size=20), *column(["one line", "goes on", "here."], y=700), *column(["Second one."], y=640)],
            column(["Page two."]),
        ]
    )
    found = read(tmp_path, data)
    assert [(p.kind, p.text, p.headings, p.spot.page) for p in found] == [
        ("heading", "A large title", (), 1),
        ("paragraph", "one line goes on here.", ("A large title",), 1),
        ("paragraph", "Second one.", ("A large title",), 1),
        ("paragraph", "Page two.", ("A large title",), 2),
    ]


def test_words_cut_at_a_line_end_are_joined_unless_the_hyphen_is_theirs(tmp_path):
    found = read(tmp_path, pdf([column(["an exam-", "ple with well-known and well-", "known words"])]))
    assert [p.text for p in found] == ["an example with well-known and well-known words"]


def test_headers_footers_and_page_numbers_go(tmp_path):
    pages = [
        [*column(["Quill Handbook 2025"], y=770, size=9), *column([f"Body of page {n} says {WORDS[n]}."]), *column([f"Page {n} of 4"], y=25, size=9)]
        for n in range(1, 5)
    ]
    assert [p.text for p in read(tmp_path, pdf(pages))] == [f"Body of page {n} says {WORDS[n]}." for n in range(1, 5)]


def test_columns_are_read_one_after_the_other(tmp_path):
    left, right = prose(0, 12, 5), prose(5, 12, 5)
    rows = [mark for pair in zip(column(left, x=60), column(right, x=330), strict=True) for mark in pair]  # drawn row by row
    title = [(60.0, 740.0, 11.0, "regular", "A title line that runs over both of the columns of this page from left to right")]
    text = " ".join(p.text for p in read(tmp_path, pdf([[*title, *rows]])))
    assert text.index(left[-1]) < text.index(right[0])
    assert text.startswith("A title line")


def test_short_cells_beside_one_another_are_a_table(tmp_path):
    rows = [("Size", "Price"), ("small", "1"), ("medium", "2"), ("large", "3"), ("huge", "4"), ("vast", "5")]
    marks = [mark for i, (a, b) in enumerate(rows) for mark in (*column([a], y=700 - 14 * i), *column([b], x=300, y=700 - 14 * i))]
    found = read(tmp_path, pdf([marks]))
    assert (found[0].kind, found[0].rows) == ("table", tuple(rows))


def test_lists_and_code(tmp_path):
    marks = [
        *column(["\u2022 first item that", "\u2022 second item"], y=700),
        *column(["if x:"], y=640, font="fixed"),
        *column(["y = 1"], x=72 + 4 * 6.6, y=626, font="fixed"),
        *column(["A last line of ordinary words, so that most of the text is ordinary.", "And one more of them to be quite sure of it."], y=580),
    ]
    found = read(tmp_path, pdf([marks]))
    assert [(p.kind, p.text) for p in found[:2]] == [("list", "- first item that\n- second item"), ("code", "if x:\n    y = 1")]


def test_bold_questions_are_headings(tmp_path):
    marks = [*column(["Is it loud?"], y=700, font="bold"), *column(["No, it is not loud at all, and it never was."], y=686), *column(["Is it far?"], y=660, font="bold"), *column(["Not very far from here."], y=646)]  # fmt: skip
    assert [(p.kind, p.text) for p in read(tmp_path, pdf([marks]))] == [
        ("heading", "Is it loud?"), ("paragraph", "No, it is not loud at all, and it never was."), ("heading", "Is it far?"), ("paragraph", "Not very far from here."),
    ]  # fmt: skip


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_turned_page_is_read_as_it_is_looked_at(tmp_path, rotate):
    marks = [*column(["A large title"], y=500, size=20), *column(["some words here", "and more"], y=450)]
    assert [(p.kind, p.text) for p in read(tmp_path, pdf([marks], rotate=rotate))] == [
        ("heading", "A large title"),
        ("paragraph", "some words here and more"),
    ]


def test_a_scan_is_told_apart(tmp_path):
    with pytest.raises(BadData, match="no text layer") as error:
        read(tmp_path, pdf([[], []], picture=True))
    assert "OCR" in error.value.problems[0].fix


def test_encrypted_damaged_and_too_long_files(tmp_path):
    with pytest.raises(BadData, match="is encrypted"):
        read(tmp_path, pdf([column(["secret"])], encrypt=True))
    with pytest.raises(BadData, match="is not a PDF that can be read"):
        read(tmp_path, b"%PDF-1.4\nnothing")
    with pytest.raises(BadData, match="too many pages"):
        read(tmp_path, pdf([column(["a b"])] * 3), pages=2)
    with pytest.raises(BadData, match="holds no text"):
        read(tmp_path, pdf([[]]))


def test_lines_of_runs_by_hand():
    runs = [Run("b", 50, 60, 100, 10), Run("a", 10, 20, 100, 10), Run("c", 10, 20, 80, 10)]
    assert [line.cells for line in lines_of(runs, 1)] == [("a", "b"), ("c",)]

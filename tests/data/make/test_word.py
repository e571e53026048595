"""Word files made by python-docx, and packages made to do harm."""

from __future__ import annotations

import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tunesmith.data.make.word import word_passages
from tunesmith.errors import BadData
from tunesmith.spec.making import Limits


def read(path):
    return list(word_passages(path, "f.docx", Limits()))


@pytest.fixture
def document():
    return docx.Document()


def test_headings_lists_tables_and_code(document, tmp_path):
    document.add_heading("Guide", 0)
    document.add_heading("Setup", 1)
    document.add_paragraph("Do this.")
    document.add_paragraph("one", style="List Number")
    document.add_paragraph("two", style="List Number")
    document.add_paragraph("dot", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ["Q", "A", "x", "y"], strict=True):
        cell.text = text
    for line in ("if x:", "    y"):
        document.add_paragraph().add_run(line).font.name = "Consolas"
    document.save(tmp_path / "f.docx")
    found = read(tmp_path / "f.docx")
    assert [(p.kind, p.text, p.headings) for p in found] == [
        ("heading", "Guide", ()),
        ("heading", "Setup", ("Guide",)),
        ("paragraph", "Do this.", ("Guide", "Setup")),
        ("list", "1. one\n2. two\n- dot", ("Guide", "Setup")),
        ("table", "| Q | A |\n| --- | --- |\n| x | y |", ("Guide", "Setup")),
        ("code", "if x:\n    y", ("Guide", "Setup")),
    ]
    assert [p.spot.paragraph for p in found] == [1, 2, 3, 4, 6, 7]


def test_bold_questions_and_insertions(document, tmp_path):
    document.add_paragraph().add_run("Is it new?").bold = True
    paragraph = document.add_paragraph("It ")
    inserted = f'<w:ins {nsdecls("w")} w:id="1" w:author="a"><w:r><w:t>is</w:t></w:r></w:ins>'
    deleted = f'<w:del {nsdecls("w")} w:id="2" w:author="a"><w:r><w:delText>was</w:delText></w:r></w:del>'
    paragraph._p.append(parse_xml(inserted))
    paragraph._p.append(parse_xml(deleted))
    document.save(tmp_path / "f.docx")
    assert [(p.kind, p.text) for p in read(tmp_path / "f.docx")] == [("heading", "Is it new?"), ("paragraph", "It is")]


def test_a_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 5_000_000)
    with pytest.raises(BadData, match="unpacks to too much"):
        list(word_passages(tmp_path / "f.docx", "f.docx", Limits(unpacked_bytes=1_000_000)))


def test_entities_are_refused(document, tmp_path):
    document.save(tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as old, zipfile.ZipFile(tmp_path / "f.docx", "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "word/document.xml":
                data = data.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>', 1)
            new.writestr(part, data)
    with pytest.raises(BadData, match="its own XML entities"):
        read(tmp_path / "f.docx")


def test_a_broken_package_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.docx", "w") as archive:
        archive.writestr("word/document.xml", "<x")
    with pytest.raises(BadData, match="damaged"):
        read(tmp_path / "f.docx")

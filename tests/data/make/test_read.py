"""Any bytes under any name: passages or a clear error, never anything else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.make import library_faq
from tunesmith.data.make.file_kind import SUFFIXES, kind_of
from tunesmith.data.make.read import cleaned, read_document, text_lines
from tunesmith.errors import BadData
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage, Skipped, Spot

NAMES = [*SUFFIXES, ".rst.txt", ".xyz"]
SEEDS = [library_faq.RST, library_faq.MARKDOWN, library_faq.HTML, library_faq.PLAIN]


def read(path, data, **limits):
    path.write_bytes(data)
    return list(read_document(path, path.name, Limits(**limits)))


def check(error):
    assert all(problem.message and problem.where for problem in error.problems)


def refused(path, data, **limits):
    with pytest.raises(BadData) as error:
        read(path, data, **limits)
    return error.value.problems[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from(NAMES))
def test_any_bytes(tmp_path, data, suffix):
    try:
        found = read(tmp_path / f"f{suffix}", data)
    except BadData as error:
        check(error)
    else:
        assert all(isinstance(one, Passage | Skipped) and one.spot.file == f"f{suffix}" for one in found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.sampled_from([".rst", ".md", ".html", ".txt"]), st.integers(0, 1000), st.text(max_size=20), st.integers(0, 300))
def test_documents_with_something_amiss(tmp_path, text, suffix, at, noise, cut):
    broken = text[:at] + noise + text[at + cut :]
    try:
        found = read(tmp_path / f"f{suffix}", broken.encode("utf-8", "replace"))
    except BadData as error:
        check(error)
    else:
        lines = broken.count("\n") + broken.count("\r") + 2
        assert all(one.spot.line is None or 1 <= one.spot.line <= lines for one in found)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5000), st.binary(min_size=1, max_size=8))
def test_pdfs_with_something_amiss(tmp_path, at, noise):
    data = library_faq.printed()
    at %= len(data)
    try:
        read(tmp_path / "f.pdf", data[:at] + noise + data[at + len(noise) :])
    except BadData as error:
        check(error)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=8))
def test_word_files_with_something_amiss(tmp_path, at, noise):
    good = tmp_path / "good.docx"
    if not good.exists():
        library_faq.word(good)
    data = good.read_bytes()
    at %= len(data)
    try:
        read(tmp_path / "f.docx", data[:at] + noise + data[at + len(noise) :])
    except BadData as error:
        check(error)


def test_the_content_decides_and_the_name_is_told(tmp_path):
    found = read(tmp_path / "f.pdf", library_faq.HTML.encode())
    assert (found[0].reason, found[0].message) == ("named_otherwise", "is read as html: named .pdf, but its content is HTML")
    assert any(one.text == "How do I renew a loan?" for one in found[1:])
    assert read(tmp_path / "f.txt", library_faq.printed())[0].reason == "named_otherwise"


@pytest.mark.parametrize(("name", "text", "kind"), [("a.rst.txt", "x", "rst"), ("a.txt", library_faq.RST, "rst"), ("a.txt", library_faq.MARKDOWN, "markdown"), ("a.txt", library_faq.PLAIN, "plain"), ("a", "x y", "plain"), ("README", library_faq.HTML, "html"), ("a.md", "x", "markdown")])  # fmt: skip
def test_kinds(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    assert kind_of(tmp_path / name, name, Limits())[0] == kind


def test_what_is_not_read_says_what_to_do(tmp_path):
    assert "save it as .docx" in refused(tmp_path / "f.rtf", b"{\\rtf1 x}").fix
    assert "save it as .docx" in refused(tmp_path / "f.doc", b"\xd0\xcf\x11\xe0" + b"\0" * 600).fix
    assert "remove the password" in refused(tmp_path / "f.docx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le")).fix
    assert refused(tmp_path / "f.txt", b"").message == "is empty"
    assert refused(tmp_path / "f.txt", b" \n ").message == "holds nothing but white space"
    assert refused(tmp_path / "f.txt", b"a" * 50, file_bytes=20).message == "is too large"
    assert "binary" in refused(tmp_path / "f.txt", b"\x00\x01\xff\xfe" * 20).message
    assert refused(tmp_path / "f.md", b"a\n\n" * 50, passages=10).message == "holds too many passages"


def test_other_encodings(tmp_path):
    (tmp_path / "f.txt").write_bytes("Größe über alles\n".encode("cp1252") * 3)
    lines, faults = text_lines(tmp_path / "f.txt", "f.txt")
    assert (lines[0], faults[0].reason) == ("Größe über alles", "guessed_encoding")
    (tmp_path / "f.txt").write_bytes("gut: ä\nnoch gut: ö\nschlecht: ".encode() + b"\xe4\n")
    lines, faults = text_lines(tmp_path / "f.txt", "f.txt")
    assert (lines[2], faults[0].reason, faults[0].spot.line) == ("schlecht: ", "encoding", 3)


def test_passages_are_cleaned_but_code_is_not():
    made = {"kind": "paragraph", "text": "cafÃ©\x07 ", "spot": Spot(file="f")}
    assert cleaned(Passage(**made)).text == "café"
    assert cleaned(Passage(**{**made, "kind": "code", "text": "a &amp; b\x07"})).text == "a &amp; b"
    assert cleaned(Passage(**{**made, "text": " \x07"})) is None

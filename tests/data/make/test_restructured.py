"""reStructuredText with Sphinx's roles and directives; nothing is run or read."""

from __future__ import annotations

import pytest

from tunesmith.data.make.restructured import rst_passages
from tunesmith.data.make.rst_roles import directive, role_text


def read(text):
    return list(rst_passages(text.split("\n"), "f", 60))


def short(text):
    return [(p.kind, p.text) for p in read(text)]


def test_sections_paragraphs_and_lines():
    found = read("Top\n===\n\nIntro one\ntwo.\n\nA\n-\n\ntext\n\n* item\n  more\n* two\n\nB\n-\n\nlast")
    assert [(p.kind, p.text, p.headings, p.spot.line, p.spot.last_line) for p in found] == [
        ("heading", "Top", (), 1, 1),
        ("paragraph", "Intro one two.", ("Top",), 4, 5),
        ("heading", "A", ("Top",), 7, 7),
        ("paragraph", "text", ("Top", "A"), 10, 10),
        ("list", "- item more\n- two", ("Top", "A"), 12, 14),
        ("heading", "B", ("Top",), 16, 16),
        ("paragraph", "last", ("Top", "B"), 19, 19),
    ]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (":func:`print`", "`print()`"),
        (":func:`sorted(y) <sorted>`", "`sorted(y)`"),
        (":meth:`~list.append`", "`append()`"),
        (":meth:`!split()`", "`split()`"),
        (":class:`~a.b.C`", "`C`"),
        (":mod:`documented in the Manual <pdb>`", "documented in the Manual"),
        (":term:`arguments <argument>`", "arguments"),
        (":ref:`the f-strings <f-strings>`", "the f-strings"),
        (":ref:`known`", "Known title"),
        (":ref:`library-index`", "library index"),
        (":pep:`8`", "PEP 8"),
        (":file:`python{NN}.dll`", "`pythonNN.dll`"),
        (":menuselection:`File --> Open`", "File → Open"),
        (":c:func:`PyErr_Print`", "`PyErr_Print()`"),
        ("no role", "no role"),
    ],
)
def test_roles(raw, text):
    assert role_text(raw, {"known": "Known title"}) == text


def test_roles_links_and_notes_in_a_paragraph():
    text = "See :func:`print`, `the page <http://x>`_, *em*, **strong**, ``co de``,\n:pep:`8` [1]_ |sub| and `plain`.\n\n.. [1] note\n.. |sub| replace:: put in\n"
    assert short(text) == [("paragraph", "See `print()`, the page, em, strong, `co de`, PEP 8 put in and plain.")]


def test_a_label_stands_for_the_title_behind_it():
    assert short("A\n=\n\nSee :ref:`lab-el`.\n\n.. _lab-el:\n\nThe title\n=========\n\nx")[1] == ("paragraph", "See The title.")


def test_code_of_every_kind():
    text = "Like this::\n\n   x = 1\n\n     y\n\n.. code-block:: c\n   :emphasize-lines: 1\n\n   int i;\n\n>>> 1\n1\n\n.. doctest::\n\n   >>> 2\n   2\n\n.. testsetup::\n\n   import x\n\n.. highlight:: sh\n\n::\n\n  ls\n"
    assert [(p.kind, p.text, p.language) for p in read(text)] == [
        ("paragraph", "Like this:", None),
        ("code", "x = 1\n\n  y", None),
        ("code", "int i;", "c"),
        ("code", ">>> 1\n1", "pycon"),
        ("code", ">>> 2\n2", "pycon"),
        ("code", "ls", "sh"),
    ]


def test_directives_with_content_and_without():
    text = ".. note:: Mind\n   this.\n\n.. versionchanged:: 3.3\n   It is faster.\n\n.. only:: html\n\n   .. contents::\n\n.. toctree::\n\n   a\n   b\n\n.. dropdown:: Is it so?\n\n   It is.\n\n.. unknown:: thing\n\n   Kept text.\n\n.. seealso:: elsewhere\n"
    assert short(text) == [
        ("paragraph", "Note: Mind this."), ("paragraph", "Changed in version 3.3: It is faster."), ("heading", "Is it so?"), ("paragraph", "It is."),
        ("paragraph", "Kept text."),
    ]  # fmt: skip


def test_nothing_is_included_and_nothing_is_raw(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("TOPSECRET")
    text = f".. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n.. raw:: html\n\n   <script>x</script>\n\n.. csv-table::\n   :file: {secret}\n\n.. literalinclude:: {secret}\n\ntext"
    found = read(text)
    assert [p.text for p in found] == ["text"]


def test_comments_targets_fields_and_tables():
    text = ":tocdepth: 2\n\nT\n=\n\n.. XXX no\n\n   indented no\n\n=====  =====\nQ      A\n=====  =====\nx      y\n=====  =====\n\nterm\n  meaning\n"
    found = read(text)
    assert [p.kind for p in found] == ["heading", "table", "definitions"]
    assert found[1].rows == (("Q", "A"), ("x", "y"))
    assert found[2].rows == (("term", "meaning"),)


def test_a_directive_as_it_stands():
    assert directive(".. code-block:: c\n   :name: x\n\n   int i;\n     j;\n").content == ("int i;", "  j;")
    assert directive("no directive") is None

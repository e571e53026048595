"""Markdown: structure from markdown-it, markup off, code kept."""

from __future__ import annotations

from tunesmith.data.make.markdown import markdown_passages


def read(text):
    return list(markdown_passages(text.split("\n"), "f", 60))


def short(text):
    return [(p.kind, p.text) for p in read(text)]


def test_headings_and_lines():
    found = read("---\ntitle: x\n---\n# A\n\ntext *one*\nand [two](http://x) `co de`[^1]\n\nB\n-\n\n[^1]: note")
    assert [(p.kind, p.text, p.headings, p.spot.line, p.spot.last_line) for p in found] == [
        ("heading", "A", (), 4, 4),
        ("paragraph", "text one and two `co de`", ("A",), 6, 7),
        ("heading", "B", ("A",), 9, 10),
    ]


def test_lists_keep_their_nesting_and_their_code():
    text = "- one\n  two\n  1. inner\n- three\n\n  ```py\n  x = 1\n  ```\n"
    assert short(text) == [("list", "- one two\n  1. inner\n- three\n  ```py\n  x = 1\n  ```")]
    assert short("3. c\n4. d") == [("list", "3. c\n4. d")]


def test_fences_and_tables():
    found = read("```python\na = [1]\n\nb = 2\n```\n\n| Q | A |\n|---|---|\n| x | `y` |\n")
    assert (found[0].text, found[0].language, found[0].spot.line, found[0].spot.last_line) == ("a = [1]\n\nb = 2", "python", 1, 5)
    assert found[1].rows == (("Q", "A"), ("x", "`y`"))


def test_bold_questions_head_what_follows():
    assert short("**How do I start?**\n\nPress it.\n\n**Is it loud?** No.\n\n**Note:** careful") == [
        ("heading", "How do I start?"), ("paragraph", "Press it."), ("heading", "Is it loud?"), ("paragraph", "No."), ("paragraph", "Note: careful"),
    ]  # fmt: skip


def test_details_unfold():
    text = "# F\n\n<details>\n<summary>Why <b>so</b>?</summary>\n\nBecause **it** is.\n\n</details>\n\nafter"
    assert [(p.kind, p.text, p.headings) for p in read(text)] == [
        ("heading", "F", ()),
        ("heading", "Why so?", ("F",)),
        ("paragraph", "Because it is.", ("F", "Why so?")),
        ("paragraph", "after", ("F",)),
    ]
    assert short("<details><summary>A b?</summary><p>c</p></details>") == [("heading", "A b?"), ("paragraph", "c")]


def test_definitions_and_quotes():
    found = read("Term\n: what it is\n\n> quoted\n> words")
    assert found[0].rows == (("Term", "what it is"),)
    assert found[1].text == "quoted words"


def test_html_comments_and_scripts_say_nothing():
    assert short("<!-- no -->\n\n<script>alert(1)</script>\n\ntext") == [("paragraph", "text")]

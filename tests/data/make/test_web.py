"""HTML: structure kept, furniture out."""

from __future__ import annotations

import json

import pytest

from tunesmith.data.make.web import html_passages, words
from tunesmith.data.make.web_faq import in_json
from tunesmith.data.make.web_tree import decoded
from tunesmith.spec.passage import Skipped


def read(body, head=""):
    return list(html_passages(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), "f", 180))


def short(body):
    return [(p.kind, p.text, p.headings) for p in read(body)]


def test_headings_paragraphs_lists_tables_and_code():
    body = "<main><h1>A b</h1><p>one<br>two &amp; <code>x</code></p><ol start=3><li>c<ul><li>d</li></ul></li><li>e</li></ol><table><tr><th>Q</th><th>A</th></tr><tr><td>1</td><td>2</td></tr></table><div class='highlight-python'><pre>if x:\n    y\n</pre></div></main>"
    found = read(body)
    assert [(p.kind, p.text) for p in found] == [
        ("heading", "A b"), ("paragraph", "one\ntwo & `x`"), ("list", "3. c\n   - d\n4. e"), ("table", "| Q | A |\n| --- | --- |\n| 1 | 2 |"), ("code", "if x:\n    y"),
    ]  # fmt: skip
    assert (found[3].rows, found[4].language) == ((("Q", "A"), ("1", "2")), "python")


def test_what_unfolds_ends_where_it_ends():
    assert short("<details><summary>Why so?</summary>Because.<pre>x</pre></details><p>after</p>") == [
        ("heading", "Why so?", ()), ("paragraph", "Because.", ("Why so?",)), ("code", "x", ("Why so?",)), ("paragraph", "after", ()),
    ]  # fmt: skip


def test_a_section_ends_its_headings():
    assert short("<section><h2>A</h2><p>b</p></section><p>c</p>")[-1] == ("paragraph", "c", ())


def test_accordions_of_buttons():
    body = "<div id=x><div class=item><button aria-expanded=false>Is it safe?</button><div hidden>Yes it is.</div></div><div class=item><button>Is it loud?</button><div>No.</div></div><button>Send</button><p>Call us.</p></div>"
    assert short(body) == [
        ("heading", "Is it safe?", ()), ("paragraph", "Yes it is.", ("Is it safe?",)), ("heading", "Is it loud?", ()), ("paragraph", "No.", ("Is it loud?",)),
        ("paragraph", "Call us.", ()),
    ]  # fmt: skip


def test_accordions_of_headings():
    item = (
        "<div class=accordion-item><h2><button aria-controls=c>{q}</button></h2><div class='accordion-collapse collapse'><div>{a}</div></div></div>"
    )
    body = f"<div class=accordion>{item.format(q='Is it safe?', a='Yes.')}{item.format(q='Is it loud?', a='No.')}</div><p>Write to us.</p>"
    assert short(body) == [
        ("heading", "Is it safe?", ()), ("paragraph", "Yes.", ("Is it safe?",)), ("heading", "Is it loud?", ()), ("paragraph", "No.", ("Is it loud?",)),
        ("paragraph", "Write to us.", ()),
    ]  # fmt: skip
    assert short("<div class=head><h1>Is it safe?</h1><i>By Ann</i></div><div><p>It is.</p></div>")[-1] == ("paragraph", "It is.", ("Is it safe?",))


def test_questions_that_are_called_so():
    body = "<table><tr class=question><td>1.1.</td><td><p>Is it so?</p></td></tr><tr class=answer><td></td><td><p>It is.</p></td></tr></table>"
    assert short(body) == [("heading", "1.1. Is it so?", ()), ("paragraph", "It is.", ("1.1. Is it so?",))]
    assert short("<div class=faq-question>Is it so?</div><div class=faq-answer>It is.</div>")[0][0] == "heading"


def test_definition_lists_as_pairs_or_as_headings():
    assert read("<dl><dt>A</dt><dd>b</dd><dt>C</dt><dd>d</dd></dl>")[0].rows == (("A", "b"), ("C", "d"))
    assert short("<dl><dt>Why so?</dt><dd><p>b</p><p>c</p></dd></dl><p>z</p>") == [
        ("heading", "Why so?", ()), ("paragraph", "b", ("Why so?",)), ("paragraph", "c", ("Why so?",)), ("paragraph", "z", ()),
    ]  # fmt: skip


def test_furniture_is_left_out():
    body = "<nav>menu words</nav><div class='cookie-banner'>We use cookies</div><div class='page has-sidebar'><p>The text.</p></div><aside>ad</aside><footer>legal</footer><script>x()</script><style>p{}</style><ul><li><a href=#a>A</a></li><li><a href=#b>B</a></li><li><a href=#c>C</a></li></ul>"
    assert [p.text for p in read(body)] == ["The text."]


def test_a_frame_for_the_layout_is_no_table():
    assert [p.kind for p in read("<table><tr><td><h2>A</h2><p>b</p></td><td><p>c</p></td></tr></table>")] == ["heading", "paragraph", "paragraph"]


def test_questions_that_a_page_states():
    data = {"@context": "https://schema.org", "@graph": [{"@type": "FAQPage", "mainEntity": [{"@type": "Question", "name": "Why &amp; how?", "acceptedAnswer": {"@type": "Answer", "text": "<p>So.</p><ul><li>a</li><li>b</li></ul>"}}]}]}  # fmt: skip
    found = read("<p>x y</p>", f'<script type="application/ld+json">{json.dumps(data)}</script>')
    assert (found[0].kind, found[0].rows) == ("faq", (("Why & how?", "So.\n- a\n- b"),))
    assert list(in_json("{broken")) == []
    assert list(in_json("[" * 5000)) == []


def test_questions_stated_by_attributes():
    body = '<div itemscope itemtype="https://schema.org/Question"><h3 itemprop="name">Is it?</h3><div itemprop="acceptedAnswer"><div itemprop="text">It is.</div></div></div>'
    assert read(body)[0].rows == (("Is it?", "It is."),)


def test_a_deep_page_is_read_as_far_as_it_can_be():
    found = read("<div>" * 3000 + "deep" + "</div>" * 3000)
    assert all(isinstance(p, Skipped) or p.kind == "paragraph" for p in found)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        ("\ufeffé".encode(), "é"),
        (b'<meta charset="iso-8859-1">\xe9', '<meta charset="iso-8859-1">é'),
        (b"\x93a\x94", "“a”"),
        (b'<meta charset="base64">\xe9', '<meta charset="base64">é'),
        ("é".encode("utf-16"), "é"),
    ],
)
def test_encodings(data, text):
    assert decoded(data) == text


def test_words_of_a_fragment():
    assert words("<p>Hello <b>you</b></p><p>there</p>") == "Hello you\n\nthere"
    assert words("plain  text") == "plain text"


def test_a_page_without_a_main_part_is_judged_as_a_whole():
    story = "".join(
        f"<p>The {n} quill of the library was kept in a drawer, and nobody was told where that drawer stood or who had its key.</p>"
        for n in range(12)
    )
    links = "".join(f"<div><a href='/x{n}'>Some other story number {n}</a></div>" for n in range(12))
    found = [p.text for p in read(f"<div><div>{story}</div><div>{links}</div></div>")]
    assert sum("quill" in text for text in found) == 12

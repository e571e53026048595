"""Documents cut at their own structure; nothing is lost and nothing is too long."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.chunks import Chunker, blocks_of, sentences
from tunesmith.data.make.outline import Outline, barred, listed


def words(text):
    return len(text.split())


def chunks(passages, limit, **more):
    return list(Chunker(words, limit, **more).chunks(passages))


def test_worked_by_hand():
    outline = Outline("f")
    passages = [
        outline.heading(1, "Guide"),
        outline.block("paragraph", "one two three four five six"),
        outline.heading(2, "Setup"),
        outline.block("paragraph", "seven eight nine ten"),
        outline.block("code", "x = 1\ny = 2", language="python"),
        outline.heading(2, "Last"),
    ]
    assert [chunk.text for chunk in chunks(passages, 16)] == [
        "# Guide\n\none two three four five six",
        "# Guide\n\n## Setup\n\nseven eight nine ten",
        "## Setup\n\n```python\nx = 1\ny = 2\n```",
    ]
    assert [chunk.text for chunk in chunks(passages, 100)] == [
        "# Guide\n\none two three four five six\n\n## Setup\n\nseven eight nine ten\n\n```python\nx = 1\ny = 2\n```"
    ]


def test_a_long_paragraph_is_cut_between_sentences():
    outline = Outline("f")
    text = "First one here now. Second one “is here.” Third one is here too."
    assert [chunk.text for chunk in chunks([outline.block("paragraph", text)], 9)] == [
        "First one here now. Second one “is here.”", "Third one is here too.",
    ]  # fmt: skip
    assert sentences("你好。再见。") == ["你好。", "再见。"]


def test_a_long_list_table_and_code():
    outline = Outline("f")
    items = outline.block("list", listed([f"item {n} here" for n in range(6)]))
    assert all(chunk.text.startswith("- item") and chunk.text.endswith("here") for chunk in chunks([items], 10))
    rows = [["Size", "Price"], *([str(n), str(n)] for n in range(8))]
    table = outline.block("table", barred(rows), rows)
    parts = chunks([table], 40)
    assert len(parts) > 1
    assert all(part.text.startswith("| Size | Price |\n| --- | --- |\n|") for part in parts)
    code = outline.block("code", "def a():\n    return 1\n\ndef b():\n    return 2", language="py")
    assert [part.text for part in chunks([code], 8)] == ["```py\ndef a():\n    return 1\n```", "```py\ndef b():\n    return 2\n```"]
    assert blocks_of("a\n\n  b\n\nc") == ["a\n\n  b\n", "c"]


PASSAGES = st.lists(
    st.tuples(st.sampled_from(["heading", "paragraph", "code", "list"]), st.lists(st.sampled_from(["alpha", "beta.", "gamma", "delta!", "epsilon"]), min_size=1, max_size=30), st.integers(1, 3)),
    max_size=12,
)  # fmt: skip


@given(PASSAGES, st.integers(16, 40), st.booleans())
def test_every_chunk_fits_and_every_word_is_somewhere(made, limit, with_headings):
    outline = Outline("f")
    passages = []
    for kind, text, level in made:
        if kind == "heading":
            passages.append(outline.heading(level, " ".join(text[:4])))
        elif kind == "list":
            passages.append(outline.block("list", listed([" ".join(text), " ".join(text)])))
        else:
            passages.append(outline.block(kind, " ".join(text) if kind == "paragraph" else "\n".join(text)))
    found = chunks(passages, limit, with_headings=with_headings)
    assert all(chunk.tokens <= limit and chunk.tokens == words(chunk.text) for chunk in found)

    def bare(text):
        return re.sub(r"^#+ .*$|```|^- ", "", text, flags=re.M).split()

    body = [word for passage in passages if passage.kind != "heading" for word in bare(passage.text)]
    assert [word for chunk in found for word in bare(chunk.text)] == body

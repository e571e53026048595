"""Documents for continued pre-training: said once, cut, counted."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests import tiny
from tests.data.make import library_faq
from tunesmith.data.make.corpus import corpus, counter, words_in
from tunesmith.data.make.tally import Tally, write
from tunesmith.errors import BadProject
from tunesmith.spec.job import Silent
from tunesmith.spec.making import CorpusWishes, Made
from tunesmith.spec.passage import Skipped

LONG = (
    "The quill of the library lay in a drawer of the old desk near the window, and nobody who worked there knew when it had last been used by anyone."
)


def make(folder, *names, **wishes):
    wanted = CorpusWishes(**wishes)
    tally = Tally("corpus", "passages", wanted)
    found = list(corpus(names, folder, Silent(), wanted, tally=tally))
    making = tally.making()
    assert making.read == making.used + sum(making.passed_over.values())
    left = Counter(one.reason for one in found if isinstance(one, Skipped))
    assert left == Counter(making.passed_over), "what was left out comes out with its reason"
    assert making.tokens == sum(one.details["tokens"] for one in found if isinstance(one, Made))
    return [one for one in found if isinstance(one, Made)], making


def test_every_format_becomes_text(tmp_path):
    for name, text in (("a.rst", library_faq.RST), ("b.md", library_faq.MARKDOWN), ("c.html", library_faq.HTML)):
        (tmp_path / name).write_text(text)
        rows, _ = make(tmp_path, name, chunk_tokens=60)
        assert all(row.details["tokens"] <= 60 and row.source.file == name for row in rows)
        text = "\n".join(row.text for row in rows)
        assert library_faq.CODE in text
        assert "A loan can be renewed twice" in text
        assert rows[0].text.startswith("# Quillmoor Library")


def test_what_is_said_twice_stays_once(tmp_path):
    edited = LONG.replace("by anyone.", "by someone.")
    footer = "Printed by Quillmoor, all rights kept."
    for n, text in enumerate((LONG, LONG, edited, "A fourth file says something else that is long enough to be kept by itself here.")):
        (tmp_path / f"{n}.md").write_text(f"# File {n}\n\n{text}\n\n{footer}\n")
    rows, making = make(tmp_path, ".")
    assert [row.source.file for row in rows] == ["0.md", "3.md"]
    assert not any(footer in row.text for row in rows)
    assert making.passed_over == {"boilerplate": 4, "equal": 1, "near_duplicate": 1, "heading": 2}
    kept, _ = make(tmp_path, ".", similarity=1)
    assert [row.source.file for row in kept] == ["0.md", "2.md", "3.md"]


def test_rows_on_disk(tmp_path):
    (tmp_path / "a.md").write_text(f"# A\n\n{LONG}\n")
    tally = Tally("corpus", "passages", CorpusWishes())
    making = write(corpus(["a.md"], tmp_path, Silent(), tally=tally), tmp_path / "out", tally)
    row = json.loads((tmp_path / "out" / "rows.jsonl").read_text())
    assert row["text"] == f"# A\n\n{LONG}"
    assert row["source"] == {"file": "a.md", "line": 1, "last_line": 3, "heading": "A"}
    assert (making.rows, making.token_unit, making.tokens) == (1, "words", words_in(row["text"]))


def test_tokens_of_a_tokenizer(tmp_path):
    folder = tiny.save(tmp_path / "model")
    (tmp_path / "a.md").write_text(f"{LONG}\n\n{LONG[::-1]}\n")
    rows, making = make(tmp_path, "a.md", tokenizer="model/tokenizer.json", chunk_tokens=64)
    count, unit = counter(str(folder / "tokenizer.json"), tmp_path)
    assert (making.token_unit, unit) == ("tokens of model", "tokens of model")
    assert all(row.details["tokens"] == count(row.text) <= 64 for row in rows)
    assert len(rows) > 2


@pytest.mark.parametrize("content", [None, "not json", "[]", "{}"])
def test_a_tokenizer_that_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "t.json").write_text(content)
    with pytest.raises(BadProject, match="is not a tokenizer"):
        counter("t.json", tmp_path)


def test_words():
    assert words_in("") == 0
    assert words_in("a bc  d") == 3
    assert words_in("我爱 Python") == 3

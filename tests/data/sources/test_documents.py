"""Text and Markdown in pieces."""

from __future__ import annotations

from tunesmith.data.sources import documents
from tunesmith.data.sources.documents import pieces


def cut(tmp_path, text, *, markdown):
    path = tmp_path / "f.md"
    path.write_text(text)
    return list(pieces(path, "utf-8", "f", markdown=markdown))


def test_markdown_is_cut_at_headings_outside_code(tmp_path):
    text = "intro\n\n# One\ntext\n```sh\n# no heading\n```\n\n## Two\nmore\n#hashtag\n"
    assert cut(tmp_path, text, markdown=True) == [(1, "intro"), (3, "# One\ntext\n```sh\n# no heading\n```"), (9, "## Two\nmore\n#hashtag")]


def test_text_is_cut_at_blank_lines_once_it_is_long(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "PIECE_CHARACTERS", 8)
    assert cut(tmp_path, "\n# aaaa\n\nbb\ncccccc\n\n\ndd\n", markdown=False) == [
        (2, ["# aaaa", "bb\ncccccc"][0] + "\n\nbb\ncccccc"),
        (8, "dd"),
    ]
    assert cut(tmp_path, "   \n\n", markdown=False) == []

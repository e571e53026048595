"""The page of an examination: what was measured stands in it, and it knows itself again."""

from __future__ import annotations

from tests.data.examine.test_tuned_curve import examination
from tunesmith.data.examine.page import is_page, page


def test_the_page_says_what_was_measured_and_what_is_in_the_files():
    found = examination()
    curve = found.findings[-1].model_copy(update={"figures": {"rows": 100.0, "measured_800": 0.912, "measured_80": 0.5}})
    shown = page(found.model_copy(update={"findings": (curve,), "overviews": {"train.csv": ("900 rows that can be used", "3 labels")}}))
    assert "50.0 % with 80 rows, 91.2 % with 800 rows" in shown
    assert "900 rows that can be used; 3 labels" in shown
    assert "Measured</dt>" not in page(found)


def test_it_is_known_again(tmp_path):
    (tmp_path / "r.html").write_text(page(examination()))
    (tmp_path / "mine.html").write_text("<html><h1>mine</h1></html>")
    assert is_page(tmp_path / "r.html")
    assert not is_page(tmp_path / "mine.html")
    assert not is_page(tmp_path)
    assert not is_page(tmp_path / "nothing.html")

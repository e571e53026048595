"""Every kind of finding is described once, in full, and stands in the documentation."""

from pathlib import Path

from tunesmith.data.examine.findings import KINDS
from tunesmith.data.examine.kinds import KINDS as TEXT_KINDS
from tunesmith.data.examine.kinds_meaning import KINDS as MEANING_KINDS
from tunesmith.data.examine.kinds_rows import KINDS as ROW_KINDS

PAGE = (Path(__file__).parents[3] / "docs/data.md").read_text()


def test_no_kind_is_described_twice():
    assert len(KINDS) == len(TEXT_KINDS) + len(ROW_KINDS) + len(MEANING_KINDS)


def test_every_kind_says_why_it_matters_where_it_comes_from_and_what_mends_it():
    for name, kind in KINDS.items():
        assert all((kind.title, kind.why, kind.evidence, kind.fix)), name
        assert kind.severity != "block" or not kind.is_mendable, name  # what blocks is decided by a person


def test_every_kind_stands_in_the_documentation():
    assert [name for name, kind in KINDS.items() if kind.group != "personal" and name != "unusable_row" and f"`{name}`" not in PAGE] == []

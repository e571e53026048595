"""What was found in the rows stands on the page, escaped, with its lines and what mends it."""

from __future__ import annotations

from tests.evaluate.test_page import router
from tunesmith.evaluate.page import page
from tunesmith.evaluate.page_findings import findings
from tunesmith.spec.finding import Finding

HOSTILE = "<script>alert(1)</script>"
FOUND = (
    Finding(kind="duplicate", group="duplicates", severity="mend", file="bank.csv", lines=(4, 5, 6, 90), count=2_000, message="rows that say the same: 2,000 of 9,000 rows", why="Each copy is learnt again.", evidence="equality", fix="keeps the first of each cluster"),
    Finding(kind="label_spelling", group="labels", severity="mend", file="bank.csv", lines=(7,), count=1, message=f"labels that look alike: `{HOSTILE}`", why="One label counts as two.", evidence="case", fix="one spelling"),
    Finding(kind="no_out_of_scope", group="balance", severity="note", file="bank.csv", lines=(), message="no rows that decline", why="It answers everything.", evidence="5 to 15 %", fix="nothing: add rows"),
)  # fmt: skip


def test_each_finding_is_a_row():
    report, _, _ = router()
    table = findings(report.dataset.model_copy(update={"findings": FOUND}))
    assert [cell.text for cell in table.rows[0]] == [
        "Rows that say the same: 2,000 of 9,000 rows", "To be mended", "2,000", "4–6, 90 and 1,996 more", "keeps the first of each cluster"
    ]  # fmt: skip
    assert (table.rows[0][0].small, table.rows[0][4].small) == ("duplicate", "Each copy is learnt again.")
    assert [cell.text for cell in table.rows[2]][2:4] == ["–", "–"]
    several = report.dataset.model_copy(update={"findings": FOUND, "sources": {"bank.csv": "0", "b.csv": "0"}})
    assert findings(several).rows[0][0].small == "duplicate, bank.csv"


def test_the_page_has_them_in_a_section_of_their_own():
    report, measured, answers = router()
    without = page(report, measured, answers)
    assert 'id="findings"' not in without
    text = page(report.model_copy(update={"dataset": report.dataset.model_copy(update={"findings": FOUND})}), measured, answers)
    assert '<section id="findings"' in text
    assert '<a href="#findings">Findings</a>' in text
    assert "keeps the first of each cluster" in text
    assert HOSTILE not in text

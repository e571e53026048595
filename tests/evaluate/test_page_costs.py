"""What answers and training cost, on the page: tokens, money where there are prices, and the clock apart from both."""

from __future__ import annotations

from tests.evaluate.test_certificate import made
from tests.evaluate.test_page import router, without_clock, words_of
from tunesmith.evaluate import page_costs
from tunesmith.evaluate.page import page
from tunesmith.spec.report import Wait
from tunesmith.spec.verdict import Bill, Known, LineReport, Measured, Pace, Prices

EURO = Prices(currency="€", per_million_training_tokens=3.0)
STAYS = "Questions and answers stay on this machine."


def billed(prices: Prices = EURO) -> tuple[LineReport, Measured]:
    report, measured, _ = router()
    bills = made().proof.bills if prices.currency else tuple(unpriced(one) for one in made().proof.bills)
    known = Known(prices=prices, finding_tokens=1_100_000)
    verdict = report.verdict.model_copy(update={"bills": bills, "known": known})
    paces = (
        Pace(
            candidate="tuned-smollm2",
            row_s=0.0312,
            wait=Wait(n=20, median_s=0.18, p90_s=0.231, p90_least_s=0.18),
            hours_per_1000_answers=0.0087,
            training_s=161.4,
            break_even=900,
            instead_of="few-shot-8",
        ),
    )
    return report.model_copy(update={"verdict": verdict}), measured.model_copy(update={"paces": paces})


def unpriced(bill: Bill) -> Bill:
    return bill.model_copy(update={"per_1000_answers": None, "training": None, "break_even": None})


def test_every_finalist_has_its_bill() -> None:
    report, _ = billed()
    table = page_costs.bills(report)
    assert [column.title for column in table.columns] == [
        "Candidate", "Tokens per answer", "Of them computed", "1,000 answers", "Training it", "Pays for itself"
    ]  # fmt: skip
    assert [cell.text for cell in table.rows[0]] == ["tuned-smollm2", "314", "40", "€0.16", "€1.84", "from 12,000 answers"]
    assert table.rows[0][5].small == "instead of few-shot-8"
    assert [cell.text for cell in table.rows[1]][4:] == ["–", "–"]
    assert [(cell.text, cell.small) for cell in table.rows[-1]][::4] == [("Finding it", page_costs.FINDING), ("€3.30", "")]


def test_where_nothing_else_was_trained_there_is_no_line_about_finding_it() -> None:
    report, _ = billed()
    alone = report.verdict.model_copy(update={"known": Known(prices=EURO)})
    table = page_costs.bills(report.model_copy(update={"verdict": alone}))
    assert len(table.rows) == len(report.verdict.bills)


def test_without_prices_training_is_told_in_tokens() -> None:
    table = page_costs.bills(billed(Prices())[0])
    assert [column.title for column in table.columns] == ["Candidate", "Tokens per answer", "Of them computed", "Training it"]
    assert table.rows[0][3].text == "612,400 tokens"
    assert table.rows[-1][3].text == "1,100,000 tokens"


def test_the_clock_stands_apart() -> None:
    report, measured = billed()
    table = page_costs.paces(report, measured)
    assert [cell.text for cell in table.rows[0]] == ["tuned-smollm2", "180 ms", "31 ms", "0.0087", "2 min 41 s", "from 900 answers"]
    assert [column.title for column in table.columns][1:3] == ["Latency", "Per row in a batch"]
    assert table.rows[0][1].small == "9 of 10 within 231 ms, 20 asked"
    assert all(column.clock for column in table.columns[1:])
    html = page(report, measured, {})
    assert "What every finalist takes" in html
    assert "What every finalist takes" not in without_clock(html)
    assert "What answers and training cost" in without_clock(html)


def test_what_leaves_the_machine_is_said_once() -> None:
    report, measured = billed()
    assert [text for _, text in page_costs.privacy(report)] == [STAYS]
    assert words_of(page(report, measured, {})).count(STAYS) == 1

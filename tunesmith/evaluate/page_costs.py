"""What answers and training cost → tables and words: tokens, money where tokens have a price, and apart from those what the clock said."""

from __future__ import annotations

from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.page_tables import Cell, Column, Table, used
from tunesmith.spec.verdict import Bill, Known, LineReport, Measured, Pace, Prices

FINDING = "small trainings, settings that were tried, further seeds"
"""What is trained to find what is then served."""


def bills(report: LineReport) -> Table:
    """What every finalist costs, the same in every run."""
    columns = (
        Column("Candidate", number=False),
        Column("Tokens per answer"),
        Column("Of them computed"),
        Column("1,000 answers"),
        Column("Training it"),
        Column("Pays for itself"),
    )
    prices = report.verdict.known.prices
    rows = [_bill(one, prices) for one in report.verdict.bills]
    if text := finding(report.verdict.known):
        rows.append((Cell("Finding it", FINDING), Cell(), Cell(), Cell(), Cell(text), Cell()))
    return Table("What answers and training cost", *used(columns, rows))


def _bill(one: Bill, prices: Prices) -> tuple[Cell, ...]:
    return (
        Cell(one.candidate),
        Cell(words.count(round(one.prompt_tokens + one.answer_tokens, 1))),
        Cell(words.count(round(one.computed_tokens, 1))),
        Cell(money(one.per_1000_answers, prices)),
        Cell(training(one, prices)),
        paid_back(one),
    )


def paid_back(one: Bill | Pace) -> Cell:
    """From how many answers on training has paid, and against what."""
    return Cell() if one.break_even is None else Cell(volume(one.break_even), f"instead of {one.instead_of}" if one.instead_of else "")


def paces(report: LineReport, measured: Measured) -> Table:
    """What the clock said of every finalist."""
    columns = (
        Column("Candidate", number=False),
        Column("Latency", clock=True),
        Column("Per row in a batch", clock=True),
        Column("Hours for 1,000 rows", clock=True),
        Column("1,000 rows", clock=True),
        Column("Training it", clock=True),
        Column("Time won back", clock=True),
    )
    prices = report.verdict.known.prices
    rows = [
        (
            Cell(one.candidate),
            Cell(*words.latency(one.wait)),
            Cell(words.duration(one.row_s)),
            Cell(f"{one.hours_per_1000_answers:.2g}"),
            Cell(money(one.per_1000_answers, prices)),
            Cell(words.duration(one.training_s)) if one.training_s else Cell(),
            paid_back(one),
        )
        for one in measured.paces
    ]
    return Table("What every finalist takes", *used(columns, rows))


def privacy(report: LineReport) -> list[tuple[str, str]]:
    """(who, what leaves this machine and what stays in it), each thing said once."""
    found: dict[str, list[str]] = {}
    for one in report.verdict.bills:
        found.setdefault(one.privacy, []).append(one.candidate)
    return [(", ".join(names), text) for text, names in found.items()]


def training(bill: Bill, prices: Prices) -> str:
    """What training took: money where tokens have a price, else tokens."""
    if not bill.training_tokens:
        return words.NOTHING
    return money(bill.training, prices) if bill.training is not None else f"{words.count(bill.training_tokens)} tokens"


def finding(known: Known) -> str:
    """What the other trainings took, without which the ones that are billed would not have been found; empty where there were none."""
    if not known.finding_tokens:
        return ""
    return money(known.finding, known.prices) if known.finding is not None else f"{words.count(known.finding_tokens)} tokens"


def money(amount: float | None, prices: Prices) -> str:
    """An amount, or that there is none."""
    return words.NOTHING if amount is None else prices.told(amount)


def volume(answers: int) -> str:
    """A break-even volume."""
    return f"from {words.count(answers)} answers"

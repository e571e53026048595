"""CLINC150's data_full.json → bank.csv: banking and credit-card questions, and some that are not a bank's business.

    python examples/router/build.py path/to/data_full.json

Chosen with a fixed seed, so that the committed file can be made again byte for byte.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

INTENTS = [
    "account_blocked",
    "application_status",
    "apr",
    "balance",
    "bill_balance",
    "bill_due",
    "card_declined",
    "credit_limit",
    "credit_limit_change",
    "credit_score",
    "damaged_card",
    "expiration_date",
    "freeze_account",
    "improve_credit_score",
    "interest_rate",
    "international_fees",
    "min_payment",
    "new_card",
    "order_checks",
    "pay_bill",
    "pin_change",
    "redeem_rewards",
    "replacement_card_duration",
    "report_fraud",
    "report_lost_card",
    "rewards_balance",
    "routing",
    "spending_history",
    "transactions",
    "transfer",
]
ROWS_PER_INTENT = 39  # 30 x (39 - 4 dev - 15 test) = 600 for training
OUT_OF_SCOPE_ROWS = 240  # 240 - 30 dev - 150 test = 60 for training
OUT_OF_SCOPE = "out_of_scope"
SEED = 150


def choose(full: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    """Shuffled (text, intent) rows, the three splits of the original pooled; a text is taken once."""
    rng = random.Random(SEED)
    pool: dict[str, dict[str, None]] = {intent: {} for intent in (*INTENTS, OUT_OF_SCOPE)}
    for split in ("train", "val", "test"):
        for text, intent in full[split]:
            if intent in pool:
                pool[intent][text] = None
        for text, _ in full[f"oos_{split}"]:
            pool[OUT_OF_SCOPE][text] = None
    rows = [(text, intent) for intent in INTENTS for text in rng.sample(list(pool[intent]), ROWS_PER_INTENT)]
    rows += [(text, OUT_OF_SCOPE) for text in rng.sample(list(pool[OUT_OF_SCOPE]), OUT_OF_SCOPE_ROWS)]
    rng.shuffle(rows)
    return rows


def main() -> None:
    """Write bank.csv beside this script."""
    full = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with (Path(__file__).parent / "bank.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "intent"))
        writer.writerows(choose(full))


if __name__ == "__main__":
    main()

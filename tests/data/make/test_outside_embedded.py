"""Rows out of scope for the shipped router, near and far by the embedded sentence encoder. Needs `make setup`."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.data.make.rows_of import labelled
from tests.ears import Ears
from tunesmith.answer.embed import Embedder
from tunesmith.catalogue.read import local
from tunesmith.data.make.outside import make_outside
from tunesmith.data.make.paraphrase import make_paraphrases
from tunesmith.model.device import apply, place
from tunesmith.settings import settings
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import OutsideWishes, ParaphraseWishes
from tunesmith.spec.passage import Skipped

pytestmark = pytest.mark.embedded
ROUTER = Path(__file__).resolve().parents[3] / "examples" / "router" / "bank.csv"


@pytest.fixture(scope="module")
def embedder():
    placement = place(settings())
    apply(placement)
    return Embedder(local(settings().home / "models", "all-minilm-l6-v2"), placement)


@pytest.fixture(scope="module")
def rows():
    with ROUTER.open(newline="", encoding="utf-8") as file:
        return labelled([(row["text"], row["intent"]) for row in csv.DictReader(file) if row["intent"] != "out_of_scope"][:600])


def test_a_banks_router_declines_no_banking(embedder, rows):
    found = list(make_outside(rows, OutsideWishes(refusal="out_of_scope", share=0.15), embedder.embed, Ears()))
    made = [one for one in found if isinstance(one, Made)]
    reasons = {one.reason for one in found if isinstance(one, Skipped)}
    assert len(made) == 106
    assert {"in_scope"} <= reasons
    topics = [row.details.get("topic") for row in made]
    assert topics.count("banking") <= 1
    far, near = ([row.details["similarity"] for row in made if row.how == how] for how in ("far", "near"))
    assert sum(far) / len(far) + 0.1 < sum(near) / len(near)
    assert all(row.details["neighbours"] for row in made if row.how != "far"), "each near miss has a question in scope beside it"


def test_paraphrases_stay_close_in_meaning(embedder, rows):
    found = list(make_paraphrases(rows[:60], ParaphraseWishes(), Ears(), embedder.embed))
    made = [one for one in found if isinstance(one, Made)]
    assert len(found) == 60
    assert len(made) > 45
    assert min(float(row.details["similarity"]) for row in made) >= 0.8

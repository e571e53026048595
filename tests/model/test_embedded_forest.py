"""Forests on the weights that people use: the loss of rows together is that of transformers' own attention on each row alone. And the memory of a training."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.memory import ALLOWED, is_wrong
from tunesmith.catalogue.read import local
from tunesmith.model import lora
from tunesmith.model.device import Placement
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import settings, worker_environment
from tunesmith.spec.job import Silent
from tunesmith.spec.recipe import Dpo, Lora
from tunesmith.train.batches import micro_batches
from tunesmith.train.examples import Pair, TokenRow
from tunesmith.train.methods import objective_of
from tunesmith.train.reference import with_reference

pytestmark = pytest.mark.embedded
EXACT = Placement(torch.device("cpu"), torch.float32, 2, ())
TEXT = "A library lends books, films and games for three weeks. A loan can be renewed twice, unless somebody else waits for it, and a late return costs. "


def forest_rows(model: LoadedModel, repeats: int) -> list[TokenRow]:
    """Answers of several lengths on a long passage, nested: two to one question; and a row that shares nothing."""
    texts = [TEXT * repeats + end for end in ("Who may renew? A reader who", "Who may renew? Nobody at all, if it is late", "What is lent? Games")]
    rows = [model.tokenizer.encode(text) for text in [*texts, "Something else: two eggs and a bowl of flour"]]
    return [TokenRow(ids, [place > 0 and (place % 7 == 0 or place > len(ids) - 4) for place in range(len(ids))]) for ids in rows]


def plain(model: LoadedModel, row: TokenRow) -> float:
    """One row's loss with the library's plain attention; of the output layer only the rows that are asked for."""
    model.network.set_attn_implementation("eager")
    states = model.network.get_decoder()(input_ids=torch.tensor([row.ids]), use_cache=False).last_hidden_state[0]
    model.network.set_attn_implementation("tunesmith")
    places = [place for place in range(1, len(row.ids)) if row.trained[place]]
    logits = model.network.get_output_embeddings()(states[[place - 1 for place in places]])
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor([row.ids[place] for place in places]), reduction="sum"))


@pytest.mark.parametrize(("name", "repeats"), [("smollm2-135m-instruct", 8), ("gemma-3-270m", 18)])
def test_a_forest_of_real_weights_is_its_rows_alone(name, repeats):
    model = load(local(settings().home / "models", name), EXACT)
    assert model.shares_prefixes
    rows = forest_rows(model, repeats)
    window = getattr(model.network.config, "sliding_window", None)
    assert window is None or len(rows[0].ids) > window == 512, "or no window would end inside a row"
    with torch.no_grad():
        found = score(model, rows)
        expected = [plain(model, row) for row in rows]
    assert found.computed < 0.5 * sum(len(row.ids) for row in rows)
    assert found.sums(len(rows)).tolist() == pytest.approx(expected, rel=1e-4)


def test_a_preference_training_in_bfloat16_begins_where_nothing_is_preferred(tmp_path: Path):
    """Other neighbours in a product round otherwise: the reference is asked in the micro-batches of its step, or a model that has not moved seems to."""
    model = load(local(settings().home / "models", "smollm2-135m-instruct"), Placement(torch.device("cpu"), torch.bfloat16, 2, ()))
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    ends = (
        "A reader may renew twice.",
        "Nobody may, since a late return costs money and time.",
        "Books.",
        "Films, games and a lot of other things too.",
    )
    questions = [model.tokenizer.encode(TEXT * (1 + k % 3) + f"Question {k}: what does it say?") for k in range(8)]
    pairs = []
    for k, question in enumerate(questions):
        sides = (model.tokenizer.encode(ends[k % 4]), model.tokenizer.encode(ends[(k + 1) % 4]))
        pairs.append(Pair(*(TokenRow([*question, *side], [False] * len(question) + [True] * len(side)) for side in sides)))
    dpo, budget = objective_of(Dpo(beta=1.0)), 400
    begun = with_reference(model, dpo, pairs, [range(8)], budget, tmp_path / "reference.safetensors", Silent(), "train")
    total = sum(float(dpo.loss(model, [begun[i] for i in group], None).total.detach()) for group in micro_batches(begun, budget))
    assert total == pytest.approx(8 * math.log(2), rel=1e-6)
    alone = torch.cat([dpo.start(model, [pair], budget) for pair in pairs])
    assert float((alone - torch.tensor([pair.reference for pair in begun])).abs().max()) > 1e-3, "or this says nothing about neighbours"


def test_the_memory_of_a_training_is_what_was_estimated(tmp_path: Path):
    """A child of its own trains two steps; its peak is what the kernel says. All other cases: `python -m bench.memory`."""
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"kind": "lora", "tokens": 512, "length": 256}))
    line = f"{shlex.quote(sys.executable)} -m bench.memory {shlex.quote(str(case))}; exit $?"  # by a shell: Linux counts the parent's memory as the child's
    told = subprocess.run(["sh", "-c", line], env=worker_environment(), capture_output=True, text=True, check=True)
    found = json.loads(told.stdout.splitlines()[-1])
    assert not is_wrong(found["estimate"], found["peak"]), f"more than {ALLOWED:.0%} off: {found}"

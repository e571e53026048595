"""Forests on the weights that people use: the loss of rows together is that of transformers' own attention on each row alone. And the memory of a training."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.memory import ALLOWED, is_wrong
from tunesmith.catalogue.read import local
from tunesmith.model.device import Placement
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import settings, worker_environment
from tunesmith.train.examples import TokenRow

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


def test_the_memory_of_a_training_is_what_was_estimated(tmp_path: Path):
    """A child of its own trains two steps; its peak is what the kernel says. All other cases: `python -m bench.memory`."""
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"kind": "lora", "tokens": 512, "length": 256}))
    line = f"{shlex.quote(sys.executable)} -m bench.memory {shlex.quote(str(case))}; exit $?"  # by a shell: Linux counts the parent's memory as the child's
    told = subprocess.run(["sh", "-c", line], env=worker_environment(), capture_output=True, text=True, check=True)
    found = json.loads(told.stdout.splitlines()[-1])
    assert not is_wrong(found["estimate"], found["peak"]), f"more than {ALLOWED:.0%} off: {found}"

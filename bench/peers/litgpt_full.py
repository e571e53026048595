"""LitGPT's full fine-tuning on given rows → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python litgpt_full.py work.json     # {"rows": FILE, "rows_per_step": 32, "base": FOLDER, "steps": N, "lr": X, "options": {"micro_batch": 1, "precision": "bf16-true"}}

Its model, Fabric, collation, loss and order of calls are those of `litgpt.finetune.full.fit`; rows come in the file's order, and a micro-batch weighs
as much as it has trained tokens, as on the other sides; gradients are clipped at a norm of 1, as there. The last line it prints is one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch
from litgpt.data.base import get_sft_collate_fn
from litgpt.model import GPT, Config
from litgpt.scripts.convert_hf_checkpoint import convert_hf_checkpoint
from litgpt.utils import chunked_cross_entropy, load_checkpoint

NAME = "SmolLM2-135M-Instruct"
UNTRAINED = -100


def main() -> None:
    """Train, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    per_step = work["rows_per_step"]
    rows = [json.loads(line) for line in Path(work["rows"]).read_text().splitlines()][: per_step * work["steps"]]
    fabric = L.Fabric(devices=1, precision=work["options"]["precision"])
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        checkpoint = converted(Path(work["base"]), Path(folder))
        with fabric.init_module(empty_init=False):
            model = GPT(Config.from_name(NAME))
        model = fabric.setup(model)
        optimizer = fabric.setup_optimizers(torch.optim.AdamW(model.parameters(), lr=work["lr"], weight_decay=0.0))
        load_checkpoint(fabric, model, checkpoint)
    model.max_seq_length = max(len(row["ids"]) for row in rows)
    seconds, losses = [], []
    for step in range(work["steps"]):
        started = time.perf_counter()
        losses.append(one_step(fabric, model, optimizer, rows[step * per_step : (step + 1) * per_step], work["options"]["micro_batch"]))
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    versions = {name: version(name) for name in ("torch", "litgpt", "lightning")}
    print(json.dumps({"seconds": seconds, "losses": losses, "peak_bytes": peak, "threads": torch.get_num_threads(), "versions": versions}))


def converted(base: Path, folder: Path) -> Path:
    """The base's weights in LitGPT's layout."""
    target = folder / NAME
    target.mkdir()
    for file in base.iterdir():
        (target / file.name).symlink_to(file)
    convert_hf_checkpoint(target, model_name=NAME)
    return target / "lit_model.pth"


def one_step(fabric: Any, model: Any, optimizer: Any, rows: list[dict[str, Any]], micro: int) -> float:
    """The mean loss over the step's trained tokens, after one optimiser step."""
    collate = get_sft_collate_fn(ignore_index=UNTRAINED)
    whole = sum(sum(row["trained"][1:]) for row in rows)
    mean = 0.0
    for first in range(0, len(rows), micro):
        batch = collate([sample(row) for row in rows[first : first + micro]])
        targets = batch["labels"][..., 1:]
        share = int((targets != UNTRAINED).sum()) / whole
        logits = model(batch["input_ids"])
        loss = chunked_cross_entropy(logits[..., :-1, :], targets) * share
        fabric.backward(loss)
        mean += float(loss.detach())
    fabric.clip_gradients(model, optimizer, max_norm=1.0)
    optimizer.step()
    optimizer.zero_grad()
    return mean


def sample(row: dict[str, Any]) -> dict[str, Any]:
    """A row as LitGPT's data sets give it."""
    ids = torch.tensor(row["ids"])
    labels = torch.where(torch.tensor(row["trained"], dtype=torch.bool), ids, UNTRAINED)
    return {"input_ids": ids, "labels": labels, "token_counts": {"raw": len(ids), "raw_plus_prompt_template": len(ids)}}


if __name__ == "__main__":
    main()

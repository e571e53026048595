"""On a CUDA device: training against TRL with packing and Liger kernels, and the forest's gradients against one row at a time in bf16.

    python -m bench.gpu --rounds 3        # needs the peer's environment: python -m bench.peers trl-gpu

Works: GSM8K rows and BANKING77 rows on SmolLM2-135M, and GSM8K rows on a Llama-type model of about a billion random weights. Both sides take
32 rows a step. Peak memory is the device's. Without a device this says so and ends with 2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from bench.peers import child, python
from bench.train import Outcome, record, tokens_of
from bench.work import ROOT, ROWS_PER_STEP, SCRATCH, base, write_rows
from tunesmith.model import lora
from tunesmith.model.device import place
from tunesmith.model.likelihood import score
from tunesmith.model.load import load
from tunesmith.settings import settings
from tunesmith.spec.recipe import Lora
from tunesmith.train.examples import TokenRow

PEER: dict[str, dict[str, Any]] = {
    "trl defaults": {"options": {}, "dtype": None},
    "trl packing, liger": {
        "options": {"per_device_train_batch_size": 8, "packing": True, "use_liger_kernel": True, "bf16": True, "gradient_checkpointing": False},
        "dtype": "bfloat16",
    },
    "trl batch 32, liger": {
        "options": {"per_device_train_batch_size": 32, "use_liger_kernel": True, "bf16": True, "gradient_checkpointing": False},
        "dtype": "bfloat16",
    },
}
BILLION = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
}


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here", file=sys.stderr)
        return 2
    print(torch.cuda.get_device_name(), f"gradients of the forest are {gradients():.1e} from those of single rows, by norm, in bf16")
    print(f"{'work':<22} {'side':<22} {'rows/s':>8} {'tokens/s':>9} {'ratio':>6} {'peak GB':>8} {'mean loss':>10}")
    for name, data, folder in (
        ("gsm8k 135M", "gsm8k", Path(base().folder)),
        ("banking77 135M", "banking77", Path(base().folder)),
        ("gsm8k 1B", "gsm8k", billion()),
    ):
        compare(name, write_rows(data, asked.steps), folder, asked.steps, asked.rounds)
    return 0


def compare(name: str, rows: Path, folder: Path, steps: int, rounds: int) -> None:
    """One work, sides in turns."""
    tokens = sum(tokens_of(json.loads(line)) for line in rows.read_text().splitlines()) / steps
    work = {"rows": str(rows), "base": str(folder), "steps": steps, "lr": 1e-3, "full": False, "dpo": False}
    sides = {"tunesmith": ([sys.executable, "-m", "bench.ours_train"], {"options": {}})}
    sides |= {side: ([str(python("trl-gpu")), str(ROOT / "bench" / "peers" / "trl_sft.py")], options) for side, options in PEER.items()}
    taken: dict[str, list[tuple[Outcome, int]]] = {}
    for _ in range(rounds):
        for side, (command, options) in sides.items():
            told = child(command, work | options, None)
            if told is not None:
                taken.setdefault(side, []).append((Outcome.of(told), told["device_peak_bytes"]))
    ours = statistics.median(one.step for one, _ in taken["tunesmith"])
    for side, runs in taken.items():
        step, peak = statistics.median(one.step for one, _ in runs), statistics.median(size for _, size in runs) / 1e9
        loss = statistics.mean(loss for one, _ in runs for loss in one.losses)
        print(f"{name:<22} {side:<22} {ROWS_PER_STEP / step:8.1f} {tokens / step:9.0f} {step / ours:6.2f} {peak:8.2f} {loss:10.4f}", flush=True)
        record(f"gpu {name}", side, step, tokens, step / ours, peak, loss, len(runs))


def gradients() -> float:
    """Relative difference by norm between the adapters' gradients of 16 BANKING77 rows as a forest and one by one."""
    model = load(base(), place(settings()))
    lora.inject(model.network, Lora(r=16), 0.0, 0)
    torch.manual_seed(0)
    for _, layer in lora.adapters(model.network):
        layer.lora_B.data.normal_(std=0.01)
    raw = [json.loads(line) for line in write_rows("banking77", 1).read_text().splitlines()[:16]]
    rows = [TokenRow(row["ids"], row["trained"]) for row in raw]
    found = []
    for groups in ([rows], [[row] for row in rows]):
        for group in groups:
            score(model, group).nll.sum().backward()
        found.append(torch.cat([p.grad.float().flatten() for p in model.network.parameters() if p.grad is not None]))
        model.network.zero_grad(set_to_none=True)
    return float((found[0] - found[1]).norm() / found[1].norm())


def billion() -> Path:
    """A folder with a Llama-type model of random weights and our base's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = SCRATCH / "billion"
    if not (folder / "model.safetensors").exists():
        tokenizer = AutoTokenizer.from_pretrained(base().folder, local_files_only=True)
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=4096, tie_word_embeddings=True, **BILLION)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())

"""On a CUDA device: training against TRL with packing and Liger kernels, and the forest's gradients against one row at a time in bf16.

    python -m bench.gpu --rounds 3        # needs the peer's environment: python -m bench.peers trl-gpu

Works: GSM8K rows and BANKING77 rows on SmolLM2-135M, and GSM8K rows on a Llama-type model of about a billion random weights. Steps hold 32 rows in
their order on every side but one: TRL's packing puts rows into other steps, and as many as fit; its rows a second are counted from what was packed, and
its losses, which are those of other rows, are not compared. The others are held to ours as in bench/train.py. TRL's attention is told in the results (its
environment has no flash-attn). Peak memory is the device's. 1 when gradients or losses part; without a device this says so and ends with 2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import torch

from bench.facts import append, conditions, matmul_peak
from bench.outcome import Outcome, Work, figures
from bench.peers import DoesNotRun
from bench.sweep import DEFAULTS, Setting, trl
from bench.train import OURS, Contest, shape_of, steps_of
from bench.trajectory import Check, TooShort, gap
from bench.work import ROWS_PER_STEP, SCRATCH, base, write_rows
from tunesmith.model import lora
from tunesmith.model.device import place
from tunesmith.model.likelihood import score
from tunesmith.model.load import load
from tunesmith.settings import settings
from tunesmith.spec.recipe import Lora
from tunesmith.train.examples import TokenRow

PACKED = "trl packing, liger"
PEER: dict[str, Setting] = {
    DEFAULTS: Setting(),
    PACKED: trl(8, use_liger_kernel=True, packing=True, max_length=1024),
    "trl batch 32, liger": trl(32, use_liger_kernel=True),
    "trl batch 32, padding-free, liger": trl(32, use_liger_kernel=True, padding_free=True, max_length=None),
}
GRADIENTS_APART = 0.03
"""Largest relative distance by norm of two sums of bf16 gradients: each addend is rounded to 8 bits (0.4 %), and errors add up over 30 layers."""
LR = 1e-3
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--dry", action="store_true", help="append nothing")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here", file=sys.stderr)
        return 2
    conditions()
    apart = gradients()
    print(
        f"{torch.cuda.get_device_name()}: gradients of the forest are {apart:.1e} from those of single rows, by norm, in bf16 (limit {GRADIENTS_APART})"
    )
    print(f"{'work':<20} {'side':<36} {'rows/s':>8} {'tokens/s':>9} {'ratio':>6} {'peak GB':>8} {'of peak':>8} {'mean loss':>10} {'off':>7}")
    wrong = apart > GRADIENTS_APART
    for name, data, folder in (
        ("gsm8k 135M", "gsm8k", Path(base().folder)),
        ("banking77 135M", "banking77", Path(base().folder)),
        ("gsm8k 1B", "gsm8k", billion()),
    ):
        wrong |= compare(name, write_rows(data, asked.steps), str(folder), asked.steps, asked.rounds, asked.dry)
    return int(wrong)


def compare(name: str, rows: Path, folder: str, steps: int, rounds: int, dry: bool) -> bool:
    """One work, sides in turns; whether a side is void."""
    work = Work(f"gpu {name}", shape_of(folder), steps_of(rows, ROWS_PER_STEP), ROWS_PER_STEP, full=False, dpo=False)
    contest = Contest(work, rows, folder, LR, [sys.executable, "-m", "bench.ours_train"], None, "trl-gpu")
    try:
        check = contest.check(steps)
    except (DoesNotRun, TooShort) as error:
        print(f"{name}: {error}")
        return True
    if not check.tells:
        print(f"{name}: these steps do not tell half the learning rate from the whole; nothing is recorded")
    before = peak()
    taken: dict[str, list[Outcome]] = {side: [] for side in (OURS, *PEER)}
    for _ in range(rounds):
        taken[OURS].append(contest.run(steps))
        for side, setting in PEER.items():
            one = contest.attempt(setting, steps, bounded=False)
            if isinstance(one, str):
                print(f"{name}, {side}: does not run: {one}", file=sys.stderr)
            else:
                taken[side].append(one)
    return told_of(work, {side: runs for side, runs in taken.items() if runs}, check, (before, peak()), dry)


def told_of(work: Work, taken: dict[str, list[Outcome]], check: Check, peaks: tuple[float, float], dry: bool) -> bool:
    """Print and record the sides of one work; whether one is void."""
    ours = statistics.median(one.rows_per_s for one in taken[OURS])
    void = False
    for side, runs in taken.items():
        found = figures(work, runs, ours, peaks)
        apart = None if side == PACKED else gap(check.ours, runs[0].losses)
        parts = apart is not None and apart > check.tolerance
        void |= parts
        print(
            f"{work.name:<20} {side:<36} {found['rows_per_s']:8.1f} {found['tokens_per_s']:9.0f} {found['slower_than_ours']:6.2f} {found['peak_gb']:8.2f} "
            f"{found['share_of_peak']:8.1%} {found['mean_loss']:10.4f} {'other rows' if apart is None else f'{apart:7.2%}'}{'  VOID' if parts else ''}",
            flush=True,
        )
        if check.tells and not parts and not dry:
            append({"side": side, "trajectory_gap": "" if apart is None else apart, "tolerance": check.tolerance} | found)
    return void


def peak() -> float:
    """FLOP/s of bf16 products on the device."""
    return matmul_peak(8192, device="cuda")


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

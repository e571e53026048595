"""TRL's SFTTrainer on given rows → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python trl_sft.py work.json     # {"rows": FILE, "base": FOLDER, "steps": N, "lr": X, "full": bool, "options": {SFTConfig's}, "dtype": …}

The last line it prints is one JSON object.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):
    """Wall-clock seconds and reported loss of each optimiser step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.started = 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds.append(time.perf_counter() - self.started)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


def main() -> None:
    """Train, and say how it went."""
    work, rows = read()
    data = Dataset.from_list([{"input_ids": row["ids"], "completion_mask": [int(t) for t in row["trained"]]} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(output_dir=folder, completion_only_loss=True, **common(work))
        clock = Clock()
        lora = None if work["full"] else adapter()
        SFTTrainer(model=work["base"], args=config, train_dataset=data, peft_config=lora, callbacks=[clock]).train()
    report(clock)


def read() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the work, its rows) from the file that the command line names."""
    logging.disable(logging.WARNING)
    work = json.loads(Path(sys.argv[1]).read_text())
    return work, [json.loads(line) for line in Path(work["rows"]).read_text().splitlines()][: 32 * work["steps"]]


def common(work: dict[str, Any]) -> dict[str, Any]:
    """What every trainer's configuration is given: 32 rows a step in the file's order, at a constant rate."""
    batch = work["options"].get("per_device_train_batch_size", 8)
    settings = {
        "use_cpu": not torch.cuda.is_available(), "max_steps": work["steps"], "learning_rate": work["lr"], "lr_scheduler_type": "constant",
        "logging_steps": 1, "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "train_sampling_strategy": "sequential", "seed": 0,
        "per_device_train_batch_size": batch, "gradient_accumulation_steps": 32 // batch,
    }  # fmt: skip
    return settings | work["options"] | ({"model_init_kwargs": {"dtype": work["dtype"]}} if work.get("dtype") else {})


def adapter() -> LoraConfig:
    """The adapter that every side trains."""
    return LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def report(clock: Clock) -> None:
    """Print what was measured."""
    told = {
        "seconds": clock.seconds,
        "losses": clock.losses,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device_peak_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

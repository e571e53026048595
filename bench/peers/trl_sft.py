"""TRL's SFTTrainer on given rows → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python trl_sft.py work.json     # {"rows": FILE, "rows_per_step": 32, "base": FOLDER, "steps": N, "lr": X, "full": bool,
                                    #  "options": {SFTConfig's}, "dtype": … or null, "adapters_as_weights": bool}

The last line it prints is one JSON object; its "rows" are counted, since a packed sequence holds several.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, TrainerCallback
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
        model, lora = subject(work)
        trainer = SFTTrainer(model=model, args=config, train_dataset=data, peft_config=lora, callbacks=[clock])
        trainer.train()
    report(clock, trainer)


def subject(work: dict[str, Any]) -> tuple[Any, LoraConfig | None]:
    """(what the trainer is given as its model, and as its adapter)."""
    if work["full"]:
        return work["base"], None
    if not work.get("adapters_as_weights"):
        return work["base"], adapter()
    model = AutoModelForCausalLM.from_pretrained(work["base"], dtype=work["dtype"])
    return get_peft_model(model, adapter(), autocast_adapter_dtype=False), None


def read() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the work, its rows) from the file that the command line names."""
    logging.disable(logging.WARNING)
    work = json.loads(Path(sys.argv[1]).read_text())
    return work, [json.loads(line) for line in Path(work["rows"]).read_text().splitlines()][: work["rows_per_step"] * work["steps"]]


def common(work: dict[str, Any]) -> dict[str, Any]:
    """What every trainer's configuration is given: as many rows a step in the file's order, at a constant rate."""
    rows = work["rows_per_step"]
    batch = min(work["options"].get("per_device_train_batch_size", 8), rows)
    options = {name: value for name, value in work["options"].items() if name != "per_device_train_batch_size"}
    settings = {
        "use_cpu": not torch.cuda.is_available(), "max_steps": work["steps"], "learning_rate": work["lr"], "lr_scheduler_type": "constant",
        "logging_steps": 1, "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "train_sampling_strategy": "sequential", "seed": 0,
        "per_device_train_batch_size": batch, "gradient_accumulation_steps": rows // batch,
    }  # fmt: skip
    loads = work.get("dtype") and not work.get("adapters_as_weights")
    return settings | options | ({"model_init_kwargs": {"dtype": work["dtype"]}} if loads else {})


def adapter() -> LoraConfig:
    """The adapter that every side trains."""
    return LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def report(clock: Clock, trainer: Any) -> None:
    """Print what was measured."""
    told = {
        "seconds": clock.seconds,
        "losses": clock.losses,
        "rows": rows_of(trainer, len(clock.seconds)),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device_peak_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        "threads": torch.get_num_threads(),
        "versions": versions() | {"attention": trainer.model.config._attn_implementation},
    }
    print(json.dumps(told))


def rows_of(trainer: Any, steps: int) -> list[int]:
    """Rows that went into each step: one a sequence, or as many as were packed into it. Sequences come in their order, and again from the first."""
    data, packed = trainer.train_dataset, getattr(trainer.args, "packing", False)  # DPOConfig has no packing
    held = [len(lengths) for lengths in data["seq_lengths"]] if packed else [1] * len(data)
    each = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
    return [sum(held[place % len(held)] for place in range(step * each, (step + 1) * each)) for step in range(steps)]


def versions() -> dict[str, str]:
    """Of the packages that the peer is made of, as far as they are here."""
    found = {}
    for name in ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "liger-kernel", "flash-attn"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


if __name__ == "__main__":
    main()

"""TRL's DPOTrainer on given pairs → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python trl_dpo.py work.json     # as for trl_sft.py; rows are {"prompt": ids, "chosen": ids, "rejected": ids}, options DPOConfig's

The last line it prints is one JSON object. Only the trainer's tokenisation is left out: it is given tokens.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer
from trl_sft import Clock, report


class OnTokens(DPOTrainer):
    """The trainer, given token ids."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset


def main() -> None:
    """Train, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    logging.disable(logging.WARNING)
    rows = [json.loads(line) for line in Path(work["rows"]).read_text().splitlines()][: 32 * work["steps"]]
    data = Dataset.from_list([{f"{name}_ids": row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    batch = work["options"].get("per_device_train_batch_size", 8)
    options = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": 32 // batch, **work["options"]}
    if work.get("dtype"):
        options["model_init_kwargs"] = {"dtype": work["dtype"]}
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(
            output_dir=folder, use_cpu=not torch.cuda.is_available(), max_steps=work["steps"], learning_rate=work["lr"], lr_scheduler_type="constant",
            logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True, train_sampling_strategy="sequential", beta=0.1, seed=0, **options,
        )  # fmt: skip
        lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        clock = Clock()
        trainer = OnTokens(model=work["base"], args=config, train_dataset=data, peft_config=lora, callbacks=[clock])
        trainer.train()
    report(clock)


if __name__ == "__main__":
    main()

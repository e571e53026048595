"""TRL's DPOTrainer on given pairs → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python trl_dpo.py work.json     # as for trl_sft.py; rows are {"prompt": ids, "chosen": ids, "rejected": ids}, options DPOConfig's

The last line it prints is one JSON object. Only the trainer's tokenisation is left out: it is given tokens.
"""

from __future__ import annotations

import tempfile

from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl_sft import Clock, adapter, common, read, report


class OnTokens(DPOTrainer):
    """The trainer, given token ids."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset


def main() -> None:
    """Train, and say how it went."""
    work, rows = read()
    data = Dataset.from_list([{f"{name}_ids": row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(output_dir=folder, beta=0.1, **common(work))
        clock = Clock()
        OnTokens(model=work["base"], args=config, train_dataset=data, peft_config=adapter(), callbacks=[clock]).train()
    report(clock)


if __name__ == "__main__":
    main()

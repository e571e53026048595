"""TRL's DPOTrainer on given pairs → seconds and loss of each step, and peak memory. Runs in the peer's own environment.

    python trl_dpo.py work.json     # as for trl_sft.py; rows are {"prompt": ids, "chosen": ids, "rejected": ids}, options DPOConfig's

The last line it prints is one JSON object. Only the trainer's tokenisation is left out: it is given tokens. Where the reference is computed once,
before the first step, its time is shared out over the steps, as on our side.
"""

from __future__ import annotations

import tempfile
import time

from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl_sft import Clock, common, read, report, subject


class OnTokens(DPOTrainer):
    """The trainer, given token ids."""

    reference_s = 0.0
    """Seconds that the reference took before training."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset

    def _precompute_ref_logps(self, *args, **kwargs):
        started = time.perf_counter()
        found = super()._precompute_ref_logps(*args, **kwargs)
        self.reference_s += time.perf_counter() - started
        return found


def main() -> None:
    """Train, and say how it went."""
    work, rows = read()
    data = Dataset.from_list([{f"{name}_ids": row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(output_dir=folder, beta=0.1, **common(work))
        clock = Clock()
        model, lora = subject(work)
        trainer = OnTokens(model=model, args=config, train_dataset=data, peft_config=lora, callbacks=[clock])
        trainer.train()
    clock.seconds = [seconds + trainer.reference_s / work["steps"] for seconds in clock.seconds]
    report(clock, trainer)


if __name__ == "__main__":
    main()

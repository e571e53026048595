"""transformers' generate in batches on given prompts → seconds and tokens. Runs in the environment of bench/peers/trl.txt.

    python transformers_answers.py work.json     # {"prompts": FILE, "tokens": N, "batch": 64, "base": FOLDER, "ignore_eos": bool}

Prompts are sorted by length and padded on the left, in bf16. The last line printed is one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    """Answer, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    prompts = sorted((json.loads(line)["ids"] for line in Path(work["prompts"]).read_text().splitlines()), key=len)
    tokenizer = AutoTokenizer.from_pretrained(work["base"])
    model = AutoModelForCausalLM.from_pretrained(work["base"], dtype=torch.bfloat16).eval()
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    limits = {"min_new_tokens": work["tokens"]} if work["ignore_eos"] else {}
    made, texts = 0, []

    def batch(rows: list[list[int]]) -> torch.Tensor:
        longest = max(map(len, rows))
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=work["tokens"], do_sample=False, pad_token_id=pad, **limits)
        return out[:, longest:]

    batch(prompts[:2])
    started = time.perf_counter()
    for start in range(0, len(prompts), work["batch"]):
        new = batch(prompts[start : start + work["batch"]])
        ends = tokenizer.eos_token_id
        for row in new.tolist():
            made += row.index(ends) + 1 if ends in row and not work["ignore_eos"] else len(row)
        texts += tokenizer.batch_decode(new[:3], skip_special_tokens=True)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "tokens": made, "peak_bytes": peak, "texts": texts[:3]}))


if __name__ == "__main__":
    main()

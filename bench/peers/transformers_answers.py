"""transformers' generate in batches on given prompts → seconds, tokens and texts. Runs in the environment of bench/peers/trl.txt.

    python transformers_answers.py work.json     # {"prompts": FILE, "tokens": N, "batch": 64, "base": FOLDER, "ignore_eos": bool}

Prompts are sorted by length and padded on the left, in bf16; texts come back in the prompts' order. The last line printed is one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    """Answer, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    prompts = [json.loads(line)["ids"] for line in Path(work["prompts"]).read_text().splitlines()]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    tokenizer = AutoTokenizer.from_pretrained(work["base"])
    model = AutoModelForCausalLM.from_pretrained(work["base"], dtype=torch.bfloat16).eval()
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    limits = {"min_new_tokens": work["tokens"]} if work["ignore_eos"] else {}
    made, texts = 0, [""] * len(prompts)

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
        places = order[start : start + work["batch"]]
        new = batch([prompts[place] for place in places])
        ends = tokenizer.eos_token_id
        for row in new.tolist():
            made += row.index(ends) + 1 if ends in row and not work["ignore_eos"] else len(row)
        for place, text in zip(places, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
            texts[place] = text
    told = {
        "seconds": time.perf_counter() - started,
        "tokens": made,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "texts": texts,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

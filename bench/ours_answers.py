"""Tunesmith's answer engine on the same questions: our side of bench/answers.py.

python -m bench.ours_answers work.json

Rendering and tokenising are inside the clock; the peers are given token ids.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
import transformers

from bench.work import base, questions
from tunesmith.answer.engine import Engine
from tunesmith.model.device import apply, place
from tunesmith.model.load import load
from tunesmith.settings import settings
from tunesmith.spec.candidate import Decoding


def main() -> None:
    """Answer, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    placement = place(settings())
    apply(placement)
    engine = Engine(load(base(), placement))
    if work["ignore_eos"]:
        engine.model.template.stop_ids = ()
    asked, labels = questions(work["work"], work["rows"])
    decoding = Decoding(choices=labels) if work["choose"] else Decoding(max_new_tokens=work["tokens"])
    engine.answer(asked[:2], decoding)
    started = time.perf_counter()
    answers = engine.answer(asked, decoding)
    seconds = time.perf_counter() - started
    told = {
        "seconds": seconds,
        "tokens": sum(answer.completion_tokens for answer in answers),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "texts": [answer.text for answer in answers],
        "threads": placement.threads,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()

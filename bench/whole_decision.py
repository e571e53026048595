"""The whole decision over the shipped router example, in a store of its own: is the first sound verdict there after 15 minutes, and the certificate after 40?

    python -m bench.whole_decision --out DIR                  # rivals, pilots, search, two seeds, certificate
    python -m bench.whole_decision --out DIR --budget 20m     # with less time

The models are taken from this user's store; nothing else is there before. The first sound verdict is the first line that says who leads on dev behind a training,
by the verdict's own rules, with intervals and correction; the untrained rivals' own line before it is told too. Nothing may run beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.checked import surroundings
from bench.work import ROOT, SCRATCH
from tunesmith.spec.plan import seconds_of

PROJECT = ROOT / "examples" / "router" / "project.toml"
WHOLE = ("--set", "decide={}", "--set", "train={}", "--set", "probes={}")
"""All that the example leaves out for a short look."""
FIRST_S = 15 * 60
SO_FAR = "so far on dev"
TRAINED = ("the tuned model", "small training")


def main(words: Sequence[str] | None = None) -> int:
    """Run it and print what was there when; 0 if both limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=SCRATCH / "whole-decision", help="an empty folder, for the store and the log")
    parser.add_argument("--budget", default="40m")
    options = parser.parse_args(words)
    options.out.mkdir(parents=True, exist_ok=True)
    if (options.out / "home" / "artifacts").exists():
        sys.exit(f"{options.out} holds a store already: what was done there would be found again")
    command = [sys.executable, "-m", "tunesmith", "run", str(PROJECT), *WHOLE, "--budget", options.budget, "--json"]
    started, said = time.monotonic(), list[tuple[float, str]]()
    answer = options.out / "result.json"  # a file, since nobody reads the one pipe while the other is followed
    with (options.out / "run.log").open("w", encoding="utf-8") as log:
        with (
            answer.open("w", encoding="utf-8") as result,
            subprocess.Popen(
                command, cwd=options.out, env={**os.environ, **surroundings(options.out)}, stdout=result, stderr=subprocess.PIPE, text=True
            ) as run,
        ):
            assert run.stderr is not None
            for line in run.stderr:
                said.append((time.monotonic() - started, line.strip()))
                log.write(f"{said[-1][0]:7.1f} {line}")
                log.flush()
        whole = time.monotonic() - started
        log.write(answer.read_text(encoding="utf-8") if run.returncode else "")
    if run.returncode:
        sys.exit(f"exit code {run.returncode}: see {options.out / 'run.log'}")
    verdict = json.loads(answer.read_text(encoding="utf-8"))["report"]["verdict"]
    lines = [(at, line) for at, line in said if SO_FAR in line]
    sound = next((one for one in lines if any(word in one[1] for word in TRAINED)), None)
    for name, found in (("untrained rivals", lines[0] if lines else None), ("first sound verdict", sound)):
        print(f"{name:20} {found[0] / 60:5.1f} min  {found[1]}" if found else f"{name:20} none")
    print(f"{'certificate':20} {whole / 60:5.1f} min  {verdict['headline']}")
    return 0 if sound is not None and sound[0] <= FIRST_S and whole <= seconds_of(options.budget) else 1


if __name__ == "__main__":
    sys.exit(main())

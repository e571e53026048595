"""A budget becomes a frozen plan; the plan carried out again in an empty store → is everything but the clock the same, to the digit?

    python -m bench.replay                                              # the router example with its short plan
    python -m bench.replay --set 'decide={}' --budget 20m               # with pilots, searches and two seeds
    python -m bench.replay --project examples/faq/project.toml --budget 20m

Two stores of their own under --out. The first run freezes its plan; the second is given the first one's certificate, which holds that plan. Then both proofs are
compared field by field, and `tunesmith verify` holds the first certificate against either store. Exit code 0: equal, and both hold.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checked import surroundings
from bench.work import ROOT, SCRATCH
from tunesmith.evaluate.certificate import differing, read
from tunesmith.spec.certificate import Certificate


@dataclass(frozen=True)
class Home:
    """A store of its own, and the commands that are run with it."""

    folder: Path
    name: str

    def run(self, *words: str) -> tuple[int, bytes, float]:
        """(exit code, what `tunesmith WORDS` printed, seconds); what it says beside goes to a log in the folder."""
        started = time.monotonic()
        with (self.folder / f"{self.name}.log").open("ab") as log:
            command = [sys.executable, "-m", "tunesmith", *words]
            done = subprocess.run(command, cwd=ROOT, env={**os.environ, **surroundings(self.folder, self.name)}, stdout=subprocess.PIPE, stderr=log)
            log.write(done.stdout if done.returncode else b"")  # with --json an error is printed there
        return done.returncode, done.stdout, time.monotonic() - started

    def certified(self, project: str, *words: str) -> tuple[Certificate, Path, float]:
        """The certificate of a run, its file, and the run's seconds."""
        code, _, seconds = self.run("run", project, *words, "--json")
        path = self.folder / f"{self.name}.certificate.json"
        if code or self.run("certificate", "--write", str(path), "--force")[0]:
            sys.exit(f"exit code {code}; see {self.folder / f'{self.name}.log'}")
        return read(path.read_text(encoding="utf-8"), path.name), path, seconds


def unlike(first: Certificate, second: Certificate) -> list[str]:
    """The places at which two proofs differ."""
    one, other = (certificate.proof.model_dump(mode="json") for certificate in (first, second))
    return differing(one, other, 0.0)


def told(code: int, printed: bytes) -> str:
    """What a verification found."""
    if code not in (0, 1, 6):
        return f"exit code {code}"
    checks = json.loads(printed)["checks"]
    counts = {outcome: sum(check["outcome"] == outcome for check in checks) for outcome in ("holds", "differs", "not checked")}
    wrong = [f"{check['topic']}: {check['detail']}" for check in checks if check["outcome"] == "differs"]
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) + "".join(f"\n    {line}" for line in wrong)


def main(words: Sequence[str] | None = None) -> int:
    """Run, replay, compare and verify; 0 if all is the same and holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", default="examples/router/project.toml")
    parser.add_argument("--budget", default="10m", help="of the first run")
    parser.add_argument("--out", type=Path, default=SCRATCH / "replay", help="folder for both stores; the second one is always made anew")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE", help="as `tunesmith run --set`")
    options = parser.parse_args(words)
    asked = [*(word for text in options.sets for word in ("--set", text)), "--budget", options.budget]
    folder = options.out.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "second", ignore_errors=True)  # its models are a link: they stay
    one, other = Home(folder, "first"), Home(folder, "second")
    first, path, took = one.certified(options.project, *asked)
    print(f"first   {took:6.0f} s  {first.proof.headline}", flush=True)
    second, _, took = other.certified(options.project, *asked, "--plan", str(path))
    print(f"second  {took:6.0f} s  {second.proof.headline}", flush=True)
    places = unlike(first, second)
    print(f"the proofs are equal: {first.digest}" if not places else "\n".join([f"the proofs differ in {len(places)} places", *places]))
    codes = []
    for home in (one, other):
        code, printed, took = home.run("verify", str(path), "--json")
        codes.append(code)
        print(f"verify in the {home.name} store, {took:.0f} s: {told(code, printed)}")
    return int(bool(places) or any(codes))


if __name__ == "__main__":
    sys.exit(main())

"""The processes that do the work: one job, a step of the line each. The only importer of the pipeline; `child.py` holds all the rest."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tunesmith import pipeline as line
from tunesmith.jobs import child


def main(argv: Sequence[str], pipeline: child.Pipeline = line) -> int:
    """The exit status of `child.main` with the real line."""
    return child.main(argv, pipeline, line.STAGES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command that a door of ours runs as."""

from __future__ import annotations

import sys
from pathlib import Path

import tunesmith

# `-P` and the appended path, not `-m`: the user's folder must not be searched for modules (a `data.py` there would shadow ours or Python's).
BOOT = (
    f"import sys; sys.path.append({str(Path(tunesmith.__file__).parents[1])!r}); from tunesmith.console.run import main; sys.exit(main(sys.argv[1:]))"
)
CONSOLE: tuple[str, ...] = (sys.executable, "-P", "-u", "-X", "faulthandler", "-c", BOOT)

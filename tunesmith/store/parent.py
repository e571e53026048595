"""A process id → this process ends when that one does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

WATCH_S = 0.5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> None:
    """Tie this process to `parent`: by the kernel where it can (Linux), elsewhere by looking twice a second."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)  # and whatever this process started
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()

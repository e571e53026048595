"""A candidate and rows → evidence beside the task metric: out of scope, hallucination, consistency, memorisation, calibration, slices."""

VERSION = 5
"""Part of every key that suites stand under; raised when the same candidate would get other suites."""
FORGETTING_VERSION = 2
"""The same for what was forgotten, which is a step of its own."""

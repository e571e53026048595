"""A candidate and rows → evidence beside the task metric: out of scope, hallucination, consistency, memorisation, calibration, slices."""

VERSION = 6
"""Part of every key that suites stand under; raised when the same candidate would get other suites."""
FORGETTING_VERSION = 3
"""The same for what was forgotten, which is a step of its own."""
PROBED_VERSION = 2
"""And for what one model makes of the probes."""
CALLS_VERSION = 5
"""And for what a candidate is asked for its suites."""

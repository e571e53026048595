"""From a question to tokens: the only path, shared by evaluation and chat."""

VERSION = 7
"""Part of every key an answer stands under; raised when the same candidate would answer differently, beyond rounding."""
LATENCY_VERSION = 3
"""Part of every key that a reading of how long one question takes stands under; raised when another thing would be read."""

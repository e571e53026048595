"""Dataset and recipe → checkpoint."""

VERSION = 4
"""Part of every key a checkpoint stands under; raised when the same inputs would give other weights."""

"""Weights in memory: loading, rendering, adapters, attention over shared prefixes."""

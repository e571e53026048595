"""The terminal's door: parse, enqueue, follow, print. No decisions, no torch."""

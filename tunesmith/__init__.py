"""Tunesmith: from raw data and an objective to a small language model in service, with evidence."""

__version__ = "0.1.0"

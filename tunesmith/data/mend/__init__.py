"""Findings and decisions → a new version of the data."""

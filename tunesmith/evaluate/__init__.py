"""A candidate and held-out rows → a report, and the page that shows a whole run to people."""

VERSION = 3
"""Part of every key a report stands under; raised when the same candidate would get another report, or other readings of the clock beside it."""

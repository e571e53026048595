"""A candidate and held-out rows → a report, and the page that shows a whole run to people."""

VERSION = 5
"""Part of every key a report stands under; raised when the same answers would get another report."""
PREDICTIONS_VERSION = 1
"""Part of every key that answers to a split stand under, beside that of `answer`; raised when rows would be put to a candidate in another way."""

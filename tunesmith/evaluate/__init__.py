"""A candidate and held-out rows → a report, and the page that shows a whole run to people."""

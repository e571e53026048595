"""HTML text of our reports: one look, one gate for hostile text."""

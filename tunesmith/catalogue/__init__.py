"""Which models there are, and how their weights come onto this machine. Imports neither torch nor transformers."""

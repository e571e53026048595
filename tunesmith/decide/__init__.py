"""Stage 2: the trials so far → the next trial, or the finalists and the verdict over them."""

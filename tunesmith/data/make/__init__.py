"""Documents, threads and models → training rows, each with its source."""

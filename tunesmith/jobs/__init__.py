"""Long work that survives a crash: a queue, one child process per running step, and what it says on the way."""

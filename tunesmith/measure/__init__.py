"""Pure numbers: answers and references → scores; scores → intervals, paired tests and power. No torch, no I/O."""

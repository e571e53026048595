"""Sources → a data set: read, clean, find duplicates, split, prove, describe."""

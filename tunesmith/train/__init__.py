"""Dataset and recipe → checkpoint."""

"""A fine-tuning job of the API: its files, its training, its models."""

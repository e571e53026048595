"""Answers that are programs or queries → whether they do what they should, run where they can do no harm."""

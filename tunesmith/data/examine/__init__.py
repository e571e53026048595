"""Rows → what is wrong with them, each finding with its lines, its evidence and its fix."""

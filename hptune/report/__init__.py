"""Summaries on the terminal and as JSON, and a search as it runs. What is said comes from hptune.analysis."""

"""What to try next: pure functions of the study and the results so far. No clock, no workers, no files."""

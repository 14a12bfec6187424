"""What a run's tables say, as plain frozen records. No formatting: that is hptune.report."""

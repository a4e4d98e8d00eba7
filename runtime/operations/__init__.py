"""What an operator does to a deployed pipeline: backfill existing log files, rebuild days, replay what had failed."""

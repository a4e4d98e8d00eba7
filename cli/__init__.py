"""The command line: `trailsight`."""

"""The event row: its columns (`columns`) and the pure `record -> row` (`row`)."""

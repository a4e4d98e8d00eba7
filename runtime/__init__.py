"""What runs on events: the event row, the local engine, the queries and the dashboard spec."""

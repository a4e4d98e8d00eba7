"""The dashboard: one spec in neutral terms, for the local page and for QuickSight."""

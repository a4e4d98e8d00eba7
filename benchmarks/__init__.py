"""Ratios against what a user would do instead; `make bench` prints them, and nothing here is a test."""

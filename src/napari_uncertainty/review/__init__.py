"""Decisions about hotspots, and the file that keeps them."""

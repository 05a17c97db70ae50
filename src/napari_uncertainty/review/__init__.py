"""Decisions of a person about hotspots, and the files that keep them."""

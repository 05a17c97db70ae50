"""Comparison of labels: where they lie on each other, and how well they agree."""

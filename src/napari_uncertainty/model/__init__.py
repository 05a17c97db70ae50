"""Data types that all other packages share: grids, probabilities, kinds, records."""

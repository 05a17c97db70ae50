"""Things that all packages speak of: grids, probabilities, kinds, measures, records."""

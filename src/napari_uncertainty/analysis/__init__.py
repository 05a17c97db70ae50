"""Results that follow from a map: statistics, class statistics, hotspots, surfaces."""

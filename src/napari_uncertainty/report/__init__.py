"""A case and its hotspots as one HTML file that needs nothing else to be read."""

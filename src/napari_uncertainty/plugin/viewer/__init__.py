"""What all docks share of the viewer."""

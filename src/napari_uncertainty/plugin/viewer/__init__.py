"""Parts of the viewer that all docks share."""

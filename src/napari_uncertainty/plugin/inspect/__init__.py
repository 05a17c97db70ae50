"""The dock widget *Inspect uncertainty* and its parts."""

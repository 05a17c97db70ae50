"""The dock widget *Inspect uncertainty*."""

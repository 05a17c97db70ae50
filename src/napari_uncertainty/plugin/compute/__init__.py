"""The dock widget *Compute uncertainty*."""

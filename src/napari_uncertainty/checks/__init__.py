"""Checks of what must be known before a map is believed."""

"""Uncertainty of several members of one case, together and among each other."""

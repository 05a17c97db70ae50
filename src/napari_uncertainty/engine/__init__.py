"""Probabilities in, maps out."""

"""Arithmetic that makes uncertainty maps of class probabilities."""

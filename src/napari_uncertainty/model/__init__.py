"""Kinds of things that everything else is about: interpretation and record."""

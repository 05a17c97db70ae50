"""Checks of what must be known before a map is believed, in numbers and sentences.

:mod:`.values` looks at the probabilities themselves, :mod:`.match` at whether they and
a segmentation belong together, :mod:`.place` at where they lie in space.
"""

from ..model.record import Check, Level, worst_level

__all__ = ["Check", "Level", "worst_level"]

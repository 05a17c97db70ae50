"""What to know before a map is believed: each check has a number and a sentence.

:mod:`.values` looks at the probabilities themselves, :mod:`.match` at whether they and
a segmentation belong together, :mod:`.place` at where they lie in space.
"""

from ..model.record import Check, Level, worst_level

__all__ = ["Check", "Level", "worst_level"]

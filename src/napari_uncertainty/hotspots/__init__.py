"""Hotspots: compact places in which most wrong voxels are expected.

How likely each voxel is to be wrong follows from the probabilities (:mod:`.expected`).
The balls that hold most of it are chosen one after the other (:mod:`.choice`), near the
foreground and where there are data (:mod:`.domain`).
"""

from .ball import Ball
from .found import COLUMNS, Hotspot, Hotspots
from .steps import iter_hotspots
from .wanted import HotspotOptions

__all__ = [
    "COLUMNS",
    "Ball",
    "Hotspot",
    "HotspotOptions",
    "Hotspots",
    "iter_hotspots",
]

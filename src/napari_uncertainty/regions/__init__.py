"""Numbers of a map for each structure: which is uncertain, how much, and where.

Voxels are told apart by label, and within a label by whether they lie at its boundary.
Each block of a map gives its values sorted (:mod:`.blocks`); from these runs all counts
and quantiles follow exactly and quickly (:mod:`.runs`).
"""

from .numbers import Part, Regions, Which
from .steps import iter_regions
from .table import summarize, voxel_volume

__all__ = ["Part", "Regions", "Which", "iter_regions", "summarize", "voxel_volume"]

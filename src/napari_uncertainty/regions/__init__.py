"""Numbers of a map for each structure: which is uncertain, how much, and where.

Voxels are told apart by label, and within a label by whether they lie at its boundary.
Each block of a map gives its values sorted (:mod:`.blocks`); from these runs all counts
and quantiles follow exactly and quickly (:mod:`.runs`).
"""

from .numbers import ClassStatistics, Part, Which
from .steps import iter_regions
from .table import class_table, voxel_volume

__all__ = [
    "ClassStatistics",
    "Part",
    "Which",
    "class_table",
    "iter_regions",
    "voxel_volume",
]

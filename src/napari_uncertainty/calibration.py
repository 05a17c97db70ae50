"""Confidence of a network in itself, as far as it can be told without the truth.

Networks for segmentation are often surer than they are right, above all those trained
with the Dice loss [1]_. Where almost no voxel is in doubt, not even beside a border of
two classes, a map of uncertainty shows little of what is wrong.

References
----------
.. [1] A. Mehrtash et al., Confidence Calibration and Predictive Uncertainty Estimation
   for Deep Medical Image Segmentation, IEEE Transactions on Medical Imaging 39 (2020),
   3868-3878, doi:10.1109/TMI.2020.3006437
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .fold.blocks import slabs, widened
from .regions.keys import interior_of

Array = np.ndarray[Any, Any]

#: A voxel whose most probable class has more than this is taken for all but certain.
ALL_BUT_CERTAIN = 0.99


@dataclass(frozen=True)
class Confidence:
    """Numbers of the probability of the most probable class, 0 to 1.

    NaN where there are no such voxels. Voxels without data are in none of them.

    Attributes
    ----------
    mean, above : float
        Mean, and share of the voxels above `ALL_BUT_CERTAIN`.
    foreground_mean, foreground_above : float
        The same of voxels whose most probable class is not 0.
    border_mean, border_above : float
        The same of voxels with another most probable class at one of their faces.
    """

    mean: float
    above: float
    foreground_mean: float
    foreground_above: float
    border_mean: float
    border_above: float

    def to_dict(self) -> dict[str, float | None]:
        """For JSON, which has no NaN."""
        return {
            name: None if np.isnan(value) else value
            for name, value in asdict(self).items()
        }


def iter_confidence_of(
    least_confidence: Array, prediction: Array, no_data: Array
) -> Generator[float, None, Confidence]:
    """Sum up how confident a network is; yields the share done.

    Parameters
    ----------
    least_confidence : ndarray
        1 less the probability of the most probable class.
    prediction : ndarray of int
        The most probable class.
    no_data : ndarray of bool
        Voxels that do not count.
    """
    sums = np.zeros((3, 3))  # voxels, doubt, above; of all, foreground, border
    pieces = slabs(least_confidence)
    for done, slab in enumerate(pieces):
        yield done / len(pieces)
        doubt, labels = least_confidence[slab], prediction[slab]
        known = ~no_data[slab]
        around, within = widened(slab, (1,) * labels.ndim, prediction.shape)
        border = ~interior_of(prediction[around])[within]
        certain = doubt < 1 - ALL_BUT_CERTAIN
        for row, which in zip(
            sums, (known, known & (labels != 0), known & border), strict=True
        ):
            row += (
                np.count_nonzero(which),
                doubt.sum(where=which, dtype=np.float64),
                np.count_nonzero(certain & which),
            )
    numbers = []
    for voxels, doubt, above in sums:
        numbers += [1 - doubt / voxels, above / voxels] if voxels else [np.nan] * 2
    return Confidence(*map(float, numbers))

"""Whether what several networks say is of the same scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from ...matching.agreement import as_classes
from ...matching.orientation import BELONGS
from ...review import ReviewedInput

Array = np.ndarray[Any, Any]

# So many voxels along each axis are plenty to tell.
_LOOKED_AT = 64


def of_this_scan(
    members: Sequence[Any], told: Sequence[ReviewedInput], labels: Array
) -> tuple[tuple[Any, ...], list[str]]:
    """Without networks that saw another scan, and a sentence for each of these.

    In the space of a template, files of two patients have the same voxels. Their
    structures do not: below 70 % agreement in the foreground, two images are taken to
    be of different scans.

    Parameters
    ----------
    members : sequence of array, shape (classes, *shape of `labels`)
        Probabilities, the map's own first.
    told : sequence of ReviewedInput
        What each of them is.
    labels : ndarray of int
        At the voxels of the map.
    """
    kept, notes = list(members[:1]), []
    for network, one in zip(members[1:], told[1:], strict=False):
        if _agreement(network, labels) >= BELONGS:
            kept.append(network)
        else:
            notes.append(
                f"{one.path or one.name} agrees with the segmentation in less than "
                f"{100 * BELONGS:.0f} % of the foreground, so it is taken to be of "
                "another scan and does not count."
            )
    return tuple(kept), notes


def _agreement(network: Any, labels: Array) -> float:
    """Of a sample of the foreground, the share in which the two are equal."""
    steps = tuple(
        slice(None, None, max(1, length // _LOOKED_AT)) for length in labels.shape
    )
    prediction = np.asarray(network[(slice(None), *steps)]).argmax(axis=0)
    try:
        classes = as_classes(labels, network.shape[0])[steps]
    except InputError:
        return 0.0
    foreground = (prediction != 0) | (classes != 0)
    equal: Sequence[bool] = (prediction == classes)[foreground]
    return float(np.mean(equal)) if len(equal) else 0.0

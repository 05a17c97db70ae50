"""Whether what several networks say is of the same scan."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from ...matching.agreement import iter_as_classes
from ...matching.orientation import BELONGS
from ...review import ReviewedInput
from ...steps import part

Array = np.ndarray[Any, Any]

# So many voxels along each axis are plenty to tell.
_LOOKED_AT = 64


def iter_of_this_scan(
    members: Sequence[Any], told: Sequence[ReviewedInput], labels: Array
) -> Generator[float, None, tuple[tuple[Any, ...], list[str]]]:
    """Without networks that saw another scan, and a sentence for each of these.

    In the space of a template, files of two patients have the same voxels. Their
    structures do not: below 70 % agreement in the foreground, two images are taken to
    be of different scans. Yields the share done.

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
    others = list(zip(members[1:], told[1:], strict=False))
    for done, (network, one) in enumerate(others):
        steps = _iter_agreement(network, labels)
        agreement = yield from part(steps, done / len(others), (done + 1) / len(others))
        if agreement >= BELONGS:
            kept.append(network)
        else:
            notes.append(
                f"{one.path or one.name} agrees with the segmentation in less than "
                f"{100 * BELONGS:.0f} % of the foreground, so it is taken to be of "
                "another scan and does not count."
            )
    return tuple(kept), notes


def _iter_agreement(network: Any, labels: Array) -> Generator[float, None, float]:
    """Of a sample of the foreground, the share in which the two are equal."""
    steps = tuple(
        slice(None, None, max(1, length // _LOOKED_AT)) for length in labels.shape
    )
    prediction = np.asarray(network[(slice(None), *steps)]).argmax(axis=0)
    try:
        classes = (yield from iter_as_classes(labels, network.shape[0]))[steps]
    except InputError:
        return 0.0
    foreground = (prediction != 0) | (classes != 0)
    equal: Sequence[bool] = (prediction == classes)[foreground]
    return float(np.mean(equal)) if len(equal) else 0.0

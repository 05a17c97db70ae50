"""Search for hotspots in a map, with its labels and probabilities."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..limits import available_processors
from ..steps import part
from .choice import iter_choices
from .expected import LEVELS
from .found import Hotspots
from .search import HotspotSearch
from .turned import Turned
from .wanted import HotspotOptions

Array = np.ndarray[Any, Any]

THREADS = 2


def iter_hotspots(
    values: Array,
    labels: Array | None = None,
    no_data: Array | None = None,
    *,
    members: Sequence[Any] = (),
    grid: Grid | None = None,
    undecided: float = 0.5,
    wanted: HotspotOptions | None = None,
    threads: int | None = None,
) -> Generator[float, None, Hotspots]:
    """Find places worth a look step by step; yields the share done.

    Parameters
    ----------
    values : ndarray of float, 1 to 3 dimensions
        The map; for peak and mean, and for what may be wrong where there are no
        probabilities.
    labels : ndarray of int, shape of `values`, or None
        The segmentation that may be wrong; 0 is background. Without it, the most
        probable class.
    no_data : ndarray of bool, shape of `values`, or None
        Voxels that are in no place, like those where the map is not finite.
    members : sequence of array or StoredValues, shape (classes, *shape of `values`)
        Class probabilities; of several networks for the same scan, if there are.
    grid : Grid or None
        Where the voxels are; without one, they are cubes of 1 mm.
    undecided : float
        Value of the map where two classes are equally likely, so that half of such
        voxels are wrong. It scales the map where there are no probabilities; for
        entropy in bits it is 1, which gives an upper bound [1]_.
    wanted : HotspotOptions or None
        How many places, and which.
    threads : int or None
        How many threads compute; by default two, where there are two processors. The
        result does not depend on it.

    Raises
    ------
    InputError
        If shapes differ, the labels are no classes of the probabilities, or nothing
        can be found with what is wanted.

    References
    ----------
    .. [1] M. E. Hellman, J. Raviv, Probability of error, equivocation, and the
       Chernoff bound, IEEE Transactions on Information Theory 16(4), 1970,
       doi:10.1109/TIT.1970.1054466
    """
    _check(values, labels, no_data, grid, members)
    if not undecided > 0:
        raise InputError(
            f"{undecided} is no value of undecided voxels; give the value of the map "
            "where two classes are equally likely, above 0."
        )
    wanted = (wanted or HotspotOptions()).on(grid, values.shape)
    radius, separation = wanted.radius_mm, wanted.separation
    assert radius is not None
    assert separation is not None
    finite = np.isfinite(values)
    if not finite.all():
        no_data = ~finite if no_data is None else no_data | ~finite
    turned = Turned.of(values.shape, grid)
    search = HotspotSearch(
        turned,
        turned.view(values),
        None if labels is None else turned.view(labels),
        None if no_data is None else ~turned.view(no_data),
        members,
        undecided,
        wanted,
        threads or min(THREADS, available_processors()),
    )
    looked = yield from part(search.iter_looked(), 0, 0.5)
    ball = turned.ball(radius)
    steps = iter_choices(
        looked.levels.copy(),
        looked.domain.voxels,
        ball,
        # A little less: another centre may be at that very distance.
        turned.ball(separation * (1 - 1e-5)),
        wanted.count,
        threads=search.threads,
    )
    choices = yield from part(steps, 0.5, 0.9)
    pairs = yield from part(search.iter_competing(looked, choices, ball), 0.9, 0.95)
    describing = search.iter_described(looked, choices, pairs, ball)
    places, levels = yield from part(describing, 0.95, 1)
    return Hotspots(
        places,
        radius,
        levels / LEVELS,
        values.shape,
        grid,
    )


def _check(
    values: Array,
    labels: Array | None,
    no_data: Array | None,
    grid: Grid | None,
    members: Sequence[Any],
) -> None:
    if not 1 <= values.ndim <= 3 or not values.size:
        raise InputError(f"No place can be found in a map of shape {values.shape}.")
    given = {"labels": labels, "no-data mask": no_data, "grid": grid}
    for name, other in given.items():
        if other is not None and other.shape != values.shape:
            raise InputError(
                f"The {name} of shape {other.shape} cannot belong to a map of shape "
                f"{values.shape}."
            )
    if labels is not None and labels.dtype.kind not in "biu":
        raise InputError(
            f"Labels of type {labels.dtype} are no segmentation; whole numbers are."
        )
    for member in members:
        if tuple(member.shape[1:]) != values.shape:
            raise InputError(
                f"Probabilities of shape {tuple(member.shape)} do not lie on a map of "
                f"shape {values.shape}, class axis first."
            )
        if member.shape[0] != members[0].shape[0]:
            raise InputError(
                f"Members with {members[0].shape[0]} and with {member.shape[0]} "
                "classes cannot be one case."
            )

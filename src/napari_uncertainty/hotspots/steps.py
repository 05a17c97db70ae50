"""From a map, labels and probabilities to the places worth a look."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..grid import Grid
from ..limits import available_processors
from ..probabilities import ProbabilityMap
from ..steps import part, run
from .choice import iter_choices
from .expected import LEVELS
from .found import Hotspots
from .search import Search
from .turned import Turned
from .wanted import COUNT, Wanted

if TYPE_CHECKING:
    import pandas as pd

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
    wanted: Wanted | None = None,
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
    wanted : Wanted or None
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
    wanted = (wanted or Wanted()).on(grid, values.shape)
    radius, separation = wanted.radius_mm, wanted.separation
    assert radius is not None
    assert separation is not None
    finite = np.isfinite(values)
    if not finite.all():
        no_data = ~finite if no_data is None else no_data | ~finite
    turned = Turned.of(values.shape, grid)
    search = Search(
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


def find_hotspots(
    values: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    probabilities: Any = None,
    no_data: npt.ArrayLike | None = None,
    grid: Grid | None = None,
    class_names: Mapping[int, str] | Sequence[str] | None = None,
    count: int = COUNT,
    radius_mm: float | None = None,
    separation_mm: float | None = None,
    classes: Sequence[int] | None = None,
    interior: bool = False,
    undecided: float = 0.5,
) -> pd.DataFrame:
    """Places worth a look, those first in which most wrong voxels are expected.

    Parameters
    ----------
    values : array_like of float, 1 to 3 dimensions
        An uncertainty map.
    labels : array_like of int, shape of `values`, or None
        The segmentation; 0 is background. Without it, the most probable class.
    probabilities : array_like, ProbabilityMap, list of these, or None
        Class probabilities, class axis first; a list of those of several networks for
        the same scan. Without them, the map itself says what may be wrong.
    no_data : array_like of bool, shape of `values`, or None
        Voxels that are in no place, like those where the map is not finite.
    grid : Grid or None
        Where the voxels are; by default that of the probabilities, where they have one,
        or else voxels are cubes of 1 mm.
    class_names : mapping of int to str, sequence of str, or None
        Names of labels; by default those of the probabilities.
    count : int
        How many places, at most.
    radius_mm : float or None
        Of each, in mm; by default 3.75, and less where the voxels are smaller than
        1 mm and the image is small, too.
    separation_mm : float or None
        How far two centres are apart at least, in mm; by default the radius.
    classes : sequence of int or None
        Labels in and around which is looked; by default all but 0.
    interior : bool
        Only voxels whose neighbours have the same label.
    undecided : float
        Value of the map where two classes are equally likely; for entropy in bits, 1.
        Only used without probabilities.

    Returns
    -------
    DataFrame
        One row for each place, as of :meth:`.Hotspots.table`.

    Raises
    ------
    InputError
        If shapes differ, the labels are no classes of the probabilities, or nothing
        can be found with what is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uncertainty as nu
    >>> values = np.zeros((20, 20, 20))
    >>> values[4, 5, 6], values[15, 5, 6] = 0.5, 0.25
    >>> nu.find_hotspots(values, radius_mm=3)[["rank", "mass", "share"]].round(2)
       rank  mass  share
    0     1  0.50   0.67
    1     2  0.25   0.33
    """
    given = probabilities if isinstance(probabilities, list) else [probabilities]
    given = [one for one in given if one is not None]
    for one in given:
        if isinstance(one, ProbabilityMap):
            grid = grid or one.grid
            class_names = class_names or one.class_names
    if class_names is not None and not isinstance(class_names, Mapping):
        class_names = dict(enumerate(class_names))
    found = run(
        iter_hotspots(
            np.asarray(values),
            None if labels is None else np.asarray(labels),
            None if no_data is None else np.asarray(no_data, bool),
            members=[_class_first(one) for one in given],
            grid=grid,
            undecided=undecided,
            wanted=Wanted(
                count,
                radius_mm,
                separation_mm,
                None if classes is None else tuple(classes),
                interior,
            ),
        )
    )
    return found.table(class_names)


def _class_first(probabilities: Any) -> Any:
    if isinstance(probabilities, ProbabilityMap):
        return probabilities.values
    return (
        probabilities if hasattr(probabilities, "shape") else np.asarray(probabilities)
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

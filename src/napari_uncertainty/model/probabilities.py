"""Class probabilities with their names and place, and the rules for valid ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .grid import Grid
from .kinds import names_of_classes

#: Sums of a softmax stay this close to 1. float16 storage moves them by up to 5e-4 and
#: quantisation to 1/255 by less than 0.01 with a handful of classes.
SUM_TOLERANCE = 1e-2

#: What probabilities are multiplied by before they are stored: per cents, 8 bits, per
#: mille, 16 bits.
SCALES = (100.0, 255.0, 1000.0, 10000.0, 65535.0)

#: Splines take a softmax below 0 and above 1, and leave its sums; but not farther.
FARTHEST = 0.25

#: Below zero by no more than this is rounding and counts as 0.
NEGATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class ProbabilityMap:
    """Per-voxel class probabilities.

    Attributes
    ----------
    values : array of shape (classes, i, j[, k])
        Probabilities, class axis first, then the file's own axis order: an ndarray, a
        dask array, or a `StoredValues` of which only the header was read.
    class_names : tuple of str
        One name for each class.
    grid : Grid or None
        Where the voxels sit; None where no geometry was found.
    kind : str or None
        What the values are, a key of :data:`.KINDS`; None where no file says so and
        they have to tell themselves.
    source : Path or None
        The file.
    further_sources : tuple of Path
        All other files that the values come from: one for each class, say.
    geometry_source : Path or None
        The file that the grid comes from, where it is another one.
    name : str
        Name of the case.
    place_note : str
        Why there is no grid, where there is none.
    region_order : tuple of int
        Of regions, which may overlap: the label that each channel writes over those
        before it (``regions_class_order``). Empty where the channels are no regions.
    note : str
        What a person should know of how it was opened; usually nothing.
    tissues_of : str
        Who says that no class is the background, which then is what the classes leave
        of a voxel, and all of it where there are none. Empty where class 0 is it.
    guess : str
        What was assumed of its axes or of what it holds, in a sentence, where neither
        the file nor its values say it; a check tells it.
    """

    values: Any
    class_names: tuple[str, ...]
    grid: Grid | None = None
    kind: str | None = None
    source: Path | None = None
    further_sources: tuple[Path, ...] = ()
    geometry_source: Path | None = None
    name: str = "untitled"
    place_note: str = ""
    region_order: tuple[int, ...] = ()
    note: str = ""
    tissues_of: str = ""
    guess: str = ""

    def __post_init__(self) -> None:
        if len(self.class_names) != self.values.shape[0]:
            raise InputError(
                f"{len(self.class_names)} class names do not fit "
                f"{self.values.shape[0]} classes."
            )
        if self.grid is not None and self.grid.shape != self.values.shape[1:]:
            raise InputError(
                f"The probabilities have shape {self.values.shape[1:]}, their geometry "
                f"has {self.grid.shape}."
            )

    def names_as(self, kind: str, background: int | None = 0) -> tuple[str, ...]:
        """Return a name for each label that the most probable class can have.

        Parameters
        ----------
        kind : str
            What the values were taken for, a key of :data:`.KINDS`.
        background : int or None
            Number of the class that is the background; None where no class is.
        """
        return names_of_classes(kind, self.class_names, self.region_order, background)


def numbered_class_names(n_classes: int) -> tuple[str, ...]:
    """Return ``("class 0", "class 1", …)``, for files that name no classes."""
    return tuple(f"class {index}" for index in range(n_classes))


def find_class_axis(array: Any, *, scaled: bool = False) -> int | None:
    """Return the axis along which (nearly) all voxels sum to 1, or None.

    Looks at a coarse sample. Voxels without data (all zero, or not finite) do not
    vote; an axis of length 1 is no class axis. Whole numbers may sum to a larger
    scale, see :func:`scale_of`. Of a lazy array, few chunks are computed; where its
    values may be `scaled`, as per cents are, more of them are.
    """
    if is_lazy(array) and not (scaled or _may_be_probabilities(array)):
        return None
    for axis in range(array.ndim):
        if array.shape[axis] > 1 and array.size and scale_of(array, axis) is not None:
            return axis
    return None


def scale_of(array: Any, class_axis: int) -> float | None:
    """Return the sum of (nearly) all voxels: 1, or the scale of whole numbers.

    None where the sums agree on nothing. Looks at a coarse sample. Whole numbers that
    sum to the same value of at least 100, up to one unit for each class, are
    probabilities that were multiplied and rounded to save space, to 255 say. Others may
    sum to one of :data:`SCALES`, such as per cents.
    """
    lines = lines_along(array, class_axis)
    if lines.dtype.kind not in "buif":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        sums = lines.sum(axis=class_axis, dtype=np.float64)
        whole = lines.dtype.kind in "ui" or bool((lines == np.rint(lines)).all())
    if lines.min() < -FARTHEST:
        return None
    return scale_of_sums(sums, lines.shape[class_axis], whole)


def scale_of_sums(
    sums: np.ndarray[Any, Any], n_classes: int, whole: bool
) -> float | None:
    """Return the same as :func:`scale_of`, from the sums of some voxels.

    Parameters
    ----------
    sums : ndarray
        Of values in float64. Voxels without data do not count.
    n_classes : int
        Number of values in each sum.
    whole : bool
        Whether these were whole numbers.
    """
    sums = sums[np.isfinite(sums) & (sums != 0)]
    if sums.size == 0:
        return None
    if _nearly_all(np.abs(sums - 1) <= SUM_TOLERANCE):
        return 1.0
    scale = float(np.median(sums))
    if not whole:
        nearest = min(SCALES, key=lambda one: abs(one - scale))
        near = np.abs(sums - nearest) <= SUM_TOLERANCE * nearest
        return nearest if _nearly_all(near) else None
    if scale >= 100 and _nearly_all(np.abs(sums - scale) <= n_classes):
        return scale
    return None


def require_class_axis(array: Any, name: str) -> int:
    """Return the class axis of `array`; raise InputError that says why it has none."""
    axis = find_class_axis(array)
    if axis is not None:
        return axis
    if array.ndim < 2:
        raise InputError(f"'{name}' has no class axis and voxels, only one axis.")
    refuse_label_map(array, 0)
    lines = lines_along(array, 0)
    lowest = lines[np.isfinite(lines)].min(initial=0.0)
    if lowest < -NEGATIVE_TOLERANCE:
        raise InputError(
            f"'{name}' holds negative values (down to {lowest:.3g}), which are no "
            "probabilities; if they are logits, apply a softmax first."
        )
    if not np.isfinite(lines).any() or not lines.any():
        raise InputError(f"'{name}' holds no values but 0, NaN or infinity.")
    raise InputError(
        f"'{name}' does not look like a softmax: along no axis do the values sum to 1. "
        "Choose the layer that holds one probability for each class."
    )


def refuse_label_map(array: Any, class_axis: int) -> None:
    """Raise InputError where whole numbers cannot be probabilities."""
    lines = lines_along(array, class_axis)
    if lines.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {lines.dtype} cannot be probabilities; give real numbers."
        )
    if not np.isfinite(lines).all() or (lines != np.rint(lines)).any():
        return
    # Floating-point numbers as large as this are all whole.
    if 0 < float(lines.max(initial=0)) < 2**24 and scale_of(array, class_axis) is None:
        raise not_adding_up()


def not_adding_up() -> InputError:
    """Return the error for whole numbers that cannot be probabilities."""
    return InputError(
        "These are whole numbers that do not add up over the classes, so they "
        "look like a label map or a scan; choose the network's softmax output."
    )


def _nearly_all(true: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    return bool(true.mean() >= 0.99)


def lines_along(array: Any, axis: int) -> np.ndarray[Any, Any]:
    """Return some 2000 whole lines along `axis`, spread evenly over the other axes.

    Of a lazy array, over the chunk in the middle: the others would have to be computed.
    """
    index = []
    places = max(1, round(2000 ** (1 / max(1, array.ndim - 1))))
    for other, length in enumerate(array.shape):
        if other == axis:
            index.append(slice(None))
            continue
        start, stop = _middle_chunk(array, other) or (0, length)
        step = max(1, (stop - start) // places)
        index.append(slice(start + step // 2, stop, step))
    return np.asarray(array[tuple(index)])


def is_lazy(array: Any) -> bool:
    """Return whether to look at values means to compute them: a dask array."""
    return hasattr(array, "__dask_graph__")


def _may_be_probabilities(array: Any) -> bool:
    """Return whether the chunk in the middle holds values that probabilities may have.

    Along a class axis many chunks may have to be computed; most images need not be
    looked at so closely.
    """
    middle = [_middle_chunk(array, axis) for axis in range(array.ndim)]
    values = np.asarray(array[tuple(slice(*chunk) for chunk in middle if chunk)])
    if values.dtype.kind != "f":
        return values.dtype.kind in "bui"
    values = values[np.isfinite(values)]
    lowest, highest = values.min(initial=0), values.max(initial=0)
    return bool(lowest >= -FARTHEST and highest <= 1 + FARTHEST)


def _middle_chunk(array: Any, axis: int) -> tuple[int, int] | None:
    """Return start and stop of the middle chunk of a dask array along an axis."""
    if not is_lazy(array):
        return None
    lengths = array.chunks[axis]
    middle = len(lengths) // 2
    start = sum(lengths[:middle])
    return start, start + lengths[middle]

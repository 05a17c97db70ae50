"""Place of an array in space, from the images beside it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import permutations, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.grid import Grid
from .class_names import file_ending_beside, named, not_fetched
from .endings import is_image, stem
from .image_files import grid_of, load, read_data, squeezed_shape, tells_its_place


@dataclass(frozen=True, eq=False)
class Place:
    """Place of an array in space, as far as files beside it tell.

    Attributes
    ----------
    grid : Grid or None
        The place; None where none was found.
    source : Path or None
        The file that it comes from.
    note : str
        Reason why none was found.
    """

    grid: Grid | None = None
    source: Path | None = None
    note: str = ""


def find_geometry(path: Path, shape: tuple[int, ...]) -> Place:
    """Return the grid of the segmentation of the same name, or of a likely neighbour.

    A segmentation of the same name that has more voxels, or the same along other axes,
    gives no place: the probabilities may be a crop, as nnU-Net v1 writes it, or stored
    in another order. One that has room for them in no orientation is an error.

    A neighbour is a NIfTI or MGZ image in the same folder that has the shape of the
    probabilities, says where its voxels are (sform or qform) and shares the first words
    of the name, as far as these can tell one case from another. Several of them have
    to agree on where the voxels are, or none is taken. Maps that were written here do
    not count: their place came from elsewhere, if they have one.
    """
    own = _own_name(path)
    unfetched = not_fetched(own)
    if unfetched:
        return Place(
            note=f"{unfetched}, so the place of {path.name} in space is unknown."
        )
    twin = _twin(path)
    if twin is not None:
        return _place_of_twin(path, shape, twin)
    candidates: dict[Path, Grid] = {}
    for neighbour in sorted(path.parent.iterdir()):
        if is_image(neighbour) and _same_case(path, neighbour):
            try:
                image = load(neighbour)
                grid = grid_of(image, image.shape)
            except InputError:
                continue  # a damaged neighbour does not matter
            if grid.shape == shape and tells_its_place(image):
                candidates[neighbour] = grid
    if not candidates:
        return Place(
            note=f"No NIfTI image of the same name and shape lies beside {path.name}, "
            "so its place in space is unknown."
        )
    most = max(_shared_words(path, neighbour) for neighbour in candidates)
    best = {
        neighbour: grid
        for neighbour, grid in candidates.items()
        if _shared_words(path, neighbour) == most
    }
    source, grid = next(iter(best.items()))
    if all(grid.same_place(other) for other in best.values()):
        return Place(grid, source)
    return Place(
        note=f"The NIfTI images beside {path.name} disagree on where the voxels are, "
        "so its place in space is unknown."
    )


def shape_of_twin(path: Path) -> tuple[int, ...] | None:
    """Return the spatial shape of the image of the same name; None without one."""
    twin = _twin(path)
    return None if twin is None else squeezed_shape(load(twin).shape)[:3]


def runs_as_its_original(path: Path, volume: Any) -> bool | None:
    """Return whether the axes of an array run as those of the image of its name.

    Where that image has a further axis, for the classes, the array may be a copy of it.

    Parameters
    ----------
    path : Path
        The array.
    volume : ndarray, shape (i, j, k)
        Its first class.

    Returns
    -------
    bool or None
        False for the reversed order; None where the two hold other numbers, or the
        same in both orders.
    """
    twin = _twin(path)
    if twin is None:
        return None
    image = load(twin)
    shape = squeezed_shape(image.shape)
    if len(shape) != volume.ndim + 1:
        return None
    first = read_data(image, twin).reshape(shape)[..., 0]
    plain, reverse = (
        one.shape == first.shape and np.allclose(one, first, rtol=1e-3, atol=1e-3)
        for one in (volume, volume.T)
    )
    return None if plain == reverse else plain


def _twin(path: Path) -> Path | None:
    """Return the segmentation of the same name, as nnU-Net writes it beside a file."""
    twin = _own_name(path)
    if twin.is_file() and is_image(twin) and not not_fetched(twin):
        return twin
    return None


def _own_name(path: Path) -> Path:
    return named(path.parent, stem(path) + file_ending_beside(path))


def _place_of_twin(path: Path, shape: tuple[int, ...], twin: Path) -> Place:
    image = load(twin)
    grid = grid_of(image, image.shape)
    if grid.shape == shape:
        return Place(grid, twin)
    if len(squeezed_shape(image.shape)) > len(shape):
        return _place_of_original(path, shape, twin, image)
    sizes = (
        f"{path.name} has {' × '.join(map(str, shape))} voxels, {twin.name} beside it "
        f"{' × '.join(map(str, grid.shape))}"
    )
    fits = len(shape) == grid.ndim and any(
        all(length <= room for length, room in zip(turned, grid.shape, strict=True))
        for turned in permutations(shape)
    )
    if not fits:
        raise InputError(f"{sizes}; they do not belong together.")
    return Place(
        note=f"{sizes}, so its place in space is unknown. Perhaps it is a crop, or its "
        "axes are in another order; a comparison with the segmentation can find out."
    )


def _place_of_original(
    path: Path, shape: tuple[int, ...], twin: Path, image: Any
) -> Place:
    """Return the place of an image of the same name that has a further axis.

    The array may have been converted from it. An image whose shape does not fit gives
    no place, but is not an error, as it would be of a segmentation.
    """
    spatial = squeezed_shape(image.shape)[: len(shape)]
    if spatial == shape:
        return Place(grid_of(image, spatial), twin)
    return Place(
        note=f"{path.name} has {' × '.join(map(str, shape))} voxels, {twin.name} "
        f"beside it {' × '.join(map(str, image.shape))}, so its place in space is "
        "unknown. Perhaps its axes are in another order: an array of its own has the "
        "axes of the image reversed, (z, y, x)."
    )


def _same_case(first: Path, second: Path) -> bool:
    """Return whether two names may be of one case.

    They begin with the same words, at least one of which has a digit (``sub-007_T1w``,
    ``m20_crop``) or which are all of one name (``brain``, ``brain_T1w``), and do not go
    on with different numbers (``case_1``, ``case_2``).
    """
    words, others = _words(first), _words(second)
    shared = _shared_words(first, second)
    telling = any(re.search(r"\d", word) for word in words[:shared])
    if not shared or not (telling or shared in (len(words), len(others))):
        return False
    rest = [*words[shared : shared + 1], *others[shared : shared + 1]]
    return not (len(rest) == 2 and all(word.isdigit() for word in rest))


def _shared_words(first: Path, second: Path) -> int:
    """Return how many words the two names begin with in common."""
    pairs = zip(_words(first), _words(second), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _words(path: Path) -> list[str]:
    return re.split(r"[^A-Za-z0-9]+", unicodedata.normalize("NFC", stem(path)))

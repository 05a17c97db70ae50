"""What an array file lacks: a place in space, from the NIfTI beside it, and names."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

from ..errors import InputError
from ..grid import Grid
from ..probabilities import ProbabilityMap
from ..stored import StoredValues
from .dataset_json import class_names_for, file_ending_beside
from .maps import is_map
from .nifti import SUFFIXES, load, stem


def find_geometry(
    path: Path, shape: tuple[int, ...]
) -> tuple[Grid | None, Path | None]:
    """The grid of the segmentation of the same name, else of a likely neighbour.

    A neighbour is a NIfTI image in the same folder that has the shape of the
    probabilities, says where its voxels are (sform or qform) and shares the first words
    of the name, as far as these can tell one case from another. Several of them have
    to agree on where the voxels are, or none is taken. Maps that were written here do
    not count: their place came from elsewhere, if they have one.
    """
    twin = path.with_name(path.stem + file_ending_beside(path))
    if twin.is_file() and twin.name.lower().endswith(SUFFIXES):
        grid = _grid_of(twin)
        if grid.shape != shape:
            raise InputError(
                f"{path.name} has {' × '.join(map(str, shape))} voxels, {twin.name} "
                f"beside it {' × '.join(map(str, grid.shape))}; they do not belong "
                "together."
            )
        return grid, twin
    candidates: dict[Path, Grid] = {}
    for neighbour in sorted(path.parent.iterdir()):
        if neighbour.name.lower().endswith(SUFFIXES) and _same_case(path, neighbour):
            try:
                image = load(neighbour)
                grid = Grid(image.shape, image.affine, image.header)
            except InputError:
                continue  # a damaged neighbour is no reason to refuse this file
            placed = image.header["sform_code"] or image.header["qform_code"]
            if grid.shape == shape and placed and not is_map(image):
                candidates[neighbour] = grid
    if not candidates:
        return None, None
    most = max(_shared_words(path, neighbour) for neighbour in candidates)
    best = {
        neighbour: grid
        for neighbour, grid in candidates.items()
        if _shared_words(path, neighbour) == most
    }
    source, grid = next(iter(best.items()))
    if all(grid.same_place(other) for other in best.values()):
        return grid, source
    return None, None


def probability_map(
    stored: StoredValues, grid: Grid | None, geometry_source: Path | None
) -> ProbabilityMap:
    """Probabilities of an array file, with its place and the names found beside it."""
    return ProbabilityMap(
        stored,
        class_names_for(stored.path, stored.shape[0]),
        grid,
        source=stored.path,
        geometry_source=geometry_source,
        name=stored.path.stem,
    )


def _same_case(first: Path, second: Path) -> bool:
    """Whether two names may be of one case.

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
    """How many words the two names begin with in common."""
    pairs = zip(_words(first), _words(second), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _words(path: Path) -> list[str]:
    return re.split(r"[^A-Za-z0-9]+", stem(path))


def _grid_of(path: Path) -> Grid:
    image = load(path)
    return Grid(image.shape, image.affine, image.header)

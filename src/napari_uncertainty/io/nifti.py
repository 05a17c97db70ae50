"""Images of all formats, opened as scans, label maps or probabilities.

Probabilities are 4D with the class axis last or first, or one of several files with a
class each (:mod:`.families`), or a single channel. A fifth axis runs over members.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.evidence import evidence_of
from ..errors import InputError
from ..model.grid import Grid
from ..model.images import (
    LabelMap,
    Scan,
    are_whole_numbers,
    as_whole_numbers,
    looks_like_labels,
)
from ..model.interpretation import Interpretation
from ..model.kinds import KINDS
from ..model.probabilities import (
    FARTHEST,
    ProbabilityMap,
    find_class_axis,
    lines_along,
    scale_of,
)
from ..model.stored import StoredValues
from .array_files import MOST_MEMBERS, ArrayHeader, bytes_of_member
from .axes import NAME_THE_AXIS, given_axis
from .byte_sources import join, with_scale
from .class_names import channels_for, declared, label_names_beside
from .endings import stem
from .families import (
    Family,
    check_same_grid,
    family_of,
    label_of,
    named_family,
    note_of_siblings,
)
from .image_files import (
    VECTOR_INTENTS,
    FileImage,
    check_header,
    grid_of,
    intent_of,
    is_map,
    load,
    note_of,
    read_data,
    squeezed_shape,
    stored_values,
)

Array = np.ndarray[Any, Any]

# Names that FSL, ANTs, MRtrix, DIPY and SCT give to files with eigenvectors,
# displacements, peaks and spherical harmonics.
_VECTOR_NAMES = re.compile(
    r"(?:^|[^a-z0-9])(?:v[123]|warp|\dwarp|\dinversewarp|warpfield|peaks?|sh|fods?|"
    r"\w*fod|evecs?|eigenvectors?|dyads\d*|directions?|displacements?|ddf|dvf)$",
    re.IGNORECASE,
)

# To see whether classes run along the first axis: values to read at a time, values to
# read at most, and voxels that are enough to tell.
_LOOK, _MOST_LOOKED_AT, _LINES = 1 << 19, 1 << 24, 500

# Voxels along each axis by which logits are told from other values below 0.
_SCORES_ALONG = 32


def open_nifti(path: Path) -> Scan | LabelMap | ProbabilityMap:
    """Read an image and decide from its values what it is.

    A fourth axis along which the values sum to 1 is a class axis, as is one that the
    name or the JSON beside declares to be, and one of logits beyond doubt; any other
    further axis (time, echoes) is left at the end of a scan. One of several files with
    a class each is opened with the others, unless it holds labels.
    """
    image = load(path)
    data = read_data(image, path)
    data = data.reshape(squeezed_shape(data.shape))
    grid = grid_of(image)
    if data.ndim == 4:
        values = np.moveaxis(data, -1, 0)
        declared_classes = declared(path, stem(path), len(values))
        if declared_classes.is_probabilities or find_class_axis(values) == 0:
            return _with_names(values, path, grid, note=note_of(image))
        if sums_over_classes(np.moveaxis(data, 0, -1)):
            grid = grid_of(image, data.shape[1:])
            return _with_names(data, path, grid, _classes_first(path, data.shape))
        if not told_vectors(image, path) and _are_scores(values):
            return _with_names(values, path, grid, note=note_of(image))
        return Scan(data, grid, path, stem(path))
    intent = intent_of(image)
    whole = as_whole_numbers(data)
    is_labels = looks_like_labels(whole, name=path.name, intent=intent)
    if data.ndim < 4 and (not is_labels or _are_shares(data)):
        family = family_of(path)
        if family is not None:
            opened = _open_family(family, path)
            return replace(opened, values=opened.values.load())
    if is_labels:
        labels = whole if whole.dtype.kind in "iu" else whole.astype(np.int32)
        own = image if isinstance(image, FileImage) else None
        names = (own and own.class_names) or label_names_beside(path)
        colors = own.colors if own else {}
        return LabelMap(labels, grid, names, path, stem(path), colors)
    return Scan(data, grid, path, stem(path))


def open_segmentation(path: Path) -> LabelMap:
    """Read an image as labels, whatever it looks like.

    Raises
    ------
    InputError
        If there is none, or its values are no labels.
    """
    if not path.is_file():
        raise InputError(f"There is no segmentation {path}.")
    refused = InputError(
        f"{path.name} is not a segmentation, which has one whole number for each voxel."
    )
    volume = open_nifti(path)
    if isinstance(volume, LabelMap):
        return volume
    if isinstance(volume, Scan) and volume.data.ndim <= 3:
        whole = as_whole_numbers(volume.data)
        if not are_whole_numbers(whole):
            raise refused
        labels = whole.astype(np.int32)
        return LabelMap(labels, volume.grid, {}, path, volume.name)
    raise refused


def labels_of_place(probabilities: ProbabilityMap) -> LabelMap | None:
    """Return the labels in the file that probabilities take their place from.

    Returns
    -------
    LabelMap or None
        None where the place comes from no other file, or that holds no labels or
        cannot be read any more. A file that is called like the probabilities holds
        labels where it has nothing but a few whole numbers, however these lie.
    """
    path = probabilities.geometry_source
    if path is None:
        return None
    try:
        if len(squeezed_shape(load(path).shape)) > 3:
            return None
        volume = open_nifti(path)
    except InputError:
        return None  # the file is only needed for the place, which could be read
    if isinstance(volume, LabelMap):
        return volume
    source = probabilities.source
    if source is None or stem(source) != stem(path) or not isinstance(volume, Scan):
        return None
    whole, most = as_whole_numbers(volume.data), len(probabilities.class_names)
    if not are_whole_numbers(whole) or not 0 < whole.max() <= most:
        return None
    return LabelMap(whole.astype(np.int32), volume.grid, {}, path, volume.name)


def open_probabilities(path: Path, how: Interpretation) -> ProbabilityMap:
    """Open an image that holds probabilities, by its header alone.

    With four axes, the last one runs over the classes; with three or two, the file is
    one of several with a class each, or else a single channel. What the values are
    shows when they are read.

    The first axis runs over the classes where the values sum to 1 along it, and where
    it is named.

    Raises
    ------
    InputError
        If the header cannot be read, there are too many axes, or it is a map that was
        written here.
    """
    image = load(path)
    check_header(image, path)
    _refuse_map(image, path)
    shape = squeezed_shape(image.shape)
    axis = how.class_axis
    if axis is not None:
        if isinstance(image, FileImage) and image.class_axis is not None:
            raise InputError(
                f"The header of {path.name} itself tells which axis runs over the "
                "classes; leave the class axis out."
            )
        axis = given_axis(axis, image.shape, path.name)
    if len(shape) > 4:
        members = (
            f", so it seems to hold {shape[4]} members: compute from all of them, with "
            "map --ensemble or nu.ensemble_uncertainty, or save one alone."
        )
        raise InputError(
            f"{path.name} has {len(shape)} axes, {shape}; class probabilities have two "
            f"or three spatial axes and one of classes{members * (len(shape) == 5)}"
        )
    if len(shape) == 4 or (axis is not None and len(shape) == 3):
        return _with_classes(image, path, shape, axis)
    family = family_of(path)
    if family is not None:
        return _open_family(family, path)
    name = label_of(path) or "foreground"
    values = with_scale(stored_values(image, path, (*shape, 1)))
    return ProbabilityMap(
        values,
        (name,),
        grid_of(image),
        source=path,
        name=stem(path),
        note=" ".join(filter(None, (note_of_siblings(path), note_of(image)))),
    )


def open_classes(paths: Sequence[Path], how: Interpretation) -> ProbabilityMap:
    """Open images of one class each that a person names as one case, in this order.

    Raises
    ------
    InputError
        If one of them cannot be read or holds more than one class, or if they do not
        lie on one grid.
    """
    if how.class_axis is not None or how.array is not None:
        raise InputError(
            "Files that are named as the classes of one case hold one class each: "
            "there is no class axis and no array to be named."
        )
    family = named_family(paths)
    for path in paths:
        image = load(path)
        _refuse_map(image, path)
        shape = squeezed_shape(image.shape)
        if len(shape) > 3:
            raise InputError(
                f"{path.name} has {len(shape)} axes, {shape}, and a file that is named "
                "as one class of a case has three at most; open it on its own."
            )
    return _open_family(family, paths[0])


def _with_classes(
    image: Any, path: Path, shape: tuple[int, ...], named: int | None
) -> ProbabilityMap:
    """Open an image of which one axis runs over the classes, the last or another."""
    whole = stored_values(image, path, shape)
    last = len(shape) - 1
    axis, guess = last, ""
    known = isinstance(image, FileImage) and image.class_axis is not None
    if named is not None:
        axis = min(named, last)  # axes of length 1 may have been before it
    elif known:
        pass  # the header tells that it is the last
    elif len(shape) == 4 and shape[0] > 1 and _sums_along_first(whole, shape[0]):
        axis, guess = 0, _classes_first(path, shape)
    elif shape[0] <= shape[-1] / 2 and _begins_below_zero(whole):
        guess = (
            f"The last axis of {path.name}, whose shape is {shape}, was taken for that "
            f"of the classes, although the first is shorter. If it is that one, name "
            f"it ({NAME_THE_AXIS})."
        )
    if told_vectors(image, path):
        guess = (
            f"{path.name} seems to hold vectors or spherical harmonics, as its header "
            "or its name says and values below 0 show; they were taken for logits. If "
            "it does, this map means nothing."
        )
    spatial = tuple(n for at, n in enumerate(shape) if at != axis)
    values = with_scale(whole if known else replace(whole, class_axis=last - axis))
    return _with_names(values, path, grid_of(image, spatial), guess, note_of(image))


def told_vectors(image: Any, path: Path) -> bool:
    """Return whether header or name tell of vectors, and values are below 0.

    ITK writes all images with several values for each voxel as vectors, probabilities
    as well. Only values below 0 make directions, displacements and spherical harmonics
    of them.
    """
    intent = intent_of(image)
    few = int(image.shape[-1]) <= 3
    if not (_VECTOR_NAMES.search(stem(path)) or (intent in VECTOR_INTENTS and few)):
        return False
    check_header(image, path)
    shape = squeezed_shape(image.shape)
    with closing(stored_values(image, path, shape).pieces(_LOOK)) as pieces:  # type: ignore[type-var]
        for number, piece in enumerate(pieces):
            if piece.min() < -FARTHEST:
                return True
            if number * _LOOK >= _MOST_LOOKED_AT:
                break
    return False


def _classes_first(path: Path, shape: tuple[int, ...]) -> str:
    return (
        f"The values of {path.name}, whose shape is {shape}, sum to 1 along its first "
        "axis, which was taken for that of the classes; the affine in its header was "
        "taken for that of the other three."
    )


def _sums_along_first(whole: StoredValues, n_classes: int) -> bool:
    """Return whether the values that are read sum to 1 along the first axis.

    Values along the first axis lie together in the file, so its beginning is enough, if
    enough voxels in it are not 0. A small file is read as a whole, and where only few
    voxels are not 0, they must not sum to 1 along the last axis as well.
    """
    seen = 0
    with closing(whole.pieces(_LOOK // n_classes * n_classes)) as pieces:  # type: ignore[type-var]
        for piece in pieces:
            lines = piece[: len(piece) // n_classes * n_classes]
            lines = lines.reshape(-1, n_classes)
            lines = lines[lines.any(axis=1)]
            if len(lines) >= min(_LINES, whole.size // n_classes):
                return sums_over_classes(lines)
            if len(lines) and len(piece) == whole.size:
                last = np.moveaxis(piece.reshape(whole.file_shape), 0, -1)
                return sums_over_classes(lines) and not sums_over_classes(last)
            seen += len(piece)
            if seen >= _MOST_LOOKED_AT:
                break
    return False


def _begins_below_zero(whole: StoredValues) -> bool:
    """Return whether the first values are scores, whose sums do not tell their axis."""
    with closing(whole.pieces(_LOOK)) as pieces:  # type: ignore[type-var]
        return bool(next(pieces).min() < -FARTHEST)


def sums_over_classes(values: Array) -> bool:
    """Return whether the values sum to 1, or to one scale, along their last axis.

    A constant background sums to one number along any axis, but none of its values is
    anywhere near the sum.
    """
    last = values.ndim - 1
    scale = scale_of(values, last)
    if scale is None or values.shape[last] < 2:
        return False
    some = lines_along(values, last)
    return bool(some[np.isfinite(some)].max(initial=0) > scale / 2)


def open_members(path: Path, how: Interpretation) -> list[ProbabilityMap]:
    """Open one member, or several along the fifth axis of an image.

    The classes are along the fourth, as where 4D images were put together. Errors are
    those of :func:`open_probabilities`.
    """
    image = load(path)
    shape = squeezed_shape(image.shape)
    if len(shape) != 5:
        return [open_probabilities(path, how)]
    check_header(image, path)
    _refuse_map(image, path)
    if how.class_axis not in (None, 3, -2):
        raise InputError(
            f"{path.name} has five axes: the classes are along the fourth (axis 3) and "
            f"the members along the fifth, so axis {how.class_axis} cannot be that "
            "of the classes."
        )
    if shape[-1] > MOST_MEMBERS:
        raise InputError(
            f"{path.name} would hold {shape[-1]} members, more than anybody has: the "
            "members are along the fifth axis."
        )
    whole = stored_values(image, path, shape)
    header = ArrayHeader(whole.file_shape, False, whole.stored)
    parts = [
        replace(
            whole,
            bytes=bytes_of_member(whole.bytes, header, member),
            file_shape=whole.file_shape[1:],
        )
        for member in range(shape[-1])
    ]
    grid = grid_of(image, shape[:3])
    first = _with_names(parts[0], path, grid)
    return [
        replace(first, values=with_scale(part), name=f"{stem(path)} pass {number}")
        for number, part in enumerate(parts, 1)
    ]


def holds_members(path: Path) -> bool:
    """Return whether there is a fifth axis, and values sum to 1 along the fourth."""
    image = load(path)
    if len(squeezed_shape(image.shape)) != 5:
        return False
    data = read_data(image, path).reshape(squeezed_shape(image.shape))
    return scale_of(data[..., 0], 3) is not None


def _refuse_map(image: Any, path: Path) -> None:
    if is_map(image):
        raise InputError(
            f"{path.name} is an uncertainty map that was written here; choose the "
            "probabilities that it was made from."
        )


def _with_names(
    values: Any, path: Path, grid: Grid, guess: str = "", note: str = ""
) -> ProbabilityMap:
    """Return probabilities with the names and the kind that files beside them tell."""
    declared_classes = declared(path, stem(path), values.shape[0])
    channels = channels_for(path, values.shape[0])
    taken = declared_classes.names and not channels.region_order
    return ProbabilityMap(
        values,
        declared_classes.names if taken else channels.names,
        grid,
        kind=channels.kind,
        source=path,
        name=stem(path),
        region_order=channels.region_order,
        note=" ".join(
            filter(None, (declared_classes.note, channels.note, guess, note))
        ),
        guess=guess,
        tissues_of=declared_classes.tissues_of if taken else "",
    )


def _open_family(family: Family, opened: Path) -> ProbabilityMap:
    """Open several files with a class each, one of which was asked for."""
    family.require_complete()
    parts: list[StoredValues] = []
    first: Grid | None = None
    for file in family.files:
        image = load(file)
        check_header(image, file)
        shape = squeezed_shape(image.shape)
        grid = grid_of(image, shape)
        first = first or grid
        check_same_grid(family.files[0], first, file, grid, named=family.named)
        parts.append(stored_values(image, file, (*shape, 1)))
    return ProbabilityMap(
        join(parts),
        family.class_names,
        first,
        source=family.files[0],
        further_sources=family.files[1:],
        name=family.stem,
        note=family.note_for(opened),
        tissues_of="" if family.has_background else family.tool,
        guess="" if family.tool or family.named else family.note_for(opened),
    )


def _are_scores(values: Array) -> bool:
    """Return whether values, class first, are logits beyond doubt."""
    if values.dtype.kind != "f" or not values.size:
        return False
    steps = (max(1, length // _SCORES_ALONG) for length in values.shape[1:])
    some = values[:, *(slice(step // 2, None, step) for step in steps)]
    some = some.reshape(len(values), -1)
    if not some[np.isfinite(some)].min(initial=0) < -FARTHEST:
        return False
    evidence = evidence_of(some)
    return KINDS[evidence.kind].logistic and not (evidence.doubt or evidence.refusal)


def _are_shares(data: Array) -> bool:
    """Return whether all finite values are from 0 to 1."""
    return bool(np.all(~np.isfinite(data) | ((data >= 0) & (data <= 1))))

"""Grid of voxels in the patient: shape and affine, and how two grids compare.

nibabel is imported where it is needed: it costs more than a whole map of entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .placement import Placement

Matrix = npt.NDArray[np.float64]

# Two affines of one study differ by the rounding of float32 quaternions (1e-7), real
# misplacements by far more than this share of a voxel.
PLACEMENT_TOLERANCE_VOXELS = 1e-2

#: In mm. Nothing that is imaged has larger or smaller voxels, or lies farther away;
#: headers with such numbers are broken.
PLAUSIBLE_ZOOMS = (1e-5, 1e4)
FARTHEST_ORIGIN = 1e6

# NIfTI's codes for units of length (nifti1.h): metre, millimetre, micrometre.
_MILLIMETRES = {1: 1e3, 2: 1.0, 3: 1e-3}

# Volume of the box that unit vectors along the axes span: 1 where they are at right
# angles, and hardly anything where two of them nearly coincide.
LEAST_INDEPENDENCE = 1e-3


@dataclass(frozen=True)
class GridDifference:
    """Difference of two grids, once both run to Right, Anterior and Superior.

    Attributes
    ----------
    same_shape : bool
        Whether they have equally many voxels along each axis.
    zooms_mm : float
        Largest difference between their voxel sizes.
    origin_mm : float
        Distance between their first voxels.
    direction_mm : float
        How far the directions of their axes take the last voxel of an axis of the
        first grid apart, at most.
    """

    same_shape: bool
    zooms_mm: float
    origin_mm: float
    direction_mm: float


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape and affine of a volume.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along the file's own axes (i, j, k); two for a flat image.
    affine : ndarray, shape (4, 4)
        From voxel index to RAS+ millimetres, nibabel's convention [1]_. For a flat
        image the third column describes the missing axis.
    nifti_header : nibabel header or None
        The header that the affine comes from. A written map takes its sform, qform
        and their codes over, so that it lies where its source lies, bit for bit.
    unit_mm : float
        How many millimetres the unit of that header has, in which a map is written.

    Raises
    ------
    InputError
        If the affine is singular, not finite, or has absurd numbers.

    References
    ----------
    .. [1] https://nipy.org/nibabel/coordinate_systems.html
    """

    shape: tuple[int, ...]
    affine: Matrix
    nifti_header: Any = None
    unit_mm: float = 1.0

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4):
            raise InputError(f"An affine has shape (4, 4), not {affine.shape}.")
        _check_affine(affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine", affine)

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.shape)

    @property
    def zooms(self) -> Matrix:
        """Voxel size in mm along each axis, shape (ndim,)."""
        zooms: Matrix = np.linalg.norm(self.affine[:3, :3], axis=0)
        return zooms[: self.ndim]

    @property
    def axcodes(self) -> tuple[str, ...]:
        """Anatomical direction of each axis, such as ``("R", "A", "S")``."""
        from nibabel.orientations import aff2axcodes

        return tuple(aff2axcodes(self.affine))[: self.ndim]

    @cached_property
    def directions(self) -> Matrix:
        """The grid's own axes nearest to Right, Anterior and Superior, shape (3, 3).

        Columns are unit vectors in RAS+, whatever the order and direction of the voxel
        axes: the identity for an upright image, a rotation for a tilted one, and not at
        right angles for a sheared one.
        """
        axes = self._canonical[1][:3, :3]
        directions: Matrix = axes / np.linalg.norm(axes, axis=0)
        return directions

    @property
    def shear(self) -> float:
        """Largest difference from 90 degrees of the angle between two axes."""
        cosines = np.abs(np.triu(self.directions.T @ self.directions, 1))
        return float(np.degrees(np.arcsin(min(1.0, cosines.max()))))

    def tilt_against(self, other: Grid) -> float:
        """Return the largest angle in degrees between corresponding axes."""
        # By the chord: exact for small angles, where arccos is not.
        chords = np.linalg.norm(self.directions - other.directions, axis=0)
        return float(np.degrees(2 * np.arcsin(np.clip(chords / 2, 0, 1)).max()))

    def drift_along(self, other: Grid) -> float:
        """Return the largest shift of a voxel in mm, if the axes were another grid's.

        0 where both grids have the same axes; larger, the more these differ and the
        farther away the voxels are.
        """
        own, others = np.linalg.inv(self.directions), np.linalg.inv(other.directions)
        corners = self.to_ras(self._corners())
        return float(np.linalg.norm(corners @ (own - others).T, axis=1).max())

    def difference(self, other: Grid) -> GridDifference:
        """Return the difference of two grids, whatever the order of their axes."""
        shape, here = self._canonical
        other_shape, there = other._canonical
        zooms = np.linalg.norm(here[:3, :3], axis=0)
        other_zooms = np.linalg.norm(there[:3, :3], axis=0)
        apart = np.linalg.norm(self.directions - other.directions, axis=0)
        extent = zooms * (np.array(shape) - 1)
        return GridDifference(
            same_shape=shape == other_shape,
            zooms_mm=float(np.abs(zooms - other_zooms).max()),
            origin_mm=float(np.linalg.norm(here[:3, 3] - there[:3, 3])),
            direction_mm=float((apart * extent).max()),
        )

    def placement_in(self, other: Grid) -> Placement | None:
        """Return the placement of the voxels on another grid's; None if they are off.

        A voxel may miss the other's centre by a hundredth of the voxel.
        """
        if self.ndim != other.ndim:
            return None
        between = np.linalg.inv(other.affine) @ self.affine
        kept = [*range(self.ndim), 3]
        if self.ndim == 2:
            missing = np.abs(between[2, kept]) * [*self.shape, 1]
            if missing.max() > PLACEMENT_TOLERANCE_VOXELS:
                return None
        return Placement.from_affine(
            between[np.ix_(kept, kept)], self.shape, PLACEMENT_TOLERANCE_VOXELS
        )

    def overlaps(self, other: Grid) -> bool:
        """Return whether a box around this grid, along the other's axes, has voxels."""
        shape = other.shape + (1,) * (3 - other.ndim)
        from_ras = np.linalg.inv(other.affine)
        edges = self.to_ras(self._corners(beyond=0.5)) @ from_ras[:3, :3].T
        edges += from_ras[:3, 3]
        low, high = edges.min(axis=0), edges.max(axis=0)
        return bool((high > -0.5).all() and (low < np.array(shape) - 0.5).all())

    def box(self, offset: Sequence[int], shape: Sequence[int]) -> Grid:
        """Return the grid of a box, given its first voxel and its shape."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_ras(np.array([offset]))[0]
        unchanged = not any(offset)
        return Grid(
            tuple(shape),
            self.affine if unchanged else affine,
            self.nifti_header,
            self.unit_mm,
        )

    def along(self, other: Grid) -> Grid:
        """Return a grid that covers this one along another's axes, voxels as large.

        Its own axes run to Right, Anterior and Superior.
        """
        directions = other.directions
        zooms = np.linalg.norm(self._canonical[1][:3, :3], axis=0)
        edges = self.to_ras(self._corners(beyond=0.5)) @ np.linalg.inv(directions).T
        low, high = edges.min(axis=0), edges.max(axis=0)
        # Rounding must not add a layer of voxels that are outside.
        shape = np.maximum(1, np.ceil((high - low) / zooms - 1e-6).astype(int))
        first = (low + high - (shape - 1) * zooms) / 2
        affine = np.eye(4)
        affine[:3, :3] = directions * zooms
        affine[:3, 3] = directions @ first
        return Grid(tuple(shape), affine)

    def same_place(self, other: Grid) -> bool:
        """Return whether both grids have one shape and put every voxel in one place.

        The corners are compared, with a tolerance of a hundredth of a voxel.
        """
        if self.shape != other.shape:
            return False
        return self.placement_in(other) == Placement.as_it_is(self.ndim)

    def same_voxels(self, other: Grid) -> bool:
        """Return whether the voxels are the same, however the axes are ordered."""
        placement = self.placement_in(other)
        return (
            placement is not None
            and placement.turned_shape(self.shape) == other.shape
            and not any(placement.offset)
        )

    def to_ras(self, voxels: npt.ArrayLike) -> Matrix:
        """Return places in RAS+ mm, shape (n, 3), of voxel indices, shape (n, ndim)."""
        indices = np.asarray(voxels, np.float64)
        columns = self.affine[:3, : self.ndim]
        places: Matrix = indices @ columns.T + self.affine[:3, 3]
        return places

    def to_dict(self) -> dict[str, Any]:
        """Return shape and affine as plain lists, for JSON."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

    def turned_to(self, directions: str) -> tuple[Placement, str]:
        """Return the turn that has axes run nearest to given directions.

        Parameters
        ----------
        directions : str
            Three of R, L, A, P, S and I, such as *RAS* or *IPL*.

        Returns
        -------
        Placement, str
            The turn, without an offset; and the directions that the axes have then. A
            flat image leaves the missing axis out.
        """
        from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

        orientation = ornt_transform(
            io_orientation(self.affine), axcodes2ornt(tuple(directions))
        )
        axes = np.argsort(orientation[:, 0]).tolist()
        present = [place for place, axis in enumerate(axes) if axis < self.ndim]
        order = tuple(axes[place] for place in present)
        flips = tuple(int(orientation[axis, 1]) for axis in order)
        left = "".join(directions[place] for place in present)
        return Placement(order, flips, (0,) * len(order)), left

    def turned(self, turn: Placement) -> Grid:
        """Return the grid of the same voxels with turned axes."""
        shape = turn.turned_shape(self.shape)
        back, axes = np.eye(4), [*range(self.ndim), 3]
        back[np.ix_(axes, axes)] = turn.inverse().affine(shape)
        return Grid(shape, self.affine @ back)

    @cached_property
    def _canonical(self) -> tuple[tuple[int, ...], Matrix]:
        """Shape, of three axes, and affine once the axes run nearest to R, A and S."""
        from nibabel.orientations import inv_ornt_aff, io_orientation

        orientation = io_orientation(self.affine)
        shape = np.array(self.shape + (1,) * (3 - self.ndim))
        affine: Matrix = self.affine @ inv_ornt_aff(orientation, shape)
        order = np.argsort(orientation[:, 0])
        return tuple(int(n) for n in shape[order]), affine

    def _corners(self, beyond: float = 0.0) -> Matrix:
        ends = [(-beyond, length - 1 + beyond) for length in self.shape]
        return np.array(list(product(*ends)), np.float64)


def millimetres_of(header: Any) -> float:
    """Return the millimetres in the unit of length of a NIfTI header.

    A unit that is not told, or is none that NIfTI knows, is a millimetre.
    """
    code = int(header["xyzt_units"]) & 0x07
    return _MILLIMETRES.get(code, 1.0)


def in_millimetres(affine: npt.ArrayLike, header: Any) -> Matrix:
    """Return the affine of a NIfTI header in millimetres, bit for bit if it is so."""
    unit = millimetres_of(header)
    own: Matrix = np.asarray(affine)
    return own if unit == 1 else np.diag([unit, unit, unit, 1]) @ own


def _check_affine(affine: Matrix) -> None:
    axes = affine[:3, :3]
    with np.errstate(all="ignore"):
        zooms = np.linalg.norm(axes, axis=0)
        independent = abs(np.linalg.det(axes / zooms)) if zooms.all() else 0.0
        farthest = np.linalg.norm(affine[:3, 3])
    if not np.isfinite(affine).all() or not independent > LEAST_INDEPENDENCE:
        raise InputError(
            "The affine in the header is singular, so the image has no place in "
            "space; repair the header (sform or qform) first."
        )
    if (affine[3] != (0, 0, 0, 1)).any():
        raise InputError(
            "The last row of the affine is not 0, 0, 0, 1, so it does not say where "
            "voxels are; repair the header (sform or qform) first."
        )
    smallest, largest = PLAUSIBLE_ZOOMS
    if zooms.min() < smallest or zooms.max() > largest or farthest > FARTHEST_ORIGIN:
        sizes = " × ".join(f"{size:.3g}" for size in zooms)
        raise InputError(
            f"The affine in the header is absurd (voxels of {sizes} mm, the first one "
            f"{farthest:.3g} mm away from the origin); repair the header (sform or "
            "qform) first."
        )

"""Where voxels sit in the patient: shape and affine, and how two grids compare.

nibabel is imported where it is needed: it costs more than a whole map of entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

# Two affines of one study differ by the rounding of float32 quaternions (1e-7), real
# misplacements by far more than this share of a voxel.
PLACEMENT_TOLERANCE_VOXELS = 1e-2


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

    Raises
    ------
    InputError
        If the affine is singular or not finite.

    References
    ----------
    .. [1] https://nipy.org/nibabel/coordinate_systems.html
    """

    shape: tuple[int, ...]
    affine: npt.NDArray[np.float64]
    nifti_header: Any = None

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4):
            raise InputError(f"An affine has shape (4, 4), not {affine.shape}.")
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise InputError(
                "The affine in the header is singular, so the image has no place in "
                "space; repair the header (sform or qform) first."
            )
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine", affine)

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.shape)

    @property
    def zooms(self) -> npt.NDArray[np.float64]:
        """Voxel size in mm along each axis, shape (ndim,)."""
        zooms: npt.NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return zooms[: self.ndim]

    @property
    def axcodes(self) -> tuple[str, ...]:
        """Anatomical direction of each axis, such as ``("R", "A", "S")``."""
        from nibabel.orientations import aff2axcodes

        return tuple(aff2axcodes(self.affine))[: self.ndim]

    @property
    def directions(self) -> npt.NDArray[np.float64]:
        """The grid's own axes nearest to Right, Anterior and Superior, shape (3, 3).

        Columns are unit vectors in RAS+. It is the identity for an upright image, a
        rotation for a tilted one (of a sheared affine: the nearest rotation, by polar
        decomposition), whatever the order and direction of the voxel axes.
        """
        from nibabel.orientations import io_orientation

        canonical = np.zeros((3, 3))
        columns = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        for column, (axis, flip) in zip(
            columns.T, io_orientation(self.affine), strict=True
        ):
            canonical[:, int(axis)] = column * flip
        u, _, vt = np.linalg.svd(canonical)
        rotation: npt.NDArray[np.float64] = u @ vt
        return rotation

    def tilt_against(self, other: Grid) -> float:
        """Angle in degrees by which the two grids' own axes are turned."""
        turn = self.directions.T @ other.directions
        # From the antisymmetric part: exact for small angles, where arccos is not.
        sine = np.linalg.norm(turn - turn.T) / np.sqrt(8)
        return float(np.degrees(np.arctan2(sine, (np.trace(turn) - 1) / 2)))

    def same_place(self, other: Grid) -> bool:
        """Whether both grids have the same shape and put every voxel in one place.

        The corners are compared, with a tolerance of a hundredth of a voxel.
        """
        if self.shape != other.shape:
            return False
        return self.largest_offset(other) <= PLACEMENT_TOLERANCE_VOXELS * float(
            self.zooms.min()
        )

    def largest_offset(self, other: Grid) -> float:
        """Largest distance in mm between equal voxel indices of the two grids."""
        corners = np.stack(
            np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij"), axis=-1
        ).reshape(-1, self.ndim)
        homogeneous = np.zeros((len(corners), 4))
        homogeneous[:, : self.ndim] = corners
        homogeneous[:, 3] = 1
        offsets = homogeneous @ (self.affine - other.affine).T
        return float(np.linalg.norm(offsets[:, :3], axis=1).max())

    def to_dict(self) -> dict[str, Any]:
        """Shape and affine as plain lists, for JSON."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

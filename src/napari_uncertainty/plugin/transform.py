"""Transform of a layer, as attributes that another layer can take over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from napari.layers import Image
from napari.utils.transforms import CompositeAffine

#: Transform attributes of a layer.
TRANSFORM = (
    "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
)  # fmt: skip


def inherited_transform(layer: Image, without: Collection[int]) -> dict[str, Any]:
    """Every transform attribute of a layer, some axes of its data left out.

    For an image that napari shows as RGB the channel axis is none of the layer's own,
    so that one is left out anyway.
    """
    keep = [axis for axis in range(layer.ndim) if axis not in without]
    placed = CompositeAffine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        ndim=layer.ndim,
        units=layer.units,
        axis_labels=layer.axis_labels,
    ).set_slice(keep)
    return {
        "scale": placed.scale,
        "translate": placed.translate,
        "rotate": placed.rotate,
        "shear": placed.shear,
        "affine": layer.affine.affine_matrix[
            [[row] for row in (*keep, -1)], [*keep, -1]
        ],
        "units": placed.units,
        "axis_labels": placed.axis_labels,
    }

"""Making every source of a fold come in many pieces, for several test modules."""

import pytest

from napari_uncertainty.engine import arrays, streams
from napari_uncertainty.engine import streams as by_class
from napari_uncertainty.engine import streams as by_voxel
from napari_uncertainty.engine import values as values_module


def small_pieces(blocks):
    """Pieces of so many values, however small the test's volume is; undo it."""
    patch = pytest.MonkeyPatch()
    patch.setattr(arrays, "BLOCK_VALUES", blocks)
    patch.setattr(streams, "BLOCK_VALUES", blocks)
    patch.setattr(by_voxel, "BLOCK_VALUES", blocks)
    patch.setattr(by_class.ByClass, "piece_values", blocks)
    patch.setattr(by_class, "RUN_VOXELS", max(1, blocks // 3))
    patch.setattr(values_module, "GRAIN", max(1, blocks // 7))
    return patch

"""Sample data: the MNI152 template as a four-class softmax."""

from __future__ import annotations

from typing import Any

from ..errors import InputError

LayerTuples = list[tuple[Any, ...]]


def mni152() -> LayerTuples:
    """Scan, probabilities and labels of the MNI152 template that nilearn bundles."""
    from napari.utils.notifications import show_error

    from ..sample import mni152_case
    from .arrival import drop
    from .layers import to_layer

    drop.receive_soon()
    try:
        return [to_layer(volume) for volume in mni152_case()]
    except InputError as error:
        show_error(str(error))
        return [(None,)]

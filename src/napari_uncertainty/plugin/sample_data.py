"""Sample data: the MNI152 template, as one model or three see it in four classes.

Where it cannot be had, the core's error goes through napari, which shows its message;
a sample without layers would be an error of its own there.
"""

from __future__ import annotations

from ..sample import mni152_case, mni152_members
from .viewer.arrival import drop
from .viewer.layers import LayerData, Volume, to_layer


def mni152() -> list[LayerData]:
    """Scan, labels and probabilities of the MNI152 template that nilearn bundles."""
    return _layers(*mni152_case())


def mni152_ensemble() -> list[LayerData]:
    """Scan and labels of the same template, and the probabilities of three models."""
    scan, labels, members = mni152_members()
    return _layers(scan, labels, *members)


def _layers(*volumes: Volume) -> list[LayerData]:
    layers = [to_layer(volume) for volume in volumes]
    drop.receive_soon()
    return layers

"""Sample data: the MNI152 template, as one model or three see it in four classes.

If the template is not to be had, the core raises an error whose message napari shows.
A sample without layers would be another error in napari.
"""

from __future__ import annotations

from ..sample import mni152_case, mni152_members
from .viewer.arrival import drop
from .viewer.layers import LayerData, Volume, to_layer


def mni152() -> list[LayerData]:
    """Return scan, labels and probabilities of the MNI152 template of nilearn."""
    return _layers(*mni152_case())


def mni152_ensemble() -> list[LayerData]:
    """Return the same scan and labels, and probabilities of three models."""
    scan, labels, members = mni152_members()
    return _layers(scan, labels, *members)


def _layers(*volumes: Volume) -> list[LayerData]:
    layers = [to_layer(volume) for volume in volumes]
    drop.receive_soon()
    return layers

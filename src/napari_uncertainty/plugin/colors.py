"""Colours: labels that are told apart at a glance, maps that let the scan through."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import Colormap, CyclicLabelColormap, ensure_colormap

# A map is opaque from this share of its range on, and fades out towards 0 below.
OPAQUE_FROM = 0.6

# Colours of maximum contrast after K. L. Kelly, Twenty-two colors of maximum contrast,
# Color Engineering 3 (1965), 26-27; without white, black and grey, which scans have.
_KELLY = (
    "#F3C300", "#875692", "#F38400", "#A1CAF1", "#BE0032", "#008856", "#E68FAC",
    "#0067A5", "#F99379", "#604E97", "#F6A600", "#B3446C", "#DCD300", "#882D17",
    "#8DB600", "#654522", "#E25822", "#2B3D26", "#C2B280",
)  # fmt: skip


def label_colormap() -> CyclicLabelColormap:
    """Background (0) transparent, then Kelly's colours, again and again."""
    return CyclicLabelColormap(
        colors=["transparent", *_KELLY], name="Kelly", background_value=0
    )


def transparent_where_certain(name: str) -> Colormap:
    """A colormap of napari's with its low end faded out.

    Where the model is certain the scan shows unchanged, and where it is not the
    colours are those of the colour bar; adding the map's colours to the scan's would
    wash out both, in 3D to plain white.
    """
    opaque = ensure_colormap(name)
    share = np.linspace(0, 1, 256)
    colors = opaque.map(share)
    colors[:, 3] = np.clip(share / OPAQUE_FROM, 0, 1)
    return Colormap(colors, name=f"{name} (transparent)")

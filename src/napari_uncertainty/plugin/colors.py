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
    return faded(name, 0.0, OPAQUE_FROM)


def faded(name: str, hidden_to: float, opaque_from: float) -> Colormap:
    """A colormap that is invisible at its low end and opaque at its high end.

    Parameters
    ----------
    name : str
        A colormap that napari knows.
    hidden_to, opaque_from : float
        Shares (0 to 1) of its range: invisible up to the one, opaque from the other
        on, and fading in between; equal ones make a sharp edge.
    """
    # Fine steps, for a threshold is one of them.
    share = np.linspace(0, 1, 1024)
    colors = ensure_colormap(name).map(share)
    fading = max(opaque_from - hidden_to, 1e-6)
    colors[:, 3] = np.clip((share - hidden_to) / fading, 0, 1)
    return Colormap(colors, name=f"{name} (transparent)")

"""Colours of layers: classes by hue, maps that let the scan through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.utils.colormaps import (
    AVAILABLE_COLORMAPS,
    Colormap,
    CyclicLabelColormap,
    DirectLabelColormap,
    ensure_colormap,
)

from ..colors import OPAQUE_FROM, class_palette

#: Name of the colours that labels get here, by which they are known again.
CLASSES = "classes"

# What is added to the name of a map's colormap, here and by napari.
_ADDED = re.compile(r"( \((transparent|panel|above threshold|glow|\d+)\))+$")

# Colours that labels have got here, by which nobody else's are taken for them.
_given: set[bytes] = set()


def label_colormap(
    map_colormap: Any = "inferno",
    own: Mapping[int, tuple[float, float, float]] | None = None,
) -> CyclicLabelColormap | DirectLabelColormap:
    """Return colours for labels, apart from those of a map; background (0) has none.

    Parameters
    ----------
    map_colormap : str or Colormap
        Colours of the map that is shown with the labels, seen through or not.
    own : mapping of int to tuple of float, or None
        Colours that the file of the labels has for them; where there are some, these
        are kept.
    """
    if own:
        given: dict[int | None, Any] = {None: (1, 1, 1, 1), 0: (0, 0, 0, 0)}
        given |= {label: (*color, 1) for label, color in own.items()}
        return DirectLabelColormap(color_dict=given, name="segments")
    palette = class_palette(map_colors(_without_transparency(map_colormap))) / 255
    colormap = CyclicLabelColormap(
        colors=[
            (0, 0, 0, 0),
            *((*color, 1.0) for color in palette),
        ],
        name=CLASSES,
        background_value=0,
    )
    _given.add(np.asarray(colormap.colors).tobytes())
    return colormap


def keep_apart(labels: Any, map_colormap: Any) -> None:
    """Let a label layer have colours apart from those of a map.

    Only where it has colours of :func:`label_colormap`: those that a person or another
    plugin has chosen are kept.

    Parameters
    ----------
    labels : Labels
        The layer.
    map_colormap : str or Colormap
        Colours of the map that is shown with it.
    """
    now = labels.colormap
    if now.name != CLASSES or np.asarray(now.colors).tobytes() not in _given:
        return
    apart = label_colormap(map_colormap)
    if not np.array_equal(now.colors, apart.colors):
        labels.colormap = apart


def base_name(colormap: Colormap) -> str:
    """Return the name of a map's colormap without what is said of its transparency."""
    return _ADDED.sub("", str(colormap.name))


def _without_transparency(colormap: Any) -> Any:
    """Return the colormap that others were made from, with equal colours then."""
    if isinstance(colormap, str):
        return colormap
    name = base_name(colormap)
    return name if name in AVAILABLE_COLORMAPS else colormap


def map_colors(colormap: Any) -> np.ndarray[Any, Any]:
    """Return 256 colours from the low to the high end, 0 to 255, shape (256, 3)."""
    colors = np.asarray(ensure_colormap(colormap).map(np.linspace(0, 1, 256)))
    found: np.ndarray[Any, Any] = np.rint(255 * colors[:, :3]).astype(np.uint8)
    return found


def transparent_where_certain(name: str) -> Colormap:
    """Return a colormap of napari's with its low end faded out.

    Where the model is certain the scan shows unchanged, and where it is not the
    colours are those of the colour bar; adding the map's colours to the scan's would
    wash out both, in 3D to plain white.
    """
    return faded(name, 0.0, OPAQUE_FROM)


def faded(name: str, hidden_to: float, opaque_from: float) -> Colormap:
    """Return a colormap that is invisible at its low end and opaque at its high end.

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

"""The one door through which layers come into a viewer, with their look and colours.

What a file or the core gives becomes a layer by :func:`add_volume`, a map that was
computed by :func:`add_map`, and what only shows what other layers hold, such as marks
and surfaces, by :func:`add_helper`. All of them say in their metadata what they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image
from napari.settings import get_plugin_settings
from napari.utils.colormaps import (
    AVAILABLE_COLORMAPS,
    Colormap,
    CyclicLabelColormap,
    DirectLabelColormap,
    ensure_colormap,
)
from napari.utils.transforms import CompositeAffine

from ...analysis.colors import OPAQUE_FROM, class_palette
from ...io.map_files import WrittenMap
from ...model.images import LabelMap, Scan
from ...model.measures import UNITS, Base
from ...model.probabilities import ProbabilityMap, lines_along
from ...model.record import Record
from .lifetime import selection_kept
from .scan_space import METADATA_KEY, RECORD, SCAN_SPACE_AXES, ScanSpace, reversed_axes

#: Transform attributes of a layer.
TRANSFORM = (
    "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
)  # fmt: skip

#: The units of the preferences and the widget, by their name.
BASE_BY_UNIT: dict[str, Base] = {unit: base for base, unit in UNITS.items()}

#: Name of the colours that labels get here, by which they are known again.
CLASSES = "classes"

# What is added to the name of a map's colormap, here and by napari.
_ADDED = re.compile(r"( \((transparent|panel|above threshold|glow|\d+)\))+$")

# Colours that labels have got here, by which nobody else's are taken for them.
_given: set[bytes] = set()

Array = np.ndarray[Any, Any]

LayerData = tuple[Array, dict[str, Any], str]

#: What becomes a layer.
Volume = Scan | LabelMap | ProbabilityMap | WrittenMap

#: What the axis of the classes is called.
CLASS_AXIS = "class"


# The one door through which layers come into a viewer, and leave it.


def add_volume(viewer: Any, volume: Volume) -> Any:
    """Add a scan, a label map, class probabilities or a map; returns the layer."""
    data, options, kind = to_layer(volume)
    return getattr(viewer, f"add_{kind}")(data, **options)


def add_map(
    viewer: Any,
    values: Array,
    name: str,
    info: Mapping[str, Any],
    transform: Mapping[str, Any],
) -> Any:
    """Add an uncertainty map as the user prefers maps to look; returns the layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is added.
    values : ndarray
        In the viewer's order.
    name : str
        Of the layer.
    info : mapping of str to object
        What is kept with it, its record among this; see :func:`.layer_info`.
    transform : mapping of str to object
        Where it is; see :func:`.inherited_transform`.
    """
    look = look_of_map(info[RECORD])
    metadata = {METADATA_KEY: dict(info)}
    return viewer.add_image(values, name=name, metadata=metadata, **look, **transform)


def add_helper(
    viewer: Any,
    kind: str,
    data: Any,
    role: str,
    *,
    like: Any = None,
    info: Mapping[str, Any] | None = None,
    editable: bool = True,
    **options: Any,
) -> Any:
    """Add a layer that only shows what other layers hold; returns the layer.

    The selected layer stays selected, for docks follow it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where it is added.
    kind : str
        "labels", "points", "surface" or "vectors".
    data : object
        What napari takes for such a layer.
    role : str
        What it is, such as "outline" or "surface"; see :data:`.HELPERS`.
    like : Layer or None
        The layer whose place it shares. Without one, it is where its data are, in the
        units of the viewer: in others, the viewer's would change.
    info : mapping of str to object, or None
        What is kept with it besides its role.
    editable : bool
        Whether napari's tools may change it.
    **options : object
        Further options of such a layer.
    """
    if like is not None:
        options |= {name: getattr(like, name) for name in TRANSFORM}
    elif "units" not in options:
        n_axes = len(options.get("scale", SCAN_SPACE_AXES))
        options["units"] = (viewer.layers.units or ())[-n_axes:] or None
    options["metadata"] = {METADATA_KEY: {**(info or {}), "role": role}}
    with selection_kept(viewer):
        layer = getattr(viewer, f"add_{kind}")(data, **options)
    if not editable:
        layer.editable = False
    return layer


def remove_layer(viewer: Any, layer: Any) -> None:
    """Take a layer away, unless there is none, or somebody has removed it."""
    if layer is not None and layer in viewer.layers:
        viewer.layers.remove(layer)


def arrange(layers: Any, wanted: Sequence[Any]) -> None:
    """Put layers into this order, where they are not; others stay around them."""
    places = sorted(layers.index(layer) for layer in wanted)
    for place, layer in zip(places, wanted, strict=True):
        if layers.index(layer) != place:
            layers.move(layers.index(layer), place)


def to_layer(volume: Volume) -> LayerData:
    """Return the layer data tuple of a scan, labels, probabilities or a map."""
    if isinstance(volume, ProbabilityMap):
        return _probabilities_layer(volume)
    if isinstance(volume, WrittenMap):
        return _map_layer(volume)
    if isinstance(volume, LabelMap):
        return _labels_layer(volume)
    return _scan_layer(volume)


def look_of_map(record: Record) -> dict[str, Any]:
    """Return layer options of an uncertainty map, as the user prefers them."""
    chosen = preferences()
    return {
        "colormap": transparent_where_certain(chosen.colormap)
        if chosen.transparent
        else chosen.colormap,
        "opacity": chosen.opacity,
        "contrast_limits": (0, record.highest),
        # On top of whatever is behind it, in 3D too: a volume-rendered scan would
        # otherwise hide the map, or turn white where colours are added.
        "blending": "translucent_no_depth",
        "rendering": "mip",
        "rgb": False,  # a last axis of length 3 or 4 is space
    }


def _scan_layer(scan: Scan) -> LayerData:
    further = scan.data.ndim - scan.grid.ndim
    data = np.moveaxis(scan.data, range(scan.grid.ndim, scan.data.ndim), range(further))
    options = _placed("scan", scan, ("time", "channel", "axis 5")[:further])
    options |= {
        "name": scan.name,
        "colormap": "gray",
        "contrast_limits": _readable_limits(scan.data),
        # In 3D the near side shows and does not drown in what is behind it.
        "rendering": "attenuated_mip",
        "attenuation": 0.1,
        "rgb": False,  # a last axis of length 3 or 4 is space
    }
    return ScanSpace.of(scan.grid).turn.turn(data), options, "image"


def _labels_layer(labels: LabelMap) -> LayerData:
    options = _placed("segmentation", labels)
    options |= {
        "name": labels.name,
        "opacity": 0.4,
        "colormap": label_colormap(preferences().colormap, labels.colors),
    }
    if labels.class_names:
        options["features"] = {
            "index": list(labels.class_names),
            "name": list(labels.class_names.values()),
        }
        options["metadata"][METADATA_KEY]["class_names"] = dict(labels.class_names)
    return ScanSpace.of(labels.grid).turn.turn(labels.data), options, "labels"


def _probabilities_layer(probabilities: ProbabilityMap) -> LayerData:
    values = probabilities.values
    data, options = _anywhere("probabilities", probabilities, values, (CLASS_AXIS,))
    options["metadata"][METADATA_KEY] |= {
        "class_names": list(probabilities.class_names),
        "class_axis": 0,
        "kind": probabilities.kind,
        "region_order": list(probabilities.region_order),
        "tissues_of": probabilities.tissues_of,
        "geometry_source": str(probabilities.geometry_source or ""),
        "further_sources": [str(path) for path in probabilities.further_sources],
        "guess": probabilities.guess,
    }
    options |= {
        "name": f"{probabilities.name} probabilities",
        "colormap": "gray",
        "contrast_limits": _limits_of_classes(values),
        # It would hide the scan below it, and the map is what people want to see.
        "visible": False,
        "rgb": False,  # a last axis of length 3 or 4 is space
    }
    return data, options, "image"


def _map_layer(written: WrittenMap) -> LayerData:
    """Layer of a map from a file, which looks like one that was just computed.

    The file does not say which class a voxel has, nor which voxels have no data.
    """
    data, options = _anywhere("map", written, written.values, zooms=written.zooms)
    options["metadata"][METADATA_KEY] |= {
        RECORD: written.record,
        # Of a map, this is the file that it was made from.
        "source": written.record.source,
    }
    options |= {
        "name": written.name,
        **look_of_map(written.record),
    }
    return data, options, "image"


def _anywhere(
    role: str,
    volume: ProbabilityMap | WrittenMap,
    values: Any,
    leading: tuple[str, ...] = (),
    zooms: tuple[float, ...] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Data and options of a volume that may know of no place."""
    if volume.grid is not None:
        options = _placed(role, volume, leading)
        return ScanSpace.of(volume.grid).turn.turn(values), options
    # Nothing is known of its place: the file's own z, y, x, and voxels of 1 mm unless
    # somebody knows. In voxels it could not be shown beside a scan in mm.
    n = values.ndim - len(leading)
    return reversed_axes(n).turn(values), {
        "scale": (1.0,) * len(leading) + (zooms or (1.0,) * n)[::-1],
        "axis_labels": (*leading, *SCAN_SPACE_AXES[-n:]),
        "units": ("pixel",) * len(leading) + ("mm",) * n,
        "metadata": {METADATA_KEY: _provenance(role, volume)},
    }


def _placed(
    role: str,
    volume: Volume,
    leading: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Layer options that put a volume into scan space, and say what it is."""
    assert volume.grid is not None
    place = ScanSpace.of(volume.grid).transform(leading)
    return {**place, "metadata": {METADATA_KEY: _provenance(role, volume)}}


def _provenance(role: str, volume: Volume) -> dict[str, Any]:
    info: dict[str, Any] = {"role": role, "source": str(volume.source or "")}
    if volume.grid is not None:
        info |= {"grid": volume.grid, "affine": volume.grid.affine}
    return info


def _limits_of_classes(values: Any) -> tuple[float, float]:
    """Return 0 and 1 where values are probabilities, else their least and largest."""
    some = lines_along(values, 0)
    some = some[np.isfinite(some)]
    if some.size == 0 or (some.min() > -0.5 and some.max() < 1.5):
        return 0.0, 1.0
    return float(some.min()), float(max(some.max(), some.min() + 1))


def _readable_limits(data: Array) -> tuple[float, float]:
    """Contrast from the darkest value to just below the few brightest ones."""
    sample = data[tuple(slice(None, None, max(1, n // 64)) for n in data.shape)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = float(sample.min()), float(np.percentile(sample, 99.8))
    return (low, high) if high > low else (low, low + 1.0)


# Colours of layers: classes by hue, maps that let the scan through.


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


# Transform of a layer, as attributes that another layer can take over.


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


# The user's defaults, as set in napari's preferences (declared in napari.yaml).


def preferences() -> Any:
    """Preferences of *Compute uncertainty*: base, colormap, opacity and so on."""
    return get_plugin_settings("napari-uncertainty").compute


def review_preferences() -> Any:
    """Preferences of *Review uncertainty*: folder, count and radius."""
    return get_plugin_settings("napari-uncertainty").review


def remember(**choices: Any) -> None:
    """Keep choices of *Compute uncertainty* as its defaults, in napari's settings.

    Where these cannot be written, the choices hold until napari is closed.
    """
    chosen = preferences()
    for name, value in choices.items():
        if getattr(chosen, name) != value:
            # napari writes its file at each change.
            with suppress(OSError):
                setattr(chosen, name, value)

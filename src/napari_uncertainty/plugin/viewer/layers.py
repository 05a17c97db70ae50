"""The one door through which layers come into a viewer, with their look and colours.

:func:`add_volume` adds an image that was read from a file, :func:`add_map` a map that
was just computed, and :func:`add_helper` a layer that only shows what other layers
hold, such as a mark or a surface; all of them say in their metadata what they are.
:func:`add_copy` shows the copy of a layer in another view.
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

#: Attributes that say where a layer is, in the order in which they can be set.
TRANSFORM = (
    "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
)  # fmt: skip

#: Base of the logarithm by the name of its unit, as in the preferences and the dock.
BASE_BY_UNIT: dict[str, Base] = {unit: base for base, unit in UNITS.items()}

#: Name of the colormaps that labels get here, by which they are recognised.
CLASSES = "classes"

# Additions to the name of a map's colormap, made by this plugin and by napari.
_ADDED = re.compile(r"( \((transparent|panel|above threshold|glow|\d+)\))+$")

# Colours that labels were given here. A colormap of the same name that somebody else
# has made is not among them.
_given_colors: set[bytes] = set()

Array = np.ndarray[Any, Any]

#: Data, options and kind of a layer, as napari takes them from a reader.
LayerData = tuple[Array, dict[str, Any], str]

#: Objects of the core that become layers.
Volume = Scan | LabelMap | ProbabilityMap | WrittenMap

#: Label of the axis that runs over the classes.
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
        The map, with its axes in the viewer's order.
    name : str
        Name of the layer.
    info : mapping of str to object
        Metadata of the layer, with the record of the map; see :func:`.layer_info`.
    transform : mapping of str to object
        Place of the map; see :func:`.inherited_transform`.
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
        Data of a layer of that kind, as napari takes them.
    role : str
        Role of the layer, such as "outline" or "surface"; see :data:`.HELPERS`.
    like : Layer or None
        The layer whose place it shares. Without one, its data are world coordinates up
        to its scale, in the units of the viewer; other units would change those.
    info : mapping of str to object, or None
        Metadata of the layer besides its role.
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


def add_copy(viewer: Any, copy: Any, place: int) -> None:
    """Insert the copy of a layer of another viewer into the layer list.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer that is to show the copy.
    copy : Layer
        The copy, which says in its metadata what the layer itself says.
    place : int
        Index in the layer list.
    """
    viewer.layers.insert(place, copy)


def remove_layer(viewer: Any, layer: Any) -> None:
    """Remove a layer; do nothing for None, or where it was removed before."""
    if layer is not None and layer in viewer.layers:
        viewer.layers.remove(layer)


def arrange(layers: Any, wanted: Sequence[Any]) -> None:
    """Put these layers of a list into this order; all others stay in their places."""
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
        # In 3D, the near side is seen, and not only the brightest parts behind it.
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
    data, options = _placed_if_known(
        "probabilities", probabilities, values, (CLASS_AXIS,)
    )
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
    """Return a map from a file as a layer that looks like one just computed.

    Its metadata have no classes of the voxels and no voxels without data, which the
    file does not hold.
    """
    data, options = _placed_if_known(
        "map", written, written.values, zooms=written.zooms
    )
    options["metadata"][METADATA_KEY] |= {
        RECORD: written.record,
        # The source of a map is the file that it was made from.
        "source": written.record.source,
    }
    options |= {
        "name": written.name,
        **look_of_map(written.record),
    }
    return data, options, "image"


def _placed_if_known(
    role: str,
    volume: ProbabilityMap | WrittenMap,
    values: Any,
    leading: tuple[str, ...] = (),
    zooms: tuple[float, ...] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Return data and options of a layer for a volume whose place may be unknown."""
    if volume.grid is not None:
        options = _placed(role, volume, leading)
        return ScanSpace.of(volume.grid).turn.turn(values), options
    # Its place is unknown, so it is shown along the file's own z, y, x, in voxels of
    # 1 mm where no size is known. It is not shown in pixels, for beside a scan in mm
    # napari would then give up the units of all layers.
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
    """Return layer options that put a volume into scan space, and its metadata."""
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
    sample = lines_along(values, 0)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0 or (sample.min() > -0.5 and sample.max() < 1.5):
        return 0.0, 1.0
    return float(sample.min()), float(max(sample.max(), sample.min() + 1))


def _readable_limits(data: Array) -> tuple[float, float]:
    """Return the darkest value of a scan, and one that few of its voxels exceed."""
    sample = data[tuple(slice(None, None, max(1, n // 64)) for n in data.shape)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = float(sample.min()), float(np.percentile(sample, 99.8))
    return (low, high) if high > low else (low, low + 1.0)


# Colours of layers: a hue for each class, and maps through which the scan is seen.


def label_colormap(
    map_colormap: Any = "inferno",
    own: Mapping[int, tuple[float, float, float]] | None = None,
) -> CyclicLabelColormap | DirectLabelColormap:
    """Return colours for labels that differ from those of a map; 0 is not coloured.

    Parameters
    ----------
    map_colormap : str or Colormap
        Colours of the map that is shown with the labels, with or without transparency.
    own : mapping of int to tuple of float, or None
        Colours that the file of the labels has for them, which are taken if there are
        any.
    """
    if own:
        colors: dict[int | None, Any] = {None: (1, 1, 1, 1), 0: (0, 0, 0, 0)}
        colors |= {label: (*color, 1) for label, color in own.items()}
        return DirectLabelColormap(color_dict=colors, name="segments")
    palette = class_palette(map_colors(_without_transparency(map_colormap))) / 255
    colormap = CyclicLabelColormap(
        colors=[
            (0, 0, 0, 0),
            *((*color, 1.0) for color in palette),
        ],
        name=CLASSES,
        background_value=0,
    )
    _given_colors.add(np.asarray(colormap.colors).tobytes())
    return colormap


def keep_apart(labels: Any, map_colormap: Any) -> None:
    """Let the colours of a label layer differ from those of a map.

    Only colours of :func:`label_colormap` are replaced: those that a person or another
    plugin has chosen are kept.

    Parameters
    ----------
    labels : Labels
        The layer.
    map_colormap : str or Colormap
        Colours of the map that is shown with it.
    """
    now = labels.colormap
    if now.name != CLASSES or np.asarray(now.colors).tobytes() not in _given_colors:
        return
    different = label_colormap(map_colormap)
    if not np.array_equal(now.colors, different.colors):
        labels.colormap = different


def base_name(colormap: Colormap) -> str:
    """Return the name of a map's colormap without additions such as (transparent)."""
    return _ADDED.sub("", str(colormap.name))


def _without_transparency(colormap: Any) -> Any:
    """Return the name of the opaque colormap that one was made from, or itself."""
    if isinstance(colormap, str):
        return colormap
    name = base_name(colormap)
    return name if name in AVAILABLE_COLORMAPS else colormap


def map_colors(colormap: Any) -> Array:
    """Return 256 colours from the low to the high end, 0 to 255, shape (256, 3)."""
    colors = np.asarray(ensure_colormap(colormap).map(np.linspace(0, 1, 256)))
    rgb: Array = np.rint(255 * colors[:, :3]).astype(np.uint8)
    return rgb


def transparent_where_certain(name: str) -> Colormap:
    """Return a colormap of napari's with its low end faded out.

    The scan shows unchanged where the model is certain, and the map has the colours of
    its colour bar where it is not. Adding the colours of both would wash them out, in
    3D to plain white.
    """
    return faded(name, 0.0, OPAQUE_FROM)


def faded(name: str, hidden_to: float, opaque_from: float) -> Colormap:
    """Return a colormap that is invisible at its low end and opaque at its high end.

    Parameters
    ----------
    name : str
        A colormap that napari knows.
    hidden_to, opaque_from : float
        Shares (0 to 1) of its range. The colormap is invisible up to the one, opaque
        from the other on, and fades in between them; if they are equal, the edge is
        sharp.
    """
    # The steps are fine because a threshold falls onto one of them.
    share = np.linspace(0, 1, 1024)
    colors = ensure_colormap(name).map(share)
    fading = max(opaque_from - hidden_to, 1e-6)
    colors[:, 3] = np.clip((share - hidden_to) / fading, 0, 1)
    return Colormap(colors, name=f"{name} (transparent)")


# The place of a layer, as attributes that another layer can take over.


def inherited_transform(layer: Image, without: Collection[int]) -> dict[str, Any]:
    """Return every transform attribute of a layer without some axes of its data.

    napari does not count the channels of an RGB image among the axes of its layer, so
    that axis is left out anyway.
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


# The user's defaults in napari's preferences, which napari.yaml declares.


def preferences() -> Any:
    """Return the preferences of *Compute uncertainty*: base, colormap and so on."""
    return get_plugin_settings("napari-uncertainty").compute


def review_preferences() -> Any:
    """Return the preferences of *Review uncertainty*: folder, count and radius."""
    return get_plugin_settings("napari-uncertainty").review


def remember(**choices: Any) -> None:
    """Keep choices of *Compute uncertainty* as its defaults, in napari's settings.

    Where these cannot be written, the choices hold until napari is closed.
    """
    chosen = preferences()
    for name, value in choices.items():
        if getattr(chosen, name) != value:
            # napari writes its settings file at each change.
            with suppress(OSError):
                setattr(chosen, name, value)

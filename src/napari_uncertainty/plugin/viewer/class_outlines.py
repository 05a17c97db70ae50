"""Classes as thin outlines above a map, so that the map stays visible.

A line along the edges of voxels shows where a class ends, and leaves the voxels at the
border, which are the most uncertain ones, to the map. napari's own contours are a voxel
wide. The lines are made for the shown slice, and anew for the next one, which takes
less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image, Labels
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ...analysis.class_statistics import unnamed
from .layer_roles import MODULATED, role_of, segmentation_for_map
from .layers import add_helper, label_colormap, remove_layer
from .legends import ClassLegend
from .lifetime import Listening, lasting, unwrapped, weakly
from .scan_space import ORIGINAL, PREDICTION, layer_info
from .shown_map import names_of

Array = np.ndarray[Any, Any]

#: Name and role of the layer that holds the lines.
NAME, ROLE = "class outlines", "outline"

# Width of a line: so many pixels of the screen, but no more than the first share of a
# voxel, half of it on either side of an edge. Where there is room, the classes on both
# sides have a line each, of the second share.
_PIXELS = 1.3
_SHARE, _SHARE_EACH = 0.25, 0.11

# A line of less than a pixel would have gaps. It is fainter instead, down to this
# opacity.
_FAINTEST = 0.75

# Pixels of a voxel from which on there is room for the lines of both classes.
_ROOM_FOR_BOTH = 11.0

# Opacity of the lines of other classes where some are selected.
_DIMMED = 0.3

#: The key that fills the outlined classes, and those that hide the maps, or the
#: classes, while they are held. napari uses them for layers of shapes only.
FILL_KEY, HIDE_MAPS_KEY, HIDE_CLASSES_KEY = "K", "I", "T"

#: Sentence that explains the keys in the dock.
KEYS = (
    f"Keys in the view: {FILL_KEY} fills the classes; while you hold them, "
    f"{HIDE_MAPS_KEY} hides the map and {HIDE_CLASSES_KEY} the classes."
)

_outlines: WeakKeyDictionary[Any, ClassOutlines] = WeakKeyDictionary()


# The outlines of a viewer, and their keys.


def outline_classes(viewer: Any) -> ClassOutlines:
    """Outline the classes in a viewer, from now on and for as long as it lives.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        The viewer. Called again with the same one, the same outlines are returned.
    """
    viewer = unwrapped(viewer)
    outlines = _outlines.get(viewer)
    if outlines is None:
        outlines = _outlines[viewer] = ClassOutlines(viewer)
        for key, action in (
            (FILL_KEY, _toggle_fill),
            (HIDE_MAPS_KEY, _hide_maps),
            (HIDE_CLASSES_KEY, _hide_classes),
        ):
            # A key that is bound already keeps its meaning.
            if coerce_keybinding(key) not in viewer.keymap:
                viewer.bind_key(key, action)
    outlines.update()
    return outlines


def _toggle_fill(viewer: Any) -> None:
    """Fill the outlined classes with their colours, or leave the scan to be seen."""
    outlines = outline_classes(viewer)
    outlines.fill(not outlines.filled)


def _hide_maps(viewer: Any) -> Iterator[None]:
    """Hide the uncertainty while the key is held."""
    yield from _hidden([
        layer
        for layer in viewer.layers
        if role_of(layer) == "map" or _is_modulated(layer)
    ])  # fmt: skip


def _hide_classes(viewer: Any) -> Iterator[None]:
    """Hide segmentations and outlines while the key is held."""
    yield from _hidden([
        layer
        for layer in viewer.layers
        if role_of(layer) == "segmentation" or layer_info(layer).get("role") == ROLE
    ])  # fmt: skip


def _hidden(layers: list[Any]) -> Iterator[None]:
    shown = [layer for layer in layers if layer.visible]
    for layer in shown:
        layer.visible = False
    yield
    # In reverse order, so that the lines are drawn only once.
    for layer in reversed(shown):
        layer.visible = True


def _is_modulated(layer: Any) -> bool:
    """Return whether a layer shows the uncertainty by the colours of classes."""
    return bool(layer_info(layer).get("role") == MODULATED)


class ClassOutlines:
    """Outlines and names of the classes in the slice that a viewer shows.

    As soon as there is a map, the segmentation that belongs to it is outlined above it
    instead of filled below it. Without a segmentation, the most probable classes are
    outlined, if the map has them in its metadata. In 3D, and in a grid of several
    views, the segmentation is filled as before.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer, which is held weakly.
    named : bool
        Whether the view has a legend of the classes.
    """

    def __init__(self, viewer: Any, named: bool = True) -> None:
        self._viewer_ref = ref(viewer)
        self._layer: Any = None
        self._dismissed = self._updating = self._in_removal = False
        # Layers of lines that are still to be removed.
        self._left: list[Any] = []
        self._selected: frozenset[int] = frozenset()
        # Everything that the drawn lines depend on, and the slice that they belong to.
        self._shown: tuple[Any, ...] = ()
        self._at: tuple[Any, ...] = ()
        self._outlined: Any = None
        # Opacity that the segmentation gets back when it is filled again.
        self._fill: float | None = None
        self._filled_before: Callable[[], Any] = _nothing
        self.legend = ClassLegend(viewer) if named else None
        self._of_classes, self._of_viewer = Listening(), Listening()
        layers, dims = viewer.layers.events, viewer.dims.events
        for event in (
            layers.inserted, layers.reordered,
            dims.ndisplay, viewer.canvas.grid.events.enabled,
        ):  # fmt: skip
            self._of_viewer.to(event, self.update)
        # All of these are emitted while layers are removed.
        for event in (
            layers.removed, viewer.layers.selection.events.active,
            dims.point, dims.order, viewer.scene.camera.events.zoom,
        ):  # fmt: skip
            self._of_viewer.to(event, self._follow_removal)

    @property
    def outlined(self) -> Any:
        """Layer whose classes are outlined; None where there are no outlines."""
        return self._outlined

    @property
    def dismissed(self) -> bool:
        """Return whether somebody has removed the outlines."""
        return self._dismissed

    @property
    def filled(self) -> bool:
        """Return whether the classes are filled, too."""
        return self._outlined is None or self._outlined.opacity > 0

    def fill(self, wanted: bool) -> None:
        """Fill the outlined classes, too, or leave the scan to be seen."""
        self._dismissed = False
        layer = self._outlined
        if not isinstance(layer, Labels):
            self.update()
        elif wanted and self._fill is not None:
            layer.opacity, self._fill = self._fill, None
        elif not wanted and layer.opacity > 0:
            self._fill, layer.opacity = layer.opacity, 0.0

    def select(self, labels: Collection[int]) -> None:
        """Let these classes stand out; without any, all are alike."""
        self._selected = frozenset(labels)
        self.update()

    def remove(self) -> None:
        """Remove the outlines for good, and fill the classes as before."""
        self._of_viewer.stop()
        self._take_away()

    def _update_here(self, *_: Any) -> None:
        """Outline changed labels of the same slice; ignore another slice."""
        viewer = self._viewer_ref()
        if viewer is not None and self._at == _place(viewer):
            self.update()

    def update(self, *_: Any) -> None:
        """Outline what the viewer shows now."""
        viewer = self._viewer_ref()
        if viewer is None or self._updating:
            return
        self._updating = True
        try:
            self._update(viewer)
        finally:
            self._updating = False

    def _update(self, viewer: Any) -> None:
        if self._layer is not None and self._layer not in viewer.layers:
            self._layer, self._dismissed = None, True  # somebody has removed it
        solid, grid = viewer.dims.ndisplay == 3, viewer.canvas.grid.enabled
        found = None if self._dismissed else _classes_of(viewer)
        if found is None or solid or grid:
            # napari is slow to remove a layer and to add it again in 2D, so the lines
            # are only hidden. In a grid, a hidden layer would have a cell.
            self._take_away(hidden=found is not None and not grid)
            return
        if found.layer is not self._outlined:
            self._take_away(hidden=True)
            self._outline(found.layer)
        labels = slice_of(viewer, found.layer, found.data) if found.visible else None
        if labels is None:
            nowhere = np.zeros((found.layer.ndim, 1))
            labels = Slice(np.zeros((0, 0), np.uint8), nowhere, ())
        if self._layer is None or self._layer.visible:
            self._at = _place(viewer)
            self._draw(viewer, found, labels)
        self._name(found, labels)

    def _name(self, found: _Classes | None, labels: Slice | None) -> None:
        """Name the classes of a slice in the view; none for None."""
        if self.legend is None:
            return
        named = {}
        if found is not None and labels is not None:
            for label in map(int, np.unique(labels.values)):
                name = found.names.get(label, unnamed(label))
                named[label] = name, found.colormap.map(label)
        named.pop(0, None)
        self.legend.show(named)

    def _outline(self, layer: Any) -> None:
        """Follow a layer whose classes are outlined, and fill them no longer."""
        self._outlined = layer
        events = [layer.events.visible, layer.events.data]
        if isinstance(layer, Labels):
            events += [layer.events.labels_update, layer.events.colormap]
            if self._filled_before() is not layer:
                self._fill, layer.opacity = lasting(layer, "opacity"), 0.0
        events += [
            getattr(layer.events, name)
            for name in ("scale", "translate", "rotate", "shear", "affine")
        ]
        for event in events:
            self._of_classes.to(event, self.update)
        # The only event of a stroke that is undone. It comes with each new slice, too.
        self._of_classes.to(layer.events.set_data, self._update_here)

    def _take_away(self, hidden: bool = False) -> None:
        """Outline nothing; the lines are removed, or only hidden."""
        self._of_classes.stop()
        if isinstance(self._outlined, Labels):
            # A segmentation that somebody has filled stays so in the next 2D view.
            filled = self._outlined.opacity > 0
            self._filled_before = ref(self._outlined) if filled else _nothing
        if self._fill is not None and self._outlined.opacity == 0:
            self._outlined.opacity = self._fill
        self._outlined = self._fill = None
        self._shown = ()
        self._name(None, None)
        if self._layer is not None:
            self._left.append(self._layer)
            self._layer = None
        later = self._in_removal and QApplication.instance() is not None
        if hidden or later:
            for layer in self._left:
                layer.visible = False
        if later and not hidden:
            QTimer.singleShot(0, weakly(self._remove_left))
        elif not hidden:
            self._remove_left()

    def _remove_left(self) -> None:
        viewer, left = self._viewer_ref(), self._left
        self._left = []
        if viewer is not None:
            for layer in left:
                remove_layer(viewer, layer)

    def _follow_removal(self, *_: Any) -> None:
        """Outline what the viewer shows while layers may be removed from it.

        The lines themselves are removed afterwards: napari fails if one of several
        layers that it removes is gone already, or if the last layer is removed while it
        moves its sliders.
        """
        self._in_removal = True
        try:
            self.update()
        finally:
            self._in_removal = False

    def _draw(self, viewer: Any, found: _Classes, labels: Slice) -> None:
        pixels = viewer.scene.camera.zoom * labels.voxel
        both = pixels >= _ROOM_FOR_BOTH
        width, opacity = _look_of_lines(pixels, _SHARE_EACH if both else _SHARE)
        width *= labels.voxel or 1.0
        shown = (
            found.colormap, self._selected, both, labels.to_world, labels.position,
            labels.values,
        )  # fmt: skip
        same = len(self._shown) == len(shown) and all(
            one is other or np.array_equal(one, other)
            for one, other in zip(shown, self._shown, strict=True)
        )
        if self._layer is None:
            self._layer = self._taken_back(viewer, found.layer.ndim)
            self._remove_left()
        layer = self._layer
        if layer is None or not same:
            # Labels are copied, for the user may paint in them.
            self._shown = (*shown[:-1], labels.values.copy())
            lines, whose = labels.lines(width if both else 0.0)
            colors = np.reshape(found.colormap.map(whose), (-1, 4)).copy()
            if self._selected:
                colors[~np.isin(whose, list(self._selected)), 3] *= _DIMMED
        if layer is None:
            step = max(part.step for part in viewer.dims.range[-found.layer.ndim :])
            self._layer = layer = add_helper(
                viewer,
                "vectors",
                lines / step,
                ROLE,
                editable=False,
                ndim=found.layer.ndim,
                name=NAME,
                edge_color=colors if len(colors) else "white",
                edge_width=width / step,
                vector_style="line",
                opacity=opacity,
                blending="translucent_no_depth",
                scale=(step,) * found.layer.ndim,
                units=found.layer.units,
            )
            self._of_classes.to(layer.events.visible, self.update)
        else:
            step = float(layer.scale[-1])
            if not same:
                layer.data = lines / step
                if len(colors):
                    layer.edge_color = colors
            if abs(width / step - layer.edge_width) > 0.05 * layer.edge_width:
                layer.edge_width = width / step
            if layer.opacity != opacity:  # napari would make a thumbnail anew
                layer.opacity = opacity
        _raise_above_images(viewer.layers, layer)

    def _taken_back(self, viewer: Any, ndim: int) -> Any:
        """Return a layer that was still to be removed, or None where there is none."""
        for layer in self._left:
            if layer in viewer.layers and layer.ndim == ndim:
                self._left.remove(layer)
                layer.visible = True
                self._of_classes.to(layer.events.visible, self.update)
                return layer
        return None


def _nothing() -> None:
    return None


def _look_of_lines(pixels: float, share: float) -> tuple[float, float]:
    """Return width, as a share of a voxel, and opacity of lines.

    A voxel has so many pixels on the screen, 0 where nothing is shown, and a line may
    cover this share of its width.
    """
    if not pixels:
        return 1.0, 1.0
    wide = min(_PIXELS, max(share * pixels, 1.0))
    return wide / pixels, min(max(share * pixels / wide, _FAINTEST), 1.0)


class _Classes(NamedTuple):
    """Labels that are outlined: their layer, data, colours and names."""

    layer: Any
    data: Any
    colormap: Any
    names: Mapping[int, str]
    visible: bool


def _classes_of(viewer: Any) -> _Classes | None:
    """Return the classes that belong to the topmost map; None where there are none."""
    maps = [layer for layer in viewer.layers if role_of(layer) == "map"]
    if not maps:
        return None
    shown = max(maps, key=lambda layer: (layer.visible, maps.index(layer)))
    active = viewer.layers.selection.active
    layer = segmentation_for_map(viewer.layers, shown, active)
    if layer is not None:
        names = names_of(layer) or names_of(shown)
        return _Classes(layer, layer.data, layer.colormap, names, layer.visible)
    predicted = layer_info(shown).get(PREDICTION)
    if predicted is None or ORIGINAL in layer_info(shown):
        return None
    colormap = label_colormap(shown.colormap)
    visible = shown.visible or any(
        layer.visible and _is_modulated(layer) for layer in viewer.layers
    )
    return _Classes(shown, predicted, colormap, names_of(shown), visible)


def _place(viewer: Any) -> tuple[Any, ...]:
    return tuple(viewer.dims.point), tuple(viewer.dims.order)


def _raise_above_images(layers: Any, layer: Any) -> None:
    """Move the lines above all images and labels; they stay below marks."""
    place = layers.index(layer)
    above = [
        number
        for number, other in enumerate(layers)
        if number > place and isinstance(other, (Image, Labels))
    ]
    if above:
        layers.move(place, above[-1] + 1)


# The shown slice, and the edges between voxels of different classes in it.


class Edges(NamedTuple):
    """Edges between voxels of different classes in a slice, joined to straight lines.

    Attributes
    ----------
    start, length : ndarray, shape (n, 2)
        Beginning of each line, and its length along both axes, in voxels; the centres
        of voxels have whole numbers.
    before, after : ndarray, shape (n,)
        Labels on the side of lower and of higher indices.
    """

    start: Array
    length: Array
    before: Array
    after: Array


def class_edges(labels: Array) -> Edges:
    """Return the edges between voxels of different labels.

    Parameters
    ----------
    labels : ndarray of int, shape (h, w)
        One slice; around it everything is background (0).
    """
    rows, columns = _edges_below_rows(labels), _edges_below_rows(labels.T)
    turned = Edges(columns.start[:, ::-1], columns.length[:, ::-1], *columns[2:])
    return Edges(*(np.concatenate(both) for both in zip(rows, turned, strict=True)))


def _edges_below_rows(labels: Array) -> Edges:
    padded = np.pad(labels, ((1, 1), (0, 0)))
    before, after = padded[:-1], padded[1:]
    edge = before != after
    # A line goes on where the next edge has the same labels on both sides.
    goes_on = np.zeros_like(edge)
    goes_on[:, 1:] = (
        edge[:, 1:]
        & edge[:, :-1]
        & (before[:, 1:] == before[:, :-1])
        & (after[:, 1:] == after[:, :-1])
    )
    row, first = np.nonzero(edge & ~goes_on)
    ends = edge.copy()
    ends[:, :-1] &= ~goes_on[:, 1:]
    last = np.nonzero(ends)[1]
    start = np.stack([row - 0.5, first - 0.5], axis=1)
    length = np.stack([np.zeros(len(row)), last - first + 1.0], axis=1)
    return Edges(start, length, before[row, first], after[row, first])


class Slice(NamedTuple):
    """Labels of the slice that a viewer shows.

    Attributes
    ----------
    values : ndarray of int, shape (h, w)
        The labels.
    to_world : ndarray, shape (n, 3)
        World coordinates of the first voxel's centre, and one voxel down and right.
    position : tuple of int
        Index of the slice, for each axis that is not shown.
    """

    values: Array
    to_world: Array
    position: tuple[int, ...]

    @property
    def voxel(self) -> float:
        """Shorter side of a voxel in the world; 0 where nothing is shown."""
        if self.to_world.shape[1] < 3:
            return 0.0
        return float(np.linalg.norm(self.to_world[:, 1:], axis=0).min())

    def lines(self, apart: float) -> tuple[Array, Array]:
        """Return the lines around classes, and the class of each.

        Parameters
        ----------
        apart : float
            Width in the world by which the lines of the classes on both sides of an
            edge are apart. With 0 each edge has one line: that of the class, or of the
            higher of two labels.

        Returns
        -------
        ndarray, shape (m, 2, n)
            Beginning of each line in the world, and its extent.
        ndarray of int, shape (m,)
            Label of each line.
        """
        if not self.values.size:
            return np.zeros((0, 2, len(self.to_world))), np.zeros(0, int)
        edges = class_edges(self.values)
        first, directions = self.to_world[:, 0], self.to_world[:, 1:].T
        start, length = first + edges.start @ directions, edges.length @ directions
        if not apart:
            return np.stack([start, length], axis=1), np.maximum(*edges[2:])
        across = (edges.length == 0) @ directions
        across *= apart / 2 / np.linalg.norm(across, axis=1, keepdims=True)
        sides = [(edges.before != 0, -across, edges.before),
                 (edges.after != 0, across, edges.after)]  # fmt: skip
        lines = [
            np.stack([start[inside] + shift[inside], length[inside]], axis=1)
            for inside, shift, _ in sides
        ]
        whose = [labels[inside] for inside, _, labels in sides]
        return np.concatenate(lines), np.concatenate(whose)


def slice_of(viewer: Any, layer: Any, data: Any) -> Slice | None:
    """Return the slice of a layer's data that a viewer shows; None outside of it.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer, in 2D.
    layer, data : Layer, array
        The layer that says where the data are, and data with its axes.
    """
    further = viewer.dims.ndim - layer.ndim
    displayed = [axis - further for axis in viewer.dims.displayed]
    if min(displayed) < 0:
        return None
    at = np.array(layer.world_to_data(viewer.dims.point[-layer.ndim :]))
    index: list[Any] = [round(float(one)) for one in at]
    for axis, n in enumerate(data.shape):
        if axis in displayed:
            index[axis] = slice(None)
        elif not 0 <= index[axis] < n:
            return None
    values = np.asarray(data[tuple(index)])
    if displayed[0] > displayed[1]:
        values = values.T
    at[displayed] = 0
    origin = np.array(layer.data_to_world(at))
    units = np.eye(layer.ndim)[displayed]
    sides = [np.array(layer.data_to_world(at + unit)) - origin for unit in units]
    # The slice lies exactly in the shown plane, even if that is between two voxels.
    hidden = [axis - further for axis in viewer.dims.not_displayed if axis >= further]
    origin[hidden] = np.array(viewer.dims.point)[-layer.ndim :][hidden]
    position = tuple(one for one in index if isinstance(one, int))
    return Slice(values, np.stack([origin, *sides], axis=1), position)

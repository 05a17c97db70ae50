"""The way of a viewer to 3D and back, with a cut through all layers as first picture.

napari shows volumes in 3D as the largest values along each line of sight. A map then is
a block that hides scan and labels; on a plane through them, all three are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap

from .layer_roles import role_of, segmentation_for_map
from .layers import add_helper, keep_apart, label_colormap
from .lifetime import Change, Changes, Listening, kept_by, one_per_viewer, unwrapped
from .scan_space import ORIGINAL, PREDICTION, layer_info
from .view_planes import box_of, fit

Array = np.ndarray[Any, Any]

#: View from the patient's left, the front and above, with the head up: in scan space z,
#: y and x run to Inferior, Posterior and Left.
VIEW_DIRECTION = (0.35, 0.6, -0.7)
UP = (-1, 0, 0)

#: Name of the layer that shows the classes of a map without a segmentation in 3D.
PREDICTED_NAME = "most probable class"

#: Opacity of labels on a plane, where napari draws about two samples on each other.
OPACITY_ON_PLANE = 0.2

# Addition to the name of a colormap that is transparent at its dark end.
_NO_BACKGROUND = " (without background)"

# Ways of all viewers, each of which is kept by the callbacks on its viewer.
_ways_to_3d: WeakKeyDictionary[Any, ref[In3D]] = WeakKeyDictionary()


# The way to 3D and back.


def in_3d(viewer: Any) -> In3D:
    """Return the object that follows how a viewer goes to 3D and back.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        The viewer. Called again with the same one, or with a plugin's wrapper of it,
        the same object is returned.
    """
    return one_per_viewer(_ways_to_3d, viewer, In3D)


class _SeenView(NamedTuple):
    """Camera and slices at some moment."""

    center: tuple[float, ...]
    zoom: float
    angles: tuple[float, ...]
    order: tuple[int, ...]
    point: tuple[float, ...]

    def place(self) -> tuple[float, ...]:
        """Return world coordinates of the middle of a view in 2D."""
        at = dict(zip(self.order[-2:], self.center[-2:], strict=True))
        return tuple(at.get(axis, x) for axis, x in enumerate(self.point))[-3:]


class In3D:
    """Way of one viewer to 3D and back, also if napari's own button is used.

    If there is a map, 3D begins with a cut: scan, labels and map on a plane that faces
    the camera. A dock that shows something else in 3D removes the cut first.

    Attributes
    ----------
    corners : ndarray, shape (2, 3), or None
        Opposite corners, in the world, of the box that fills the view; None for the
        foreground of the map.
    cut : CuttingPlane or None
        The cut with which 3D begins, while it is shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.corners: Array | None = None
        # Views to go back to, in 2D and in 3D, and the last view in each of them.
        self._flat: _SeenView | None = None
        self._solid: _SeenView | None = None
        self._last: dict[int, _SeenView] = {}
        # Box that filled the view when 3D was last entered, and whether in a grid.
        self._framed: tuple[Array | None, bool] = (None, False)
        self._direction: tuple[float, ...] = VIEW_DIRECTION
        self._changes = Changes()
        self.cut: CuttingPlane | None = None
        self._predicted: Any = None
        # Layers whose depiction somebody has chosen by hand.
        self._chosen: WeakSet[Any] = WeakSet()
        self._taken = self._moving = self._reordering = False
        # Camera to be set again once napari has emitted that the axes are reordered.
        self._aimed: tuple[Any, ...] | None = None
        # The view is remembered all the time: napari moves slices and camera before it
        # emits that its own button has changed the display.
        dims, camera = viewer.dims.events, viewer.scene.camera.events
        self._listening, self._of_map = Listening(), Listening()
        for event in (
            dims.ndim, dims.order, dims.point,
            camera.center, camera.zoom, camera.angles,
        ):  # fmt: skip
            self._listening.to(event, self._remember)
        self._listening.to(dims.order, self._aim_again)
        kept_by(dims.ndisplay, self._other_display)
        self._listening.to(viewer.layers.events.inserted, self._show_more)
        self._remember()

    # -- to 3D and back -------------------------------------------------------

    @property
    def entered(self) -> bool:
        """Return whether 3D is shown, and the view in 2D before it is known."""
        return self._flat is not None

    def enter(self) -> None:
        """Go to 3D, from the left, the front and above at first."""
        viewer, camera = self._viewer, self._viewer.scene.camera
        if self.entered:
            return
        if viewer.dims.ndisplay == 2:
            self._remember()
        self._flat = self._last.get(2) or self._last[3]
        with self._moved_from_here():
            # In another order of the axes, the picture would be mirrored.
            self._reorder(tuple(range(viewer.dims.ndim)))
            viewer.dims.ndisplay = 3
            corners, framed = self._box(), self._framed
            self._framed = corners, viewer.canvas.grid.enabled
            if (
                self._solid is not None
                and framed[1] == self._framed[1]
                and _alike(corners, framed[0])
            ):
                self._aim(*self._solid[:3])
                return
            camera.set_view_direction(view_direction=VIEW_DIRECTION, up_direction=UP)
            if corners is not None:
                camera.center = tuple(corners.mean(axis=0))
                fit(viewer, corners)
            else:
                camera.center = self._flat.place()
            self._aim(camera.center, camera.zoom, camera.angles)

    def leave(self) -> None:
        """Go back to 2D, with everything as it was."""
        flat = self._flat
        if flat is not None:
            with self._moved_from_here():
                self._return_from_3d(flat)
        self._taken = False
        # In 2D, for napari would make volumes of the layers that are shown again.
        self._put_back()

    def _return_from_3d(self, flat: _SeenView) -> None:
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        self._direction = camera.view_direction
        dims.ndisplay = 2
        self._flat, self._solid = None, self._last[3]
        if dims.order == tuple(range(dims.ndim)):
            self._reorder(_for_axes(flat.order, dims.ndim))
        dims.point = self._solid.point
        center = flat.center
        if dims.point[-3:] != flat.point[-3:]:  # somebody went to a place meanwhile
            center = tuple(dims.point[axis] for axis in dims.displayed)
        self._aim(center, flat.zoom, flat.angles)

    def _reorder(self, order: tuple[int, ...]) -> None:
        self._aimed, self._reordering = None, self._viewer.dims.order != order
        self._viewer.dims.order = order

    def _aim(self, *aimed: Any) -> None:
        camera = self._viewer.scene.camera
        camera.center, camera.zoom, camera.angles = aimed
        self._aimed = aimed if self._reordering else None

    def _aim_again(self, *_: Any) -> None:
        """Set the camera again, for napari fits all into the view in another order.

        napari emits such an order only after all who follow the display have run.
        """
        self._reordering = False
        if self._aimed is not None:
            camera = self._viewer.scene.camera
            camera.center, camera.zoom, camera.angles = self._aimed
            self._aimed = None

    def _remember(self, *_: Any) -> None:
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        self._last[dims.ndisplay] = _SeenView(
            camera.center, camera.zoom, camera.angles, dims.order, dims.point
        )

    def _other_display(self, *_: Any) -> None:
        """Follow napari's own button for 2D and 3D."""
        if self._moving:
            return
        if self._viewer.dims.ndisplay == 2:
            self.leave()
        elif not self._taken and self._map() is not None:
            self.enter()
            self.show_cut()

    @contextmanager
    def _moved_from_here(self) -> Iterator[None]:
        self._moving = True
        try:
            yield
        finally:
            self._moving = False

    def facing(self) -> int:
        """Return the axis of z, y and x that is nearest to the view direction in 3D."""
        direction = self._direction
        if self._viewer.dims.ndisplay == 3:
            direction = self._viewer.scene.camera.view_direction
        return int(np.argmax(np.abs(direction)))

    # -- the cut --------------------------------------------------------------

    def take(self) -> None:
        """Remove the cut, for something else is shown until :meth:`leave`."""
        self._taken = True
        self._put_back()

    def show_cut(self) -> None:
        """Show all volumes on a plane that faces the camera."""
        self._taken = False
        self._uncut()
        shown = self._map()
        self._show_predicted(shown)
        if shown is None:
            return
        layers = self._layers()
        if not layers:
            return
        scans = [layer for layer in layers if role_of(layer) == "scan"]
        self._changes.become([*on_plane(layers), *without_air(scans)])
        axis = self.facing()
        self.cut = CuttingPlane(self._viewer, layers, [], axis, self._place()[axis])

    def _show_more(self, *_: Any) -> None:
        """Cut a layer that came while 3D is shown."""
        shown = self._viewer.dims.ndisplay == 3 and not self._taken
        if shown and not self._moving:
            self.show_cut()

    def _put_back(self) -> None:
        self._uncut()
        self._show_predicted(None)

    def _uncut(self) -> None:
        """Show all layers as they were before the cut."""
        if self.cut is not None:
            self.cut.stop()
            for layer in self.cut.planes:
                if layer.depiction != "plane":
                    self._chosen.add(layer)
            self.cut = None
        self._changes.undo()

    def _show_predicted(self, shown: Any) -> None:
        """Show the classes of a map without segmentation below it; none for None.

        A layer that shows them already stays, for all that follows the layers would
        react to a new one.
        """
        layers, before = self._viewer.layers, self._predicted
        predicted = None if shown is None else _predicted_of(layers, shown)
        if before is not None and before in layers:
            if before.data is predicted:
                return
            layers.remove(before)
        self._of_map.stop()
        self._predicted = None
        if predicted is None:
            return
        with self._moved_from_here():
            self._predicted = add_helper(
                self._viewer,
                "labels",
                predicted,
                "highlight",
                like=shown,
                name=PREDICTED_NAME,
                colormap=label_colormap(shown.colormap),
                opacity=0.4,
                visible=shown.visible,
            )
            layers.move(layers.index(self._predicted), layers.index(shown))
        for event in (shown.events.colormap, shown.events.visible):
            self._of_map.to(event, self._follow_map)

    def _follow_map(self, event: Any) -> None:
        """Show and hide the classes with their map, in colours unlike its own."""
        if self._predicted is not None:
            keep_apart(self._predicted, event.source.colormap)
            self._predicted.visible = event.source.visible

    def _map(self) -> Any:
        """Return the topmost map, a visible one if possible; None without a map."""
        maps = [
            layer
            for layer in self._viewer.layers
            if role_of(layer) == "map" and layer.ndim >= 3
        ]
        return max(maps, key=lambda one: (one.visible, maps.index(one)), default=None)

    def _layers(self) -> list[Any]:
        """Return the layers that napari would show as volumes."""
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image | Labels)
            and layer.ndim >= 3
            and not (isinstance(layer, Image) and layer.rgb)
            and layer.depiction == "volume"
            and layer not in self._chosen
        ]

    def _place(self) -> Array:
        """Return the place to cut: that of the slices, or the foreground's middle."""
        place, corners = np.array(self._viewer.dims.point[-3:]), self._box()
        if corners is None:
            return place
        inside = (place >= corners[0]) & (place <= corners[1])
        return np.where(inside, place, corners.mean(axis=0))

    def _box(self) -> Array | None:
        """Return opposite corners of the box that fills the view; None without one."""
        if self.corners is not None:
            return self.corners
        shown = self._map()
        return None if shown is None else _foreground(self._viewer.layers, shown)


def on_plane(layers: Sequence[Any]) -> list[Change]:
    """Return changes after which layers are seen on a plane, one through the other.

    Labels are not lighted: on a plane, shading would look like darker colours.
    """
    changes: list[Change] = []
    for layer in layers:
        look = {"depiction": "plane", "blending": "translucent_no_depth"}
        look["rendering"] = "translucent" if isinstance(layer, Labels) else "mip"
        changes += [(layer, name, value) for name, value in look.items()]
        changes.append((layer.plane, "thickness", 1))
        if isinstance(layer, Labels):
            changes.append((layer, "opacity", OPACITY_ON_PLANE))
    return changes


def without_air(scans: Sequence[Any]) -> list[Change]:
    """Return changes after which scans are transparent at the dark end, as in air."""
    return [(scan, "colormap", _without_background(scan.colormap)) for scan in scans]


def _without_background(colormap: Colormap) -> Colormap:
    if colormap.name.endswith(_NO_BACKGROUND):
        return colormap
    share = np.linspace(0, 1, 256)
    colors = np.array(colormap.map(share))
    colors[:, 3] = np.clip(share / 0.1, 0, 1)
    return Colormap(colors, name=f"{colormap.name}{_NO_BACKGROUND}")


def _for_axes(order: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return an order of axes for a viewer that has got or lost leading axes."""
    more = ndim - len(order)
    return *range(more), *(axis + more for axis in order if axis + more >= 0)


def _alike(box: Array | None, other: Array | None) -> bool:
    """Return whether two boxes differ by no more than a few voxels."""
    if box is None or other is None:
        return box is other
    return bool(np.abs(box - other).max() < 0.1 * np.ptp(box, axis=0).max())


def _predicted_of(layers: Sequence[Any], shown: Any) -> Any:
    """Return the most probable classes of a map; None if it has a segmentation."""
    info = layer_info(shown)
    if ORIGINAL in info or segmentation_for_map(layers, shown):
        return None
    return info.get(PREDICTION)


def _foreground(layers: Sequence[Any], shown: Any) -> Array | None:
    """Return opposite corners, in the world, of a map's segmentation or the map."""
    segmentation = segmentation_for_map(layers, shown)
    box = None if segmentation is None else box_of(segmentation)
    box = box_of(shown) if box is None else box
    return None if box is None else box[:, -3:]


# A plane that cuts scan, map and surfaces open.


class CuttingPlane:
    """A plane through scan, map and surfaces at once.

    It is dragged as in napari, with the Shift key, or moved by :meth:`move`. Surfaces
    in front of it are cut away, also when the camera goes to its other side.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows it.
    planes, surfaces : sequence of Image, sequence of Surface
        Layers that are shown on the plane, and those that are cut by it.
    axis, at : int, float
        The axis of z, y and x that it is across, and its place in the world.
    """

    def __init__(
        self,
        viewer: Any,
        planes: Sequence[Any],
        surfaces: Sequence[Any],
        axis: int,
        at: float,
    ) -> None:
        self._viewer, self.planes, self._surfaces = viewer, planes, surfaces
        self.axis, self.at = axis, at
        self._moving = False
        self._before = [(one.plane.normal, one.plane.position) for one in planes]
        #: Called with the place when the plane was dragged.
        self.on_moved: Callable[[float], None] = lambda at: None
        self.listening = Listening()
        self.listening.to(viewer.scene.camera.events.angles, self._turned)
        for layer in planes:
            self.listening.to(layer.plane.events.position, self._dragged)
        self.move(axis, at)

    def move(self, axis: int, at: float) -> None:
        """Move the plane across this axis, to this place in the world."""
        self.axis, self.at = axis, at
        self._moving = True
        for layer in self.planes:
            if layer not in self._viewer.layers:
                continue
            place = np.mean(layer.extent.world, axis=0)[-3:]
            place[axis] = at
            world = np.array(self._viewer.dims.point)
            world[-3:] = place
            layer.plane.normal = tuple(np.eye(3)[axis])
            layer.plane.position = tuple(layer.world_to_data(world[-layer.ndim :])[-3:])
        self._moving = False
        self._turned()

    def stop(self) -> None:
        """Show all layers whole again, and call back no more."""
        self.listening.stop()
        for layer, (normal, position) in zip(self.planes, self._before, strict=True):
            layer.plane.normal, layer.plane.position = normal, position
        for surface in self._surfaces:
            surface.experimental_clipping_planes = []

    def _turned(self, *_: Any) -> None:
        """Cut away the parts of surfaces between the camera and the plane."""
        normal, position = np.zeros(3), np.zeros(3)
        away = self._viewer.scene.camera.view_direction[self.axis]
        normal[self.axis] = 1.0 if away >= 0 else -1.0
        position[self.axis] = self.at
        for surface in self._surfaces:
            surface.experimental_clipping_planes = [
                {"position": tuple(position), "normal": tuple(normal), "enabled": True}
            ]

    def _dragged(self, event: Any) -> None:
        if self._moving:
            return
        for layer in self.planes:
            # Widgets of plugins see a wrapper of the plane.
            if unwrapped(layer.plane) is event.source:
                data = np.zeros(layer.ndim)
                data[-3:] = layer.plane.position
                self.move(self.axis, float(layer.data_to_world(data)[-3:][self.axis]))
                self.on_moved(self.at)
                return

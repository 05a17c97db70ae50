"""Scenes in 3D, panels side by side, and the buttons of all views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.components.overlays import TextOverlay
from napari.layers import Image, Surface
from napari.utils.colormaps import Colormap
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget
from superqt import QLabeledDoubleSlider

from ..viewer.four_views import FourViewsButton, leave_four_views
from ..viewer.in_3d import CuttingPlane, in_3d, on_plane, without_air
from ..viewer.layers import arrange
from ..viewer.lifetime import Change, Changes, Listening, weakly
from ..viewer.scan_space import layer_info
from ..viewer.view_planes import PLANES, fit, plane_of, plane_titles, show_plane
from .appearance import PANEL, instead

Array = np.ndarray[Any, Any]

#: Opacity of the scan behind a map or surface.
CONTEXT_OPACITY = 0.3

# Roles of layers that stay visible in all scenes, and of points among them.
_MARKS = ("place", "outline", "hotspots")
_POINTS = ("hotspots", "place")

# Positions of the titles of two panels, and of three.
_EDGES = {2: ("left", "right"), 3: ("left", "center", "right")}

_TITLE_SIZE = 11

# A title of one more line, to stand above the letter below its panel.
_RAISED = "{}\n "

# Sign of sliders in RAS mm, for the viewer's world runs the other way.
RAS = -1.0

#: Names of the scenes with a button.
PRESETS = ("Surface", "Glow", "Cut-away")

_TIPS = {
    "Surface": "The boundary of the selected classes, or of the whole foreground, "
    "coloured by the uncertainty just around it.",
    "Glow": "The mean uncertainty along each line of sight, before a faint scan.",
    "Cut-away": "A plane through scan, map and surface; Shift and drag moves it.",
    "3D": "A plane through all layers in 3D, as napari's own button shows them.",
    "Side by side": "Scan, segmentation and uncertainty next to each other.",
}


# Scenes in 3D, and the way back to 2D.


class Scenes:
    """Scenes in 3D: surfaces, glow and cuts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._in_3d = in_3d(viewer)
        self._layers = Changes()
        self.cut: CuttingPlane | None = None

    def move_cut(self, axis: int, at: float) -> None:
        """Move the plane that is shown, if there is one."""
        cut = self.cut or self._in_3d.cut
        if cut is not None:
            cut.move(axis, at)

    def show_as_they_are(self) -> None:
        """Show the layers as napari's own button does, cut open."""
        self.leave_cut()
        self._in_3d.enter()
        self._layers.undo()
        self._in_3d.show_cut()

    def leave(self) -> None:
        """Go back to 2D, with everything as it was."""
        self.leave_cut()
        self._in_3d.leave()
        # In 2D, for napari would make volumes of the layers that are shown again.
        self._layers.undo()

    def show_surface(self, scan: Any, surfaces: Sequence[Any]) -> None:
        """Show surfaces in front of a faint scan."""
        wanted = self._only([scan, *surfaces])
        if scan is not None:
            wanted += _with(
                scan, depiction="volume", rendering="mip", opacity=CONTEXT_OPACITY
            )
        self._show(wanted)
        # Marks are drawn last, so that a ring is always seen, and a sphere unless a
        # surface is in front of it.
        layers = self._viewer.layers
        marks = [one for one in layers if layer_info(one).get("role") in _POINTS]
        _stack(layers, [*surfaces, *marks], on_top=True)

    def show_glow(
        self, scan: Any, shown: Any, hulls: Sequence[Any], glow: Mapping[str, Any]
    ) -> None:
        """Show the map as it glows along each line of sight, and a faint scan.

        Parameters
        ----------
        scan, shown : Image or None, Image
            The scan, and the map.
        hulls : sequence of Surface, and Points
            Faint surfaces of classes, and their names.
        glow : mapping of str to object
            Attributes of the map, such as its colormap.
        """
        wanted = self._only([scan, shown, *hulls])
        look = {
            "depiction": "volume",
            "rendering": "mip",
            "blending": "translucent_no_depth",
        }
        if scan is not None:
            wanted += _with(scan, opacity=CONTEXT_OPACITY, **look)
        look |= {"interpolation3d": "linear", **glow}
        self._show([*wanted, *_with(shown, **look)])
        # Hulls are drawn first, or they would veil the glow behind them.
        surfaces = [layer for layer in hulls if isinstance(layer, Surface)]
        names = [layer for layer in hulls if layer not in surfaces]
        _stack(self._viewer.layers, surfaces, on_top=False)
        _stack(self._viewer.layers, names, on_top=True)

    def show_cut(
        self, planes: Sequence[Any], surfaces: Sequence[Any], axis: int, at: float
    ) -> None:
        """Show scan, segmentation and map on a plane, and the surfaces behind it.

        Parameters
        ----------
        planes : sequence of Image, Labels or None
            Layers on the plane, the scan first; None for one that does not exist.
        surfaces : sequence of Surface, and Points
            Surfaces that are cut open, in world coordinates, and their names.
        axis, at : int, float
            The axis of z, y and x that the plane is across, and its place in the world.
        """
        scan, planes = planes[0], [layer for layer in planes if layer is not None]
        wanted = [*self._only([*planes, *surfaces]), *on_plane(planes)]
        for layer in planes:
            if isinstance(layer, Image):
                wanted += _with(layer, opacity=1.0)
        if scan is not None:
            wanted += without_air([scan])
        self._show(wanted)
        cut = [layer for layer in surfaces if isinstance(layer, Surface)]
        # Surfaces are drawn first, or the plane would hide them.
        _stack(self._viewer.layers, cut, on_top=False)
        self.cut = CuttingPlane(self._viewer, planes, cut, axis, at)

    def leave_cut(self) -> None:
        """Show the surfaces whole again."""
        if self.cut is not None:
            self.cut.stop()
            self.cut = None

    def stop(self) -> None:
        """Call back no more, and leave the scene as it is."""
        if self.cut is not None:
            self.cut.listening.stop()

    def _show(self, changes: Sequence[Change]) -> None:
        self.leave_cut()
        if not self._in_3d.entered:
            # Hidden before 3D is entered, for napari would make volumes of all layers.
            for owner, name, value in changes:
                if name == "visible" and not value:
                    self._layers.set(owner, name, value)
        self._in_3d.take()
        self._in_3d.enter()
        self._layers.become(changes)

    def _only(self, shown: Sequence[Any]) -> list[Change]:
        layers = [
            layer
            for layer in self._viewer.layers
            if layer_info(layer).get("role") not in _MARKS
        ]
        return [(layer, "visible", layer in shown) for layer in layers]


def _with(owner: Any, **attributes: Any) -> list[Change]:
    return [(owner, name, value) for name, value in attributes.items()]


def _stack(layers: Any, moved: Sequence[Any], on_top: bool) -> None:
    """Put layers above all others in this order, or below them in any order."""
    places = [layers.index(layer) for layer in moved]
    n = len(layers)
    right = list(range(n - len(moved), n) if on_top else range(len(moved)))
    if (places if on_top else sorted(places)) != right:
        for layer in moved:
            layers.move(layers.index(layer), n if on_top else 0)


# Scan, segmentation and uncertainty next to each other, in 2D or in 3D.


class PanelGrid:
    """The panels of a case in napari's grid, with the same slices, camera and zoom.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows them.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._in_3d = in_3d(viewer)
        self._changes, self._of_display = Changes(), Changes()
        # Order of the layers, before and after.
        self._order: list[Any] = []
        self._arranged: list[Any] = []
        self._panels: list[Any] = []
        self._titles: list[str] = []
        self._glow: Mapping[str, Any] = {}
        self.shown = False

    def show(
        self,
        panels: Mapping[str, Any],
        corners: Any = None,
        glow: Mapping[str, Any] | None = None,
    ) -> None:
        """Show these layers from left to right, and no others.

        Parameters
        ----------
        panels : mapping of str to Layer
            Layers from left to right, by their titles.
        corners : ndarray, shape (2, n), or None
            Opposite corners of the box that is to fill each panel.
        glow : mapping of str to object, or None
            Attributes of the map in 3D, where it is seen through.
        """
        self.hide()
        viewer, changes = self._viewer, self._changes
        self._panels, self._glow = list(panels.values()), dict(glow or {})
        self._order = list(viewer.layers)
        arrange(viewer.layers, self._panels)
        self._arranged = list(viewer.layers)
        for layer in viewer.layers:
            if layer_info(layer).get("role") != "outline":
                changes.set(layer, "visible", layer in self._panels)
        camera, grid = viewer.scene.camera, viewer.canvas.grid
        changes.set(grid, "stride", 1)
        changes.set(grid, "shape", (1, len(panels)))
        changes.set(grid, "spacing", 4.0)
        changes.set(grid, "enabled", True)
        # After the grid, in which outlines end and give classes their opacity back.
        for layer in self._panels:
            changes.set(layer, "opacity", 1.0)
        if corners is not None:
            middle = np.array(viewer.dims.point)
            middle[-corners.shape[1] :] = corners.mean(axis=0)
            center = tuple(middle[list(viewer.dims.displayed)])
            changes.set(camera, "center", center)
            zoom = camera.zoom
            fit(viewer, corners)
            fitting, camera.zoom = camera.zoom, zoom
            changes.set(camera, "zoom", fitting)
        if corners is not None and corners.shape[1] == 3:
            self._in_3d.corners = corners
        self._write(list(panels))
        self.shown = True
        self._in_3d.take()
        self._show_display()

    def turn(self, ndisplay: int) -> None:
        """Show the panels in 3D (3) or as slices (2)."""
        if ndisplay == 3:
            self._in_3d.enter()
        else:
            self._in_3d.leave()
        self._in_3d.take()
        self._show_display()

    def hide(self) -> None:
        """Go back to one view, with everything as it was."""
        if not self.shown:
            return
        self.shown = False
        for key in self._titles:
            self._viewer.canvas.overlays.pop(key, None)
        self._titles = []
        self._in_3d.leave()
        self._of_display.undo()
        self._changes.undo()
        layers = self._viewer.layers
        left = [layer for layer in layers if layer in self._arranged]
        if left == [layer for layer in self._arranged if layer in layers]:
            arrange(layers, [layer for layer in self._order if layer in layers])
        self._order, self._arranged, self._panels = [], [], []

    def _show_display(self) -> None:
        """Give the map opaque colours in slices, and those of a glow in 3D."""
        solid = self._viewer.dims.ndisplay == 3
        changes: list[Change] = []
        for layer in self._panels:
            if layer_info(layer).get("role") != "map":
                continue
            before = self._of_display.before(layer, "colormap")
            look = {"colormap": _opaque(before), **(self._glow if solid else {})}
            changes += _with(layer, **look)
        self._of_display.become(changes)

    def _write(self, titles: Sequence[str]) -> None:
        for edge, title in zip(_EDGES.get(len(titles), ()), titles, strict=False):
            key = f"panel at the {edge}"
            self._titles.append(key)
            self._viewer.canvas.overlays[key] = TextOverlay(
                text=title if edge == "right" else _RAISED.format(title),
                position=f"bottom_{edge}",
                font_size=_TITLE_SIZE,
                box=False,
                visible=True,
            )


def _opaque(colormap: Colormap) -> Colormap:
    """Return the same colours without transparency; hidden ones stay hidden."""
    colors = np.array(colormap.colors)
    colors[colors[:, 3] > 0, 3] = 1.0
    name = f"{colormap.name}{PANEL}"
    return instead(Colormap(colors, name=name, controls=colormap.controls))


# The buttons of all views, and the sliders that belong to some of them.


class ViewButtons(QWidget):
    """Buttons of the views, and the sliders of surfaces and cuts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose planes are shown.
    """

    #: Emitted with the name of a preset or "3D", or with "" to go back to 2D.
    scene_asked = Signal(str)
    side_by_side_asked = Signal(bool)
    opacity_changed = Signal(float)
    #: Emitted with the axis (of z, y and x) of the cut, and its place in the world.
    cut_moved = Signal(int, float)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.buttons = {
            name: QPushButton(name)
            for name in (*PLANES, "3D", *PRESETS, "Side by side")
        }
        self._scene = ""
        self.opacity = _slider(0.05, 1.0, 1.0)
        self.cut_axis = QComboBox()
        self.cut_axis.addItems(list(PLANES))
        self.cut_place = _slider(0.0, 1.0, 0.5)
        self._corners: np.ndarray[Any, Any] | None = None
        self._lay_out()
        for name, button in self.buttons.items():
            button.setCheckable(True)
            button.setToolTip(_TIPS.get(name, ""))
            button.clicked.connect(weakly(self._clicked, name))
        self.opacity.valueChanged.connect(self.opacity_changed)
        self.cut_axis.currentIndexChanged.connect(self.cut_here)
        self.cut_place.valueChanged.connect(self._emit_cut)
        self.listening = Listening()
        for event in (viewer.dims.events.order, viewer.dims.events.ndisplay):
            self.listening.to(event, self.update_buttons)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            self.listening.to(event, self.name_planes)
        self.name_planes()
        self.show_scene("")

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column, name in enumerate((*PLANES, "3D")):
            layout.addWidget(self.buttons[name], 0, column)
        for column, name in enumerate(PRESETS):
            layout.addWidget(self.buttons[name], 1, column)
        layout.addWidget(self.buttons["Side by side"], 1, 3)
        self.four_views = FourViewsButton(self._viewer)
        layout.addWidget(self.four_views, 2, 0, 1, 4)
        for column in range(4):
            layout.setColumnStretch(column, 1)
        self._opacity_label = QLabel("Opacity")
        layout.addWidget(self._opacity_label, 3, 0)
        layout.addWidget(self.opacity, 3, 1, 1, 3)
        layout.addWidget(self.cut_axis, 4, 0)
        layout.addWidget(self.cut_place, 4, 1, 1, 3)

    def set_box(self, corners: np.ndarray[Any, Any] | None) -> None:
        """Limit cuts to a box, given by opposite corners in the world (z, y, x)."""
        if np.array_equal(corners, self._corners):  # type: ignore[arg-type]
            return
        self._corners = corners
        self.cut_here()

    def cut(self) -> tuple[int, float]:
        """Return axis and place of the cut."""
        # The planes are listed in the order of the axes that they are across.
        return self.cut_axis.currentIndex(), RAS * self.cut_place.value()

    def face(self, axis: int) -> None:
        """Choose a cut across this axis, through the place of the viewer."""
        self.cut_axis.blockSignals(True)
        self.cut_axis.setCurrentIndex(axis)
        self.cut_axis.blockSignals(False)
        self.cut_here()

    def show_cut_place(self, at: float) -> None:
        """Follow a plane that was dragged."""
        self.cut_place.blockSignals(True)
        self.cut_place.setValue(RAS * at)
        self.cut_place.blockSignals(False)

    def show_scene(self, name: str) -> None:
        """Press the button of a preset; no button for an empty name."""
        self._scene = name
        surfaces, cut = name in ("Surface", "Cut-away"), name == "Cut-away"
        self._opacity_label.setVisible(surfaces)
        self.opacity.setVisible(surfaces)
        self.cut_axis.setVisible(cut)
        self.cut_place.setVisible(cut)
        self.update_buttons()

    def name_planes(self, *_: Any) -> None:
        """Name the planes by their axes if the place in the patient is unknown."""
        for place, (name, title) in enumerate(plane_titles(self._viewer).items()):
            button = self.buttons[name]
            button.setText(title)
            if title == name:
                button.setToolTip(f"The {name.lower()} plane, upright.")
            else:
                button.setToolTip(f"Slices across {title.lower()} of the image.")
            self.cut_axis.setItemText(place, title)

    def show_side_by_side(self, shown: bool) -> None:
        """Press the button of the panels, or release it."""
        self.buttons["Side by side"].setChecked(shown)

    def set_available(self, in_3d: bool, panels: bool) -> None:
        """Enable the buttons of 3D and of panels, or disable them."""
        self.name_planes()
        for name in (*PLANES, "3D", *PRESETS):
            self.buttons[name].setEnabled(in_3d)
        self.buttons["Side by side"].setEnabled(panels)

    def update_buttons(self, *_: Any) -> None:
        """Press the buttons of the view that is shown."""
        plane = plane_of(self._viewer)
        for name in PLANES:
            self.buttons[name].setChecked(name == plane)
        in_3d = self._viewer.dims.ndisplay == 3
        self.buttons["3D"].setChecked(in_3d and self._scene not in PRESETS)
        for name in PRESETS:
            self.buttons[name].setChecked(in_3d and name == self._scene)

    def _clicked(self, name: str, _on: bool = False) -> None:
        leave_four_views(self._viewer)
        if name == "Side by side":
            self.side_by_side_asked.emit(self.buttons[name].isChecked())
        elif name in PLANES:
            self.scene_asked.emit("")
            show_plane(self._viewer, name)
        else:
            self.scene_asked.emit(name)
        self.update_buttons()

    def cut_here(self, *_: Any) -> None:
        """Choose a cut through the place of the viewer, else through the middle."""
        if self._corners is None or self._corners.shape[1] < 3:
            return  # a flat image is not cut
        axis = self.cut_axis.currentIndex()
        low, high = sorted(RAS * self._corners[:, axis])
        self.cut_place.blockSignals(True)
        self.cut_place.setRange(low, high)
        at = RAS * self._viewer.dims.point[axis - 3]
        self.cut_place.setValue(at if low <= at <= high else (low + high) / 2)
        self.cut_place.blockSignals(False)
        self._emit_cut()

    def _emit_cut(self, *_: Any) -> None:
        self.cut_moved.emit(*self.cut())


def _slider(low: float, high: float, value: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setValue(value)
    slider.setDecimals(2 if high <= 1 else 1)
    return slider

"""The ways in which the dock shows a map: planes, side by side, scenes in 3D."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from ...analysis.surfaces import Mesh
from ..viewer.in_3d import in_3d
from ..viewer.layer_roles import scan_for_map
from ..viewer.layers import add_helper, remove_layer
from ..viewer.lifetime import Listening
from ..viewer.shown_map import Findings, ShownMap
from .appearance import Appearance, instead
from .class_shades import ModulatedClasses
from .meshes import Enclosed, Meshes
from .scenes import PRESETS, PanelGrid, Scenes, ViewButtons
from .surface_layers import SurfaceLayers, in_ras, name_of

Array = np.ndarray[Any, Any]

#: Name of the layer with the ring.
PLACE_NAME = "place"

# Size of the ring as a share of the foreground's longest side.
RING = 0.06

#: Most surfaces that are made without a question.
MOST_UNASKED = 40


# The views of a map.


class MapViews:
    """Shows one map in the ways that its buttons offer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows it.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.buttons = ViewButtons(viewer)
        self.waiting = Waiting()
        self._in_3d, self._scenes = in_3d(viewer), Scenes(viewer)
        self._panels = PanelGrid(viewer)
        #: Classes in colours that show the uncertainty, in slices and in plain 3D.
        self.modulated = ModulatedClasses(viewer)
        self._subject: ShownMap | None = None
        self._findings: Findings | None = None
        self._meshes: Meshes | None = None
        self._surfaces: SurfaceLayers | None = None
        self._appearance: tuple[Any, Any] = (None, None)
        self._chosen: tuple[int, ...] = ()
        self._preset = ""
        # Whether 3D was chosen by napari's own button, so that it stays afterwards.
        self._by_napari = False
        self.buttons.scene_asked.connect(self.show_scene)
        self.buttons.side_by_side_asked.connect(self.show_side_by_side)
        self.buttons.opacity_changed.connect(self._show_again)
        self.buttons.cut_moved.connect(self._scenes.move_cut)
        self.waiting.cancel.clicked.connect(self._give_up)
        self._listening = Listening()
        self._listening.to(viewer.dims.events.ndisplay, self._other_display)
        self._listening.to(viewer.canvas.grid.events.enabled, self._other_grid)

    # -- map, colours and classes ---------------------------------------------

    def set_subject(self, subject: ShownMap, findings: Findings) -> None:
        """Show another map, or the same one with other labels."""
        self._drop_meshes()
        another = self._subject is None or self._subject.layer != subject.layer
        self._subject, self._findings = subject, findings
        solid = subject.source.values.ndim == 3
        if solid:
            self._meshes = Meshes(findings.labels, subject.source.values)
            self._surfaces = SurfaceLayers(self._viewer, subject, self._meshes)
        self.buttons.set_available(solid, len(self._panel_layers()) > 1)
        self.buttons.set_box(self.corners())
        self._in_3d.corners = self.corners() if solid else None
        if self._preset:
            self.show_scene(self._preset)
        elif another and self._meshes is not None:
            # The surface that is most likely asked for first.
            self._meshes.make_ahead([None])
        self.modulated.set_subject(subject, findings)

    def clear(self) -> None:
        """Show no map any more."""
        self.modulated.clear()
        self._drop_meshes()
        self._hide_panels()
        if self._preset in PRESETS:
            self.show_scene("")
        self._subject = self._findings = self._in_3d.corners = None
        self.buttons.set_available(False, False)

    def set_appearance(
        self, appearance: Appearance, shares: tuple[float, float] | None
    ) -> None:
        """Show the map and its surfaces in other colours."""
        self._appearance = appearance, shares
        if self._preset == "Glow":  # it has colours of its own
            self.show_scene("Glow")
        else:
            self._color_map()
            self._show_again()

    def select(self, labels: Sequence[int]) -> None:
        """Show the surfaces of these classes, or without any the whole foreground."""
        self.modulated.select(labels)
        if tuple(labels) != self._chosen:
            self._chosen = tuple(labels)
            if self._preset in PRESETS:
                self.show_scene(self._preset)

    def corners(self) -> Array | None:
        """Return opposite corners of the foreground, in the world; None without it."""
        if self._subject is None or self._findings is None:
            return None
        return self._findings.corners(self._subject)

    def ring_size(self) -> float:
        """Return the size of a ring around a place, in the world."""
        corners = self.corners()
        return 10.0 if corners is None else RING * float(np.ptp(corners, axis=0).max())

    def show_place(self, place: Array) -> None:
        """Move the cut, if there is one, to a place that is visited."""
        if len(place) == 3:
            axis, _ = self.buttons.cut()
            self.buttons.show_cut_place(place[axis])
            if self._viewer.dims.ndisplay == 3:
                self._scenes.move_cut(axis, place[axis])

    def shown_surfaces(self) -> list[tuple[str, Mesh, Array]]:
        """Return name, mesh in RAS mm and colours of each surface that is shown.

        None are returned if the place of the map in the patient is unknown.
        """
        if (
            self._surfaces is None
            or self._subject is None
            or self._subject.axes is None
        ):
            return []
        shown = []
        for enclosed, layer in self._surfaces.shown(self._enclosed()):
            mesh = in_ras(self._subject, self._meshes[enclosed])  # type: ignore[index]
            if mesh is not None and layer.visible and layer in self._viewer.layers:
                low, high = layer.contrast_limits
                share = np.clip((mesh.values - low) / (high - low), 0, 1)
                name = name_of(enclosed, self._subject.names)
                shown.append((name, mesh, np.asarray(layer.colormap.map(share))))
        return shown

    def name_at(self, place: Array) -> str:
        """Return the class of the surface at a place in the world; else empty."""
        if self._surfaces is None or self._subject is None or len(place) < 3:
            return ""
        label = self._surfaces.label_at(place[-3:])
        return "" if label is None else name_of((label,), self._subject.names)

    @property
    def measured(self) -> tuple[str, str]:
        """Title and unit of the map's measure."""
        assert self._subject is not None
        return self._subject.record.about.title, self._subject.record.unit

    # -- scenes ---------------------------------------------------------------

    def show_scene(self, name: str) -> None:
        """Show Surface, Glow or Cut-away; "3D" for plain 3D, or "" for 2D."""
        self._stop_making()
        if self._panels.shown and name in ("3D", ""):
            self._turn_panels(3 if name else 2)
            return
        self._hide_panels()
        self._preset, self._by_napari = name, False
        if not name:
            self._scenes.leave()
            self._remove_surfaces()
            self._color_map()
            self.modulated.resume()
            self.buttons.show_scene("")
            return
        if self._subject is None:
            return
        if self._with_surfaces(name) and not self._ready(name):
            return
        if name == "Cut-away" and self._scenes.cut is None:
            self.buttons.face(self._in_3d.facing())
        if name in PRESETS:
            self.modulated.suspend()
        shown = self._subject.layer
        scan = scan_for_map(self._viewer.layers, shown)
        if name == "Surface":
            self._scenes.show_surface(scan, self._surface_layers())
        elif name == "Glow":
            hulls = self._surface_layers() if self._with_surfaces(name) else []
            self._scenes.show_glow(scan, shown, hulls, self._glow())
        elif name == "Cut-away":
            layers = self._surface_layers()
            planes = [scan, self._subject.segmentation, shown]
            self._scenes.show_cut(planes, layers, *self.buttons.cut())
            assert self._scenes.cut is not None
            self._scenes.cut.on_moved = self.buttons.show_cut_place
        else:
            self._scenes.show_as_they_are()
        if not self._with_surfaces(name):
            self._remove_surfaces()
        if name != "Glow":
            self._color_map()
        if name not in PRESETS:
            self.modulated.resume()
        self.buttons.show_scene(name)

    def _ready(self, name: str) -> bool:
        """Return whether the meshes of a scene are made; else begin to make them."""
        assert self._meshes is not None
        missing = self._meshes.missing(self._enclosed())
        if not missing:
            return True
        if len(missing) > MOST_UNASKED:
            self.waiting.ask(
                f"{len(missing)} surfaces have to be made, which takes a while.",
                lambda: self._make(name),
            )
        else:
            self._make(name)
        return False

    def _make(self, name: str) -> None:
        if self._meshes is None:
            return
        self.waiting.start()
        self._meshes.make(
            self._enclosed(),
            on_progress=self.waiting.show_share,
            on_end=self.waiting.stop,
            on_made=lambda: self.show_scene(name),
            on_refused=self._refuse,
        )

    def _with_surfaces(self, name: str) -> bool:
        """Return whether a scene has surfaces; a glow has them for chosen classes."""
        glows = name == "Glow" and self._chosen != ()
        return glows or name in ("Surface", "Cut-away")

    def _color_map(self) -> None:
        if self._subject is not None and self._appearance[0] is not None:
            self._appearance[0].put_on(self._subject.layer)

    def _glow(self) -> dict[str, Any]:
        """Return attributes of a map that is seen through in 3D."""
        assert self._subject is not None
        values = self._subject.source.values
        if values.ndim != 3:
            return {}
        look: dict[str, Any] = self._appearance[0].glow(
            values, self._subject.record.undecided
        )
        instead(look["colormap"])
        return look

    def _enclosed(self) -> list[Enclosed]:
        """Return what surfaces enclose: each chosen class, and the whole foreground."""
        return [*((label,) for label in self._chosen), None]

    def _surface_layers(self) -> list[Any]:
        assert self._surfaces is not None
        assert self._subject is not None
        return self._surfaces.show(
            self._enclosed(),
            self._subject.names,
            *self._appearance,
            opacity=float(self.buttons.opacity.value()),
            bar=self._preset == "Surface",
            faint=self._preset == "Glow",
        )

    def _show_again(self, *_: Any) -> None:
        """Show the surfaces in the colours and with the opacity that are chosen now."""
        shown = self._with_surfaces(self._preset) and self._meshes is not None
        if shown and not self._meshes.missing(self._enclosed()):  # type: ignore[union-attr]
            self._surface_layers()

    def _stop_making(self) -> None:
        if self._meshes is not None:
            self._meshes.cancel()
        self.waiting.stop()

    def _drop_meshes(self) -> None:
        self._stop_making()
        if self._meshes is not None:
            self._meshes.stop()
        if self._surfaces is not None:
            self._scenes.leave_cut()
            self._surfaces.remove()
        self._meshes = self._surfaces = None

    def _remove_surfaces(self) -> None:
        if self._surfaces is not None:
            self._surfaces.remove()

    def _give_up(self) -> None:
        self.show_scene("3D" if self._viewer.dims.ndisplay == 3 else "")

    def _refuse(self, sentence: str) -> None:
        self._give_up()
        show_error(sentence)

    def _other_display(self, *_: Any) -> None:
        """Follow napari's own button for 2D and 3D."""
        if self._panels.shown:
            self._turn_panels(self._viewer.dims.ndisplay)
        elif self._viewer.dims.ndisplay == 2 and self._preset:
            self.show_scene("")
        elif self._viewer.dims.ndisplay == 3 and not self._preset:
            self._preset, self._by_napari = "3D", True
            self.buttons.show_scene("3D")

    # -- panels ---------------------------------------------------------------

    def show_side_by_side(self, shown: bool) -> None:
        """Show scan, segmentation and map next to each other, or go back."""
        if not shown:
            self._hide_panels()
            return
        solid = self._preset in ("3D", *PRESETS)
        if self._preset:
            self.show_scene("")
        self.modulated.suspend()
        self._panels.show(self._panel_layers(), self.corners(), self._glow())
        self.buttons.show_side_by_side(True)
        if solid:
            self.show_scene("3D")

    def _panel_layers(self) -> dict[str, Any]:
        """Return the layers to show side by side, by their titles."""
        if self._subject is None:
            return {}
        shown, layers = self._subject.layer, self._viewer.layers
        panels = {
            "Scan": scan_for_map(layers, shown),
            "Segmentation": self._subject.segmentation,
            "Uncertainty": shown,
        }
        return {name: layer for name, layer in panels.items() if layer is not None}

    def _turn_panels(self, ndisplay: int) -> None:
        self._panels.turn(ndisplay)
        self.buttons.update_buttons()

    def _hide_panels(self) -> None:
        shown = self._panels.shown
        self._panels.hide()
        if shown:
            self.modulated.resume()
        self.buttons.show_side_by_side(False)

    def _other_grid(self, *_: Any) -> None:
        """Follow napari's own button for the grid."""
        if self._panels.shown and not self._viewer.canvas.grid.enabled:
            self._hide_panels()

    def leave(self) -> None:
        """Put the viewer back as it was, because the dock is closed."""
        self.modulated.stop()
        self._drop_meshes()
        self._hide_panels()
        if not self._by_napari:
            self.show_scene("")
        self._in_3d.corners = None

    def stop(self) -> None:
        """Call back no more, and make no more surfaces."""
        self._listening.stop()
        self.buttons.listening.stop()
        self._scenes.stop()
        self.modulated.stop()
        if self._meshes is not None:
            self._meshes.stop()


# The progress of surfaces that are being made.


class Waiting(QWidget):
    """A bar or a question, with a Cancel button; visible only while it is needed."""

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._bar = QProgressBar()
        self._bar.setFormat("Making surfaces … %p %")
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.go_on = QPushButton("Make them")
        self.cancel = QPushButton("Cancel")
        layout.addWidget(self._bar, 1)
        layout.addWidget(self.question, 1)
        layout.addWidget(self.go_on)
        layout.addWidget(self.cancel)
        self._answer: Callable[[], object] = lambda: None
        self.go_on.clicked.connect(self._go_on)
        self.stop()

    def start(self) -> None:
        """Show the bar."""
        self._bar.setValue(0)
        self._show(asking=False)

    def ask(self, question: str, answer: Callable[[], object]) -> None:
        """Show a question, and call a function if the user says yes."""
        self.question.setText(question)
        self._answer = answer
        self._show(asking=True)

    def show_share(self, share: float) -> None:
        """Show the share that is done, 0 to 1."""
        self._bar.setValue(round(100 * share))

    def stop(self) -> None:
        """Hide the bar or question."""
        self._answer = lambda: None
        self.setVisible(False)

    def _go_on(self) -> None:
        self._answer()

    def _show(self, asking: bool) -> None:
        self._bar.setVisible(not asking)
        self.question.setVisible(asking)
        self.go_on.setVisible(asking)
        self.setVisible(True)


# The ring around a visited place.


class Ring:
    """A ring around a visited place.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows it.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None

    def show(self, place: Array, size: float) -> None:
        """Move the ring to a place; place and size are in the viewer's unit."""
        if self._layer is not None and self._layer in self._viewer.layers:
            step = float(self._layer.scale[0])
            self._layer.data = np.array([place]) / step
            self._layer.size = size / step
            return
        # Sliders take the smallest step of all layers, so the ring has that of others.
        step = max(part.step for part in self._viewer.dims.range[-len(place) :])
        self._layer = add_helper(
            self._viewer,
            "points",
            np.array([place]) / step,
            "place",
            editable=False,
            name=PLACE_NAME,
            scale=(step,) * len(place),
            size=size / step,
            face_color="transparent",
            border_color="#00E5FF",
            border_width=0.08,
            symbol="disc",
            out_of_slice_display=False,
            blending="translucent_no_depth",
        )

    def remove(self) -> None:
        """Remove the ring."""
        layer, self._layer = self._layer, None
        remove_layer(self._viewer, layer)

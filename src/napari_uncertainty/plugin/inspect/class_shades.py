"""Classes in colours that show the uncertainty, in the place of the map.

One label layer holds a shade for each class and level of uncertainty, so that napari
slices it like any other, in 2D and on planes in 3D.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from ...analysis.class_statistics import unnamed
from ...analysis.colors import MOST_CLASSES, N_LEVELS, iter_shade_numbers, shades_of
from ..viewer.class_outlines import outline_classes, slice_of
from ..viewer.jobs import Job, cancel_all
from ..viewer.layer_roles import MODULATED, role_of
from ..viewer.layers import add_helper, remove_layer
from ..viewer.lifetime import Changes, Listening, weakly
from ..viewer.scan_space import METADATA_KEY, ORIGINAL
from ..viewer.shown_map import Findings, ShownMap

Array = np.ndarray[Any, Any]

#: Name of the layer with the shades.
NAME = "classes by uncertainty"

#: Opacity of the layer, through which the scan is seen.
OPACITY = 0.8

#: Reasons why the colours of classes cannot show the uncertainty.
RESAMPLED = (
    "This map was resampled onto the axes of the scan, and its classes were not; it is "
    "shown in its own colours."
)
TOO_MANY = (
    f"With more than {MOST_CLASSES} classes, colours cannot tell the uncertainty; the "
    "map is shown in its own."
)


@dataclass(frozen=True, eq=False)
class Legend:
    """Meaning of the colours of classes.

    Attributes
    ----------
    names : dict of int to str
        Names of the classes that are shown.
    shades : dict of int to ndarray, shape (N_LEVELS, 4)
        Their colours from certain to uncertain, 0 to 1.
    limits : (float, float)
        Uncertainty of the first and of the last colour.
    unit : str
        Unit of the limits.
    """

    names: Mapping[int, str]
    shades: Mapping[int, Array]
    limits: tuple[float, float]
    unit: str


class ModulatedClasses(QObject):
    """Shows the classes of an inspected map in colours that show its uncertainty.

    The map itself, and a segmentation that is filled, are hidden meanwhile.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows them.
    """

    #: Emitted with a Legend of the colours; with None while they show no uncertainty.
    changed = Signal(object)
    #: Emitted with the reason why they cannot show it.
    refused = Signal(str)
    #: Emitted when somebody has removed the layer; it is not added again.
    dismissed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._outlines = outline_classes(viewer)
        self._modulation = ""
        self._subject: ShownMap | None = None
        self._findings: Findings | None = None
        self._chosen: Collection[int] = ()
        self._suspended = False
        # Number of the shade of each voxel, and the findings and limits it comes from.
        self._numbers: Array | None = None
        self._numbered: tuple[Any, Any] = (None, None)
        self._layer: Any = None
        self._left: list[Any] = []
        self._shades: dict[int, Array] = {}
        self._hidden, self._filling = Changes(), Changes()
        self._was_filled = False
        self._jobs: list[Job[Any]] = []
        self._listening, self._of_map = Listening(), Listening()
        layers, dims = viewer.layers.events, viewer.dims.events
        self._listening.to(layers.removed, self._follow_removal)
        self._listening.to(dims.ndisplay, self._leave_filling)
        for event in (dims.point, dims.order, dims.ndisplay):
            self._listening.to(event, self._explain_colors)

    # -- choices --------------------------------------------------------------

    @property
    def modulation(self) -> str:
        """Way in which colours show the uncertainty; empty where they do not."""
        return self._modulation

    def choose(self, modulation: str) -> None:
        """Show the uncertainty in a way; for an empty text, as a map again."""
        self._modulation = modulation
        self.update()

    def set_subject(self, subject: ShownMap, findings: Findings) -> None:
        """Show another map, or the same one with other labels."""
        self._of_map.stop()
        self._subject, self._findings = subject, findings
        events = subject.layer.events
        self._of_map.to(events.contrast_limits, self.update)
        self._of_map.to(events.colormap, self._color)
        self.update()

    def clear(self) -> None:
        """Show no map any more, while layers may be removed."""
        self._forget()
        self._take_away(at_once=False)

    def select(self, labels: Collection[int]) -> None:
        """Explain the colours of these classes, or without any those in the slice."""
        self._chosen = tuple(label for label in labels if label != 0)
        self._explain_colors()

    def suspend(self) -> None:
        """Show the map itself until :meth:`resume`, for a view that needs it."""
        self._suspended = True
        self.update()

    def resume(self) -> None:
        """Show what was chosen again."""
        if self._suspended:
            self._suspended = False
            self.update()

    def stop(self) -> None:
        """Remove the layer for good, with everything as before."""
        self.blockSignals(True)  # their receivers may be gone
        self._listening.stop()
        self._modulation = ""
        self._forget()
        self._take_away()
        self._remove_left()

    def _forget(self) -> None:
        self._of_map.stop()
        cancel_all(self._jobs)
        self._subject = self._findings = self._numbers = None
        self._numbered = (None, None)

    def update(self, *_: Any) -> None:
        """Show the classes as they are now."""
        if self._suspended or not self._modulation or self._subject is None:
            cancel_all(self._jobs)
            self._take_away()
            return
        assert self._findings is not None
        reason = self._reason_against()
        if reason:
            self._take_away()
            self.refused.emit(reason)
            return
        basis = self._findings, self._limits
        if self._numbered == basis:
            self._show()
            return
        cancel_all(self._jobs)
        steps = partial(
            iter_shade_numbers,
            self._subject.source.values,
            self._findings.labels,
            self._classes,
            self._limits,
            self._subject.no_data,
        )
        self._jobs.append(
            Job(
                steps,
                on_end=self._jobs.clear,
                on_result=weakly(self._take, basis),
                on_refused=self.refused.emit,
            )
        )

    def _reason_against(self) -> str:
        assert self._subject is not None
        if ORIGINAL in self._subject.layer.metadata.get(METADATA_KEY, {}):
            return RESAMPLED
        return TOO_MANY if len(self._classes) > MOST_CLASSES else ""

    @property
    def _limits(self) -> tuple[float, float]:
        assert self._subject is not None
        low, high = self._subject.layer.contrast_limits
        return float(low), float(high)

    @property
    def _classes(self) -> list[int]:
        """Labels that some voxel has, ascending, without the background."""
        assert self._findings is not None
        return sorted(label for label in self._findings.statistics.labels if label != 0)

    def _take(self, basis: tuple[Any, Any], numbers: Array) -> None:
        assert self._subject is not None
        self._numbers = self._subject.source.turn.turn(numbers)
        self._numbered = basis
        self._show()

    # -- the layer ------------------------------------------------------------

    def _show(self) -> None:
        assert self._subject is not None
        assert self._numbers is not None
        colormap = self._colormap()
        if self._layer is None:
            self._add(colormap)
        else:
            if not np.array_equal(self._layer.colormap.colors, colormap.colors):
                self._layer.colormap = colormap
            if self._layer.data is not self._numbers:
                self._layer.data = self._numbers
        self._explain_colors()

    def _colormap(self) -> CyclicLabelColormap:
        """Return the shades of all classes, from the colours that these have now."""
        assert self._subject is not None
        colormap, classes = self._subject.label_colormap, self._classes
        own = [np.ravel(colormap.map(label))[:4] for label in classes]
        shades = shades_of(np.reshape(own, (-1, 4)), self._modulation)
        self._shades = dict(zip(classes, shades, strict=True))
        return CyclicLabelColormap(
            colors=np.concatenate([np.zeros((1, 4)), shades.reshape(-1, 4)]),
            name=NAME,
            background_value=0,
        )

    def _add(self, colormap: CyclicLabelColormap) -> None:
        assert self._subject is not None
        viewer, shown = self._viewer, self._subject.layer
        for layer in viewer.layers:
            if role_of(layer) == "map" and layer.visible:
                self._hidden.set(layer, "visible", False)
        self._layer = layer = add_helper(
            viewer,
            "labels",
            self._numbers,
            MODULATED,
            like=shown,
            editable=False,
            name=NAME,
            colormap=colormap,
            opacity=OPACITY,
            blending="translucent_no_depth",
        )
        layers = viewer.layers
        layers.move(layers.index(layer), layers.index(shown) + 1)
        self._leave_filling()

    def _leave_filling(self, *_: Any) -> None:
        """Hide a segmentation that is filled, whose colours would mix with the shades.

        In 2D it is outlined instead of filled, so it only has to be hidden in 3D, or if
        somebody has removed its outlines.
        """
        if self._layer is None or self._subject is None:
            return
        layer, flat = self._subject.segmentation, self._viewer.dims.ndisplay == 2
        if layer is None:
            return
        if not flat or self._outlines.dismissed:
            self._filling.set(layer, "visible", False)
            return
        self._filling.undo()
        outlined = self._outlines.outlined is not None
        if outlined and self._outlines.filled and not self._was_filled:
            self._was_filled = True
            self._outlines.fill(False)

    def _color(self, *_: Any) -> None:
        """Follow the colours of the map, from which those of classes differ."""
        if self._layer is not None:
            self._show()

    def _take_away(self, at_once: bool = True) -> None:
        if self._layer is not None:
            self._left.append(self._layer)
            self._layer = None
            if at_once:
                self._remove_left()
            else:
                # napari fails if one of several layers that it removes is gone already.
                self._left[-1].visible = False
                QTimer.singleShot(0, weakly(self._remove_left))
            self._filling.undo()
            self._hidden.undo()
            if self._was_filled:
                self._was_filled = False
                self._outlines.fill(True)
        self.changed.emit(None)

    def _remove_left(self) -> None:
        left, self._left = self._left, []
        for layer in left:
            remove_layer(self._viewer, layer)

    def _follow_removal(self, *_: Any) -> None:
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._modulation = ""
            self._take_away(at_once=False)
            self.dismissed.emit()

    # -- the legend -----------------------------------------------------------

    def _explain_colors(self, *_: Any) -> None:
        """Explain the colours of the classes that are shown."""
        if self._layer is None or self._subject is None:
            return
        names = self._subject.names
        self.changed.emit(
            Legend(
                {
                    label: names.get(label, unnamed(label))
                    for label in self._seen()
                    if label in self._shades
                },
                self._shades,
                self._limits,
                self._subject.record.unit,
            )
        )

    def _seen(self) -> list[int]:
        """Return the labels of the selected classes, or of those in the slice."""
        if self._chosen:
            return sorted(self._chosen)
        classes, viewer = self._classes, self._viewer
        if viewer.dims.ndisplay == 3:
            return classes
        shown = slice_of(viewer, self._layer, self._numbers)
        if shown is None:
            return []
        numbers = np.flatnonzero(np.bincount(shown.values.ravel()))
        places = np.unique((numbers[numbers > 0] - 1) // N_LEVELS)
        return [classes[place] for place in places]

"""Classes in colours that tell the uncertainty, in the place of the map.

One label layer holds a shade for each class and level of uncertainty, so that napari
slices it as it slices any other, in 2D and on planes in 3D.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from ...analysis.colors import MOST_CLASSES, N_LEVELS, iter_shade_numbers, shades_of
from ..viewer.class_outlines import outline_classes, slice_of
from ..viewer.jobs import Job, cancel_all
from ..viewer.layer_roles import MODULATED, role_of
from ..viewer.layers import add_helper, label_colormap, remove_layer
from ..viewer.lifetime import Changes, Listening, weakly
from ..viewer.scan_space import METADATA_KEY, ORIGINAL
from ..viewer.shown_map import Findings, ShownMap

Array = np.ndarray[Any, Any]

#: Name of the layer with the shades.
NAME = "classes by uncertainty"

#: Of the layer: the scan is to be seen below it.
OPACITY = 0.8

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
        Of the classes that are shown.
    shades : dict of int to ndarray, shape (N_LEVELS, 4)
        Their colours from certain to uncertain, 0 to 1.
    limits : (float, float)
        What is certain, and what is uncertain.
    unit : str
        Of the limits.
    """

    names: Mapping[int, str]
    shades: Mapping[int, Array]
    limits: tuple[float, float]
    unit: str


class ModulatedClasses(QObject):
    """Shows the classes of an inspected map in colours that tell its uncertainty.

    The map, and what fills the classes, is hidden meanwhile.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    #: What the colours mean, as a Legend; None while they tell no uncertainty.
    changed = Signal(object)
    #: Why they cannot tell it.
    refused = Signal(str)
    #: Somebody has removed the layer, and is not to get it again.
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
        # Numbers of shades, and of which findings and limits they are.
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
            self._listening.to(event, self._tell)

    # -- what is shown --------------------------------------------------------

    @property
    def modulation(self) -> str:
        """Return how the colours tell the uncertainty; empty where they do not."""
        return self._modulation

    def choose(self, modulation: str) -> None:
        """Show the uncertainty so, or as a map again for an empty word."""
        self._modulation = modulation
        self.update()

    def set_subject(self, subject: ShownMap, findings: Findings) -> None:
        """Another map, or other labels."""
        self._of_map.stop()
        self._subject, self._findings = subject, findings
        events = subject.layer.events
        self._of_map.to(events.contrast_limits, self.update)
        self._of_map.to(events.colormap, self._color)
        self.update()

    def clear(self) -> None:
        """Show no map any more; layers may be about to be removed by somebody."""
        self._forget()
        self._take_away(at_once=False)

    def select(self, labels: Collection[int]) -> None:
        """Tell the meaning of these classes' colours; none for those in the slice."""
        self._chosen = tuple(label for label in labels if label != 0)
        self._tell()

    def suspend(self) -> None:
        """Show the map, for a view that needs it, until :meth:`resume`."""
        self._suspended = True
        self.update()

    def resume(self) -> None:
        """Show what was chosen again."""
        if self._suspended:
            self._suspended = False
            self.update()

    def stop(self) -> None:
        """Take the layer away for good, with everything as before."""
        self.blockSignals(True)  # whoever heard them may be gone
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
        wanted = self._findings, self._limits
        if self._numbered == wanted:
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
                on_result=weakly(self._take, wanted),
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
        return sorted(label for label in self._findings.regions.labels if label != 0)

    def _take(self, wanted: tuple[Any, Any], numbers: Array) -> None:
        assert self._subject is not None
        self._numbers = self._subject.source.turn.turn(numbers)
        self._numbered = wanted
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
        self._tell()

    def _colormap(self) -> CyclicLabelColormap:
        """The shades of all classes, from the colours that these have now."""
        assert self._subject is not None
        shown, classes = self._subject.segmentation, self._classes
        colormap = (
            label_colormap(self._subject.layer.colormap)
            if shown is None
            else shown.colormap
        )
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
        """Let nothing fill the classes below: in 2D outlines do not, if there are any.

        The segmentation stays there for its outlines, but in 3D it has none.
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
        """Follow the colours of the map, from which those of classes keep apart."""
        if self._layer is not None:
            self._show()

    def _take_away(self, at_once: bool = True) -> None:
        if self._layer is not None:
            self._left.append(self._layer)
            self._layer = None
            if at_once:
                self._remove_left()
            else:
                # Whoever removes several layers does not expect that one has gone by
                # itself.
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

    def _tell(self, *_: Any) -> None:
        """Tell what the colours of the classes mean that are shown."""
        if self._layer is None or self._subject is None:
            return
        names = self._subject.names
        self.changed.emit(
            Legend(
                {
                    label: names.get(label, f"label {label}")
                    for label in self._seen()
                    if label in self._shades
                },
                self._shades,
                self._limits,
                self._subject.record.unit,
            )
        )

    def _seen(self) -> list[int]:
        """Labels of the selected classes, or of those in the slice that is shown."""
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

"""Following a map: choosing and computing anew as layers come, go and change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from ...errors import InputError
from ..layer_choice import LayerChoice
from ..selection import rank_for_map, role_of
from ..viewer.lifetime import Listening
from ..work import Job, Steps, cancel_all
from .subject import Finding, ShownMap

NO_MAP = "There is no uncertainty map yet: compute one with Compute uncertainty."

# Layers change in several steps, and a brush stroke in many.
SETTLE_MS = 300

#: Events of a map or segmentation after which its numbers are others.
_MAP_EVENTS = ("data", "scale", "translate", "affine", "rotate")
_LABEL_EVENTS = ("paint", "labels_update", "colormap", *_MAP_EVENTS)


#: Takes a subject on the main thread; gives what looks at it in the background.
LookAt = Callable[[ShownMap], Steps[Any]]


class MapFollower(QObject):
    """Follows the map that is selected in the layer list, and looks at it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose maps are followed.
    look_at : callable
        Gives what finds something in a subject.
    heed_labels : bool
        Whether to look again when the labels of the segmentation change.

    Attributes
    ----------
    map, segmentation : LayerChoice
        What is chosen.
    subject, findings : ShownMap or None, Finding or None
        What is looked at, and what was found in it.
    """

    #: Looking at a map begins; whether it is another one than before.
    begun = Signal(bool)
    #: The share that is done, 0 to 1.
    progress = Signal(float)
    found = Signal()
    #: There is no map to look at, for the reason that the sentence tells.
    nothing = Signal(str)

    def __init__(
        self, viewer: Any, look_at: LookAt, *, heed_labels: bool = True
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._look_at = look_at
        self._heed_labels = heed_labels
        self.subject: ShownMap | None = None
        self.findings: Any = None
        self.map = LayerChoice(
            viewer, offers=lambda layer: role_of(layer) == "map", rank=self._rank_map
        )
        self.segmentation = LayerChoice(
            viewer,
            offers=lambda layer: role_of(layer) == "segmentation",
            rank=self._rank_segmentation,
        )
        self._jobs: list[Job[Any]] = []
        self._of_layers, self._of_viewer = Listening(), Listening()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to follow."""
        events = self._viewer.layers.events
        for event in (
            events.inserted, events.removed, events.reordered, events.renamed,
        ):  # fmt: skip
            self._of_viewer.to(event, self._choose)
        self._of_viewer.to(self._viewer.layers.selection.events.active, self._select)
        self.map.changed.connect(self._changed)
        self.segmentation.changed.connect(self._settle_soon)
        self._choose()
        self._select()

    def stop(self) -> None:
        """Follow no longer, and call back no more."""
        self._of_viewer.stop()
        self._of_layers.stop()
        self._settle.stop()
        cancel_all(self._jobs)

    @contextmanager
    def unheeded(self) -> Iterator[None]:
        """Change something of the layers that changes no number, such as colours."""
        waiting = self._settle.isActive()
        yield
        if not waiting:
            self._settle.stop()

    def look(self) -> None:
        """Take the layers as they are now, and look at them in the background."""
        self._settle.stop()
        cancel_all(self._jobs)
        self._of_layers.stop()
        layer, segmentation = self.map.value, self.segmentation.value
        if layer is None:
            self._show_nothing(NO_MAP)
            return
        self._listen_to(layer, segmentation)
        try:
            subject = ShownMap.of(self._viewer, layer, segmentation)
            steps = self._look_at(subject)
        except InputError as error:
            self._show_nothing(str(error))
            return
        another = self.subject is None or self.subject.layer != layer
        self.subject = subject
        if another:
            self.findings = None
        self.begun.emit(another)
        self._jobs.append(
            Job(
                steps,
                on_progress=self.progress.emit,
                on_end=self._jobs.clear,
                on_result=self._found,
                on_refused=self._show_nothing,
            )
        )

    def _choose(self, *_: Any) -> None:
        """Follow the layer list."""
        self.map.reset_choices()
        self._changed()

    def _select(self, *_: Any) -> None:
        """Follow the selected layer, where it is a map."""
        active = self._viewer.layers.selection.active
        if active is not None and role_of(active) == "map" and active != self.map.value:
            self.map.value = active

    def _changed(self, *_: Any) -> None:
        self.segmentation.reset_choices()
        now: tuple[Any, Any] = (None, None)
        if self.subject is not None:
            now = self.subject.layer, self.subject.segmentation
        if self.map.value is None or now != (self.map.value, self.segmentation.value):
            self.look()

    def _rank_map(self, layer: Any) -> tuple[Any, ...]:
        """The map that is inspected stays so, wherever it is in the layer list."""
        return (self.subject is not None and self.subject.layer == layer,)

    def _rank_segmentation(self, layer: Any) -> tuple[Any, ...] | None:
        return None if self.map.value is None else rank_for_map(layer, self.map.value)

    def _settle_soon(self, *_: Any) -> None:
        self._settle.start()

    def _listen_to(self, layer: Any, segmentation: Any) -> None:
        heard = [getattr(layer.events, name) for name in _MAP_EVENTS]
        if segmentation is not None and self._heed_labels:
            heard += [getattr(segmentation.events, name) for name in _LABEL_EVENTS]
        for event in heard:
            self._of_layers.to(event, self._settle_soon)

    def _found(self, findings: Finding) -> None:
        assert self.subject is not None
        self.subject = self.subject.named_for(findings.there)
        self.findings = findings
        self.found.emit()

    def _show_nothing(self, sentence: str) -> None:
        self.subject = self.findings = None
        self.nothing.emit(sentence)

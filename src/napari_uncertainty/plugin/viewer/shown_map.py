"""The map that a dock shows, and following it as layers come, go and change."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from ...analysis.class_blocks import iter_class_statistics
from ...analysis.class_statistics import ClassStatistics, unnamed
from ...compare.segmentation import Segmentation, iter_labels_at
from ...errors import InputError
from ...model.grid import Grid
from ...model.record import Record
from ...steps import part
from .jobs import Job, Steps, cancel_all
from .layer_roles import path_of, rank_for_map, role_of
from .layers import label_colormap
from .lifetime import Listening
from .scan_space import (
    NO_DATA,
    PREDICTION,
    Source,
    axes_of,
    layer_info,
    record_of,
    segmentation_on,
    source_of,
    to_ras,
    voxel_to_world,
)
from .widgets import LayerChoice

Array = np.ndarray[Any, Any]
Color = tuple[int, int, int]

# Colour of labels without one of their own, such as the background.
_GRAY: Color = (128, 128, 128)

#: Sentence of docks that need a map.
NO_MAP = "There is no uncertainty map yet: compute one with Compute uncertainty."

# Milliseconds without a change after which a map is evaluated again: layers change in
# several steps, and a brush stroke in many.
SETTLE_MS = 300

#: Events of a map and of a segmentation that change its numbers.
_MAP_EVENTS = ("data", "scale", "translate", "affine", "rotate")
_LABEL_EVENTS = ("paint", "labels_update", "colormap", *_MAP_EVENTS)


# The map that a dock shows, and the labels of its voxels.


@dataclass(frozen=True, eq=False)
class ShownMap:
    """A map layer, taken on the main thread; threads get its arrays.

    Attributes
    ----------
    layer : Image
        The map.
    segmentation : Labels or None
        The layer with the class of each voxel; None for the most probable class.
    source : Source
        Values of the map and their grid, in core order where the map has one.
    labels : Segmentation
        The labels, which may lie on other voxels.
    no_data : ndarray of bool or None
        Voxels without data; None where all have data.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.
    to_world : ndarray, shape (n + 1, n + 1)
        Affine from voxels of `source` to the viewer's last n axes.
    names, class_names : dict of int to str
        Names of labels, and of the classes of the probabilities.
    """

    layer: Image
    segmentation: Labels | None
    source: Source
    labels: Segmentation
    no_data: Array | None
    axes: Grid | None
    to_world: Array
    names: Mapping[int, str]
    class_names: Mapping[int, str]

    @classmethod
    def of(cls, viewer: Any, layer: Image, segmentation: Labels | None) -> ShownMap:
        """Return a map layer with the labels of a segmentation, if there is one.

        Raises
        ------
        InputError
            If the map has more than three axes, or was replaced by hand.
        """
        axes = axes_of(viewer.layers)
        source = source_of(layer, axes=axes)
        if source.values.ndim > 3:
            raise InputError(
                f"'{layer.name}' has {source.values.ndim} axes; maps of two or three "
                "can be inspected."
            )
        if segmentation is None:
            prediction = _kept(layer, source, PREDICTION)
            if prediction is None:
                raise InputError(
                    f"'{layer.name}' was read from a file, which does not say which "
                    "class a voxel has; open the segmentation, too."
                )
            labels = Segmentation(prediction, source.grid, "most probable class")
        else:
            labels = segmentation_on(segmentation, source, source.values.shape, axes)
        names = names_of(layer)
        own = {} if segmentation is None else names_of(segmentation)
        numbers = numbering_of(layer, segmentation)
        if numbers and not own:
            own = {numbers[label]: name for label, name in names.items()}
        return cls(
            layer,
            segmentation,
            source,
            labels,
            _kept(layer, source, NO_DATA),
            axes,
            voxel_to_world(layer, source, axes),
            own or names,
            names,
        )

    @property
    def record(self) -> Record:
        """Record of the map."""
        record = record_of(self.layer)
        assert record is not None  # every map has one
        return record

    def name_of(self, label: int) -> str:
        """Return the name of a label, the same in every table, plot and list."""
        return self.names.get(label) or unnamed(label)

    def name_of_class(self, index: int, n_classes: int) -> str:
        """Return the name of a class of the network.

        If the network has no names and labels are classes, it is that of the label.
        """
        own = self.class_names.get(index)
        if own and own != f"class {index}":
            return own
        if all(0 <= label < n_classes for label in self.names):
            return self.name_of(index)
        return own or unnamed(index)

    def named_for(self, labels: Iterable[int]) -> ShownMap:
        """Return the map without names of labels if these labels are no classes."""
        own = self.segmentation is None or names_of(self.segmentation)
        return self if own or {*labels} <= {*self.names} else replace(self, names={})

    def place(self, voxel: Iterable[float]) -> Array:
        """Return world coordinates of a voxel, along the viewer's last axes."""
        at: Array = (self.to_world @ (*voxel, 1.0))[:-1]
        return at

    def voxel(self, world: Array) -> tuple[int, ...] | None:
        """Return the voxel at a place in the viewer; None outside of the map."""
        n = len(self.to_world) - 1
        if len(world) < n:
            return None
        at = np.linalg.inv(self.to_world) @ (*world[-n:], 1.0)
        index = np.rint(at[:-1]).astype(int)
        if (index < 0).any() or (index >= self.source.values.shape).any():
            return None
        return tuple(int(i) for i in index)

    def ras(self, world: Array) -> Array | None:
        """Return RAS mm of a place in the viewer; None if the place is unknown."""
        if self.axes is None or self.source.grid is None or len(world) < 3:
            return None
        return to_ras(self.axes, world[-3:])

    def colors_of(self, labels: Iterable[int]) -> dict[int, Color]:
        """Return colours of labels as the segmentation shows them, 0 to 255."""
        colormap = self.label_colormap
        colors = {}
        for label in labels:
            red, green, blue, alpha = np.ravel(colormap.map(label))[:4]
            rgb = (round(255 * c) for c in (float(red), float(green), float(blue)))
            colors[label] = tuple(rgb) if alpha > 0 else _GRAY
        return colors  # type: ignore[return-value]

    @property
    def label_colormap(self) -> Any:
        """Colormap of the segmentation, or one for the most probable classes."""
        shown = self.segmentation
        return label_colormap(self.layer.colormap) if shown is None else shown.colormap


class Finding(Protocol):
    """Result of evaluating a map in the background."""

    @property
    def present_labels(self) -> Iterable[int]:
        """Labels that some voxel has."""


@dataclass(frozen=True, eq=False)
class Findings:
    """Labels of a map, and its numbers for each of them.

    Attributes
    ----------
    labels : ndarray
        Label of each voxel of the map.
    statistics : ClassStatistics
        Numbers of the voxels of each label.
    """

    labels: Array
    statistics: ClassStatistics

    @property
    def present_labels(self) -> Iterable[int]:
        """Labels that some voxel has."""
        return self.statistics.labels

    def corners(self, subject: ShownMap) -> Array | None:
        """Return opposite corners of the foreground, in the world; None without one."""
        box = self.box() or self.box("whole")
        if box is None:
            return None
        ends = np.array([subject.place(end) for end in zip(*box, strict=True)])
        return np.sort(ends, axis=0)

    def box(self, which: Any = "foreground") -> tuple[tuple[int, int], ...] | None:
        """Return the first and last labelled voxel along each axis; None without."""
        ends = []
        for axis in range(len(self.statistics.shape)):
            occupied = np.flatnonzero(self.statistics.profile(axis, which, "count"))
            if not len(occupied):
                return None
            ends.append((int(occupied[0]), int(occupied[-1])))
        return tuple(ends)


def look_for_findings(subject: ShownMap) -> Steps[Findings]:
    """Return the work that gives the labels of a map, and the numbers of each."""
    return partial(
        iter_findings,
        subject.source.values,
        subject.source.grid,
        subject.labels,
        subject.no_data,
    )


def iter_findings(
    values: Any,
    grid: Grid | None,
    segmentation: Segmentation,
    no_data: Array | None,
) -> Generator[float, None, Findings]:
    """Find the labels of a map and the numbers of each; yields the share done.

    Raises
    ------
    InputError
        If it is not known how the labels lie on the map.
    """
    values = np.asarray(values)
    labels = yield from part(iter_labels_at(values.shape, grid, segmentation), 0, 0.3)
    yield 0.3
    if labels is None:
        raise InputError(
            f"It is not known how '{segmentation.name}' lies on the map; choose "
            "another segmentation, or none."
        )
    labels = np.asarray(labels)  # which may be lazy
    statistics = yield from part(iter_class_statistics(values, labels, no_data), 0.3, 1)
    return Findings(labels, statistics)


def names_of(layer: Any) -> dict[int, str]:
    """Return names of the labels or classes of a layer, as far as they are known."""
    record = record_of(layer)
    names = layer_info(layer).get("class_names", ())
    if record is not None:
        names = record.class_names
    if isinstance(names, Mapping):
        return {int(label): str(name) for label, name in names.items()}
    if len(names):
        return dict(enumerate(map(str, names)))
    features = getattr(layer, "features", None)
    if features is not None and {"index", "name"} <= set(features):
        return {
            int(label): str(name)
            for label, name in zip(features["index"], features["name"], strict=True)
        }
    return {}


def numbering_of(layer: Any, segmentation: Labels | None) -> tuple[int, ...]:
    """Return the number that a segmentation has for each label of a map.

    It is empty if its numbers are these labels, or if the map was not compared with it.
    """
    record = record_of(layer)
    check = None if record is None else record.check("labels")
    if record is None or check is None or segmentation is None:
        return ()
    path = path_of(segmentation)
    if record.segmentation and path is not None and Path(record.segmentation) != path:
        return ()
    numbers = tuple(int(one) for one in check.numbers["numbers"])
    return numbers if len(numbers) == record.n_classes else ()


def _kept(layer: Image, source: Source, what: str) -> Any:
    """Return an array from the metadata of a map, in the order of its values."""
    kept = layer_info(layer).get(what)
    if kept is None:
        return None
    kept = source.turn.turn_back(kept)
    if kept.shape != source.values.shape:
        raise InputError(
            f"'{layer.name}' was replaced by hand; compute the map again to inspect it."
        )
    return kept


# Following the map that is selected, and evaluating it anew when layers change.


#: Called with a map on the main thread; returns the work for a background thread.
LookAt = Callable[[ShownMap], Steps[Any]]


class MapFollower(QObject):
    """Follows the map that is selected in the layer list, and evaluates it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose maps are followed.
    look_at : callable
        Called with a map; returns the work that evaluates it on a background thread.
    heed_labels : bool
        Whether to evaluate it again when the labels of the segmentation change.

    Attributes
    ----------
    map, segmentation : LayerChoice
        Lists of layers to choose from.
    subject, findings : ShownMap or None, Finding or None
        The chosen map, and the result of its evaluation once that has ended.
    """

    #: Emitted when an evaluation begins; True if it is of another map than before.
    begun = Signal(bool)
    #: Emitted with the share that is done, 0 to 1.
    progress = Signal(float)
    #: Emitted when `findings` are new.
    found = Signal()
    #: Emitted with a sentence that says why there is no map to evaluate.
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
        """Change layers without a new evaluation, such as their colours."""
        waiting = self._settle.isActive()
        yield
        if not waiting:
            self._settle.stop()

    def look(self) -> None:
        """Take the layers as they are now, and evaluate the map in the background."""
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
        """Return the rank of a map: the one that is followed stays so."""
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
        self.subject = self.subject.named_for(findings.present_labels)
        self.findings = findings
        self.found.emit()

    def _show_nothing(self, sentence: str) -> None:
        self.subject = self.findings = None
        self.nothing.emit(sentence)

"""The dock widget *Compute uncertainty*."""

from __future__ import annotations

from functools import partial
from typing import Any

from magicgui.widgets import (
    CheckBox,
    Container,
    Label,
    ProgressBar,
    PushButton,
    Widget,
)
from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QStyle, QVBoxLayout

from ...case import CaseResult
from ...errors import InputError
from ...io.endings import READERS
from ...model.measures import ALL_MEASURES
from ..viewer.arrival import PLUGIN, align
from ..viewer.class_axis import exclusive_classes, independent_channels
from ..viewer.class_outlines import KEYS, outline_classes
from ..viewer.four_views import FourViewsButton
from ..viewer.jobs import Job, cancel_all
from ..viewer.layer_roles import (
    rank_probabilities,
    rank_scan,
    rank_segmentation,
    role_of,
)
from ..viewer.layers import BASE_BY_UNIT, preferences, remember
from ..viewer.lifetime import Docked, scrolled, weakly
from ..viewer.pointer import Pointer
from ..viewer.view_planes import frame_unless_moved
from ..viewer.widgets import LayerChoice, Paragraph, wrapped
from ..writer import SAVE_TIP, save_map
from .check_list import CheckList, offer_of, report_lines
from .choices import MeasureChoice, MembersChoice, ValueFields
from .map_request import Request, show_map

# Width of the form in pixels, for the longest line of the result.
MIN_WIDTH = 280

_OPEN_TIP = "Choose scan, segmentation and probabilities together."
_PATTERNS = " ".join(
    f"*{ending}" for one in READERS if not one.folder for ending in one.all_endings
)
_FILES = f"Images and arrays ({_PATTERNS});;All files (*)"

# Pixels between the rows, so few that all rows fit a small screen.
SPACING = 4


class ComputeWidget(Docked):
    """Choose layers, compute the map in the background, see it on the scan.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are offered, and to which the map is added.
    """

    #: Emitted when a computation ended: the map layer, or None where there is none.
    computed = Signal(object)

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._jobs: list[Job[CaseResult]] = []
        defaults = preferences()
        self.probabilities = LayerChoice(
            napari_viewer,
            offers=lambda layer: isinstance(layer, Image) and role_of(layer) != "map",
            rank=rank_probabilities,
        )
        self.scan = LayerChoice(
            napari_viewer,
            offers=lambda layer: role_of(layer) == "scan",
            rank=lambda layer: rank_scan(layer, self.probabilities.value),
        )
        self.segmentation = LayerChoice(
            napari_viewer,
            offers=lambda layer: role_of(layer) == "segmentation",
            rank=lambda layer: rank_segmentation(layer, self.probabilities.value),
        )
        self.measure = MeasureChoice(defaults.measure)
        self.meaning = Paragraph()
        self.members = MembersChoice(napari_viewer, lambda: self.probabilities.value)
        self.fields = ValueFields(defaults.base, defaults.kind, defaults.temperature)
        self.base, self.kind = self.fields.unit, self.fields.kind
        self.temperature = self.fields.temperature
        self.foreground_only = CheckBox(
            text="Foreground only", value=defaults.foreground_only
        )
        self.compute_button = PushButton(text="Compute")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(min=0, max=100, value=0)
        self.result = Paragraph()
        self.checks = CheckList()
        self.pointer = wrapped(Label(value=""))
        self._members_title = Label(value="Members")
        self.open_button = PushButton(text="Open case…", tooltip=_OPEN_TIP)
        self.save_button = PushButton(text="Save map…", enabled=False, tooltip=SAVE_TIP)
        self.keys = wrapped(Label(value=KEYS))
        self._lay_out()
        self.progress.visible = False
        self.open_button.changed.connect(self._open)
        self.save_button.changed.connect(self._save)
        self.compute_button.changed.connect(self._start)
        self.cancel_button.changed.connect(self._cancel)
        self.probabilities.changed.connect(self._choose_companions)
        self.measure.changed.connect(self._explain_measure)
        self.kind.changed.connect(self._offer_channels)
        self._explain_measure()
        self.checks.moved.connect(self._start_anew)
        self._pointer = Pointer(
            napari_viewer, weakly(self._chosen_scan), weakly(self._show_pointer)
        )
        self.end_with_me(partial(cancel_all, self._jobs), self._pointer.stop)
        self.reset_choices()

    def _lay_out(self) -> None:
        """Put everything into one column, which scrolls in a low window."""
        buttons: Container[Widget] = Container(
            widgets=[self.compute_button, self.cancel_button],
            layout="horizontal",
            labels=False,
        )
        buttons.native.layout().addWidget(FourViewsButton(self._viewer))
        self._form: Container[Widget] = Container(
            widgets=[
                self.open_button,
                # Titles above the lists: layer names are long and docks are narrow.
                *_titled("Probabilities", self.probabilities),
                *_titled("Scan", self.scan),
                *_titled("Segmentation", self.segmentation),
                *_titled("Measure", self.measure),
                self.meaning,
                self._members_title,
                self.members,
                self.fields,
                self.foreground_only,
                buttons,
                self.progress,
                # Checks stand above the numbers, for they say whether these are right.
                self.checks,
                self.result,
                self.save_button,
                self.keys,
                self.pointer,
            ],
            labels=False,
        )
        self._form.native.layout().setSpacing(SPACING)
        style: Any = self.style()
        bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self._form.min_width = MIN_WIDTH
        self.setMinimumWidth(MIN_WIDTH + bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        area: Any = scrolled(self._form.native)
        # All text in it wraps, so only a vertical scroll bar needs room.
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(area)

    def stop(self) -> None:
        """Follow the pointer no longer.

        A map that is being computed is still added to the viewer, unless Qt destroys
        the widget, which cancels the computation.
        """
        self._pointer.stop()

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list."""
        self._form.reset_choices()
        self._offer_channels()
        self.save_button.enabled = self._map is not None

    @property
    def _map(self) -> Any:
        """Map to save: the selected one, else the topmost; None without one."""
        maps = [one for one in self._viewer.layers if role_of(one) == "map"]
        active = self._viewer.layers.selection.active
        if active is not None and role_of(active) == "map":
            return active
        return maps[-1] if maps else None

    def _open(self) -> None:
        """Ask for the files of a case, and open them with this plugin's reader."""
        paths, _ = QFileDialog.getOpenFileNames(
            self, "Scan, segmentation and probabilities of a case", "", _FILES
        )
        if paths:
            self._viewer.open(paths, plugin=PLUGIN)

    def _save(self) -> None:
        """Save the map with its JSON, where the user wants it."""
        layer = self._map
        if layer is not None:
            save_map(layer, self)

    def _choose_companions(self) -> None:
        for companion in (self.scan, self.segmentation, self.members):
            companion.reset_choices()
        self._offer_channels()

    def _offer_channels(self) -> None:
        layer, kind = self.probabilities.value, self.fields.chosen_kind
        self.fields.offer_channels(independent_channels(layer, kind))
        self.fields.offer_backgrounds(exclusive_classes(layer, kind))

    def _explain_measure(self) -> None:
        measure = self.measure.measure
        self.meaning.value = measure.meaning
        self.measure.tooltip = measure.formula
        self.base.enabled = measure.has_base
        of_members = self.measure.is_of_members
        self._members_title.visible = of_members
        self.members.offer(of_members)

    def _start_anew(self) -> None:
        """Compute the map again after its probabilities were moved."""
        self._choose_companions()
        self._start()

    def _start(self) -> None:
        try:
            request = self._request()
        except InputError as error:
            self._refuse(str(error))
            return
        self._remember()
        align(self._viewer)
        self._set_running(True)
        self.checks.clear()
        self.result.value = (
            f"Computing {ALL_MEASURES[request.measure].title} of "
            f"'{request.probabilities.name}' …"
        )
        self._jobs[:] = [
            Job(
                request.steps(self._viewer),
                on_progress=self._show_progress,
                on_end=partial(self._set_running, False),
                on_result=partial(self._finish, request),
                on_refused=self._refuse,
            )
        ]

    def _request(self) -> Request:
        """Return a request for what is chosen, with the layers as they are now."""
        return Request.of(
            self._viewer,
            self.probabilities.value,
            self.scan.value,
            self.segmentation.value,
            foreground_only=self.foreground_only.value,
            measure=self.measure.value,
            base=BASE_BY_UNIT[self.base.value],
            how=self.fields.interpretation,
            members=self.members.others,
        )

    def _remember(self) -> None:
        """Keep the choices as defaults for the next time."""
        remember(
            measure=self.measure.value,
            base=self.base.value,
            kind=self.kind.value,
            temperature=self.temperature.value,
            foreground_only=self.foreground_only.value,
        )

    def _show_progress(self, share: float) -> None:
        self.progress.value = round(100 * share)

    def _finish(self, request: Request, result: CaseResult) -> None:
        changed = request.changed(self._viewer)
        if changed is not None:
            self._refuse(
                f"'{changed.name}' was removed or changed while the "
                f"{ALL_MEASURES[request.measure].title} was computed, so the result "
                "was dropped; compute again."
            )
            return
        layer = show_map(self._viewer, request, result)
        align(self._viewer)
        outline_classes(self._viewer)
        frame_unless_moved(self._viewer)
        self.save_button.enabled = True
        self.result.value = "\n".join([*report_lines(result, request), *request.notes])
        offer = offer_of(request, result)
        checks = result.where.checks
        self.checks.show_checks(checks, offer, request.probabilities)
        for note in request.notes:
            show_info(note)
        for check in checks:
            # A wrong choice in the form is easy to correct, but also easy to miss.
            chosen = check.name in ("kind", "background")
            if check.level == "red" or (chosen and check.level == "amber"):
                show_warning(check.sentence)
        self.computed.emit(layer)

    def _refuse(self, sentence: str) -> None:
        self.result.value = sentence
        show_error(sentence)
        self.computed.emit(None)

    def _chosen_scan(self) -> Any:
        return self.scan.value

    def _show_pointer(self, text: str) -> None:
        self.pointer.value = text

    def _cancel(self) -> None:
        cancel_all(self._jobs)
        self._set_running(False)
        self.result.value = "Cancelled."
        self.computed.emit(None)

    def _set_running(self, running: bool) -> None:
        self.compute_button.enabled = not running
        self.cancel_button.enabled = running
        self.progress.visible = running
        self.progress.value = 0


def _titled(title: str, widget: Widget) -> tuple[Label, Widget]:
    return Label(value=title), widget

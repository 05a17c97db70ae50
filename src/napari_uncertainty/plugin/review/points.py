"""All hotspots of a map as points, in the colours of what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...review.stop import Stop, Verdict
from ..inspect.subject import Subject
from ..layers import METADATA_KEY
from ..viewer.lifetime import Listening
from .mark import as_balls, selection_as_it_was, world_per_mm

Array = np.ndarray[Any, Any]

#: Of each verdict, told apart by people who see no red or green, too.
VERDICT_COLORS: dict[Verdict, str] = {
    "open": "#FFFFFF",
    "fine": "#3BD16F",
    "fixed": "#4DA3FF",
    "needs expert": "#FF5FD2",
}

# Width of the line around a ball, as a share of its diameter, and how much of its
# colour fills it in 3D.
LINE = 0.05
FILL = 0.15

TEXT_SIZE = 11

# The text stands beside the ball, so many diameters up, to the left and to the front.
BESIDE = -0.5


class HotspotPoints:
    """A points layer of the hotspots of a review, each with its rank.

    What competes there is in the layer's features, for as text it would cover what is
    behind, and the texts each other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    on_removed : callable or None
        Called when somebody else removes the layer.
    """

    def __init__(
        self, viewer: Any, on_removed: Callable[[], object] | None = None
    ) -> None:
        self._viewer = viewer
        self._on_removed = on_removed
        self._layer: Any = None
        self._listening = Listening()

    @property
    def shown(self) -> bool:
        """Whether the layer is there."""
        return self._layer is not None

    def show(
        self,
        subject: Subject,
        stops: Sequence[Stop],
        names: Mapping[int, str],
        radius_mm: float,
    ) -> None:
        """Show these hotspots, instead of those before.

        Parameters
        ----------
        subject : Subject
            The map that they are of.
        stops : sequence of Stop
            The hotspots, and what was decided; none of them takes the layer away.
        names : mapping of int to str
            Names of the classes.
        radius_mm : float
            Of each ball.
        """
        self.remove()
        if not stops:
            return
        places = np.array([subject.place(stop.hotspot.voxel) for stop in stops])
        n = places.shape[1]
        options = as_balls(self._viewer, n, 2 * radius_mm * world_per_mm(subject))
        with selection_as_it_was(self._viewer):
            self._layer = self._viewer.add_points(
                places / options["scale"],
                name=f"{subject.layer.name} hotspots",
                features=_features(stops, names),
                border_width=LINE,
                text={
                    "string": "{rank}",
                    "size": TEXT_SIZE,
                    "color": "white",
                    "translation": BESIDE * options["size"] * np.ones(n),
                    "blending": "translucent_no_depth",
                },
                metadata={METADATA_KEY: {"role": "hotspots"}},
                **options,
            )
        self._layer.editable = False
        self._listening.to(self._viewer.dims.events.ndisplay, self._color)
        self._listening.to(self._viewer.layers.events.removed, self._removed)
        self._color()

    def update(self, stops: Sequence[Stop]) -> None:
        """Show what was decided since; without a layer, nothing happens.

        Parameters
        ----------
        stops : sequence of Stop
            The same hotspots in the same order.
        """
        if self._layer is None:
            return
        verdicts = [stop.verdict for stop in stops]
        features = self._layer.features
        if list(features["verdict"]) == verdicts:
            return
        self._layer.features = features.assign(verdict=verdicts)
        self._color()

    def remove(self) -> None:
        """Take the layer away."""
        self._listening.stop()
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _color(self, *_: Any) -> None:
        # In 2D a ball is empty, for its voxels are to be seen.
        verdicts = self._layer.features["verdict"]
        colors = np.array([_rgba(verdict) for verdict in verdicts])
        self._layer.border_color = colors
        in_3d = self._viewer.dims.ndisplay == 3
        self._layer.face_color = colors * (1, 1, 1, FILL if in_3d else 0)

    def _removed(self, event: Any) -> None:
        if event.value == self._layer:
            self.remove()
            if self._on_removed is not None:
                self._on_removed()


def _features(stops: Sequence[Stop], names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "rank": [stop.rank for stop in stops],
        "classes": [stop.hotspot.competing(names) for stop in stops],
        "verdict": [stop.verdict for stop in stops],
        "mass": [stop.hotspot.mass for stop in stops],
    }


def _rgba(verdict: Verdict) -> tuple[float, ...]:
    code = VERDICT_COLORS[verdict]
    return (*(int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)), 1.0)

"""A drop-down list of layers that chooses well until the user does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Layer

Rank = Callable[[Any], tuple[Any, ...] | None]


class LayerChoice(ComboBox):
    """Layers to choose from; follows the best ranked one until the user picks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    offers : callable
        Whether a layer is in the list at all.
    rank : callable
        How well a layer fits, as a tuple, larger is better; None for a layer that is
        never chosen without the user. Of equals the layer added last wins.
    """

    def __init__(
        self,
        viewer: Any,
        *,
        offers: Callable[[Any], bool],
        rank: Rank,
    ) -> None:
        self._viewer = viewer
        self._rank = rank
        self._offers = offers
        self._picked = False
        self._current: Layer | None = None
        super().__init__(choices=self._offered, nullable=True, value=None)
        self.changed.connect(self._note_pick)

    def _offered(self, _widget: Any = None) -> list[Layer]:
        return [layer for layer in self._viewer.layers if self._offers(layer)]

    def reset_choices(self, *_: Any) -> None:
        """Follow the layer list: keep the user's pick, else take the best."""
        with self.changed.blocked():
            super().reset_choices()
            offered = self._offered()
            if self._picked and self._current is not None:
                self._picked = self._current in offered
            if not self._picked:
                self._current = self._best(offered)
            self.value = self._current

    def _best(self, offered: list[Layer]) -> Layer | None:
        ranked = [
            (rank, position, layer)
            for position, layer in enumerate(offered)
            if (rank := self._rank(layer)) is not None
        ]
        return max(ranked, key=lambda entry: entry[:2])[2] if ranked else None

    def _note_pick(self, value: Any) -> None:
        self._picked = True
        self._current = value

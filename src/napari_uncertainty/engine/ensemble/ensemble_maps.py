"""Maps of an ensemble, and how well the labels of its members overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...model.background import Background
from ...model.grid import Grid
from ..maps import UncertaintyMaps

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class EnsembleMaps(UncertaintyMaps):
    """Maps of several members, and how well their labels agree.

    Attributes
    ----------
    grid : Grid or None
        Where the voxels are: the smallest box that holds all members.
    not_shared : int
        Voxels that not all members cover, or in which one has no data; they are no-data
        voxels.
    dice : ndarray, shape (pairs, n_classes)
        Overlap of the labels of each pair of members, 2 |A ∩ B| / (|A| + |B|); NaN
        where neither has the class. Pairs as of :func:`itertools.combinations`.
    remarks : tuple of str
        What a person should know of single members.
    """

    grid: Grid | None = None
    not_shared: int = 0
    dice: Any = field(default_factory=lambda: np.empty((0, 0)))
    remarks: tuple[str, ...] = ()

    def with_background(self, background: Background, n_channels: int) -> Self:
        """Return the same with labels of which 0 is that background."""
        maps = super().with_background(background, n_channels)
        if background.channel == 0 or self.has_background(n_channels):
            return maps
        # No member predicts a label that no class has.
        dice = np.full((len(self.dice), maps.n_classes), np.nan)
        dice[:, list(background.labels(n_channels))] = self.dice
        return replace(maps, dice=dice)

    @property
    def messages(self) -> list[str]:
        """Remarks for a person, in sentences."""
        messages = [*self.kind_messages, *self.remarks]
        if self.not_shared:
            share = self.not_shared / self.no_data.size
            messages.append(
                f"Not all members have data in {self.not_shared:,} voxels "
                f"({100 * share:.3g} %); these are left out."
            )
        return messages

    @property
    def mean_dice(self) -> Any:
        """Mean over the pairs for each class, NaN where none has it.

        M. Zenk et al., Comparative benchmarking of failure detection methods in medical
        image segmentation, Medical Image Analysis 101 (2025), 103392,
        doi:10.1016/j.media.2024.103392: the best simple score of whether a segmentation
        has failed.
        """
        known = np.isfinite(self.dice)
        sums = np.where(known, self.dice, 0).sum(axis=0)
        counts = known.sum(axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def dice_table(self, class_names: Any) -> pd.DataFrame:
        """Return a row for each class: label, name, mean, lowest and highest Dice.

        Parameters
        ----------
        class_names : sequence of str
            One for each label.
        """
        import pandas as pd

        rows = []
        for label, (name, mean) in enumerate(
            zip(class_names, self.mean_dice, strict=True)
        ):
            pairs = self.dice[:, label]
            pairs = pairs[np.isfinite(pairs)]
            some = len(pairs) > 0
            rows.append(
                {
                    "label": label,
                    "name": name,
                    "dice_mean": float(mean),
                    "dice_lowest": float(pairs.min()) if some else np.nan,
                    "dice_highest": float(pairs.max()) if some else np.nan,
                }
            )
        return pd.DataFrame(rows)


class Overlap:
    """Counts of labels, from which the overlap of each pair follows.

    Parameters
    ----------
    n_members, n_classes : int
        Number of members and of classes.
    """

    def __init__(self, n_members: int, n_classes: int) -> None:
        self.pairs = list(combinations(range(n_members), 2))
        self._sizes = np.zeros((n_members, n_classes), np.int64)
        self._shared = np.zeros((len(self.pairs), n_classes), np.int64)

    def add(self, labels: Sequence[Array], known: Array) -> None:
        """Count some voxels.

        Parameters
        ----------
        labels : sequence of ndarray of int
            What each member says of them.
        known : ndarray of bool
            Which of them count.
        """
        n_classes = self._sizes.shape[1]
        counted = [one[known] for one in labels]
        for sizes, one in zip(self._sizes, counted, strict=True):
            sizes += np.bincount(one, minlength=n_classes)
        for shared, (first, second) in zip(self._shared, self.pairs, strict=True):
            same = counted[first][counted[first] == counted[second]]
            shared += np.bincount(same, minlength=n_classes)

    def dice(self) -> Array:
        """Return 2 |A ∩ B| / (|A| + |B|), shape (pairs, n_classes); NaN for no voxels.

        L. R. Dice, Measures of the Amount of Ecologic Association Between Species,
        Ecology 26 (1945), 297-302, doi:10.2307/1932409.
        """
        if not self.pairs:
            return np.empty((0, self._sizes.shape[1]))
        first, second = np.array(self.pairs).T
        sizes = self._sizes[first] + self._sizes[second]
        return np.where(sizes > 0, 2 * self._shared / np.maximum(sizes, 1), np.nan)

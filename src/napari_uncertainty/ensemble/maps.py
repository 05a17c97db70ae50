"""Maps that an ensemble gives, and how well its members agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..fold import UncertaintyMaps
from ..grid import Grid
from ..model.background import Background

if TYPE_CHECKING:
    import pandas as pd


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
        # Nobody says a label that no class has.
        dice = np.full((len(self.dice), maps.n_classes), np.nan)
        dice[:, list(background.labels(n_channels))] = self.dice
        return replace(maps, dice=dice)

    @property
    def messages(self) -> list[str]:
        """Return what a person should know, in sentences."""
        told = [*self.kind_messages, *self.remarks]
        if self.not_shared:
            share = self.not_shared / self.no_data.size
            told.append(
                f"Not all members have data in {self.not_shared:,} voxels "
                f"({100 * share:.3g} %); these are left out."
            )
        return told

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
        """A row for each class: label, name, mean, lowest and highest of the pairs.

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

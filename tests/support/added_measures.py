"""Two measures that are rows and nothing else, for the tables of measures."""

import numpy as np

from napari_uncertainty.model import measures
from napari_uncertainty.model.measures import EnsembleMeasure, Measure, highest_entropy


def _collision(n, out, _spare):
    np.divide(n.squares, n.sums, out=out)
    out /= n.sums
    np.subtract(0, np.log2(out, out=out), out=out)


def _collision_of_members(n, out, _spare):
    np.subtract(0, np.log2(n.squares, out=out), out=out)


WORDS = {
    "title": "collision entropy",
    "formula": "-log Σ p²",
    "meaning": "How rarely two labels drawn from the probabilities are the same.",
    "source": "A. Rényi, On Measures of Entropy and Information, Berkeley 1961",
    "highest": highest_entropy,
    "has_base": True,
    "needs": ("squares",),
}

COLLISION = Measure("collision", finish=_collision, of_mean=True, **WORDS)
COLLISION_OF_MEMBERS = EnsembleMeasure(
    "predictive_collision", finish=_collision_of_members, **WORDS
)


def add_rows():
    """Add both to the tables; returns what takes them away again."""
    tables = (measures._MEASURES, measures._ENSEMBLE_MEASURES)
    rows = (COLLISION, COLLISION_OF_MEMBERS)
    for table, row in zip(tables, rows, strict=True):
        table[row.name] = row

    def take_away():
        for table, row in zip(tables, rows, strict=True):
            del table[row.name]

    return take_away

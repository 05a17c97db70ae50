"""A record of a map, for tests that only need some."""

from napari_uncertainty.model.interpretation import AS_SOFTMAX
from napari_uncertainty.model.record import MapStatistics, Record

NUMBERS = MapStatistics(
    voxels=210,
    no_data=0,
    total=90.5,
    mean=0.43,
    maximum=1.75,
    foreground_voxels=100,
    foreground_mean=0.5,
)


def record(measure="entropy", **entries):
    """Entropy in bits of four classes, unless told otherwise."""
    usual = {
        "base": 2,
        "n_states": 4,
        "n_classes": 4,
        "statistics": NUMBERS,
        "interpretation": AS_SOFTMAX,
        "probabilities": "case",
    }
    return Record(measure=measure, **(usual | entries))

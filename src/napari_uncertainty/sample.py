"""A case without a download: the MNI152 template, from its tissue maps."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .grid import Grid
from .images import LabelMap, Scan
from .probabilities import ProbabilityMap

CLASS_NAMES = ("background", "cerebrospinal fluid", "gray matter", "white matter")


def mni152_case(resolution: int = 1) -> tuple[Scan, LabelMap, ProbabilityMap]:
    """Scan, labels and probabilities of the ICBM 152 template (2009, version a).

    The template comes with probability maps of gray and white matter and with a brain
    mask [1]_, as nilearn bundles them. What the two leave of the brain is taken for
    cerebrospinal fluid, the rest of the head for background.

    Parameters
    ----------
    resolution : int
        Voxel size in mm.

    Raises
    ------
    InputError
        Where nilearn is not installed.

    References
    ----------
    .. [1] V. Fonov et al., Unbiased average age-appropriate atlases for pediatric
       studies, NeuroImage 54 (2011), 313-327, doi:10.1016/j.neuroimage.2010.07.033
    """
    try:
        from nilearn import datasets
    except ImportError as error:
        raise InputError(
            "The sample needs nilearn; install it with "
            'pip install "napari-uncertainty[sample]".'
        ) from error
    scan = datasets.load_mni152_template(resolution=resolution)
    gray, white, brain = (
        np.asarray(load(resolution=resolution).dataobj, dtype=np.float32)
        for load in (
            datasets.load_mni152_gm_template,
            datasets.load_mni152_wm_template,
            datasets.load_mni152_brain_mask,
        )
    )
    grid = Grid(scan.shape, scan.affine, scan.header)
    values = np.empty((4, *scan.shape), np.float32)
    tissue = np.clip(gray, 0, 1) + np.clip(white, 0, 1)
    # Where smoothing made the two exceed the whole, they share it.
    share = 1 / np.maximum(tissue, 1)
    np.multiply(np.clip(gray, 0, 1), share, out=values[2])
    np.multiply(np.clip(white, 0, 1), share, out=values[3])
    rest = 1 - values[2] - values[3]
    np.multiply(rest, brain, out=values[1])
    np.subtract(rest, values[1], out=values[0])
    np.maximum(values, 0, out=values)
    labels = values.argmax(axis=0).astype(np.uint8)
    return (
        Scan(np.asarray(scan.dataobj, dtype=np.float32), grid, name="MNI152 T1"),
        LabelMap(labels, grid, dict(enumerate(CLASS_NAMES)), name="MNI152 labels"),
        ProbabilityMap(values, CLASS_NAMES, grid, name="MNI152"),
    )

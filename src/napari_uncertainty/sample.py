"""Sample case without a download: the MNI152 template, segmented by tissue models.

Each model is a mixture of Gaussians, fitted to the template's own scan by expectation
maximisation, with the template's tissue maps as priors of each voxel. Its posteriors
are what the E-step of unified segmentation gives [1]_, without bias field and
deformation, which a template does not need. Like those of a network they are sure
within structures and unsure where two tissues share a voxel, and in those deep nuclei
whose intensity lies between that of gray and of white matter.

References
----------
.. [1] J. Ashburner, K. J. Friston, Unified segmentation, NeuroImage 26 (2005), 839-851,
   doi:10.1016/j.neuroimage.2005.02.018
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .model.grid import Grid
from .model.images import LabelMap, Scan
from .model.probabilities import ProbabilityMap

Array = np.ndarray[Any, Any]

CLASS_NAMES = ("background", "cerebrospinal fluid", "gray matter", "white matter")

#: Gaussians of each tissue: fluid is darker in a ventricle than in a narrow sulcus.
GAUSSIANS = (2, 1, 1)

#: Voxel sizes in mm that can be asked for.
RESOLUTIONS = range(1, 9)

#: Share by which the scan is darker at the left end of the brain, brighter at the
#: right.
LEFT_TO_RIGHT = 0.04

#: Standard deviation in mm of the blur that the second member sees the scan with.
BLUR = 1.0

#: Share by which the third member sees the scan darker at the back, brighter in front.
BACK_TO_FRONT = 0.08

# Number of voxels that a mixture is fitted to, about.
_FITTED = 250_000

# Growth of the log-likelihood of a voxel below which the fit ends, and most steps.
_LEAST_GAIN, _MOST_STEPS = 1e-5, 200

_LEAST_DENSITY = 1e-300

# Where the files lie within nilearn; "t1" is the scan, "gm" and "wm" are the maps.
_FILE = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


def mni152_case(resolution: int = 1) -> tuple[Scan, LabelMap, ProbabilityMap]:
    """Return scan, labels and probabilities of the ICBM 152 template (2009, version a).

    The scan is the template's T1 without skull [1]_, as nilearn bundles it. All that is
    0 in it is background, and certain. The template is exactly symmetric, and nothing
    could tell its left from its right; so the scan is 4 % darker at the left end of the
    brain and 4 % brighter at the right, as a coil may leave it. The labels are the most
    probable classes.

    Parameters
    ----------
    resolution : int
        Voxel size in mm, 1 to 8; the template itself has 1 mm.

    Raises
    ------
    InputError
        Where nilearn is not installed, or without these files.

    References
    ----------
    .. [1] V. Fonov et al., Unbiased average age-appropriate atlases for pediatric
       studies, NeuroImage 54 (2011), 313-327, doi:10.1016/j.neuroimage.2010.07.033
    """
    template = Template.load(resolution)
    probabilities = template.segmented("MNI152", template.intensities)
    return template.scan, template.labels(probabilities), probabilities


def mni152_members(
    resolution: int = 1,
) -> tuple[Scan, LabelMap, tuple[ProbabilityMap, ...]]:
    """Return scan and labels of :func:`mni152_case`, and probabilities of three models.

    Each is fitted to a copy of the scan of its own: ``MNI152`` to the scan as it is,
    ``MNI152 blurred`` to the scan after a Gaussian blur of 1 mm standard deviation, in
    which thin folds are lost, and ``MNI152 shaded`` to a scan that is also 8 % darker
    at the back of the brain and 8 % brighter in front.

    Parameters
    ----------
    resolution : int
        Voxel size in mm, 1 to 8; the template itself has 1 mm.

    Raises
    ------
    InputError
        Where nilearn is not installed, or without these files.
    """
    template = Template.load(resolution)
    copies: dict[str, Callable[[], Array]] = {
        "MNI152": lambda: template.intensities,
        "MNI152 blurred": template.blurred,
        "MNI152 shaded": template.shaded,
    }
    members = tuple(template.segmented(name, copy()) for name, copy in copies.items())
    return template.scan, template.labels(members[0]), members


@dataclass(frozen=True, eq=False)
class Template:
    """Scan of a brain without its skull, and the tissues to expect in each voxel.

    Attributes
    ----------
    scan : Scan
        Its intensities, 0 outside the brain.
    inside : ndarray of bool
        Voxels of the brain.
    priors : ndarray, shape (3, voxels of the brain)
        Probabilities of cerebrospinal fluid, gray and white matter before the scan is
        looked at; they sum to 1.
    """

    scan: Scan
    inside: Array
    priors: Array

    @classmethod
    def load(cls, resolution: int) -> Template:
        """Read the MNI152 template from the files of nilearn, without importing it.

        To import it takes longer than all that is computed here.
        """
        if resolution not in RESOLUTIONS:
            raise InputError(
                f"The sample has no voxels of {resolution} mm; ask for a whole number "
                f"from {RESOLUTIONS[0]} to {RESOLUTIONS[-1]}."
            )
        from nibabel import Nifti1Image

        images = [Nifti1Image.from_filename(path) for path in _template_files()]
        t1, gray, white = (
            _coarser(np.asarray(image.dataobj), resolution) for image in images
        )
        grid = Grid(images[0].shape, images[0].affine, images[0].header)
        if resolution > 1:
            to_fine = np.diag([resolution] * 3 + [1.0])
            to_fine[:3, 3] = (resolution - 1) / 2
            grid = Grid(t1.shape, images[0].affine @ to_fine)
        inside = t1 > 0
        scan = t1 * (1 + LEFT_TO_RIGHT * _ramp(inside, 0))
        priors = np.empty((3, np.count_nonzero(inside)), np.float32)
        priors[1], priors[2] = gray[inside], white[inside]
        priors[1:] /= 255  # stored as bytes
        # In the brain, all that is neither is fluid.
        np.maximum(1 - priors[1] - priors[2], 0, out=priors[0])
        return cls(Scan(scan, grid, name="MNI152 T1"), inside, priors)

    @property
    def intensities(self) -> Array:
        """Intensities of the scan, voxels of the brain only."""
        intensities: Array = self.scan.data[self.inside]
        return intensities

    def blurred(self) -> Array:
        """Return the intensities of the scan, blurred within the brain."""
        from scipy.ndimage import find_objects, gaussian_filter

        (box,) = find_objects(self.inside.astype(np.uint8))
        scan, weight = (
            gaussian_filter(
                whole[box].astype(np.float32),
                BLUR / self.scan.grid.zooms,
                mode="constant",
                truncate=3,
            )
            for whole in (self.scan.data, self.inside)
        )
        inside = self.inside[box]
        blurred: Array = scan[inside] / weight[inside]
        return blurred

    def shaded(self) -> Array:
        """Return the intensities of the scan, darker at the back than in front."""
        shaded: Array = self.scan.data * (1 + BACK_TO_FRONT * _ramp(self.inside, 1))
        return shaded[self.inside]

    def segmented(self, name: str, intensities: Array) -> ProbabilityMap:
        """Return class probabilities, by a mixture fitted to these intensities.

        Parameters
        ----------
        name : str
            What to call it.
        intensities : ndarray
            Of each voxel of the brain.
        """
        some = slice(None, None, max(1, intensities.size // _FITTED))
        mixture = Mixture.fit(intensities[some], self.priors[:, some], GAUSSIANS)
        posteriors = mixture.posteriors(intensities, self.priors)
        values = np.zeros((len(CLASS_NAMES), *self.inside.shape), np.float32)
        values[0] = ~self.inside
        for whole, of_brain in zip(values[1:], posteriors, strict=True):
            whole[self.inside] = of_brain
        return ProbabilityMap(values, CLASS_NAMES, self.scan.grid, name=name)

    def labels(self, probabilities: ProbabilityMap) -> LabelMap:
        """Return labels of the most probable classes."""
        labels = np.zeros(self.inside.shape, np.uint8)
        of_brain = probabilities.values[1:, self.inside]
        labels[self.inside] = 1 + of_brain.argmax(axis=0)
        names = dict(enumerate(CLASS_NAMES))
        return LabelMap(labels, self.scan.grid, names, name="MNI152 labels")


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians of intensities, one or several for each class.

    Attributes
    ----------
    classes : ndarray of int
        Class of each Gaussian, in rising order.
    weights : ndarray
        Shares that the Gaussians have in their class; of each class they sum to 1.
    means, deviations : ndarray
        In units of intensity.
    log_likelihoods : tuple of float
        Mean over the voxels before each step of the fit and after the last one.
    """

    classes: Array
    weights: Array
    means: Array
    deviations: Array
    log_likelihoods: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls, intensities: Array, priors: Array, gaussians: Sequence[int]
    ) -> Mixture:
        """Fit a mixture by expectation maximisation, from what the priors alone give.

        Parameters
        ----------
        intensities : ndarray, shape (voxels,)
            What is observed.
        priors : ndarray, shape (classes, voxels)
            Probability of each class before the intensity is known.
        gaussians : sequence of int
            How many each class has.
        """
        x, priors = intensities.astype(np.float64), priors.astype(np.float64)
        classes = np.repeat(np.arange(len(gaussians)), gaussians)
        means, deviations = _moments(priors, x)
        # Those of one class stand one standard deviation apart.
        apart = np.concatenate([np.arange(n) - (n - 1) / 2 for n in gaussians])
        mixture = cls(
            classes,
            1 / np.repeat(gaussians, gaussians),
            means[classes] + apart * deviations[classes],
            deviations[classes],
        )
        reached: list[float] = []
        for _ in range(_MOST_STEPS):
            joint = mixture.densities(x)
            joint *= priors[classes]
            likelihood = joint.sum(axis=0)
            reached.append(float(np.log(likelihood).mean()))
            if len(reached) > 1 and reached[-1] - reached[-2] < _LEAST_GAIN:
                break
            joint /= likelihood
            amounts = joint.sum(axis=1)
            of_class = np.bincount(classes, amounts)
            mixture = cls(classes, amounts / of_class[classes], *_moments(joint, x))
        return replace(mixture, log_likelihoods=tuple(reached))

    def densities(self, intensities: Array) -> Array:
        """Return the weighted density of each Gaussian, shape (Gaussians, voxels).

        Never 0, not even where the exponential is: a voxel that no Gaussian accounts
        for keeps its priors.
        """
        distances = (intensities - self.means[:, np.newaxis]).astype(np.float64)
        distances /= self.deviations[:, np.newaxis]
        np.square(distances, out=distances)
        distances *= -0.5
        densities: Array = np.exp(distances, out=distances)
        densities /= self.deviations[:, np.newaxis] * np.sqrt(2 * np.pi)
        densities += _LEAST_DENSITY
        densities *= self.weights[:, np.newaxis]
        return densities

    def posteriors(self, intensities: Array, priors: Array) -> Array:
        """Return the probability of each class once the intensity is known, float32.

        Parameters
        ----------
        intensities : ndarray, shape (voxels,)
            What is observed.
        priors : ndarray, shape (classes, voxels)
            Probability of each class before the intensity is known.
        """
        first = np.flatnonzero(np.diff(self.classes, prepend=-1))
        joint = np.add.reduceat(self.densities(intensities), first)
        joint *= priors
        joint /= joint.sum(axis=0)
        return joint.astype(np.float32)


def _moments(weights: Array, x: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of `x` under each row of weights."""
    amounts = weights.sum(axis=1)
    means = weights @ x / amounts
    return means, np.sqrt(weights @ x**2 / amounts - means**2)


def _ramp(inside: Array, axis: int) -> Array:
    """Return a ramp from -1 to 1 along an axis, between the ends of what is inside.

    The template's axes run to Right, Anterior and Superior.
    """
    others = tuple({0, 1, 2} - {axis})
    first, *_, last = np.flatnonzero(inside.any(axis=others))
    ramp = (2 * np.arange(inside.shape[axis]) - first - last) / (last - first)
    return np.expand_dims(ramp.astype(np.float32), others)


def _coarser(values: Array, factor: int) -> Array:
    """Return means over cubes of `factor` voxels each way, without incomplete cubes."""
    if factor == 1:
        return values
    n = [size // factor for size in values.shape]
    whole = values[tuple(slice(size * factor) for size in n)]
    cubes = whole.reshape(n[0], factor, n[1], factor, n[2], factor)
    means: Array = cubes.mean(axis=(1, 3, 5), dtype=np.float32)
    return means


def _template_files() -> list[Path]:
    """Return nilearn's files of the scan, of gray and of white matter."""
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "The sample needs nilearn; install it with "
            'pip install "napari-uncertainty[sample]".'
        )
    (folder, *_) = map(Path, spec.submodule_search_locations)
    files = [folder / _FILE.format(which) for which in ("t1", "gm", "wm")]
    for file in files:
        if not file.is_file():
            raise InputError(
                "The nilearn that is installed does not have the MNI152 template where "
                f"nilearn 0.11 to 0.14 have it: there is no file {file}. Install one "
                'of these with pip install "nilearn>=0.11,<0.15".'
            )
    return files

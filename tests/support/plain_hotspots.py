"""What the package has to find, slowly and plainly, without any of its code."""

from itertools import product

import numpy as np
from nibabel.affines import apply_affine
from scipy.ndimage import convolve, distance_transform_edt, gaussian_filter

from support.generated import turn

#: Steps between 0 and 1 in which the package counts what may be wrong.
LEVELS = 4096

#: In mm; what is farther away from the foreground is not looked at.
NEAR = 2.0

# Voxels of other sizes along each axis; and the same, tilted about two axes.
UPRIGHT = np.diag([1.5, 1.0, 2.0, 1.0])
UPRIGHT[:3, 3] = -30, 12, 7.5
TILTED = np.eye(4)
TILTED[:3, :3] = turn(20, 0) @ turn(-12, 2) @ UPRIGHT[:3, :3]
TILTED[:3, 3] = 4, -60, 11
SHEARED = TILTED.copy()
SHEARED[:3, 2] += 0.4 * SHEARED[:3, 0]


def ball(affine, ndim, radius):
    """Every offset looked at on its own: mask with the centre in the middle."""
    zooms = np.linalg.norm(affine[:3, :ndim], axis=0)
    # Twice as far as any affine of these tests can need.
    halves = [int(2 * radius / zoom) + 1 for zoom in zooms]
    offsets = np.array([*product(*(range(-half, half + 1) for half in halves))])
    padded = np.pad(offsets, ((0, 0), (0, 3 - ndim)))
    distances = np.linalg.norm(
        apply_affine(affine, padded) - apply_affine(affine, [0, 0, 0]), axis=1
    )
    mask = (distances <= radius + 1e-9).reshape([2 * half + 1 for half in halves])
    return cropped(mask)


def cropped(mask):
    """Without planes at the ends, two of them at a time, that hold nothing."""
    for axis in range(mask.ndim):
        middle = mask.shape[axis] // 2
        others = tuple(other for other in range(mask.ndim) if other != axis)
        places = np.flatnonzero(mask.any(axis=others))
        half = int(np.abs(places - middle).max())
        mask = mask.take(range(middle - half, middle + half + 1), axis)
    return mask


def inside(mask, voxel, shape):
    """The voxels of a volume in a ball, as a mask of the volume."""
    halves = np.array(mask.shape) // 2
    places = np.argwhere(mask) - halves + voxel
    places = places[((places >= 0) & (places < shape)).all(axis=1)]
    volume = np.zeros(shape, bool)
    volume[tuple(places.T)] = True
    return volume


def sums(levels, mask):
    """Sum over the ball around each voxel."""
    return convolve(levels.astype(np.int64), mask.astype(np.int64), mode="constant")


def greedy(levels, allowed, mask, apart, count):
    """Best ball, best of what is left, and so on; all sums anew for each.

    `apart` holds the offsets at which no other centre may be.
    """
    levels, allowed, chosen = levels.astype(np.int64), allowed.copy(), []
    while len(chosen) < count:
        around = np.where(allowed, sums(levels, mask), -1)
        voxel = np.unravel_index(around.argmax(), around.shape)
        if around[voxel] <= 0:
            break
        voxel = tuple(int(at) for at in voxel)
        chosen.append((voxel, int(around[voxel])))
        levels[inside(mask, voxel, levels.shape)] = 0
        allowed[inside(apart, voxel, levels.shape)] = False
    return chosen


def case(shape=(40, 44, 36), n_classes=4, seed=0, votes=64):
    """Smooth probabilities in whole votes, so that what may be wrong is exact.

    Returns
    -------
    dict
        ``probabilities`` (float32, class axis first), ``labels`` (the most probable
        class), ``values`` (entropy in bits) and ``no_data``; background around a blob.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_classes, *shape))
    logits = gaussian_filter(noise, (0, *(3,) * len(shape)))
    logits *= 2.5 / logits.std()
    axes = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    at = np.meshgrid(*axes, indexing="ij")
    radii = (0.85, 0.75, 0.7)
    radius = sum((x / r) ** 2 for x, r in zip(at, radii, strict=False))
    logits[0] += 8 * (radius - 0.9)
    exact = np.exp(logits - logits.max(axis=0))
    exact /= exact.sum(axis=0)
    counts = np.floor(exact * votes)
    # What rounding down has lost goes to the most probable class.
    lost = votes - counts.sum(axis=0, keepdims=True)
    most = np.expand_dims(exact.argmax(axis=0), 0)
    np.put_along_axis(counts, most, np.take_along_axis(counts, most, 0) + lost, 0)
    probabilities = (counts / votes).astype(np.float32)
    no_data = np.zeros(shape, bool)
    no_data[tuple(slice(length // 2, length // 2 + 5) for length in shape)] = True
    return {
        "probabilities": probabilities,
        "labels": probabilities.argmax(axis=0).astype(np.uint8),
        "values": entropy(probabilities),
        "no_data": no_data,
    }


def entropy(probabilities):
    safe = np.where(probabilities > 0, probabilities, 1).astype(np.float64)
    return -(safe * np.log2(safe)).sum(axis=0).astype(np.float32)


def wrong(members, labels=None):
    """How likely each voxel is to be wrong, by the formula; NaN without data."""
    with np.errstate(all="ignore"):
        logs = np.mean([np.log(np.asarray(m, np.float64)) for m in members], axis=0)
        pool = np.exp(logs)
        pool /= pool.sum(axis=0)
        if labels is None:
            labels = np.nan_to_num(pool).argmax(axis=0)
        of_label = np.take_along_axis(pool, np.expand_dims(labels, 0).astype(int), 0)[0]
        return np.maximum(1 - (pool**2).sum(axis=0), 1 - of_label)


def near_foreground(foreground, zooms):
    """Voxels at most 2 mm from the foreground, for axes at right angles."""
    return distance_transform_edt(~foreground, sampling=zooms) <= NEAR + 1e-9

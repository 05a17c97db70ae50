"""Small segmentations whose orientation shows, or does not, and ways to disguise them.

Nothing here uses the package: what it has to find is known from numpy alone.
"""

from itertools import permutations, product

import numpy as np

#: Order and direction of the axes, all there are.
ORIENTATIONS = [
    (order, flips)
    for order in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]
FLAT_ORIENTATIONS = [
    (order, flips)
    for order in permutations(range(2))
    for flips in product((1, -1), repeat=2)
]


def asymmetric(shape):
    """Four classes in an ellipsoid; no order or direction of the axes looks alike."""
    at, labels = _head(shape)
    labels[(labels > 0) & (at[0] + 0.3 * at[1] > 0.2)] = 2
    labels[(labels > 0) & (at[1] + 0.4 * at[-1] > 0.25)] = 3
    return labels


def symmetric(shape):
    """Four classes in an ellipsoid; the mirror image along the first axis is equal."""
    at, labels = _head(shape)
    labels[(labels > 0) & (np.abs(at[0]) > 0.4)] = 2
    labels[(labels > 0) & (at[1] + 0.4 * at[-1] > 0.25)] = 3
    return labels


def _head(shape):
    at = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radii = (0.85, 0.75, 0.65)
    inside = sum((x / r) ** 2 for x, r in zip(at, radii, strict=False)) < 1
    return at, inside.astype(np.uint8)


def with_errors(labels, rng, share=0.1):
    """Labels with another class in a share of the head, and in some of the rest."""
    wrong = rng.random(labels.shape) < np.where(labels, share, share / 10)
    other = (labels + rng.integers(1, 4, labels.shape)) % 4
    return np.where(wrong, other, labels).astype(labels.dtype)


def disguised(labels, order, flips):
    """The array that has these labels once its axes are put in order, then flipped."""
    flipped = np.flip(labels, [axis for axis, flip in enumerate(flips) if flip < 0])
    return np.ascontiguousarray(flipped.transpose(np.argsort(order)))


def softmax_of(labels, n_classes=4, certainty=0.7):
    """Probabilities, class axis first, whose most probable class is the label."""
    others = (1 - certainty) / (n_classes - 1)
    is_class = labels == np.arange(n_classes).reshape(-1, *(1,) * labels.ndim)
    return np.where(is_class, certainty, others).astype(np.float32)


def target_index(index, shape, order, flips, offset):
    """Where a voxel of a source of this shape lies in the target."""
    return tuple(
        shift + (index[axis] if flip > 0 else shape[axis] - 1 - index[axis])
        for axis, flip, shift in zip(order, flips, offset, strict=True)
    )


def agreement_voxel_by_voxel(prediction, labels, order, flips, offset):
    """Overall and foreground agreement, counted one voxel after the other."""
    pasted = np.zeros(labels.shape, int)
    outside = 0
    for index in np.ndindex(prediction.shape):
        place = target_index(index, prediction.shape, order, flips, offset)
        if all(0 <= i < n for i, n in zip(place, labels.shape, strict=True)):
            pasted[place] = prediction[index]
        elif prediction[index]:
            outside += 1
    same = pasted == labels
    either = ((pasted != 0) | (labels != 0)).sum() + outside
    hits = (same & (labels != 0)).sum()
    return same.mean(), hits / either if either else 1.0


def nearest_voxels(labels, source, target, shape, fill=0):
    """Labels at the nearest voxel of each target voxel, one after the other.

    `source` and `target` are affines. Also gives where two voxels are equally near.
    """
    found = np.full(shape, fill, labels.dtype)
    undecided = np.zeros(shape, bool)
    to_source = np.linalg.inv(source) @ target
    for index in np.ndindex(shape):
        at = (to_source @ [*index, 1])[:3]
        undecided[index] = (np.abs(at % 1 - 0.5) < 1e-6).any()
        nearest = np.floor(at + 0.5).astype(int)
        if ((nearest >= 0) & (nearest < labels.shape)).all():
            found[index] = labels[tuple(nearest)]
    return found, undecided

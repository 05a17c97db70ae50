"""Values of every kind, and what follows from them by scipy and by brute force.

Nothing here uses the package.
"""

from itertools import product

import numpy as np
from scipy.special import entr, expit
from scipy.special import softmax as scipy_softmax

from support.generated import softmax

KINDS = (
    "softmax", "logits", "sigmoid", "channel_logits", "foreground", "fractions",
    "scaled",
)  # fmt: skip

#: Which values alone can tell apart: logits of independent channels have to be named.
TOLD_BY_VALUES = tuple(kind for kind in KINDS if kind != "channel_logits")

# Of a head, and where a lesion is in it.
RADII, LESION = (1, 0.9, 0.8), (0.1, -0.2, 0)

#: Values of voxels in which outcomes are equally likely to the last digit: a row for
#: each voxel, a column for each channel.
TIES = {
    "softmax": [(0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.375, 0.25, 0.375)],
    "logits": [(2.5, 2.5, 2.5), (2.5, 2.5, -3), (-3, 2.5, 2.5), (2.5, -3, 2.5)],
    "sigmoid": [(0.5, 0.5, 0.5), (0.75, 0.5, 0.25), (0.5, 0.25, 0.75), (0, 1, 0.5)],
    # Zeros in all channels would be padding.
    "channel_logits": [(1e-30, 0, 0), (2.5, 0, -2.5), (0, -2.5, 2.5), (-40, 40, 0)],
    "foreground": [(0.5,), (0.75,), (0.25,), (1,)],
    # What is left over is as large as some of them, as all, or less than two of them.
    "fractions": [
        (0.5, 0, 0), (0, 0, 0.5), (0.25, 0.375, 0), (0.25, 0.25, 0.25),
        (0.375, 0.375, 0), (0, 0.5, 0.5),
    ],
    "scaled": [(64, 64, 0), (0, 64, 64), (64, 0, 64), (48, 32, 48)],
}  # fmt: skip


def tied_values(kind, dtype=np.float32):
    """The voxels of `TIES`, shape (channels, voxels)."""
    return np.array(TIES[kind]).T.astype(np.uint8 if kind == "scaled" else dtype)


def random_values(kind, rng, shape, dtype=np.float32):
    """Values of a kind, shape (channels, ...); of foreground only, one channel."""
    if kind in ("logits", "channel_logits"):
        return (3 * rng.standard_normal(shape)).astype(dtype)
    if kind == "sigmoid":
        return expit(3 * rng.standard_normal(shape)).astype(dtype)
    if kind == "foreground":
        return expit(3 * rng.standard_normal((1, *shape[1:]))).astype(dtype)
    if kind == "fractions":
        return softmax(rng, (shape[0] + 1, *shape[1:]))[1:].astype(dtype)
    if kind == "scaled":
        return np.rint(255 * softmax(rng, shape)).astype(np.uint8)
    return softmax(rng, shape).astype(dtype)


def _centred(shape):
    return np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")


def phantom(kind, shape=(22, 24, 20)):
    """Smooth shapes as the tools write them: a head, tissues, nested regions."""
    at = _centred(shape)
    depth = 0.85 - np.sqrt(sum((x / r) ** 2 for x, r in zip(at, RADII, strict=True)))
    wave = np.sin(5 * at[0]) + np.cos(4 * at[1] + at[2])
    scores = np.stack([-20 * depth, 3 + wave, 3 - wave, 9 * (depth - 0.25)])
    if kind == "logits":
        return scores.astype(np.float32)
    if kind == "softmax":  # zeros outside a mask
        inside = depth > -0.1
        return (scipy_softmax(scores, axis=0) * inside).astype(np.float32)
    if kind == "scaled":
        return np.rint(255 * scipy_softmax(scores, axis=0)).astype(np.uint8)
    if kind == "fractions":  # tissues up to a soft edge
        share = np.clip(depth / 0.1, 0, 1)
        return (scipy_softmax(scores[1:], axis=0) * share).astype(np.float32)
    away = np.sqrt(sum((x - c) ** 2 for x, c in zip(at, LESION, strict=True)))
    if kind == "foreground":
        return expit(30 * (0.5 - away))[np.newaxis].astype(np.float32)
    radii = np.array([0.55, 0.4, 0.25]).reshape(3, 1, 1, 1)  # one within the other
    if kind == "channel_logits":
        return (30 * (radii - away)).astype(np.float32)
    return expit(30 * (radii - away)).astype(np.float32)


def outcomes(kind, values, temperature=1.0):
    """Probability of each outcome of a voxel, in float64: shape (outcomes, ...)."""
    x = np.asarray(values).astype(np.float64)
    if kind == "channel_logits":
        return outcomes("sigmoid", expit(x / temperature))
    if kind == "logits" and len(x) > 1:
        return scipy_softmax(x / temperature, axis=0)
    if kind == "logits":
        x = expit(x / temperature)
    if values.dtype.kind == "u" and kind != "scaled":
        x = x / np.iinfo(values.dtype).max
    if kind == "sigmoid":
        there = np.array(list(product((0, 1), repeat=len(x)))).T
        bits = there.reshape(*there.shape, *(1,) * (x.ndim - 1)) == 1
        x = x[:, np.newaxis]
        return np.prod(np.where(bits, x, 1 - x), axis=0)
    if kind in ("softmax", "scaled"):
        return x / x.sum(axis=0)
    rest = np.maximum(1 - x.sum(axis=0, keepdims=True), 0)
    p = np.concatenate([rest, x])
    return p / p.sum(axis=0)  # which is 1, or more by rounding


def expected(p, base=2):
    """All measures of outcomes with these probabilities."""
    ranked = np.sort(np.concatenate([np.zeros_like(p[:1]), p]), axis=0)
    unit = {2: np.log(2), "e": 1, "classes": np.log(len(p))}[base]
    return {
        "entropy": entr(p).sum(axis=0) / unit,
        "least_confidence": 1 - ranked[-1],
        "margin": 1 - ranked[-1] + ranked[-2],
        "gini": 1 - (p**2).sum(axis=0),
    }


def expected_prediction(kind, values, region_order=()):
    """The most probable class; independent channels write over those before them."""
    if kind == "channel_logits":
        values = expit(np.asarray(values, np.float64))
    elif kind != "sigmoid":
        return outcomes(kind, values).argmax(axis=0)
    full = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    order = region_order or range(1, len(values) + 1)
    labels = np.zeros(values.shape[1:], int)
    for label, p in zip(order, values, strict=True):
        labels[p > full / 2] = label
    return labels

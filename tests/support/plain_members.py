"""Measures of members written down plainly: scipy in float64, all at once."""

from itertools import combinations, product

import numpy as np
from scipy.special import entr, rel_entr


def expected(members):
    """By name, in nats; members of shape (members, classes, ...), which sum to 1."""
    p = np.asarray(members, np.float64)
    q = p.mean(axis=0)
    alone = entr(p).sum(axis=1).mean(axis=0)
    votes = p.argmax(axis=1)
    counts = np.stack([(votes == label).sum(axis=0) for label in range(p.shape[1])])
    pairs = product(p, p)
    floored = [rel_entr(a, np.maximum(b, 1e-10)).sum(axis=0) for a, b in pairs]
    return {
        "predictive_entropy": entr(q).sum(axis=0),
        "expected_entropy": alone,
        "mutual_information": entr(q).sum(axis=0) - alone,
        "variation_ratio": 1 - counts.max(axis=0) / len(p),
        "variance": p.var(axis=0).mean(axis=0),
        "expected_pairwise_kl": np.mean(floored, axis=0),
    }


def overlap(labels, n_classes):
    """Dice of each pair of label arrays and class; NaN where neither has it."""
    rows = []
    for one, other in combinations(labels, 2):
        row = []
        for label in range(n_classes):
            a, b = one == label, other == label
            both = a.sum() + b.sum()
            row.append(2 * (a & b).sum() / both if both else np.nan)
        rows.append(row)
    return np.array(rows)

"""Generated inputs that several test modules build their cases from."""

import numpy as np

# Tilted by 20 degrees about the patient's left-right axis, voxels of 1 × 1.5 × 2 mm,
# axes running to Posterior, Inferior and Left.
TILT = np.radians(20)
OBLIQUE = np.array(
    [
        [0, 0, -2, 30],
        [-np.cos(TILT), np.sin(TILT) * 1.5, 0, 40],
        [-np.sin(TILT), -np.cos(TILT) * 1.5, 0, -10],
        [0, 0, 0, 1.0],
    ]
)


def softmax(rng, shape, sharpness=3.0):
    """Random class probabilities, class axis first, float32."""
    logits = sharpness * rng.standard_normal(shape)
    exponentials = np.exp(logits - logits.max(axis=0))
    return (exponentials / exponentials.sum(axis=0)).astype(np.float32)


def turn(degrees, axis):
    """A rotation about one of the patient's axes, shape (3, 3)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    first, second = (one for one in range(3) if one != axis)
    matrix[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    return matrix

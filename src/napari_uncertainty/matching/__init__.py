"""Finding out whether a prediction and a segmentation belong together, and which way.

:mod:`.comparison` is the way in: it takes the two to the same voxels. :mod:`.agreement`
counts in one placement, :mod:`.orientation` searches for the best one, after a look at
all (:mod:`.coarse`).
"""

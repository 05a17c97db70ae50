"""What nnU-Net's ``.npz`` is: probabilities class first, axes reversed.

nnU-Net writes what SimpleITK's array order gives, (class, z, y, x), and keeps the
geometry elsewhere: in a ``.pkl``, which is never opened here because unpickling runs
code, and in the segmentation (``.nii.gz``) that it writes beside it. Version 2 puts
what it cropped back before it writes [1]_; version 1 writes the crop, as float16 [2]_.

References
----------
.. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/inference/export_prediction.py
.. [2] https://github.com/MIC-DKFZ/nnUNet/blob/nnunetv1/nnunet/inference/segmentation_export.py
"""

#: What the array is called: by version 2, and by version 1.
KEYS = ("probabilities", "softmax")

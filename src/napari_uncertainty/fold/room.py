"""Room for maps that may be larger than the memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np

from ..errors import InputError
from ..limits import available_memory

# An array that would take more of the free memory than this goes to a file.
SHARE_OF_MEMORY = 0.25


def roomy_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array of zeros: in memory, or in a temporary file where it is too large.

    The file has no name any more, or none that stays: it goes with the array.

    Raises
    ------
    InputError
        If the temporary folder has no room for it either.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size <= SHARE_OF_MEMORY * available_memory():
        return np.zeros(shape, dtype)
    # The array keeps the file open for as long as it is needed.
    file = tempfile.TemporaryFile(prefix="napari-uncertainty-")  # noqa: SIM115
    try:
        if hasattr(os, "posix_fallocate"):
            # Otherwise a full disk would show only when a page is written, by a crash.
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "r+" if file.seek(0, 2) else "w+", 0, shape)
    except OSError as error:
        raise InputError(
            f"A map of {size / 1e9:.1f} GB fits neither into memory nor into the "
            f"temporary folder {tempfile.gettempdir()} ({error.strerror}); make room, "
            "or name a larger folder in the environment variable TMPDIR."
        ) from error
    finally:
        file.close()

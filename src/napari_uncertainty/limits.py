"""Processors and memory that this process may use within the limits of a container."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

CGROUPS = Path("/sys/fs/cgroup")


def available_processors() -> int:
    """Return the number of processors that this process may use, at least 1.

    Counts what the process is bound to and what its container grants (the quota of
    Linux control groups, version 2 or 1).
    """
    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    return max(1, min(bound, math.ceil(min(_processor_quotas(), default=bound))))


def available_memory() -> int:
    """Return the free bytes, in the machine and within the limit of the container."""
    import psutil

    free = [psutil.virtual_memory().available]
    for folder in _control_groups("memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _number(folder / limit_name), _number(folder / used_name)
            if limit is not None and used is not None:
                free.append(max(0, int(limit - used) + _reclaimable(folder)))
    return int(min(free))


def check_fits_memory(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise InputError where an array would not fit into the free memory.

    The header of a small compressed file can promise any size.
    """
    needed = math.prod(int(n) for n in shape) * dtype.itemsize
    check_room(path, needed, f"{' × '.join(map(str, shape))} values")


def check_room(path: Path, needed: int, purpose: str) -> None:
    """Raise InputError where so many bytes are not free; says what they are for."""
    free = available_memory()
    if needed > free:
        raise InputError(
            f"{path.name} needs {needed / 1e9:.1f} GB of memory for its {purpose}, and "
            f"{free / 1e9:.1f} GB are free."
        )


def _processor_quotas() -> Iterator[float]:
    for folder in _control_groups("cpu"):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
        except (OSError, ValueError):
            quota = _text(folder / "cpu.cfs_quota_us")
            period = _text(folder / "cpu.cfs_period_us")
        # Without a limit, version 2 says "max" and version 1 says -1.
        if quota.isdigit() and period.isdigit() and int(quota) and int(period):
            yield int(quota) / int(period)


def _control_groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, its own first.

    Within a container the innermost group often is the mount itself, whatever name
    the process is told.
    """
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        if not root.is_dir():  # version 1 may be mounted under one controller's name
            root = CGROUPS / controller
        group = root / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_dir():
                yield folder
            if folder == root:
                break


def _reclaimable(folder: Path) -> int:
    """Return the bytes of cached files, which a limit counts and which can be freed."""
    for line in _text(folder / "memory.stat").splitlines():
        name, _, size = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(size)
    return 0


def _number(file: Path) -> float | None:
    text = _text(file)
    return float(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""

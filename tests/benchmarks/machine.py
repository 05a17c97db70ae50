"""Names the machine by its hardware, and the versions of what was measured."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("napari-uncertainty", "numpy", "scipy", "torch", "isal", "zlib-ng")


def described() -> str:
    """One sentence for a page, without the machine's name."""
    import psutil

    from napari_uncertainty.limits import available_processors

    virtual = "virtual, " if "hypervisor" in _cpuinfo("flags") else ""
    memory = psutil.virtual_memory().total / 2**30
    release = ".".join(platform.release().split(".")[:2])
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    return (
        f"Measured on {datetime.date.today()}. Machine: {virtual}"
        f"{available_processors()} of {os.cpu_count()} cores of {_processor()}, "
        f"{memory:.0f} GiB of memory, {platform.system()} {release}, "
        f"Python {platform.python_version()}; {', '.join(versions)}."
    )


def _processor() -> str:
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    wide = [f for f in ("avx512f", "avx2") if f in _cpuinfo("flags").split()]
    return f"{name} ({wide[0]})" if wide else name


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    found = (line.partition(":") for line in lines)
    return next((text.strip() for name, _, text in found if name.strip() == field), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

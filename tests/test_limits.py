"""What a container grants, from files as Linux lays them out."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_uncertainty import limits
from napari_uncertainty.errors import InputError


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A tree of control groups; returns the function that fills it."""

    def fill(membership, **files):
        monkeypatch.setattr(limits, "CGROUPS", tmp_path)
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        whole = Path.read_text

        def read_text(path, *arguments, **options):
            if path == Path("/proc/self/cgroup"):
                return membership
            return whole(path, *arguments, **options)

        monkeypatch.setattr(Path, "read_text", read_text)

    return fill


@pytest.fixture
def eight_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_processors")
@pytest.mark.parametrize(
    ("quota", "processors"),
    [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("150000 1e5", 8)],
)
def test_the_processors_of_a_container_are_respected(container, quota, processors):
    container("0::/\n", cpu_dot_max=quota)
    assert limits.available_processors() == processors


@pytest.mark.usefixtures("eight_processors")
def test_the_group_above_may_grant_less(container):
    container(
        "0::/user/job\n",
        user__cpu_dot_max="300000 100000",
        user__job__cpu_dot_max="max 100000",
    )
    assert limits.available_processors() == 3


@pytest.mark.usefixtures("eight_processors")
def test_the_processors_of_a_container_of_version_1_are_respected(container):
    container(
        "4:cpu,cpuacct:/docker/abc\n",
        cpu__cpu_dot_cfs_quota_us="400000",
        cpu__cpu_dot_cfs_period_us="100000",
    )
    assert limits.available_processors() == 4


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system binds no processes"
)
def test_processors_that_the_process_is_bound_to(container):
    container("")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert limits.available_processors() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_memory_of_a_container_is_respected(container):
    container(
        "0::/\n",
        memory_dot_max="3000000",
        memory_dot_current="2500000",
        memory_dot_stat="anon 1\ninactive_file 200000\n",
    )
    assert limits.available_memory() == 700_000


def test_without_a_limit_the_memory_is_that_of_the_machine(container):
    container("0::/\n", memory_dot_max="max", memory_dot_current="2500000")
    assert limits.available_memory() > 10_000_000


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"big\.npz needs 8000000\.0 GB"):
        limits.check_fits_memory(Path("big.npz"), (2, 10**15), np.dtype(np.float32))
    limits.check_fits_memory(Path("small.npz"), (2, 10), np.dtype(np.float32))

"""Every long computation is cancelled by closing it, at whichever step."""

import threading
import time
from functools import partial
from itertools import count

import dask.array as da
import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty.analysis.class_blocks import iter_class_statistics
from napari_uncertainty.analysis.colors import iter_shade_numbers
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.analysis.surfaces import iter_mesh
from napari_uncertainty.case import CaseInputs, iter_case
from napari_uncertainty.compare.agreement import Comparison
from napari_uncertainty.compare.changed import Pair
from napari_uncertainty.compare.orientation import iter_search
from napari_uncertainty.compare.resampling import iter_resample
from napari_uncertainty.compare.segmentation import Segmentation, iter_compare
from napari_uncertainty.engine import blocks
from napari_uncertainty.engine.blocks import REPORT_INTERVAL
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import Member
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.probabilities import ProbabilityMap, numbered_class_names
from napari_uncertainty.predictions import Predictions
from support.generated import OBLIQUE, softmax
from support.many_cases import PATIENCE
from support.phantoms import asymmetric

SHAPE = (72, 80, 64)
GRID = Grid(SHAPE, OBLIQUE)
NAMES = numbered_class_names(4)
TILTED = Grid(SHAPE, np.diag([1.0, 1, 1, 1]))

#: From Cancel to the end of all threads, in seconds.
LIMIT = 0.2

#: A machine that does something else meanwhile is asked again.
ATTEMPTS = 4


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Arrays and files, as large as a cropped scan."""
    folder, rng = tmp_path_factory.mktemp("large"), np.random.default_rng(3)
    block = softmax(rng, (4, *(length // 8 for length in SHAPE)))
    values = np.ascontiguousarray(np.tile(block, (1, 8, 8, 8)))
    labels = asymmetric(SHAPE)
    paths = [folder / f"net{number}.npz" for number in (1, 2)]
    for path in paths:
        np.savez_compressed(path, probabilities=values.astype(np.float16))
    nib.Nifti1Image(np.moveaxis(values, 0, -1), OBLIQUE).to_filename(
        folder / "case.nii.gz"
    )
    return {
        "values": values,
        "map": values.max(axis=0),
        "labels": labels,
        "npz": open_probabilities(paths[0]),
        "nifti": open_probabilities(folder / "case.nii.gz"),
        "members": [open_probabilities(path).values for path in paths],
    }


def members(arrays):
    return [Member(one, f"net {n}", kind="softmax") for n, one in enumerate(arrays)]


def atlas(labels):
    """Numbers that are no classes, of which one is lacking."""
    return np.where(labels == 3, 0, labels).astype(np.int32) * 100


COMPUTATIONS = {
    "fold of an array": lambda o: iter_fold(o["values"]),
    "fold of a file": lambda o: iter_fold(o["npz"]),
    "fold of a file, classes last": lambda o: iter_fold(o["nifti"]),
    "fold of dask": lambda o: iter_fold(da.from_array(o["values"], (2, 30, 30, 30))),
    "ensemble of arrays": lambda o: iter_ensemble(members([o["values"]] * 2)),
    "ensemble of files": lambda o: iter_ensemble(members(o["members"])),
    "case": lambda o: iter_case(
        CaseInputs(
            Predictions((ProbabilityMap(o["values"], NAMES, GRID),)),
            Segmentation(o["labels"], GRID),
        )
    ),
    "comparison": lambda o: iter_compare(
        o["labels"], 4, GRID, Segmentation(o["labels"], GRID)
    ),
    "comparison elsewhere": lambda o: iter_compare(
        o["labels"], 4, TILTED, Segmentation(o["labels"], GRID)
    ),
    "comparison with other numbers": lambda o: iter_compare(
        o["labels"], 4, GRID, Segmentation(atlas(o["labels"]), GRID)
    ),
    "search": lambda o: iter_search(
        Comparison.of(o["labels"][4:50, 3:60, 2:50], o["labels"]), None
    ),
    "explanation": lambda o: Pair(
        (o["labels"] != 0).astype(np.uint8), (o["map"] > 0.4) * 1, o["map"]
    ).iter_explained(),
    "resampling": lambda o: iter_resample(o["map"], GRID, TILTED),
    "resampling of labels": lambda o: iter_resample(
        o["labels"], GRID, TILTED, nearest=True
    ),
    "hotspots": lambda o: iter_hotspots(
        o["map"], o["labels"], members=[o["values"]], grid=GRID
    ),
    "hotspots of two files": lambda o: iter_hotspots(
        o["map"].transpose(), None, members=o["members"], threads=2
    ),
    "hotspots of the map": lambda o: iter_hotspots(
        o["map"], o["labels"], grid=GRID, wanted=HotspotOptions(9, interior=True)
    ),
    "class statistics": lambda o: iter_class_statistics(o["map"], o["labels"]),
    "mesh": lambda o: iter_mesh(o["labels"], o["map"]),
    "shades": lambda o: iter_shade_numbers(
        o["map"], o["labels"], [1, 2, 3], (0.0, 1.0)
    ),
}


@pytest.fixture
def often(monkeypatch):
    """Threads that are looked at all the time, so that there are many steps."""
    monkeypatch.setattr(blocks, "REPORT_INTERVAL", 0.001)


def computing():
    """All threads but the idle ones of dask, which keeps them for all that is lazy."""
    return {
        one
        for one in threading.enumerate()
        if not one.name.startswith("ThreadPoolExecutor-")
    }


def closed_after(begin, n_steps):
    """Seconds of the last of some steps and of closing; None where there are fewer.

    In these a cancel can come, and has to wait for them.
    """
    before = computing()
    steps = begin()
    begun = time.perf_counter()
    for _ in range(n_steps):
        begun = time.perf_counter()
        if next(steps, None) is None:
            return None
    steps.close()
    took = time.perf_counter() - begun
    assert computing() == before
    return took


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", COMPUTATIONS)
def test_it_is_closed_at_any_step_within_200_ms_and_no_thread_is_left(name, given):
    begin = partial(COMPUTATIONS[name], given)
    for n_steps in map(round, (1.6**power - 1 for power in count())):
        took = closed_after(begin, n_steps)
        for _ in range(ATTEMPTS - 1):
            if took is not None and took + REPORT_INTERVAL >= LIMIT:
                took = closed_after(begin, n_steps)
        if took is None:
            break
        assert took + REPORT_INTERVAL < LIMIT
    assert n_steps > 1


def test_threads_of_what_is_closed_end_with_the_pieces_at_hand(ending):
    met, taken = threading.Barrier(3), []

    def work(piece):
        taken.append(piece)
        met.wait(PATIENCE)
        assert ending.wait(PATIENCE)  # and is told to stop before

    steps = blocks.iter_each(work, range(1000), threads=2)
    next(steps)
    met.wait(PATIENCE)
    steps.close()
    assert sorted(taken) == [0, 1]


def test_nothing_to_work_on_takes_no_step():
    assert list(blocks.iter_each(str, [], threads=2)) == []

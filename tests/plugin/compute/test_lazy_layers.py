"""Dask and zarr arrays as layers: computed chunk by chunk, and cancelled in time."""

import time

import dask.array as da
import numpy as np
import psutil
import pytest
import zarr
from napari.components import ViewerModel
from scipy.special import entr

from support.clicks import folding
from support.generated import softmax
from support.many_cases import PATIENCE
from support.shown_widgets import widgets


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


@pytest.fixture
def widget(qtbot, viewer):
    with widgets(qtbot, viewer) as open_one:
        yield open_one()


@pytest.fixture
def values(rng):
    return softmax(rng, (4, 20, 24, 28))


def compute(qtbot, widget):
    ended = []
    widget.computed.connect(ended.append)
    widget.compute_button.native.click()
    qtbot.waitUntil(lambda: bool(ended))
    widget.computed.disconnect(ended.append)
    return ended[0]


def bits(values):
    p = values.astype(np.float64)
    return entr(p / p.sum(axis=0)).sum(axis=0) / np.log(2)


def zarr_array(values):
    array = zarr.create_array(
        {}, shape=values.shape, chunks=(2, 8, 9, 10), dtype=values.dtype
    )
    array[:] = values
    return array


@pytest.mark.parametrize(
    "make", [lambda x: da.from_array(x, (2, 7, 9, 11)), zarr_array]
)
def test_a_lazy_layer_is_computed(qtbot, viewer, widget, values, make):
    data = make(values)
    viewer.add_image(
        data, name="lazy", scale=(1, 2, 1, 1), units=("pixel", *["mm"] * 3)
    )
    assert widget.probabilities.value.name == "lazy"
    layer = compute(qtbot, widget)
    assert isinstance(layer.data, np.ndarray)
    np.testing.assert_allclose(layer.data, bits(values), atol=1e-6)
    assert tuple(layer.scale) == (2, 1, 1)
    assert f"Total entropy: {bits(values).sum():,.1f} bits" in widget.result.value


def counted(chunks, make):
    """A dask array that counts how often a chunk is computed."""
    made = []

    def block(block_info):
        made.append(block_info[None]["chunk-location"])
        shape = block_info[None]["chunk-shape"]
        return make(shape)

    lengths = tuple(sum(lengths) for lengths in chunks)
    array = da.map_blocks(
        block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * len(lengths), "f4")
    )
    return array, made


def certain(shape):
    values = np.zeros(shape, np.float32)
    values[0] = 1
    return values


def test_each_chunk_is_computed_once_and_one_more_looked_at(qtbot, viewer, widget):
    array, made = counted(((3,), (8,) * 4, (8,) * 4, (8,) * 4), certain)
    viewer.add_image(array, name="lazy", visible=False)
    made.clear()
    compute(qtbot, widget)
    assert len(made) == 65


def test_choosing_layers_looks_at_few_chunks(viewer, widget):
    """A scan of many chunks, and probabilities, are told apart by what is in a few."""
    array, made = counted(((3,), (8,) * 8, (8,) * 8, (8,) * 8), certain)
    scan, seen = counted(((8,) * 8, (8,) * 8, (8,) * 8), lambda s: np.full(s, 99, "f4"))
    viewer.add_image(array, name="lazy", visible=False)
    viewer.add_image(scan, name="scan", visible=False, contrast_limits=(0, 100))
    assert len(made) <= 3
    assert len(seen) <= 3
    made.clear()
    seen.clear()
    for _ in range(3):
        widget.reset_choices()
    assert widget.probabilities.value.name == "lazy"
    assert widget.scan.value.name == "scan"
    assert len(made) == len(seen) == 0


@pytest.fixture
def sixty_gigabytes():
    """8 classes of 1232³ voxels, in chunks of 67 MB that are made on demand."""
    lengths = (128,) * 9 + (80,)
    array, made = counted(((8,), lengths, lengths, lengths), certain)
    assert array.nbytes > 59e9
    return array, made


def test_sixty_gigabytes_stay_out_of_memory(qtbot, viewer, widget, sixty_gigabytes):
    array, made = sixty_gigabytes
    viewer.add_image(array, name="huge", visible=False)
    process = psutil.Process()
    before, ticks = process.memory_info().rss, []
    ended = []
    widget.computed.connect(ended.append)
    widget.compute_button.native.click()
    assert widget.cancel_button.enabled
    made.clear()
    deadline = time.monotonic() + PATIENCE
    while len(made) < 30 and time.monotonic() < deadline:
        qtbot.wait(20)
        ticks.append(time.process_time())
    assert len(made) >= 30
    # 2 GB went through; what stays are a few chunks and the map of what is done.
    assert process.memory_info().rss - before < 1.2e9
    # The window lives meanwhile, by the time that processors work for this process.
    assert max(np.diff(ticks)) < 1
    widget.cancel_button.native.click()
    assert widget.result.value == "Cancelled."
    before = len(made)
    qtbot.waitUntil(lambda: not folding())
    # Those at hand, and of the hundred others what was taken before that was heard.
    assert len(made) - before < 20
    assert ended == [None]


def test_one_slice_of_a_lazy_result_computes_one_chunk(sixty_gigabytes):
    import napari_uncertainty as nu

    array, made = sixty_gigabytes
    lazy = nu.entropy(array)
    assert isinstance(lazy, da.Array)
    assert lazy.shape == array.shape[1:]
    assert made == []
    assert not lazy[600, 600, 600:640].compute().any()
    assert len(made) == 1

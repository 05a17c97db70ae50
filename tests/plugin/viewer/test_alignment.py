"""Two tilts in one viewer: what is seen coincides, what is measured is the original."""

import threading

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine, from_matvec
from qtpy.QtCore import QThreadPool
from scipy.ndimage import center_of_mass

from napari_uncertainty import Grid, InputError, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.compare.resampling import iter_resample
from napari_uncertainty.plugin.viewer import arrival
from napari_uncertainty.plugin.viewer.arrival import align, aligning
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.pointer import ras_at, voxel_at
from napari_uncertainty.plugin.viewer.scan_space import (
    ORIGINAL,
    layer_info,
    shown_grid,
    source_of,
)
from support.compute_without_window import compute
from support.generated import turn

PLUGIN = "napari-uncertainty"

# Where a ball of 6 mm sits in the patient, far from the origin.
BALL = np.array([30.0, -44.0, 61.0])


UPRIGHT = from_matvec(np.eye(3), BALL - 20)
TILTED = from_matvec(turn(11.5, 0), BALL - turn(11.5, 0) @ [20, 20, 20])
# Other axes, another voxel size, tilted about two axes.
OBLIQUE = from_matvec(
    turn(35, 0) @ turn(20, 2) @ np.array([[0, -2.0, 0], [1.5, 0, 0], [0, 0, -1.2]]),
    BALL,
)
OBLIQUE[:3, 3] -= OBLIQUE[:3, :3] @ [14, 10, 17]
SHEARED = from_matvec(np.array([[1, 0.2, 0], [0, 1, 0], [0, 0.1, 1]]), BALL)
SHEARED[:3, 3] -= SHEARED[:3, :3] @ [20, 20, 20]
SHAPES = {id(UPRIGHT): (41, 41, 41), id(TILTED): (41, 41, 41)}
SHAPES |= {id(OBLIQUE): (29, 21, 35), id(SHEARED): (41, 41, 41)}


def ball(affine):
    """1 in the middle of the ball, 0.5 at its edge, 0 outside."""
    shape = SHAPES[id(affine)]
    voxels = np.stack(np.indices(shape), axis=-1)
    distance = np.linalg.norm(apply_affine(affine, voxels) - BALL, axis=-1)
    return np.clip(1 - distance / 12, 0, 1).astype(np.float32)


def scan(affine, name):
    data = 1000 * ball(affine)
    return Scan(data, Grid(data.shape, affine), name=name)


def labels(affine, name="labels"):
    data = (ball(affine) > 0.5).astype(np.uint8)
    return LabelMap(data, Grid(data.shape, affine), name=name)


def probabilities(affine, name="net"):
    inside = np.clip(1.7 * ball(affine) + 0.05, 0, 0.95)
    values = np.stack([1 - inside, inside])
    grid = Grid(values.shape[1:], affine)
    return ProbabilityMap(values, ("out", "in"), grid, name=name)


@pytest.fixture
def model():
    """A viewer without a window."""
    return ViewerModel()


def add(viewer, volume):
    data, options, kind = to_layer(volume)
    return getattr(viewer, f"add_{kind}")(data, **options)


def centre(layer):
    """Centre of what the layer shows, in the viewer's world."""
    data = np.asarray(layer.data, float)
    return np.array(layer.data_to_world(center_of_mass(data)))


def settled(qtbot, *layers):
    qtbot.waitUntil(lambda: all(ORIGINAL in layer_info(one) for one in layers))


@pytest.mark.parametrize(
    ("first", "second"),
    [(UPRIGHT, TILTED), (TILTED, OBLIQUE), (UPRIGHT, SHEARED), (OBLIQUE, UPRIGHT)],
)
def test_differently_tilted_images_coincide_on_the_screen(
    qtbot, model, first, second, told
):
    check_coincidence(qtbot, model, first, second)
    assert sum("resampled onto its axes" in message for message in told()) == 2


def test_in_a_window_nothing_warns_of_tilts(qtbot, viewer, tmp_path, rng, told):
    """Neither of layers, nor of files, which are aligned when they are opened."""
    check_coincidence(qtbot, viewer, OBLIQUE, SHEARED)
    viewer.layers.clear()
    for name, affine in (("T1", UPRIGHT), ("T2", TILTED)):
        noise = rng.random(SHAPES[id(affine)])
        data = (1000 * ball(affine) + noise).astype(np.float32)
        nib.Nifti1Image(data, affine).to_filename(tmp_path / f"{name}.nii.gz")
    viewer.open([tmp_path / "T1.nii.gz", tmp_path / "T2.nii.gz"], plugin=PLUGIN)
    settled(qtbot, viewer.layers["T2"])
    assert not [one for one in told() if "Non-orthogonal" in one or "Incons" in one]


def check_coincidence(qtbot, viewer, first, second):
    t1 = add(viewer, scan(first, "T1"))
    t2, seg = add(viewer, scan(second, "T2")), add(viewer, labels(second))
    align(viewer)
    settled(qtbot, t2, seg)
    half = np.array(t1.scale) / 2
    for layer in (t2, seg):
        assert (np.abs(centre(layer) - centre(t1)) < half).all()
        assert (np.abs(np.array(layer.rotate) - np.eye(3)) < 1e-12).all()
        assert layer.visible
    # The pointer tells the same place in the patient, and voxels of their own files.
    for layer in (t1, t2, seg):
        ras = ras_at(layer, centre(t1))
        np.testing.assert_allclose(ras, BALL, atol=half.max())
        found = voxel_at(source_of(layer).grid, ras)
        assert (
            np.linalg.norm(apply_affine(source_of(layer).grid.affine, found) - ras) < 2
        )
    assert set(np.unique(seg.data)) <= {0, 1}
    assert not seg.editable
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        viewer.dims.order = order
        qtbot.wait(20)


def test_the_original_is_measured_and_written(qtbot, model, tmp_path):
    t1, net = add(model, scan(TILTED, "T1")), add(model, probabilities(OBLIQUE))
    seg = add(model, labels(OBLIQUE))
    alone, result = compute(model, net, None, seg)
    expected = np.asarray(source_of(alone).values)
    align(model)
    settled(qtbot, alone, seg)
    assert (np.abs(centre(alone) - centre(t1)) < np.array(t1.scale) / 2).all()
    again, other = compute(model, net, t1, seg)
    assert other.statistics("entropy") == result.statistics("entropy")
    assert ORIGINAL not in layer_info(again)  # new, and not resampled yet
    align(model)
    settled(qtbot, again)
    assert again.data.shape == shown_grid(again).shape[::-1]
    again.save(str(tmp_path / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(written.dataobj), expected)
    assert "original" not in (tmp_path / "map.json").read_text()


def test_a_scan_added_last_leads(qtbot, model):
    seg = add(model, labels(TILTED))
    align(model)
    t1 = add(model, scan(UPRIGHT, "T1"))
    align(model)
    settled(qtbot, seg)
    assert ORIGINAL not in layer_info(t1)
    # Without it, the segmentation keeps the axes that it has.
    model.layers.remove(t1)
    align(model)
    qtbot.wait(50)
    assert ORIGINAL in layer_info(seg)
    # A scan of its own tilt puts the segmentation back as it was.
    add(model, scan(TILTED, "T1"))
    align(model)
    qtbot.waitUntil(lambda: ORIGINAL not in layer_info(seg))
    np.testing.assert_array_equal(
        source_of(seg).values, (ball(TILTED) > 0.5).astype(np.uint8)
    )
    assert seg.editable


def test_one_study_is_left_alone(model):
    """Rounding is no tilt, and neither is another voxel size or a crop."""
    grid = Grid((256, 256, 256), from_matvec(0.47 * turn(11.5, 0), (-40, 60, 20)))
    data = np.zeros((4, 5, 6), np.float32)
    rounding = np.vstack([np.full((3, 4), 3e-8), np.zeros(4)])
    affines = [grid.affine, grid.affine + rounding]
    affines.append(grid.affine @ np.diag([2, 3, 4, 1]))
    affines.append(grid.box((30, 40, 50), (4, 5, 6)).affine.astype(np.float32))
    for number, affine in enumerate(affines):
        add(model, Scan(data, Grid(data.shape, affine), name=str(number)))
    align(model)
    assert all(layer.visible for layer in model.layers)
    assert not any(ORIGINAL in layer_info(layer) for layer in model.layers)


def test_a_layer_removed_while_it_is_resampled_leaves_nothing(qtbot, model):
    add(model, scan(UPRIGHT, "T1"))
    t2 = add(model, scan(TILTED, "T2"))
    watching = len(model.layers.events.removed.callbacks)
    align(model)
    assert not t2.visible  # along its own axes it would lie
    assert len(model.layers.events.removed.callbacks) == watching + 1
    model.layers.remove(t2)
    assert len(model.layers.events.removed.callbacks) == watching
    t3 = add(model, scan(TILTED, "T3"))
    align(model)
    model.layers.remove(t3)
    model.layers.append(t3)
    align(model)
    settled(qtbot, t3)


@pytest.fixture
def held(monkeypatch):
    """Resampling that waits for the test with its last step; gives what lets it go on.

    What it is given is kept, so that runs can be counted.
    """
    go_on, runs = threading.Event(), []

    def waiting(values, *args, **options):
        runs.append(values)
        steps = iter_resample(values, *args, **options)
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                assert go_on.wait(20)
                return end.value  # whatever was said meanwhile
            yield share

    monkeypatch.setattr(arrival, "iter_resample", waiting)
    yield go_on, runs
    go_on.set()


def test_data_that_are_replaced_meanwhile_are_resampled_instead(qtbot, model, held):
    """What comes of the old ones is never shown."""
    go_on, runs = held
    add(model, scan(UPRIGHT, "T1"))
    t2 = add(model, scan(TILTED, "T2"))
    align(model)
    qtbot.waitUntil(lambda: len(runs) == 1)
    old, new = t2.data, np.asarray(t2.data) / 2
    shown = []
    t2.events.data.connect(lambda: shown.append(t2.data))
    t2.data = new
    align(model)  # as whenever layers change; it is still being resampled
    assert len(runs) == 1
    assert not t2.visible
    go_on.set()
    settled(qtbot, t2)
    assert t2.visible
    assert len(runs) == 2
    assert source_of(t2).values.max() == old.max() / 2
    # At half the value, along the scan's axes, and nothing else was seen on the way.
    assert t2.data.max() == pytest.approx(old.max() / 2, rel=0.05)
    assert [one is new for one in shown] == [True, False]


@pytest.mark.parametrize("visible", [True, False])
def test_a_layer_is_as_visible_as_before_once_it_is_resampled(qtbot, model, visible):
    add(model, scan(UPRIGHT, "T1"))
    t2 = add(model, scan(TILTED, "T2"))
    t2.visible = visible
    t2.contrast_limits = (100, 345)
    align(model)
    assert not t2.visible
    settled(qtbot, t2)
    assert t2.visible is visible
    assert tuple(t2.contrast_limits) == (100, 345)


def test_air_around_a_tilted_ct_is_as_dark_as_the_darkest_voxel(qtbot, model):
    add(model, scan(UPRIGHT, "T1"))
    data = 1000 * ball(TILTED) - 1000
    data[0, 0, 0] = np.nan
    ct = add(model, Scan(data, Grid(data.shape, TILTED), name="CT"))
    align(model)
    settled(qtbot, ct)
    edges = [np.asarray(ct.data).take(n, axis) for axis in range(3) for n in (0, -1)]
    assert all(np.nanmin(edge) == -1000 for edge in edges)
    assert all(np.nanmax(edge) < -900 for edge in edges)


def test_what_was_resampled_for_a_layer_that_is_gone_is_dropped(qtbot, model, held):
    """Even if it was done, and only not yet told."""
    go_on, runs = held
    add(model, scan(UPRIGHT, "T1"))
    t2 = add(model, scan(TILTED, "T2"))
    data = t2.data
    align(model)
    assert aligning(model)
    qtbot.waitUntil(lambda: len(runs) == 1)
    go_on.set()
    assert QThreadPool.globalInstance().waitForDone(20_000)
    model.layers.remove(t2)
    assert not aligning(model)
    qtbot.wait(50)
    assert t2.data is data
    assert ORIGINAL not in layer_info(t2)


def test_a_layer_that_cannot_be_resampled_is_shown_as_it_was(
    qtbot, model, monkeypatch, told
):
    def refused(*_, **__):
        raise InputError("There is no room for it.")
        yield

    monkeypatch.setattr(arrival, "iter_resample", refused)
    add(model, scan(UPRIGHT, "T1"))
    t2 = add(model, scan(TILTED, "T2"))
    align(model)
    assert not t2.visible
    qtbot.waitUntil(lambda: not aligning(model))
    assert t2.visible
    assert told()[-1] == "There is no room for it."


def test_a_tilted_scan_over_time_is_resampled_frame_by_frame(qtbot, model):
    add(model, scan(UPRIGHT, "T1"))
    data = np.stack([1000 * ball(TILTED), 500 * ball(TILTED)], axis=-1)
    bold = add(model, Scan(data, Grid(data.shape[:3], TILTED), name="bold"))
    align(model)
    settled(qtbot, bold)
    assert bold.data.shape[0] == 2
    np.testing.assert_allclose(bold.data[1], bold.data[0] / 2, atol=1e-3)
    np.testing.assert_array_equal(
        np.asarray(source_of(bold).values)[1], 500 * ball(TILTED)
    )


def test_a_picture_waits_for_what_is_resampled(make_napari_viewer, monkeypatch):
    """As `view SCAN SEGMENTATION PROBABILITIES --screenshot` does."""
    from napari_uncertainty.plugin import session

    monkeypatch.setattr(session.napari, "Viewer", make_napari_viewer)
    volumes = (scan(UPRIGHT, "T1"), labels(TILTED), probabilities(TILTED))
    viewer = session.open_case(volumes)
    entropy = session.compute(viewer)
    assert entropy.visible
    assert ORIGINAL in layer_info(entropy)
    assert viewer.layers["labels"].visible

"""Members in the widget: which are ticked, what is computed, what was given up."""

import threading

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_uncertainty import Grid, ProbabilityMap
from napari_uncertainty.engine.ensemble import ensemble_fold
from napari_uncertainty.limits import available_processors
from napari_uncertainty.plugin.compute.choices import fitting, of_one_case
from napari_uncertainty.plugin.viewer.scan_space import (
    METADATA_KEY,
    axes_of,
    layer_info,
    record_of,
)
from support.clicks import click, compute, folding
from support.generated import OBLIQUE, softmax
from support.inspect_dock import NAMES, add, bits, network
from support.phantoms import asymmetric
from support.shown_widgets import widgets

PLUGIN = "napari-uncertainty"
SHAPE = (12, 13, 14)
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


@pytest.fixture
def model(qapp):
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def open_in_model(qtbot, model):
    with widgets(qtbot, model) as open_one:
        yield open_one


@pytest.fixture
def slow_members(monkeypatch, ending):
    """Blocks of members that wait for the test, or until they are told to end.

    Gives the event that has them go on, and a list of those that have begun.
    """
    go_on, begun = threading.Event(), []
    fold_block = ensemble_fold.MemberBlocks._fold_block

    def waiting(self, *block):
        begun.append(block)
        while not (go_on.wait(0.005) or ending.is_set()):
            pass
        return fold_block(self, *block)

    monkeypatch.setattr(ensemble_fold.MemberBlocks, "_fold_block", waiting)
    monkeypatch.setattr(ensemble_fold, "RUN_VOXELS", 100)
    yield go_on, begun
    go_on.set()


def mutual_information(members):
    p = np.stack([np.asarray(one, float) for one in members])
    return bits(p.mean(axis=0)) - bits(p, axis=1).mean(axis=0)


def fold_files(folder, rng, names=("fold_0", "fold_1")):
    """What nnU-Net's folds say of one scan; written without our own code."""
    labels, members = asymmetric(SHAPE), []
    for name in names:
        p = network(labels, rng)
        p = (p + 3 * (labels == np.arange(4)[:, None, None, None])) / 4
        members.append(p.astype(np.float32))
        (folder / name).mkdir()
        path = folder / name / "case.npz"
        np.savez(path, probabilities=members[-1].transpose(0, 3, 2, 1))
        image = nib.Nifti1Image(labels, OBLIQUE)
        image.to_filename(folder / name / "case.nii.gz")
    return members


def ticks(widget):
    items = [
        widget.members.list.item(row) for row in range(widget.members.list.count())
    ]
    return {item.text(): item.checkState() == CHECKED for item in items}


def tick(widget, name, state=CHECKED):
    [item] = widget.members.list.findItems(name, Qt.MatchFlag.MatchExactly)
    item.setCheckState(state)


# -- which are ticked, and what is made of them -------------------------------


def test_two_folds_by_clicking(qtbot, model, open_in_model, tmp_path, rng):
    members = fold_files(tmp_path, rng)
    for name in ("fold_0", "fold_1"):
        model.open(tmp_path / name / "case.npz", plugin=PLUGIN)
    first, other = model.layers[1], model.layers[0]  # the one opened last is chosen
    widget = open_in_model()
    assert not widget.members.list.isVisible()
    widget.measure.native.setCurrentText("Mutual information (members)")
    qtbot.waitUntil(widget.members.list.isVisible)
    assert ticks(widget) == {first.name: True, other.name: True}
    layer = compute(qtbot, widget)
    assert layer.name == f"{first.name} mutual_information"
    info, record = layer_info(layer), record_of(layer)
    assert [one.name for one in record.members] == [first.name, other.name]
    assert [one.path for one in record.members] == [
        str(tmp_path / name / "case.npz") for name in ("fold_1", "fold_0")
    ]
    assert info["made_from"] == (first.unique_id, other.unique_id)
    labels = [one.argmax(axis=0) for one in members]
    for label, dice in enumerate(record.dice):
        both = np.sum((labels[0] == label) & (labels[1] == label))
        sizes = sum(np.sum(one == label) for one in labels)
        assert dice == pytest.approx(2 * both / sizes)
    assert record.not_shared == 0
    space = layer.metadata[METADATA_KEY]["grid"]
    assert space.same_place(Grid(SHAPE, OBLIQUE))
    expected = mutual_information(members)
    np.testing.assert_allclose(
        np.sort(layer.data, None), np.sort(expected, None), atol=2e-6
    )
    assert layer.contrast_limits == [0, 1]
    assert record.check("members") is not None
    before = list(model.layers)
    layer.colormap = "viridis"
    assert compute(qtbot, widget) == layer  # in place
    assert list(model.layers) == before
    assert layer.colormap.name == "viridis"
    again = open_in_model()  # the measure is remembered
    qtbot.waitUntil(again.members.list.isVisible)


def add_members(viewer, rng, n=3, shape=(4, *SHAPE)):
    arrays = [softmax(rng, shape) for _ in range(n)]
    for number, values in enumerate(arrays):
        viewer.add_image(values, name=f"pass {number}")
    return arrays


def test_layers_without_files_are_ticked_by_hand(
    qtbot, model, open_in_model, rng, told
):
    arrays = add_members(model, rng)
    widget = open_in_model()
    widget.measure.value = "variance"
    assert ticks(widget) == {"pass 2": True, "pass 0": False, "pass 1": False}
    assert compute(qtbot, widget) is None
    [sentence] = told()
    assert sentence.startswith(
        "Variance needs at least two members: tick another layer"
    )
    assert widget.result.value == sentence
    tick(widget, "pass 0")
    layer = compute(qtbot, widget)
    expected = np.var([arrays[2], arrays[0]], axis=0, dtype=float).mean(axis=0)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)
    model.add_image(softmax(rng, (4, *SHAPE)), name="another")
    widget.probabilities.value = model.layers["pass 2"]
    assert ticks(widget)["pass 0"]  # what was ticked stays so
    assert not ticks(widget)["another"]


def test_the_chosen_layer_is_always_a_member(model, open_in_model, rng):
    add_members(model, rng, 2)
    widget = open_in_model()
    widget.measure.value = "variance"
    item = widget.members.list.item(0)
    assert item.text() == "pass 1"
    assert not item.flags() & Qt.ItemFlag.ItemIsUserCheckable


def test_a_layer_of_five_axes_holds_its_members(qtbot, model, open_in_model, rng, told):
    stack = np.stack([softmax(rng, (4, *SHAPE)) for _ in range(5)])
    net = model.add_image(stack, name="dropout", scale=(1, 1, 2, 3, 4))
    scan = model.add_image(rng.random(SHAPE), name="scan", scale=(2, 3, 4))
    model.add_labels(stack[0].argmax(axis=0), name="labels", scale=(2, 3, 4))
    widget = open_in_model()
    widget.probabilities.value = net
    widget.scan.value, widget.segmentation.value = scan, model.layers["labels"]
    widget.measure.value = "mutual_information"
    assert not widget.members.list.isVisible()
    assert widget.members._hint.value == "The 5 along its first axis"
    layer = compute(qtbot, widget)
    np.testing.assert_allclose(layer.data, mutual_information(stack), atol=2e-6)
    np.testing.assert_allclose(layer.scale, (2, 3, 4))
    info, record = layer_info(layer), record_of(layer)
    assert [one.name for one in record.members] == [
        f"dropout [{number}]" for number in range(5)
    ]
    assert info["made_from"] == (net.unique_id,)
    assert "the first was read as 5 members" in widget.result.value
    assert any("the first was read as 5 members" in message for message in told())
    # One member at a time, each of them has a map.
    widget.measure.value = "entropy"
    widget.scan.value = widget.segmentation.value = None
    np.testing.assert_allclose(compute(qtbot, widget).data, bits(stack, 1), atol=2e-6)


def test_cancelled_with_the_blocks_at_hand(
    qtbot, model, open_in_model, rng, slow_members
):
    """Each thread has one of them; all are some twenty."""
    _, begun = slow_members
    add_members(model, rng, 2)
    widget = open_in_model()
    widget.measure.value = "mutual_information"
    tick(widget, "pass 0")
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(begun))
    click(qtbot, widget, "Cancel")
    qtbot.waitUntil(lambda: not folding())
    assert len(begun) <= available_processors()
    assert widget.result.value == "Cancelled."
    assert len(model.layers) == 2


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_member_that_is_gone_meanwhile(
    qtbot, model, open_in_model, rng, slow_members, what
):
    add_members(model, rng, 2)
    widget = open_in_model()
    widget.measure.value = "mutual_information"
    tick(widget, "pass 0")
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    member = model.layers["pass 0"]
    if what == "removed":
        model.layers.remove(member)
    else:
        member.data = np.array(member.data)
    slow_members[0].set()
    told = "'pass 0' was removed or changed while the mutual information was computed"
    qtbot.waitUntil(lambda: told in widget.result.value)
    assert not any("mutual" in layer.name for layer in model.layers)


# -- which fit, and which are ticked ------------------------------------------


def member(viewer, p, source, affine=OBLIQUE, names=NAMES, **told):
    grid = Grid(p.shape[1:], affine)
    told = {"name": "case", "source": source} | told
    return add(viewer, ProbabilityMap(p, names, grid, **told))


def fit(viewer, chosen):
    axes = axes_of(viewer.layers)
    found = fitting(viewer.layers, chosen, axes)
    return found, of_one_case(found, axes)


@pytest.fixture
def folds(model, tmp_path, rng):
    """Two members of one case."""
    labels = asymmetric(SHAPE)
    sure = 3 * (labels == np.arange(4)[:, None, None, None])
    arrays = [((network(labels, rng) + sure) / 4).astype(np.float32) for _ in range(2)]
    layers = [
        member(model, p, tmp_path / f"fold_{number}" / "case.npz")
        for number, p in enumerate(arrays)
    ]
    return arrays, layers


def test_folds_of_one_case_are_ticked(model, folds):
    _, layers = folds
    assert fit(model, layers[0]) == (layers, layers)
    assert fit(model, layers[1]) == (layers[::-1], layers[::-1])


def test_crops_of_one_case_are_ticked(model, folds, tmp_path):
    """Where they are not on the same voxels, those that they share are compared."""
    arrays, layers = folds
    moved = OBLIQUE.copy()
    moved[:3, 3] += OBLIQUE[:3, :3] @ (2, 1, 3)
    crop = arrays[1][:, 2:11, 1:, 3:12]
    other = member(model, crop, tmp_path / "fold_2" / "case.npz", moved)
    assert fit(model, layers[0]) == ([*layers, other], [*layers, other])


@pytest.mark.parametrize("what", ["another name", "another patient", "the same file"])
def test_others_that_fit_are_not_ticked(model, folds, tmp_path, what):
    arrays, layers = folds
    p, source = arrays[1], tmp_path / "fold_2" / "case.npz"
    if what == "another name":
        source = source.with_name("other.npz")
    elif what == "another patient":  # in the space of a template
        p = p[:, ::-1]
    else:
        source = tmp_path / "fold_1" / "case.npz"
    other = member(model, p, source)
    assert fit(model, layers[0]) == ([*layers, other], layers)


def far(folds):
    affine = OBLIQUE.copy()
    affine[:3, 3] += 500
    return folds[0][0], {"affine": affine}


@pytest.mark.parametrize(
    "other",
    [
        lambda folds: (folds[0][0][:3], {"names": NAMES[:3]}),
        lambda folds: (folds[0][0], {"names": (*NAMES[:3], "tumour")}),
        lambda folds: (folds[0][0], {"affine": OBLIQUE @ np.diag([2, 2, 2, 1])}),
        lambda folds: (
            folds[0][0].swapaxes(1, 3),
            {"affine": OBLIQUE[:, [2, 1, 0, 3]]},
        ),
        far,
    ],
    ids=["classes", "names", "voxel size", "order of axes", "place"],
)
def test_what_does_not_fit_is_not_offered(model, folds, tmp_path, other):
    p, told = other(folds)
    member(model, p, tmp_path / "fold_2" / "case.npz", **told)
    assert fit(model, folds[1][0]) == (folds[1], folds[1])


def test_maps_scans_and_segmentations_are_not_offered(model, rng):
    chosen = model.add_image(rng.normal(size=(4, *SHAPE)), name="logits")
    model.add_image(rng.random(SHAPE), name="scan")
    model.add_labels(np.zeros(SHAPE, int))
    known = {METADATA_KEY: {"role": "scan"}}
    model.add_image(rng.normal(size=(4, *SHAPE)), name="fMRI", metadata=known)
    other = model.add_image(rng.normal(size=(4, *SHAPE)), name="more logits")
    assert fit(model, chosen)[0] == [chosen, other]


def test_a_file_and_an_array_lie_as_they_are_shown(qtbot, model, open_in_model, rng):
    """The one has its axes in another order than the other."""
    shape = (10, 10, 10)
    labels = asymmetric(shape)
    placed = add(
        model, ProbabilityMap(network(labels, rng), NAMES, Grid(shape, OBLIQUE))
    )
    array = softmax(rng, (4, *shape))
    model.add_image(array, name="array", scale=placed.scale, translate=placed.translate)
    widget = open_in_model()
    widget.probabilities.value = placed
    widget.measure.value = "mutual_information"
    tick(widget, "array")
    layer = compute(qtbot, widget)
    expected = mutual_information([placed.data, array])
    np.testing.assert_allclose(layer.data, expected, atol=2e-6)

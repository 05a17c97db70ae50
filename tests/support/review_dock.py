"""Small cases for the widget *Review uncertainty*: as files, and in a viewer.

The files are written by numpy and nibabel alone.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from napari.components import ViewerModel

from napari_uncertainty import Grid
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.io import open_volume
from napari_uncertainty.plugin.review.begin import (
    ReviewChoices,
    iter_begin,
    material_of,
)
from napari_uncertainty.plugin.review.controller import ReviewController
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from napari_uncertainty.steps import run
from support.compute_without_window import compute
from support.generated import OBLIQUE
from support.inspect_dock import NAMES, SETTLE_MS, bits, callbacks, network
from support.phantoms import asymmetric

SHAPE = (12, 13, 14)
WANTED = HotspotOptions(count=6, radius_mm=3)


@dataclass
class Files:
    """A case as files, and what is in them."""

    folder: Path
    p: np.ndarray
    labels: np.ndarray
    affine: np.ndarray

    @property
    def probabilities(self):
        return self.folder / "case.npz"

    @property
    def segmentation(self):
        return self.folder / "case.nii.gz"

    @property
    def scan(self):
        return self.folder / "T1.nii.gz"

    @property
    def entropy(self):
        return bits(self.p).astype(np.float32)

    @property
    def reviews(self):
        """Files of reviews beside the images."""
        return sorted(self.folder.glob("*_review*.json"))


@dataclass
class Opened:
    """The layers of a case."""

    viewer: Any
    files: Files
    segmentation: Any
    probabilities: Any
    map: Any
    scan: Any


def redirect(tmp_path, monkeypatch):
    """The user's folder, away from the real one."""
    folder = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    return folder / "reviews"


def write_case(folder, rng, affine=OBLIQUE, shape=SHAPE, names=NAMES):
    """Softmax as nnU-Net writes it, labels, a scan and names."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = asymmetric(shape)
    files = Files(folder, network(labels, rng, len(names)), labels, affine)
    np.savez(files.probabilities, probabilities=files.p.transpose(0, 3, 2, 1))
    write_labels(files.segmentation, labels, affine)
    image = (1000 * rng.random(shape)).astype(np.float32)
    nib.Nifti1Image(image, affine).to_filename(files.scan)
    classes = ", ".join(f'"{name}": {label}' for label, name in enumerate(names))
    (folder / "dataset.json").write_text(
        f'{{"labels": {{{classes}}}, "file_ending": ".nii.gz"}}'
    )
    return files


def write_labels(path, labels, affine):
    image = nib.Nifti1Image(labels, affine)
    image.header.set_intent("label", name="tissue")
    image.header["descrip"] = b"drawn by hand"
    image.to_filename(path)


def open_file(viewer, path):
    """As napari does with our reader."""
    data, options, kind = to_layer(open_volume(path))
    return getattr(viewer, f"add_{kind}")(data, **options)


def open_case(viewer, files, scan=False, segmentation=True):
    """Open the files, and compute the map."""
    scan = open_file(viewer, files.scan) if scan else None
    labels = open_file(viewer, files.segmentation) if segmentation else None
    net = open_file(viewer, files.probabilities)
    shown, _ = compute(viewer, net, scan)
    return Opened(viewer, files, labels, net, shown, scan)


class Kept:
    """A case that is opened once, for all tests that leave its files and layers.

    A test that has changed either has the next one begin with others.
    """

    def __init__(self, new_folder):
        self._new_folder, self._files, self._opened = new_folder, None, {}

    @property
    def files(self):
        """As they were written, without reviews."""
        if self._files is not None:
            for path in times_of(self._files.folder).keys() - self._written:
                path.unlink()
        if self._files is None or times_of(self._files.folder) != self._written:
            folder = self._new_folder("kept") / "study"
            self._files = write_case(folder, np.random.default_rng(20260101))
            self._written, self._opened = times_of(folder), {}
        return self._files

    def case(self, number=0, scan=False):
        """As it was opened, in a viewer of its own for each number."""
        files, key = self.files, (number, scan)
        if key in self._opened:
            case, contents, settings = self._opened[key]
            if contents_of(case) == contents:
                for owner, name, value in settings:
                    setattr(owner, name, value)
                return case
        case = open_case(ViewerModel(), files, scan)
        self._opened[key] = case, contents_of(case), settings_of(case)
        return case


def times_of(folder):
    """When the files of a folder were written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*")}


def contents_of(case):
    """What a review must leave as it is, and so must those who share a case."""
    viewer, labels = case.viewer, case.segmentation
    return (
        [(layer, id(layer.data)) for layer in viewer.layers],
        np.asarray(labels.data).tobytes(),
        len(labels._undo_history) + len(labels._redo_history),
        dict(viewer.keymap),
        callbacks(viewer),
    )


def settings_of(case):
    """What a person sets when going through the hotspots."""
    viewer, labels = case.viewer, case.segmentation
    names = [
        *((viewer.dims, name) for name in ("ndisplay", "order", "point")),
        *((viewer.scene.camera, name) for name in ("angles", "center", "zoom")),
        *((layer, "visible") for layer in viewer.layers),
        *((labels, name) for name in ("mode", "selected_label")),
        (viewer.layers.selection, "active"),
    ]
    values = [(owner, name, getattr(owner, name)) for owner, name in names]
    # A copy, for napari sets metadata in place.
    return [*values, (labels, "metadata", dict(labels.metadata))]


def material(case, wanted=WANTED, several=True, prefer="beside", segmentation=None):
    """What a review of the map in a viewer begins with."""
    segmentation = segmentation or case.segmentation
    subject = ShownMap.of(case.viewer, case.map, segmentation)
    return material_of(case.viewer, subject, ReviewChoices(wanted, several, prefer))


def begin(case, *args, **options):
    """Begin a review, or take it up, at once."""
    return run(iter_begin(material(case, *args, **options)))


def plain(values, labels=None, members=(), affine=None, wanted=WANTED, **options):
    """The places, from arrays alone."""
    grid = None if affine is None else Grid(values.shape, affine)
    steps = iter_hotspots(
        np.asarray(values, np.float32),
        labels,
        members=members,
        grid=grid,
        undecided=1.0,  # of entropy in bits
        wanted=wanted,
        **options,
    )
    return run(steps)


def check_places(hotspots, expected):
    """The same voxels in the same order, with the same numbers."""
    assert [one.voxel for one in hotspots.places] == [
        one.voxel for one in expected.places
    ]
    assert len(expected.places) > 3
    for one, other in zip(hotspots.places, expected.places, strict=True):
        assert (one.rank, one.classes) == (other.rank, other.classes)
        for name in ("mass", "peak", "mean", "share", "map_share"):
            np.testing.assert_allclose(
                getattr(one, name), getattr(other, name), rtol=1e-5
            )
    np.testing.assert_allclose(hotspots.expected_errors, expected.expected_errors, 1e-6)


def shown_index(layer, files, voxel):
    """Where a layer shows a voxel of a file, by its place in the patient alone.

    Scan space has the scan's own axes, z, y and x to Inferior, Posterior and Left.
    """
    affine = files.affine
    own = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # In the order R, A, S, and running there.
    order = np.abs(own).argmax(axis=1)
    own = own[:, order] * np.sign(own[range(3), order])
    ras = (affine @ (*voxel, 1))[:3]
    world = -(np.linalg.inv(own) @ ras)[::-1]
    return tuple(np.rint(layer.world_to_data(world)).astype(int))


def paint(layer, index, label):
    """As with a brush of one voxel."""
    before = layer.selected_label, layer.brush_size, layer.n_edit_dimensions
    layer.brush_size = 1
    layer.paint(index, label)
    _, layer.brush_size, _ = before
    assert np.asarray(layer.data)[tuple(index)] == label


@contextmanager
def desks(qtbot):
    """Opens desks that wait less long, and ends them."""
    opened = []

    def open_desk(viewer, wanted=WANTED, *, several=True, prefer="beside", wait=True):
        desk = ReviewController(
            viewer, lambda _: ReviewChoices(wanted, several, prefer)
        )
        opened.append(desk)
        hurry(desk)
        desk.messages, desk.failures = [], []
        desk.told.connect(desk.messages.append)
        desk.failed.connect(desk.failures.append)
        desk.following.start()
        if wait:
            wait_for_review(qtbot, desk)
        return desk

    yield open_desk
    for desk in opened:
        desk.stop()


def hurry(desk):
    """Wait less long."""
    desk._settle.setInterval(SETTLE_MS)
    desk._seen.setInterval(SETTLE_MS)
    desk.following._settle.setInterval(SETTLE_MS)


def wait_for_review(qtbot, desk):
    qtbot.waitUntil(lambda: desk.opened is not None)


def settled(qtbot, desk):
    """Wait until changed labels are counted."""
    qtbot.waitUntil(lambda: not desk._settle.isActive())


def labels_written(qtbot, desk):
    """Wait until the labels beside the review are those that are shown."""
    qtbot.waitUntil(lambda: not desk._jobs)

"""Outlines of the classes in the shown slice, above the map."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Surface, Vectors
from napari.utils.key_bindings import coerce_keybinding
from skimage.color import rgb2lab

from napari_uncertainty import Grid, LabelMap, ProbabilityMap
from napari_uncertainty.plugin.viewer.class_outlines import (
    FILL_KEY,
    HIDE_CLASSES_KEY,
    HIDE_MAPS_KEY,
    NAME,
    class_edges,
    outline_classes,
)
from napari_uncertainty.plugin.viewer.in_3d import OPACITY_ON_PLANE
from napari_uncertainty.plugin.viewer.layers import label_colormap, to_layer
from napari_uncertainty.plugin.viewer.legends import MOST_NAMED
from napari_uncertainty.plugin.viewer.view_planes import frame_case
from support.compute_without_window import compute
from support.generated import OBLIQUE
from support.phantoms import asymmetric, softmax_of

SHAPE = (12, 14, 16)
CLASSES = ("background", "outer", "inner", "core")


class Case:
    def __init__(self, segmented=True, viewer=None, classes=None):
        self.viewer = viewer = ViewerModel() if viewer is None else viewer
        classes = asymmetric(SHAPE) if classes is None else classes
        grid = Grid(classes.shape, OBLIQUE)
        data, options, _ = to_layer(
            ProbabilityMap(softmax_of(classes), CLASSES, grid, name="case")
        )
        softmax = viewer.add_image(data, **options)
        self.labels = None
        if segmented:
            names = dict(enumerate(CLASSES))
            data, options, _ = to_layer(LabelMap(classes, grid, names, name="labels"))
            self.labels = viewer.add_labels(data, **options)
        self.map, _ = compute(viewer, softmax)
        self.classes = np.asarray(to_layer(LabelMap(classes, grid))[0])
        self.outlines = outline_classes(viewer)
        frame_case(viewer)
        self.zoom_out()

    def zoom_out(self):
        """So far that each edge has one line."""
        self.viewer.scene.camera.zoom = 4 / float(min(self.map.scale))

    @property
    def layer(self):
        found = [one for one in self.viewer.layers if one.name == NAME]
        return found[0] if found else None

    def lines(self):
        """Begin and end of each line in voxels of the map, and its colour."""
        begin = self.layer.data[:, 0] * self.layer.scale
        end = begin + self.layer.data[:, 1] * self.layer.scale
        voxels = [
            np.array([self.map.world_to_data(place) for place in places])
            for places in (begin, end)
        ]
        return *voxels, self.layer.edge_color

    def legend(self):
        overlays = self.viewer.canvas.overlays.items()
        return [
            one for name, one in overlays if name.startswith("class_") and one.visible
        ]

    def shown(self):
        """Index of the shown slice along the sliced axis, and that axis."""
        axis = self.viewer.dims.order[-3] - self.viewer.dims.ndim + 3
        place = self.map.world_to_data(self.viewer.dims.point[-3:])
        return round(float(place[axis])), axis


@pytest.fixture
def case():
    return Case()


def edge_lengths(labels):
    """Number of edges between each pair of labels, counted one by one."""
    padded = np.pad(labels, 1)
    found = {}
    for y, x in np.ndindex(padded.shape[0] - 1, padded.shape[1] - 1):
        for other in ((y + 1, x), (y, x + 1)):
            pair = int(padded[y, x]), int(padded[other])
            if pair[0] != pair[1]:
                found[pair] = found.get(pair, 0) + 1
    return found


@pytest.mark.parametrize("shape", [(7, 9), (1, 5), (1, 1), (12, 12)])
def test_edges_lie_between_all_voxels_of_different_labels(rng, shape):
    labels = rng.integers(0, 4, shape)
    edges = class_edges(labels)
    found = {}
    for length, *pair in zip(edges.length.sum(axis=1), *edges[2:], strict=True):
        pair = tuple(int(label) for label in pair)
        found[pair] = found.get(pair, 0) + int(length)
    assert found == edge_lengths(labels)
    # Half a voxel off all centres, and along one axis each.
    assert ((edges.start + 0.5) % 1 == 0).all()
    assert ((edges.length == 0).sum(axis=1) == 1).all()


def test_edges_of_one_side_are_one_line():
    labels = np.zeros((6, 8), np.uint8)
    labels[1:4, 2:7] = 3
    edges = class_edges(labels)
    assert len(edges.start) == 4
    lines = {(*start, *length) for start, length in
             zip(edges.start.tolist(), edges.length.tolist(), strict=True)}  # fmt: skip
    assert lines == {
        (0.5, 1.5, 0, 5), (3.5, 1.5, 0, 5), (0.5, 1.5, 3, 0), (0.5, 6.5, 3, 0),
    }  # fmt: skip


@pytest.mark.parametrize("segmented", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_each_plane_has_the_lines_of_its_slice(segmented, order):
    case = Case(segmented)
    dims = case.viewer.dims
    dims.order = (*range(dims.ndim - 3), *(axis + dims.ndim - 3 for axis in order))
    case.zoom_out()
    index, axis = case.shown()
    lines = edge_lengths(np.take(case.classes, index, axis))
    begin, end, colors = case.lines()
    np.testing.assert_allclose(begin[:, axis], end[:, axis], atol=1e-6)
    np.testing.assert_allclose(begin[:, axis], index, atol=0.5)
    assert np.abs(end - begin).sum() == pytest.approx(sum(lines.values()))
    of_labels = {
        label: sum(n for pair, n in lines.items() if max(pair) == label)
        for label in range(1, 4)
    }
    colormap = case.labels.colormap if segmented else label_colormap("inferno")
    for label, length in of_labels.items():
        own = np.isclose(colors, colormap.map(label)).all(axis=1)
        assert np.abs(end - begin)[own].sum() == pytest.approx(length)
    # The layer shows them all, and lies on the map.
    assert case.viewer.layers.index(case.layer) > case.viewer.layers.index(case.map)
    assert len(case.layer._view_indices) == len(begin)


def test_lines_follow_the_slices(case):
    for step in (5, 6, 7, 6):
        axis = case.viewer.dims.order[-3]
        case.viewer.dims.set_current_step(axis, step)
        index, axis = case.shown()
        lines = edge_lengths(np.take(case.classes, index, axis))
        begin, end, _ = case.lines()
        assert np.abs(end - begin).sum() == pytest.approx(sum(lines.values()))


def test_the_segmentation_is_filled_again_without_a_map(qtbot, case):
    assert case.labels.opacity == 0
    assert case.labels.visible
    assert case.labels.editable
    case.viewer.layers.remove(case.map)
    qtbot.waitUntil(lambda: case.layer is None)
    assert case.labels.opacity == pytest.approx(0.4)
    assert not case.legend()


def test_all_layers_can_be_deleted_together(qtbot, case):
    layers = case.viewer.layers
    layers.selection.update(layers)
    layers.remove_selected()
    assert len(layers) == 0
    assert case.labels.opacity == pytest.approx(0.4)
    qtbot.wait(20)
    assert len(layers) == 0


@pytest.mark.parametrize("change", ["3D", "grid"])
def test_there_are_no_lines_in_3d_and_in_a_grid(case, change):
    part, name, other = {
        "3D": (case.viewer.dims, "ndisplay", 3),
        "grid": (case.viewer.canvas.grid, "enabled", True),
    }[change]
    before = getattr(part, name)
    case.labels.opacity = 0.6  # somebody fills it
    case.outlines.fill(False)
    setattr(part, name, other)
    # A hidden layer would have a cell of a grid.
    assert case.layer is None if change == "grid" else not case.layer.visible
    # On the plane that 3D begins with, the scan is to be seen through them.
    assert case.labels.opacity == (OPACITY_ON_PLANE if change == "3D" else 0.6)
    setattr(part, name, before)
    assert case.layer.visible
    assert len(case.layer.data)
    assert case.labels.opacity == 0
    case.outlines.fill(True)
    assert case.labels.opacity == 0.6


def test_painting_and_what_is_undone_is_seen_at_once(case):
    before = case.lines()
    index, axis = case.shown()
    place = np.argwhere(case.classes == 2)
    place = place[np.abs(place[:, axis] - index).argmin()]
    place[axis] = index
    case.labels.selected_label = 3
    case.labels.brush_size = 3
    case.labels.paint(tuple(place), 3)
    painted = edge_lengths(np.take(np.asarray(case.labels.data), index, axis))
    begin, end, _ = case.lines()
    assert np.abs(end - begin).sum() == pytest.approx(sum(painted.values()))
    assert len(begin) != len(before[0])
    case.labels.undo()
    for now, then in zip(case.lines(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_colours_that_somebody_gave_are_kept(case):
    colormap = {None: "transparent", 0: "transparent", 1: "red", 2: "white", 3: "blue"}
    case.labels.colormap = colormap
    colors = np.unique(case.lines()[2], axis=0).tolist()
    assert {tuple(color) for color in colors} <= {
        (1, 0, 0, 1),
        (1, 1, 1, 1),
        (0, 0, 1, 1),
    }
    assert len(colors) > 1


def test_selected_classes_stand_out(case):
    case.outlines.select([2])
    colors = case.lines()[2]
    own = np.isclose(colors[:, :3], case.labels.colormap.map(2)[:3]).all(axis=1)
    assert (colors[own, 3] == 1).all()
    assert (colors[~own, 3] < 0.5).all()
    case.outlines.select([])
    assert (case.lines()[2][:, 3] == 1).all()


def test_lines_that_somebody_removed_come_again_with_the_key(case):
    case.viewer.layers.remove(case.layer)
    assert case.labels.opacity == pytest.approx(0.4)
    case.viewer.dims.set_current_step(case.viewer.dims.order[-3], 4)
    assert case.layer is None
    press = case.viewer.keymap[coerce_keybinding(FILL_KEY)]
    press(case.viewer)
    assert case.layer is not None
    assert case.labels.opacity == 0
    for filled in (0.4, 0):
        press(case.viewer)
        assert case.labels.opacity == pytest.approx(filled)


def test_while_a_key_is_held_the_map_or_the_classes_are_hidden(case):
    keymap, points = case.viewer.keymap, case.viewer.add_points([[1.0, 2.0, 3.0]])
    for key, hidden in (
        (HIDE_MAPS_KEY, [case.map]),
        (HIDE_CLASSES_KEY, [case.labels, case.layer]),
    ):
        before = {layer: layer.visible for layer in case.viewer.layers}
        held = keymap[coerce_keybinding(key)](case.viewer)
        next(held)
        for layer, visible in before.items():
            assert layer.visible == (visible and layer not in hidden)
        assert next(held, None) is None  # let go
        assert {layer: layer.visible for layer in case.viewer.layers} == before
        assert len(case.layer.data)
    assert points.visible


def test_napari_has_no_such_keys_but_for_shapes(viewer):
    """It binds its own when there is a window."""
    assert coerce_keybinding("Y") in Image.class_keymap
    for layer in (Image, Labels, Points, Vectors, Surface):
        for key in (FILL_KEY, HIDE_MAPS_KEY, HIDE_CLASSES_KEY):
            assert coerce_keybinding(key) not in layer.class_keymap, (layer, key)


def test_hidden_labels_have_no_lines(case):
    case.labels.visible = False
    assert not len(case.layer.data)
    case.labels.visible = True
    assert len(case.layer.data)


def test_hidden_lines_are_those_of_the_slice_when_they_are_shown_again(case):
    case.layer.visible = False
    for step in (3, 5, 6):
        case.viewer.dims.set_current_step(case.viewer.dims.order[-3], step)
    case.layer.visible = True
    index, axis = case.shown()
    begin, end, _ = case.lines()
    lines = edge_lengths(np.take(case.classes, index, axis))
    assert np.abs(end - begin).sum() == pytest.approx(sum(lines.values()))


def test_lines_are_thin_at_any_zoom_and_both_classes_have_one_where_there_is_room(case):
    camera = case.viewer.scene.camera
    voxel = float(min(case.map.scale[-2:]))
    lengths = []
    for pixels in (2, 4, 20, 60):
        camera.zoom = pixels / voxel
        width = case.layer.edge_width * float(case.layer.scale[-1])
        assert 1 / 1.06 <= width * camera.zoom <= 1.3 * 1.06
        covered = case.layer.opacity * width / voxel
        assert covered <= 1.06 * max(0.25, 0.75 / pixels)
        begin, end, _ = case.lines()
        lengths.append(np.abs(end - begin).sum())
    assert lengths[0] == pytest.approx(lengths[1])
    assert lengths[2] == pytest.approx(lengths[3])
    assert lengths[2] > lengths[0]


def test_the_legend_names_the_classes_of_the_slice(case):
    index, axis = case.shown()
    there = [n for n in np.unique(np.take(case.classes, index, axis)) if n]
    legend = {line.text: line.color for line in case.legend()}
    assert list(legend) == [f"━ {CLASSES[label]}" for label in there]
    for label, color in zip(there, legend.values(), strict=True):
        np.testing.assert_allclose(color, case.labels.colormap.map(label), atol=1e-6)


def test_of_very_many_classes_some_are_named_and_the_others_counted(case):
    index, axis = case.shown()
    data = np.array(case.labels.data)
    plane = [slice(None)] * 3
    plane[axis] = index
    shape = data[tuple(plane)].shape
    data[tuple(plane)] = np.arange(np.prod(shape)).reshape(shape) % 60
    case.labels.data = data
    for size, named in (((2000, 900), MOST_NAMED), ((600, 900), 10), ((80, 290), 3)):
        case.viewer.canvas.size = size
        texts = [line.text for line in case.legend()]
        assert len(texts) == named
        assert texts[-1] == f"and {59 - named + 1} more"
        # So that most of the view is the picture's.
        assert len(texts) * 26 <= max(0.45 * size[0], 3 * 26)
    case.viewer.canvas.size = (600, 200)
    assert not case.legend()


def test_long_names_are_cut_so_that_they_differ(case):
    case.viewer.canvas.size = (600, 600)
    names = [
        f"{side}-cerebral-white-matter-of-the-{lobe}-lobe-of-the-brain"
        for side in ("left", "right")
        for lobe in ("frontal", "parietal")
    ]
    case.outlines.legend.show({n: (name, (1, 1, 1, 1)) for n, name in enumerate(names)})
    texts = [line.text for line in case.legend()]
    assert len(set(texts)) == 4
    assert all(20 < len(text) <= 32 and "…" in text for text in texts)


def test_the_map_is_seen_beside_the_lines_and_told_from_them(viewer):
    """Pixels of a window, over a phantom whose map is 3 bits at all boundaries."""
    radius = np.sqrt(sum((np.indices((40,) * 3) - 19.7) ** 2))
    classes = np.searchsorted([8, 12, 17], radius, side="right")
    case = Case(viewer=viewer, classes=(3 - classes).astype(np.uint8))
    viewer.layers.selection.active = case.map
    edge = np.zeros(classes.shape, bool)
    for axis in range(3):
        for step in (-1, 1):
            edge |= np.roll(case.classes, step, axis) != case.classes
    case.map.data = np.where(edge, 0.8 * case.map.contrast_limits[1], 0).astype("f4")
    for layer in viewer.layers:
        if not isinstance(layer, Vectors):
            layer.visible = layer == case.map or layer == case.labels
    map_color = rgb2lab(case.map.colormap.map([0.8])[None, :, :3])[0, 0]
    for pixels in (3, 4, 6, 10, 16, 30):
        viewer.scene.camera.zoom = pixels / float(min(case.map.scale[-2:]))
        from_map = {}
        for lines in (False, True):
            case.layer.visible = lines
            shot = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
            shown = rgb2lab(shot)
            from_map[lines] = np.linalg.norm(shown - map_color, axis=-1)
        of_map, still = from_map[False] < 3, from_map[True] < 3
        assert of_map.sum() > 500
        assert still[of_map].mean() > 0.8, pixels
        # What is no longer the map's is the lines', whose hue is another one.
        lines = from_map[True][of_map & ~still]
        assert len(lines) > 50
        assert lines.min() > 60, pixels
        white = (shown[..., 0] > 95) & (np.hypot(shown[..., 1], shown[..., 2]) < 5)
        assert white.mean() < 0.02
    # Where a voxel has few pixels, lines have no gaps all the same.
    viewer.scene.camera.zoom = 2.3 / float(min(case.map.scale[-2:]))
    shots = []
    for visible in (False, True):
        case.layer.visible = visible
        shots.append(viewer.screenshot(canvas_only=True, flash=False).astype(int))
    drawn = (np.abs(shots[1] - shots[0]).max(axis=-1) > 10).sum()
    begin, end, _ = case.lines()
    along = np.abs(end - begin).sum(axis=0) * case.map.scale
    length = along.sum() * viewer.scene.camera.zoom
    assert 0.9 < drawn / length < 1.1

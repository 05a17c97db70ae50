"""Planes in 3D, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.viewer.cut_planes import CutPlanes, around, foreground
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY

SHAPE, SCALE, SHIFT = (6, 7, 8), (2.0, 1.0, 0.5), (-3.0, 10.0, 4.0)
PLACE = (1, 4, 5)  # a voxel
BLUE = (0, 0, 255)


def world(voxel):
    return np.array(voxel) * SCALE + SHIFT


@pytest.fixture
def viewers(qtbot):
    """A scan with a value of its own in each voxel, and a class in one half."""
    source, target = ViewerModel(), ViewerModel(ndisplay=3)
    scan = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 50
    place = {"scale": SCALE, "translate": SHIFT}
    source.add_image(scan, name="scan", contrast_limits=(0, scan.max()), **place)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, :, 4:] = 1
    source.add_labels(labels, name="labels", visible=False, **place)
    source.dims.point = tuple(world(PLACE))
    return source, target


def cut(source, target):
    box = np.array([world((0, 0, 0)), world(np.array(SHAPE) - 1)])
    planes = CutPlanes(source, target, box)
    planes.draw()
    return planes


def color_at(planes, at):
    """The colour that the first plane through a place has there, from its texture."""
    vertices, texcoords = planes.vertices.reshape(3, 9, 3), planes.layer.texcoords
    texture = planes.layer.texture
    found = []
    for plane, own in zip(vertices, texcoords.reshape(3, 9, 2), strict=True):
        (axis,) = np.flatnonzero(np.ptp(plane, axis=0) == 0)
        if np.isclose(plane[0, axis], at[axis]):
            # An affine map from the world to the texture, from three corners.
            sides = np.column_stack([plane[2] - plane[0], plane[6] - plane[0]])
            share = np.linalg.lstsq(sides, np.array(at) - plane[0], rcond=None)[0]
            u, v = own[0] + share @ [own[2] - own[0], own[6] - own[0]]
            row = int((1 - v) * len(texture))
            found.append(texture[row, int(u * texture.shape[1])])
    return found


def test_each_plane_shows_the_voxels_that_it_cuts(viewers):
    source, target = viewers
    planes = cut(source, target)
    scan = source.layers["scan"]
    for voxel in ((1, 0, 7), (1, 6, 2), (0, 4, 1), (5, 4, 6), (4, 2, 5), PLACE):
        colors = color_at(planes, world(voxel))
        gray = 255 * scan.data[voxel] / scan.contrast_limits[1]
        assert len(colors) == sum(np.equal(voxel, PLACE))
        for color in colors:
            np.testing.assert_allclose(color[:3], gray, atol=1.5)
            assert color[3] == 255
    # Other layers, at other places.
    source.layers["scan"].contrast_limits = (0, 2 * scan.contrast_limits[1])
    source.dims.point = tuple(world((3, 2, 1)))
    planes.draw()
    (color,) = color_at(planes, world((3, 6, 6)))
    assert abs(color[0] - 255 * scan.data[3, 6, 6] / scan.contrast_limits[1]) < 1.5
    planes.stop()


def test_a_class_has_a_border_where_a_map_is_shown_and_is_filled_where_not(viewers):
    source, target = viewers
    labels = source.layers["labels"]
    labels.visible, labels.opacity = True, 1.0
    source.layers["scan"].visible = False
    planes = cut(source, target)
    assert tuple(color_at(planes, world((1, 2, 6)))[0][:3]) == tuple(
        np.rint(255 * labels.get_color(1)[:3]).astype(int)
    )
    source.add_image(
        np.full(SHAPE, 1.0),
        colormap="blue",
        contrast_limits=(0, 1),
        scale=SCALE,
        translate=SHIFT,
        metadata={METADATA_KEY: {"role": "map"}},
    )
    target.scene.camera.zoom = 8  # four pixels for a voxel
    planes.draw()
    inside, border = world((1, 2, 6)), world((1, 2, 4)) - [0, 0, 0.45 * SCALE[2]]
    assert tuple(color_at(planes, inside)[0][:3]) == BLUE
    assert tuple(color_at(planes, border)[0][:3]) == tuple(
        np.rint(255 * labels.get_color(1)[:3]).astype(int)
    )
    # Only there, and only in the class.
    assert tuple(color_at(planes, world((1, 2, 4)))[0][:3]) == BLUE
    assert tuple(color_at(planes, world((1, 2, 3)))[0][:3]) == BLUE
    # Hidden labels have one as long as outlines are shown.
    labels.visible = False
    planes.draw()
    assert tuple(color_at(planes, border)[0][:3]) == BLUE
    outlines = source.add_points(metadata={METADATA_KEY: {"role": "outline"}}, ndim=3)
    planes.draw()
    assert tuple(color_at(planes, border)[0][:3]) != BLUE
    outlines.visible = False
    planes.draw()
    assert tuple(color_at(planes, border)[0][:3]) == BLUE
    planes.stop()


def test_shades_of_classes_are_filled_and_have_no_borders(viewers):
    source, target = viewers
    source.add_image(np.ones(SHAPE), metadata={METADATA_KEY: {"role": "map"}})
    shades = source.add_labels(
        np.where(np.arange(SHAPE[2]) < 4, 1, 2) * np.ones(SHAPE, np.uint8),
        opacity=1.0,
        scale=SCALE,
        translate=SHIFT,
        metadata={METADATA_KEY: {"role": "modulated"}},
    )
    target.scene.camera.zoom = 8
    planes = cut(source, target)
    border = world((1, 2, 4)) - [0, 0, 0.45 * SCALE[2]]
    for place, label in ((world((1, 2, 2)), 1), (world((1, 2, 6)), 2), (border, 2)):
        expected = np.rint(255 * np.array(shades.get_color(label)[:3]))
        np.testing.assert_array_equal(color_at(planes, place)[0][:3], expected)
    planes.stop()


def test_a_line_of_sight_meets_the_nearest_plane(viewers):
    source, target = viewers
    planes = cut(source, target)

    def near(*offset):
        return world(PLACE) + np.array(offset)

    start, along = near(-20, 0.5, 0.5), np.array([1.0, 0, 0])
    np.testing.assert_allclose(planes.hit(start, along), near(0, 0.5, 0.5))
    # The sagittal plane is met before the axial one.
    start, along = near(-1, 0.5, -1), np.array([1.0, 0, 2.0]) / np.sqrt(5)
    np.testing.assert_allclose(planes.hit(start, along), near(-0.5, 0.5, 0))
    assert planes.hit(near(-20, 100, 0), np.array([1.0, 0, 0])) is None
    planes.stop()


def test_what_is_behind_is_drawn_first(viewers):
    """From each side; quarters of planes are seen through where there is air."""
    source, target = viewers
    planes = cut(source, target)
    for direction in ((0.4, 0.6, -0.7), (-0.4, 0.6, 0.7), (-0.5, -0.5, -0.5)):
        target.scene.camera.set_view_direction(direction, (-1, 0, 0.1))
        vertices, faces = planes.vertices, planes.layer.faces
        middles = vertices[faces].reshape(12, 6, 3).mean(axis=1) - world(PLACE)
        away = np.sign(np.round(middles, 6)) @ np.sign(direction)
        assert (np.diff(away) <= 0).all()
        assert (away[0], away[-1]) == (2, -2)
    planes.stop()


def test_the_box_is_that_of_the_labels_with_some_room():
    viewer = ViewerModel()
    labels = np.zeros(SHAPE, int)
    labels[1:3, 2:4, 3:8] = 1
    viewer.add_labels(labels, scale=SCALE, translate=SHIFT)
    box = foreground(viewer.layers)
    np.testing.assert_allclose(box, [world((1, 2, 3)), world((2, 3, 7))])
    limits = np.array([world((1, 0, 0)), world(SHAPE)])
    larger = around(box, limits)
    assert (larger[0] == [world((1, 0, 0))[0], *(box[0, 1:] - 0.16)]).all()
    assert (larger[1] == box[1] + 0.16).all()

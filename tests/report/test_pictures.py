"""The pictures in a report: decoded and compared with slices by numpy and nibabel."""

from base64 import b64decode

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtGui import QImage

from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.placement import all_orientations
from napari_uncertainty.plugin.viewer.scan_space import ScanSpace
from napari_uncertainty.report.pictures import png_address
from napari_uncertainty.report.planes import MOST_PIXELS, Upright
from support.generated import OBLIQUE
from support.phantoms import FLAT_ORIENTATIONS, ORIENTATIONS, disguised
from support.report_pages import a_case, decoded, maps, opacity, page_of, scans

SHAPE = (11, 13, 9)
RAS = np.diag([1.0, 1.5, 2.0, 1.0])


def turned(image, order, flips):
    """The image stored otherwise, by nibabel: where its voxels are stays."""
    ornt = np.column_stack([order, flips])
    return image.as_reoriented(ornt)


def upright(ras):
    """What a radiologist expects of a RAS volume, at its middle, by numpy alone."""
    x, y, z = (n // 2 for n in ras.shape)
    return [
        ras[::-1, ::-1, z].T,  # down: anterior to posterior; right: right to left
        ras[::-1, y, ::-1].T,
        ras[x, ::-1, ::-1].T,  # right: anterior to posterior
    ]


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::5])
def test_pictures_are_upright_and_radiological(rng, order, flips):
    ras = 2 * rng.random(SHAPE)
    stored = turned(nib.Nifti1Image(ras, RAS), order, flips)
    values = stored.get_fdata()
    grid = Grid(values.shape, stored.affine)
    # The same place, found by way of mm.
    there = nib.affines.apply_affine(RAS, [n // 2 for n in SHAPE])
    back = nib.affines.apply_affine(np.linalg.inv(stored.affine), there)
    voxel = tuple(int(i) for i in np.rint(back))
    page = page_of(a_case(values, [voxel], grid=grid, scan=values))
    for picture, scan, expected in zip(
        maps(page), scans(page), upright(ras), strict=True
    ):
        assert picture.shape[:2] == expected.shape
        assert np.abs(picture[..., 3] - opacity(expected, 2.0)).max() < 2
        low, high = np.percentile(ras[ras > ras.min()], (0.5, 99.5))
        gray = 255 * np.clip((expected - low) / (high - low), 0, 1)
        assert np.abs(scan - gray).max() <= 0.5001
    letters = [one["text"] for one in page.all("text", class_="letter")]
    assert letters == list("RLAPRLSIAPSI")
    names = [one["text"] for one in page.all("figcaption")]
    assert names == ["Axial", "Coronal", "Sagittal"]


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[3::7])
def test_what_is_on_the_right_shows_on_the_left(order, flips):
    # Right, anterior and superior of the middle, seen through planes that hold it.
    marker, middle = np.array([9, 10, 7]), np.array([n // 2 for n in SHAPE])
    ras = np.zeros(SHAPE)
    ras[tuple(marker)] = 2
    stored = turned(nib.Nifti1Image(ras, RAS), order, flips)
    grid = Grid(stored.shape, stored.affine)
    to_stored = np.linalg.inv(stored.affine) @ RAS
    voxels = []
    for across in (2, 1, 0):
        place = middle.copy()
        place[across] = marker[across]
        voxel = np.rint(nib.affines.apply_affine(to_stored, place)).astype(int)
        voxels.append(tuple(voxel.tolist()))
    pictures = maps(page_of(a_case(stored.get_fdata(), voxels, grid=grid)))
    assert len(pictures) == 9
    for picture in pictures[::4]:  # of the first place the axial one, and so on
        alpha = picture[..., 3]
        ((row, column),) = np.argwhere(alpha)
        assert row < alpha.shape[0] // 2
        assert column < alpha.shape[1] // 2


def test_axes_are_those_of_the_viewer():
    for placement in all_orientations(3):
        affine = np.eye(4)
        affine[:3, :3] = OBLIQUE[:3, placement.order] * placement.flips
        grid = Grid((4, 5, 6), affine)
        ours, viewers = Upright.of(grid, 3), ScanSpace.of(grid)
        assert ours.turn == viewers.turn
        assert ours.zooms == pytest.approx(viewers.scale)
        assert tuple(ours.axes) == viewers.axis_labels
    for axes in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        grid = Grid((4, 5), np.eye(4)[[*axes, 3]])
        ours, viewers = Upright.of(grid, 2), ScanSpace.of(grid)
        assert (ours.turn, tuple(ours.axes)) == (viewers.turn, viewers.axis_labels)


def test_pictures_have_true_proportions(rng):
    zooms = np.array([0.8, 1.0, 4.0])
    values = rng.random((100, 80, 40))
    grid = Grid(values.shape, np.diag([*-zooms, 1]))
    page = page_of(a_case(values, [(50, 40, 20)], grid=grid))
    for svg in page.all("svg"):
        left, top, width, height = (float(n) for n in svg["viewbox"].split())
        assert (left, top, width, height) == (-25, -25, 50, 50)
    for image, (down, right) in zip(
        page.all("image", class_="map"), ((1, 0), (2, 0), (2, 1)), strict=True
    ):
        rows, columns = decoded(image, "RGBA").shape[:2]
        assert float(image["width"]) == pytest.approx(columns * zooms[right])
        assert float(image["height"]) == pytest.approx(rows * zooms[down])
        assert image["preserveaspectratio"] == "none"
        # The whole picture is covered, and its middle is the middle of a voxel.
        for start, size, zoom in (("x", "width", right), ("y", "height", down)):
            first, length = float(image[start]), float(image[size])
            # One voxel more on each side.
            assert first + zooms[zoom] <= -25 < first + 2 * zooms[zoom]
            assert first == pytest.approx(-length / 2)


def test_a_hotspot_at_the_edge_is_in_the_middle_of_its_picture(rng):
    values = 2 * rng.random((30, 30, 30))
    page = page_of(a_case(values, [(29, 0, 3)], grid=Grid(values.shape, np.eye(4))))
    axial, coronal, _ = maps(page)
    np.testing.assert_allclose(
        axial[..., 3], opacity(values[:2:-1, 26::-1, 3].T, 2.0), atol=2
    )
    image = page.all("image", class_="map")[0]
    # The place is the first voxel from the right, and the last from the front.
    assert float(image["x"]) == pytest.approx(-0.5)
    assert float(image["y"]) == pytest.approx(-26.5)
    assert coronal.shape[:2] == (30, 27)


@pytest.mark.parametrize("zoom", [0.2, 0.31, 0.4, 0.45, 0.5, 0.7])
def test_small_voxels_are_all_shown(zoom):
    values = np.zeros((141, 141, 141), np.float32)
    page = page_of(
        a_case(
            values,
            [(70, 70, 70)],
            grid=Grid(values.shape, np.diag([zoom] * 3 + [1])),
            radius_mm=0.5,
        )
    )
    image = page.all("image", class_="map")[0]
    pixels = maps(page)[0].shape[1]
    assert float(image["width"]) == pytest.approx(pixels * zoom, rel=1e-3)
    assert 60 < pixels <= MOST_PIXELS


def test_large_balls_show_fewer_voxels_but_the_right_one():
    values = np.zeros((301, 301, 3))
    values[150, 150, 1] = 2
    page = page_of(
        a_case(values, [(150, 150, 1)], grid=Grid(values.shape, np.eye(4)),
               radius_mm=30.0)
    )  # fmt: skip
    image = page.all("image", class_="map")[0]
    axial = maps(page)[0]
    assert max(axial.shape) <= MOST_PIXELS
    ((row, column),) = np.argwhere(axial[..., 3])
    pixel = float(image["width"]) / axial.shape[1]
    assert pixel == pytest.approx(3)
    assert float(image["x"]) + (column + 0.5) * pixel == pytest.approx(0)
    assert float(image["y"]) + (row + 0.5) * pixel == pytest.approx(0)
    assert float(page.all("svg")[0]["viewbox"].split()[2]) == 240


def test_no_data_shows_nothing(rng):
    values = np.full((9, 9, 9), 2.0)
    no_data = rng.random(values.shape) < 0.3
    values[no_data & (rng.random(values.shape) < 0.5)] = np.nan
    grid = Grid(values.shape, np.eye(4))
    page = page_of(a_case(values, [(4, 4, 4)], grid=grid, no_data=no_data))
    for picture, without in zip(maps(page), upright(no_data), strict=True):
        np.testing.assert_array_equal(picture[..., 3] == 0, without)


@pytest.mark.parametrize(("order", "flips"), FLAT_ORIENTATIONS[::3])
def test_a_flat_image_has_one_picture(rng, order, flips):
    ras = 2 * rng.random((12, 15))
    stored = disguised(ras, order, flips)
    affine = np.eye(4)
    for axis, (target, flip) in enumerate(
        zip(np.argsort(order), np.array(flips)[np.argsort(order)], strict=True)
    ):
        affine[:3, axis] = flip * np.eye(3)[target]
    voxel = tuple(np.argwhere(stored == ras[6, 7])[0].tolist())
    page = page_of(a_case(stored, [voxel], grid=Grid(stored.shape, affine)))
    (picture,) = maps(page)
    np.testing.assert_allclose(picture[..., 3], opacity(ras[::-1, ::-1].T, 2), atol=2)
    assert [one["text"] for one in page.all("text", class_="letter")] == list("RLAP")


def test_without_a_grid_axes_are_as_they_are(rng):
    values = 2 * rng.random((7, 8, 9))
    page = page_of(a_case(values, [(3, 4, 5)]))
    expected = values[:, :, 5], values[:, 4], values[3]
    for picture, piece in zip(maps(page), expected, strict=True):
        np.testing.assert_allclose(picture[..., 3], opacity(piece, 2.0), atol=2)
    assert not page.all("text", class_="letter")
    assert "10 voxels" in page.text
    assert "RAS" not in page.text
    assert len(maps(page_of(a_case(values[3], [(4, 5)])))) == 1


def test_sheared_ball_is_an_ellipse():
    affine = np.eye(4)
    affine[0, 1] = 0.6  # x grows along j
    upright_axes = Upright.of(Grid((9, 9, 9), affine), 3)
    axial = next(upright_axes.planes())
    first, second = upright_axes.ellipse(axial, 3.0)
    along = affine[:3, 1] / np.linalg.norm(affine[:3, 1]), affine[:3, 0]
    for half, signs in ((first, (1, 1)), (second, (1, -1))):
        steps = half / np.sqrt(2) * np.array(signs)
        place = steps[0] * along[0] + steps[1] * along[1]
        assert np.linalg.norm(place) == pytest.approx(3.0)
    assert upright_axes.ellipse(list(upright_axes.planes())[1], 3.0) == (3.0, 3.0)


def test_outlines_in_the_colours_of_their_classes():
    labels = np.zeros((9, 9, 9), int)
    labels[2:5, 3:6, 4] = 1
    labels[5:7, 3:6, 4] = 7
    case = a_case(
        np.zeros(labels.shape), [(4, 4, 4)], grid=Grid(labels.shape, np.eye(4)),
        labels=labels, colors={7: (1, 2, 3)}, names={1: "left", 7: "right"},
    )  # fmt: skip
    page = page_of(case)
    axial = page.all("svg")[0]
    paths = [one for one in page.all("path") if "clippath" in one["parents"]]
    # Mirrored: index 2 to 4 of 9 are columns 4 to 6, and rows 3 to 5 stay.
    assert paths[0]["d"] == "M4 3H7V6H4z"
    assert paths[1]["d"] == "M2 3H4V6H2z"
    strokes = [one["stroke"] for one in page.all("use")[:2]]
    assert strokes == ["#3393ff", "#010203"]
    assert axial["role"] == "img"
    assert "left ↔ label 2" in axial["aria-label"]
    legend = page.all("p", class_="legend")[0]["text"]
    assert "left" in legend
    assert "right" in legend


def test_a_scan_with_one_value_is_shown_black():
    values = np.zeros((5, 5, 5))
    for scan in (np.zeros(values.shape, np.int16), np.full(values.shape, np.nan)):
        page = page_of(a_case(values, [(2, 2, 2)], scan=scan))
        assert (scans(page)[0] == 0).all()
    mask = np.zeros(values.shape, bool)
    mask[2] = True
    page = page_of(a_case(values, [(2, 2, 2)], scan=mask))
    np.testing.assert_array_equal(scans(page)[0], np.where(mask[:, :, 2], 255, 0))


def rgba_by_qt(address):
    """Pixels as Qt decodes them, and how many bytes the file has."""
    content = b64decode(address.partition(",")[2])
    image = QImage.fromData(content).convertToFormat(QImage.Format.Format_RGBA8888)
    bits = image.constBits().asstring(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), -1)
    return rows[:, : 4 * image.width()].reshape(*rows.shape[:1], -1, 4), len(content)


@pytest.mark.parametrize("smooth", [False, True])
def test_a_gray_picture_is_the_same_pixel_for_pixel(rng, smooth):
    pixels = rng.integers(0, 256, (37, 52)).astype(np.uint8)
    if smooth:
        pixels = np.add.outer(np.arange(200), np.arange(180)).astype(np.uint8)
    read, size = rgba_by_qt(png_address(pixels))
    np.testing.assert_array_equal(read[..., :3], np.stack([pixels] * 3, axis=-1))
    assert (read[..., 3] == 255).all()
    if smooth:
        assert size < pixels.size / 20


def test_a_picture_with_a_palette_is_the_same_pixel_for_pixel(rng):
    """A view of a larger one whose columns run backwards, as slices are."""
    pixels = rng.integers(0, 256, (19, 16)).astype(np.uint8)[:, ::-2]
    palette = rng.integers(0, 256, (256, 4)).astype(np.uint8)
    read, size = rgba_by_qt(png_address(pixels, palette))
    np.testing.assert_array_equal(read, palette[pixels])
    # One byte a pixel, and the palette.
    assert size < 2 * pixels.size + 1200

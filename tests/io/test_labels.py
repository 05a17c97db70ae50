"""Written segmentations, read back byte for byte and with nibabel alone."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from napari_uncertainty import Grid, InputError
from napari_uncertainty.io import open_volume
from napari_uncertainty.io.image_files import load
from napari_uncertainty.io.label_files import Written, write_labels
from napari_uncertainty.io.nifti import open_segmentation
from napari_uncertainty.model.images import LabelMap
from support.generated import OBLIQUE, turn

SHAPE = (6, 7, 8)

# A qform that is not the sform's place.
ELSEWHERE = nib.affines.from_matvec(np.diag([-1, 1.5, 2]), (90, -126, -72))


@pytest.fixture
def labels(rng):
    return rng.integers(0, 5, SHAPE).astype(np.uint8)


def plain(path):
    """All bytes of a file, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def start(path):
    """All bytes of a file in front of its voxels, as nibabel finds these."""
    return plain(path)[: nib.load(path).dataobj.offset]


def grid_of(image):
    return Grid(image.shape[:3], image.affine, image.header)


def values(path):
    return np.asarray(nib.load(path).dataobj)


def image_of(labels, dtype, image_class=nib.Nifti1Image, endianness="<"):
    """An image with about everything that a header can say."""
    header = image_class.header_class(endianness=endianness)
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm", "sec")
    header.set_intent("label", name="tissues")
    header["descrip"] = b"by hand"
    header["aux_file"] = b"names.txt"
    header["cal_max"] = 4
    header["toffset"] = 2.5
    header["pixdim"][4:] = 3, 5, 7, 9
    header.set_dim_info(1, 0, 2)
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept" * 9))
    header.extensions.append(nib.nifti1.Nifti1Extension("afni", b"<AFNI/>"))
    image = image_class(labels.astype(dtype), OBLIQUE, header)
    image.set_sform(OBLIQUE, 4)
    image.set_qform(ELSEWHERE, 2)
    return image


@pytest.mark.parametrize(
    ("ending", "image_class", "endianness"),
    [
        (".nii", nib.Nifti1Image, "<"),
        (".nii.gz", nib.Nifti1Image, ">"),
        (".nii.gz", nib.Nifti2Image, "<"),
        (".nii", nib.Nifti2Image, ">"),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "u2", "f8", "i8"])
def test_only_voxels_change(labels, tmp_path, dtype, endianness, image_class, ending):
    source = tmp_path / f"seg{ending}"
    image_of(labels, dtype, image_class, endianness).to_filename(source)
    opened = open_segmentation(source)
    corrected = opened.data.copy()
    corrected[2:4, 1, 5:] = 17
    path = tmp_path / "out.nii.gz"
    told = write_labels(
        path, corrected, opened.grid, source=source, scan=Grid(SHAPE, OBLIQUE)
    )
    assert told == Written(path, resampled=False, note="")
    stored = corrected.astype(np.dtype(dtype).newbyteorder(endianness))
    assert plain(path) == start(source) + stored.tobytes("F")
    again = nib.load(path)
    assert again.header.binaryblock == nib.load(source).header.binaryblock
    assert again.header.endianness == endianness
    assert [one.get_code() for one in again.header.extensions] == [6, 4]
    np.testing.assert_array_equal(again.affine, nib.load(source).affine)
    np.testing.assert_array_equal(values(path), corrected)


@pytest.mark.parametrize("codes", [(0, 0), (0, 3), (1, 0), (4, 2)])
def test_corrected_labels_keep_the_codes_of_their_source(labels, tmp_path, codes):
    image = image_of(labels, np.uint8)
    image.header["sform_code"], image.header["qform_code"] = codes
    # nibabel would set codes of its own for an affine that is not the header's.
    header = image.header
    image = nib.Nifti1Image(labels, header.get_best_affine(), header)
    image.to_filename(tmp_path / "seg.nii")
    written = load(tmp_path / "seg.nii")
    assert (written.header["sform_code"], written.header["qform_code"]) == codes
    write_labels(
        tmp_path / "out.nii", labels, grid_of(written), source=tmp_path / "seg.nii"
    )
    assert plain(tmp_path / "out.nii") == plain(tmp_path / "seg.nii")


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIL", "SAR"])
@pytest.mark.parametrize("tilt", [0, 17])
def test_unchanged_labels_give_the_same_file(labels, tmp_path, axes, tilt):
    upright = nib.Nifti1Image(labels, np.diag([1, 1.5, 2, 1]))
    turned = upright.as_reoriented(
        ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    )
    rotation = nib.affines.from_matvec(turn(tilt, 1))
    image = nib.Nifti1Image(np.asarray(turned.dataobj), rotation @ turned.affine)
    image.to_filename(tmp_path / "seg.nii")
    opened = open_segmentation(tmp_path / "seg.nii")
    write_labels(
        tmp_path / "out.nii", opened.data, opened.grid, source=tmp_path / "seg.nii"
    )
    assert plain(tmp_path / "out.nii") == plain(tmp_path / "seg.nii")


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 1), (6, 7, 8, 1), (6, 7, 8, 1, 3)])
def test_labels_with_any_number_of_axes_are_written(rng, tmp_path, shape):
    stored = rng.integers(0, 3, shape).astype(np.int16)
    source, path = tmp_path / "seg.nii.gz", tmp_path / "out.nii"
    nib.Nifti1Image(stored, OBLIQUE).to_filename(source)
    stored[1, 2] = 9
    opened = load(source)
    # As a file is read: without axes of length 1 behind the third.
    corrected = stored[:, :, :, 0] if len(shape) > 3 else stored
    told = write_labels(path, corrected, grid_of(opened), source=source)
    assert told.note == ""
    assert start(path) == start(source)
    np.testing.assert_array_equal(values(path), stored)


@pytest.fixture
def scaled(labels, tmp_path):
    """Labels of 0, 2, 4, … stored as 4, 5, 6, … with a slope of 2 and −8 added."""
    image = image_of(labels + 4, np.uint8)
    image.to_filename(tmp_path / "seg.nii")
    data = bytearray((tmp_path / "seg.nii").read_bytes())
    data[112:120] = np.array([2, -8], "<f4").tobytes()  # scl_slope and scl_inter
    (tmp_path / "seg.nii").write_bytes(data)
    np.testing.assert_array_equal(values(tmp_path / "seg.nii"), 2 * labels)
    return tmp_path / "seg.nii"


def test_a_scale_is_kept(scaled, labels, tmp_path):
    opened = open_segmentation(scaled)
    corrected = opened.data.copy()
    corrected[0] = 400
    path = tmp_path / "out.nii"
    write_labels(path, corrected, opened.grid, source=scaled)
    assert start(path) == start(scaled)
    np.testing.assert_array_equal(values(path), corrected)
    np.testing.assert_array_equal(
        nib.load(path).dataobj.get_unscaled()[1:], labels[1:] + 4
    )


@pytest.mark.parametrize("label", [3, -10, 504])
def test_what_a_scale_cannot_give(scaled, tmp_path, label):
    opened = open_segmentation(scaled)
    corrected = opened.data.copy()
    corrected[3, 3, 3] = label
    told = rf"Label {label} .*out.nii.* seg.nii, uint8 from 0 to 255, times 2 plus -8"
    with pytest.raises(InputError, match=told):
        write_labels(
            tmp_path / "out.nii", corrected, opened.grid, source=tmp_path / "seg.nii"
        )
    assert not (tmp_path / "out.nii").exists()


def test_a_scale_that_floats_cannot_hold(labels, tmp_path):
    """A tenth is rounded in the header; labels are those that were stored."""
    image_of(labels * 10, np.float32).to_filename(tmp_path / "seg.nii")
    data = bytearray((tmp_path / "seg.nii").read_bytes())
    data[112:120] = np.array([0.1, 0], "<f4").tobytes()
    (tmp_path / "seg.nii").write_bytes(data)
    opened = open_segmentation(tmp_path / "seg.nii")
    corrected = labels.astype(np.int32)
    corrected[0] = 70
    write_labels(
        tmp_path / "out.nii", corrected, opened.grid, source=tmp_path / "seg.nii"
    )
    np.testing.assert_allclose(values(tmp_path / "out.nii"), corrected, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "label"),
    [
        ("u1", 256), ("u1", -1), ("i1", 128), ("i2", 32768), ("u2", -3),
        ("f4", 2**24 + 1),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit(labels, tmp_path, dtype, label):
    image_of(labels, dtype).to_filename(tmp_path / "seg.nii")
    (tmp_path / "out.nii").write_bytes(b"older")
    corrected = labels.astype(np.int64)
    corrected[3, 4, 5] = label
    with pytest.raises(InputError, match=rf"Label {label} cannot .* {np.dtype(dtype)}"):
        write_labels(
            tmp_path / "out.nii",
            corrected,
            Grid(SHAPE, OBLIQUE),
            source=tmp_path / "seg.nii",
        )
    assert (tmp_path / "out.nii").read_bytes() == b"older"


def test_negative_labels_are_written(labels, tmp_path):
    signed = labels.astype(np.int16) - 2
    image_of(signed, np.int16).to_filename(tmp_path / "seg.nii")
    grid = Grid(SHAPE, OBLIQUE)
    write_labels(tmp_path / "out.nii", signed, grid, source=tmp_path / "seg.nii")
    np.testing.assert_array_equal(values(tmp_path / "out.nii"), signed)


# ------------------------------------------------------------- other voxels than a scan


@pytest.fixture
def scan(rng, tmp_path):
    """A scan with codes, a scale, extensions and time."""
    image = nib.Nifti1Image(
        (rng.random((12, 13, 14, 2)) * 99).astype(np.int16), OBLIQUE
    )
    image.set_sform(OBLIQUE, 1)
    image.set_qform(OBLIQUE, 3)
    image.header.set_slope_inter(3, 4)
    image.header.set_xyzt_units("micron")
    image.header["descrip"] = b"a scan"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"scan"))
    image.to_filename(tmp_path / "scan.nii.gz")
    return load(tmp_path / "scan.nii.gz")


def saved(image, path):
    image.to_filename(path)
    return open_segmentation(path)


def check_place(path, scan):
    """Where the scan is: affine, codes and units, and no more axes than three."""
    image = nib.load(path)
    assert image.shape == scan.shape[:3]
    np.testing.assert_array_equal(image.affine, scan.affine)
    for name in ("sform_code", "qform_code", "xyzt_units", "srow_x", "quatern_b"):
        np.testing.assert_array_equal(image.header[name], scan.header[name])
    return image


@pytest.mark.parametrize("axes", ["PIL", "RAS", "LSA"])
@pytest.mark.parametrize("dtype", ["u1", ">i2", "f4"])
def test_labels_of_a_turned_crop_are_written_on_the_scan(
    rng, scan, tmp_path, axes, dtype
):
    whole = np.zeros(scan.shape[:3], np.int32)
    box = (slice(3, 9), slice(2, 9), slice(5, 13))
    whole[box] = rng.integers(0, 200 if dtype == "u1" else 3000, SHAPE) // 2
    cut = nib.Nifti1Image(whole, scan.affine).slicer[box]
    cut = cut.as_reoriented(ornt_transform(axcodes2ornt("PIL"), axcodes2ornt(axes)))
    image = nib.Nifti1Image(
        np.asarray(cut.dataobj).astype(np.dtype(dtype).newbyteorder("<")),
        cut.affine,
        nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<"),
    )
    image.set_data_dtype(dtype)
    image.header.set_intent("label", name="tissues")
    image.header["descrip"] = b"by hand"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"names" * 9))
    opened = saved(image, tmp_path / "seg.nii")
    told = write_labels(
        tmp_path / "out.nii.gz",
        opened.data,
        opened.grid,
        source=tmp_path / "seg.nii",
        scan=grid_of(scan),
    )
    assert (told.resampled, told.note) == (False, "")
    written = check_place(told.path, scan)
    np.testing.assert_array_equal(np.asarray(written.dataobj), whole)
    assert written.get_data_dtype() == np.dtype(dtype).newbyteorder("=")
    assert (written.dataobj.slope, written.dataobj.inter) == (1, 0)
    assert written.header.get_intent()[::2] == ("label", "tissues")
    assert written.header["descrip"] == b"by hand"
    comments = [one.get_content() for one in written.header.extensions]
    assert [bytes(one) for one in comments] == [b"names" * 9]


def test_a_scale_goes_with_it(scaled, labels, scan, tmp_path):
    told = write_labels(
        tmp_path / "out.nii",
        2 * labels,
        Grid(SHAPE, OBLIQUE),
        source=scaled,
        scan=grid_of(scan),
    )
    written = check_place(told.path, scan)
    assert (written.dataobj.slope, written.dataobj.inter) == (2, -8)
    assert written.get_data_dtype() == np.uint8
    expected = np.zeros(scan.shape[:3])
    expected[:6, :7, :8] = 2 * labels
    np.testing.assert_array_equal(np.asarray(written.dataobj), expected)


def test_labels_outside_of_the_scan_are_told_or_refused(labels, scan, tmp_path):
    beyond = Grid(scan.shape[:3], scan.affine, scan.header).box((9, 0, 0), SHAPE)
    labels[:] = 2
    told = write_labels(
        tmp_path / "out.nii", labels, beyond, source=None, scan=grid_of(scan)
    )
    assert told.note == "Labels outside of the scan were left out (168 voxels)."
    assert np.count_nonzero(values(told.path)) == 3 * 7 * 8
    away = beyond.box((9, 0, 0), SHAPE)
    with pytest.raises(InputError, match="lies outside of the scan"):
        write_labels(
            tmp_path / "out.nii", labels, away, source=None, scan=grid_of(scan)
        )


def test_other_voxels_take_the_nearest_label(rng, scan, tmp_path):
    """A third of the scan's resolution: three by three voxels have one label."""
    coarse = rng.integers(1, 250, (4, 5, 5)).astype(np.uint16)
    # The middle of the first three voxels is the second one.
    affine = scan.affine @ nib.affines.from_matvec(np.diag([3, 3, 3]), (1, 1, 1))
    opened = saved(nib.Nifti1Image(coarse, affine), tmp_path / "seg_labels.nii")
    told = write_labels(
        tmp_path / "out.nii",
        opened.data,
        opened.grid,
        source=tmp_path / "seg_labels.nii",
        scan=grid_of(scan),
    )
    assert told.resampled
    assert "nearest" in told.note
    written = check_place(told.path, scan)
    assert written.get_data_dtype() == np.uint16
    fine = np.kron(coarse, np.ones((3, 3, 3), int))[:12, :13, :14]
    np.testing.assert_array_equal(np.asarray(written.dataobj), fine)


def test_moments_go_one_by_one(rng, scan, tmp_path):
    moments = rng.integers(0, 4, (*SHAPE, 3)).astype(np.int16)
    cropped = grid_of(scan).box((2, 3, 4), SHAPE)
    told = write_labels(
        tmp_path / "out.nii", moments, cropped, source=None, scan=grid_of(scan)
    )
    expected = np.zeros((*scan.shape[:3], 3))
    expected[2:8, 3:10, 4:12] = moments
    np.testing.assert_array_equal(values(told.path), expected)


def test_labels_are_written_on_the_grid_of_a_flat_scan(rng, tmp_path):
    flat = rng.integers(0, 4, (6, 7)).astype(np.uint8)
    opened = saved(nib.Nifti1Image(flat[::-1], OBLIQUE @ FLIP), tmp_path / "seg.nii")
    scan = Grid((6, 7), OBLIQUE)
    told = write_labels(
        tmp_path / "out.nii",
        opened.data,
        opened.grid,
        source=tmp_path / "seg.nii",
        scan=scan,
    )
    assert not told.resampled
    np.testing.assert_array_equal(values(told.path), flat)


FLIP = nib.affines.from_matvec(np.diag([-1, 1, 1]), (5, 0, 0))


# ----------------------------------------------------------------------- without a file


@pytest.mark.parametrize(
    ("ends", "dtype"),
    [
        ((0, 255), "u1"), ((0, 256), "u2"), ((0, 65536), "u4"), ((-1, 127), "i1"),
        ((-128, 3), "i1"), ((-1, 128), "i2"), ((-7, -5), "i1"), ((-1, 40000), "i4"),
        ((0, 2**33), "u8"),
    ],
)  # fmt: skip
def test_the_smallest_type(tmp_path, ends, dtype):
    labels = np.full(SHAPE, ends[0], np.int64)
    labels[1] = ends[1]
    grid = Grid(SHAPE, OBLIQUE)
    write_labels(tmp_path / "out.nii", labels, grid, source=None)
    written = nib.load(tmp_path / "out.nii")
    assert written.get_data_dtype() == np.dtype(dtype)
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels)
    np.testing.assert_array_equal(written.affine, OBLIQUE.astype(np.float32))
    assert written.header.get_intent()[0] == "label"
    assert written.header.get_xyzt_units()[0] == "mm"


def test_labels_without_a_source_take_the_header_of_the_grid(labels, scan, tmp_path):
    grid = Grid(scan.shape[:3], scan.affine, scan.header)
    whole = np.zeros(grid.shape, bool)
    whole[:6, :7, :8] = labels > 2
    write_labels(tmp_path / "out.nii", whole, grid, source=None)
    written = check_place(tmp_path / "out.nii", scan)
    assert written.header["descrip"] == b""
    assert not written.header.extensions
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(written.dataobj), whole)


def test_the_scan_tells_the_codes_where_the_grid_does_not(scan, tmp_path):
    labels = np.ones(scan.shape[:3], np.uint8)
    bare = Grid(labels.shape, scan.affine)
    write_labels(tmp_path / "out.nii", labels, bare, source=None, scan=grid_of(scan))
    check_place(tmp_path / "out.nii", scan)


def test_labels_without_a_place_are_written_without_codes(labels, tmp_path):
    told = write_labels(
        tmp_path / "out.nii", labels, None, source=None, scan=Grid((3, 3, 3), OBLIQUE)
    )
    header = nib.load(told.path).header
    assert (header["sform_code"], header["qform_code"]) == (0, 0)
    np.testing.assert_array_equal(values(told.path), labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_the_type_of_mgz(labels, tmp_path, dtype):
    nib.MGHImage(labels.astype(dtype), OBLIQUE).to_filename(tmp_path / "aseg.mgz")
    grid = Grid(SHAPE, OBLIQUE)
    told = write_labels(
        tmp_path / "out.nii", labels, grid, source=tmp_path / "aseg.mgz"
    )
    assert told.note == ""
    assert nib.load(told.path).get_data_dtype() == dtype
    np.testing.assert_array_equal(values(told.path), labels)


def test_labels_of_an_array_are_written_as_a_new_image(labels, tmp_path):
    np.save(tmp_path / "seg.npy", labels)
    grid = Grid(SHAPE, OBLIQUE)
    told = write_labels(tmp_path / "out.nii", labels, grid, source=tmp_path / "seg.npy")
    assert told.note == ""
    assert nib.load(told.path).get_data_dtype() == np.uint8


@pytest.mark.parametrize("change", ["gone", "damaged", "cropped", "moved"])
def test_a_source_that_is_not_what_it_was(labels, tmp_path, change):
    source, moved = tmp_path / "seg.nii", OBLIQUE.copy()
    moved[0, 3] += 3
    changed = {
        "cropped": nib.Nifti1Image(labels[1:], OBLIQUE),
        "moved": nib.Nifti1Image(labels, moved),
    }
    if change in changed:
        changed[change].to_filename(source)
    elif change == "damaged":
        source.write_bytes(b"nothing" * 99)
    told = write_labels(
        tmp_path / "out.nii", labels, Grid(SHAPE, OBLIQUE), source=source
    )
    assert told.note.startswith("seg.nii is not there any more or was changed")
    written = nib.load(told.path)
    np.testing.assert_array_equal(written.affine, OBLIQUE.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels)


# ------------------------------------------------------------------------------- files


@pytest.mark.parametrize("how", ["same", "other way", "symlink", "hard link"])
def test_the_source_is_never_overwritten(labels, tmp_path, how):
    source = path = tmp_path / "seg.nii"
    image_of(labels, np.uint8).to_filename(source)
    before = source.read_bytes()
    if how == "other way":
        path = tmp_path / ".." / tmp_path.name / "seg.nii"
    elif how != "same":
        path = tmp_path / "link.nii"
        (os.link if how == "hard link" else os.symlink)(source, path)
    with pytest.raises(InputError, match=r"choose another name, .*original is kept"):
        write_labels(path, labels + 1, Grid(SHAPE, OBLIQUE), source=source)
    assert source.read_bytes() == before


def test_labels_are_saved_as_nii_or_nii_gz_alone(labels, tmp_path):
    image_of(labels, np.uint8).to_filename(tmp_path / "seg.nii.gz")
    (tmp_path / "seg.nii.gz").rename(tmp_path / "SEG.NII.GZ")
    grid = Grid(SHAPE, OBLIQUE)
    for name, packed in (("out.NII.GZ", True), ("Out.Nii", False)):
        write_labels(tmp_path / name, labels, grid, source=tmp_path / "SEG.NII.GZ")
        data = (tmp_path / name).read_bytes()
        assert (data[:2] == b"\x1f\x8b") == packed
        assert plain(tmp_path / name) == plain(tmp_path / "SEG.NII.GZ")
    with pytest.raises(InputError, match=r"saved as .nii.gz or .nii"):
        write_labels(tmp_path / "out.mgz", labels, grid, source=None)


@pytest.mark.parametrize("with_source", [True, False])
def test_the_same_labels_are_the_same_file(labels, tmp_path, monkeypatch, with_source):
    source = tmp_path / "seg.nii.gz" if with_source else None
    if source is not None:
        image_of(labels, np.uint8).to_filename(source)
    written = []
    for name, now in (("a", 1e9), ("b", 1.5e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        path = tmp_path / f"{name}.nii.gz"
        # However they lie in memory.
        given = np.asarray(labels, order="CF"[name == "b"])
        write_labels(path, given, Grid(SHAPE, OBLIQUE), source=source)
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_a_failed_write_leaves_the_old_file(labels, tmp_path, monkeypatch):
    path, grid = tmp_path / "out.nii.gz", Grid(SHAPE, OBLIQUE)
    write_labels(path, labels, grid, source=None)
    before = path.read_bytes()

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write_labels(path, labels + 1, grid, source=None)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_told(labels, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_labels(tmp_path / "none" / "out.nii", labels, None, source=None)


def test_values_that_are_not_labels_are_refused(labels, tmp_path):
    path = tmp_path / "out.nii"
    with pytest.raises(InputError, match="one whole number for each voxel"):
        write_labels(path, labels / 2, None, source=None)
    with pytest.raises(InputError, match="cannot be placed"):
        write_labels(path, labels[1:], Grid(SHAPE, OBLIQUE), source=None)


def test_written_labels_are_read_back_as_labels(labels, tmp_path):
    """Without patches or a telling name: the intent says it."""
    write_labels(tmp_path / "x.nii", labels, Grid(SHAPE, OBLIQUE), source=None)
    assert isinstance(open_volume(tmp_path / "x.nii"), LabelMap)

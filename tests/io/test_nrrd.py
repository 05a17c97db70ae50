"""NRRD, written byte by byte: expected grids are computed by hand from the headers."""

import gzip
import json
import sys

import nrrd
import numpy as np
import pytest
from napari.layers import Layer

import napari_uncertainty as nu
from napari_uncertainty import InputError, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.io.image_files import load
from napari_uncertainty.io.nifti import open_segmentation
from napari_uncertainty.io.nrrd import LARGEST_HEADER
from napari_uncertainty.model.stored import PlainBytes, StoredValues
from napari_uncertainty.plugin.reader import get_reader
from support.command_line import call_here
from support.generated import softmax

SHAPE = (6, 7, 8)

#: Space directions and origin in the space of the header, for (i, j, k).
DIRECTIONS = np.array([[0.0, -1.5, 0.0], [2.0, 0.0, 0.1], [0.3, 0.0, 3.0]])
ORIGIN = np.array([10.0, -20.0, 30.0])

TYPES = {"f4": "float", "f8": "double", "i2": "short", "u1": "uchar", "u2": "uint16"}


def vector(numbers):
    return (
        "none" if numbers is None else f"({','.join(map(repr, map(float, numbers)))})"
    )


def header_of(data, encoding="raw", **fields):
    """Fields of an image whose first axis is the fastest in the file."""
    rows = [None] * (data.ndim - 3) + [*DIRECTIONS]
    kinds = ["list"] * (data.ndim - 3) + ["domain"] * 3
    told = {
        "type": TYPES[data.dtype.str[1:]],
        "dimension": data.ndim,
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, data.shape)),
        "space directions": " ".join(map(vector, rows)),
        "kinds": " ".join(kinds),
        "endian": "big" if data.dtype.str[0] == ">" else "little",
        "encoding": encoding,
        "space origin": vector(ORIGIN),
    }
    told |= {name.replace("_", " "): value for name, value in fields.items()}
    return {name: value for name, value in told.items() if value is not None}


def save(path, data, encoding="raw", keys=None, **fields):
    """Write an image, the first axis the fastest; key/value pairs are `keys`."""
    lines = ["NRRD0005", "# written by a test"]
    lines += [f"{name}: {v}" for name, v in header_of(data, encoding, **fields).items()]
    lines += [f"{name}:={value}" for name, value in (keys or {}).items()]
    content = data.tobytes(order="F")
    if encoding == "gzip":
        content = gzip.compress(content)
    elif encoding == "ascii":
        content = "\n".join(map(str, data.ravel(order="F").tolist())).encode()
    path.write_bytes("\n".join([*lines, "", ""]).encode() + content)
    return path


def affine_of(signs, unit=1.0):
    """By hand: columns are the directions; world axes are turned to R, A, S and mm."""
    affine = np.eye(4)
    affine[:3, :3] = DIRECTIONS.T * unit
    affine[:3, 3] = ORIGIN * unit
    return np.diag([*signs, 1.0]) @ affine


@pytest.fixture
def scan(rng):
    return rng.integers(0, 1000, SHAPE).astype("<i2")


@pytest.fixture
def values(rng):
    return softmax(rng, (4, *SHAPE))


# Scans


@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", ">f8", "|u1"])
def test_a_scan_keeps_type_and_values(tmp_path, scan, encoding, dtype):
    data = (scan % 200).astype(dtype)
    opened = open_volume(save(tmp_path / "T1.nrrd", data, encoding))
    assert isinstance(opened, Scan)
    assert opened.name == "T1"
    assert opened.data.dtype == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(opened.data, data)
    np.testing.assert_allclose(opened.grid.affine, affine_of((-1, -1, 1)))


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("LAS", (-1, 1, 1)),
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
    ],
)
def test_the_space_tells_where_right_anterior_and_superior_are(
    tmp_path, scan, space, signs
):
    grid = open_volume(save(tmp_path / "a.nrrd", scan, space=space)).grid
    np.testing.assert_allclose(grid.affine, affine_of(signs))


@pytest.mark.parametrize(
    ("unit", "millimetres"), [("mm", 1), ("um", 1e-3), ("cm", 10), ("m", 1e3)]
)
def test_units_of_the_space_are_honoured(tmp_path, scan, unit, millimetres):
    units = " ".join([f'"{unit}"'] * 3)
    path = save(tmp_path / "a.nrrd", scan, space_units=units)
    expected = affine_of((-1, -1, 1), millimetres)
    np.testing.assert_allclose(load(path).affine, expected)


def test_an_unknown_unit_is_refused(tmp_path, scan):
    path = save(tmp_path / "a.nrrd", scan, space_units='"pixel" "pixel" "pixel"')
    with pytest.raises(InputError, match='unknown unit "pixel"'):
        open_volume(path)


def test_the_affine_is_that_of_pynrrd_read_by_itself(tmp_path, scan):
    path = save(tmp_path / "a.nrrd", scan)
    data, header = nrrd.read(str(path))
    np.testing.assert_array_equal(open_volume(path).data, data)
    directions = np.array(header["space directions"])
    expected = np.diag([-1, -1, 1]) @ directions.T
    np.testing.assert_allclose(load(path).affine[:3, :3], expected)


def test_what_pynrrd_writes_is_read(tmp_path, values):
    for compressed in ("gzip", "raw"):
        path = tmp_path / f"{compressed}.nrrd"
        header = {
            "space": "RAS",
            "kinds": ["vector", "space", "space", "space"],
            "space directions": np.vstack([np.full(3, np.nan), DIRECTIONS]),
            "space origin": ORIGIN,
            "encoding": compressed,
        }
        nrrd.write(str(path), values, header)
        read = nu.read(path)
        np.testing.assert_array_equal(read.values, values)
        np.testing.assert_allclose(read.grid.affine, affine_of((1, 1, 1)))


def test_spacings_without_directions_lie_as_itk_takes_them(tmp_path, scan):
    path = save(
        tmp_path / "a.nrrd", scan, space=None, space_directions=None,
        space_origin=None, spacings="0.5 2 3", units='"mm" "mm" "cm"',
    )  # fmt: skip
    image = load(path)
    np.testing.assert_allclose(image.affine, np.diag([-0.5, -2, 30, 1]))
    assert not image.has_place
    assert "left and right may be swapped" in image.note


def test_a_flat_image(tmp_path, scan):
    path = save(
        tmp_path / "a.nrrd", scan[..., 0], dimension=2, kinds="domain domain",
        space=None, space_dimension=2, space_directions="(0.5,0) (0,2)",
        space_origin="(1,-3)",
    )  # fmt: skip
    opened = open_volume(path)
    np.testing.assert_array_equal(opened.data, scan[..., 0])
    expected = np.diag([-0.5, -2, 1, 1])
    expected[:3, 3] = -1, 3, 0
    np.testing.assert_allclose(opened.grid.affine, expected)


def test_time_stays_with_the_scan(tmp_path, rng):
    data = rng.integers(0, 900, (*SHAPE, 5)).astype("<i2")
    directions = " ".join([*map(vector, DIRECTIONS), "none"])
    path = save(
        tmp_path / "bold.nrrd", data, space_directions=directions,
        kinds="domain domain domain time",
    )  # fmt: skip
    opened = open_volume(path)
    assert isinstance(opened, Scan)
    np.testing.assert_array_equal(opened.data, data)


# Probabilities


@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
@pytest.mark.parametrize("kind", ["list", "vector"])
@pytest.mark.parametrize("at", [0, 3])
def test_the_class_axis_is_the_one_without_a_direction(
    tmp_path, values, encoding, kind, at
):
    rows, kinds = [*DIRECTIONS], ["domain"] * 3
    rows.insert(at, None)
    kinds.insert(at, kind)
    path = save(
        tmp_path / "softmax.nrrd", np.moveaxis(values, 0, at), encoding,
        space_directions=" ".join(map(vector, rows)), kinds=" ".join(kinds),
    )  # fmt: skip
    opened = open_volume(path)
    assert isinstance(opened, ProbabilityMap)
    np.testing.assert_array_equal(opened.values, values)
    assert (opened.guess, opened.note) == ("", "")
    lazily = open_probabilities(path)
    assert isinstance(lazily.values, StoredValues)
    assert isinstance(lazily.values.bytes, PlainBytes) == (encoding != "gzip")
    np.testing.assert_array_equal(lazily.values.load(), values)
    assert lazily.grid.shape == SHAPE
    np.testing.assert_allclose(lazily.grid.affine, affine_of((-1, -1, 1)))


def test_python_computes_the_entropy_of_the_classes(tmp_path, values):
    path = save(tmp_path / "softmax.nrrd", values, "gzip")
    p = values.astype(np.float64)
    expected = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)
    got = nu.entropy(nu.read(path))
    np.testing.assert_allclose(np.asarray(got), expected, atol=2e-5)


def test_a_flat_image_of_classes(tmp_path, rng):
    values = softmax(rng, (3, 9, 8))
    path = save(
        tmp_path / "a.nrrd", values, dimension=3, space=None, space_dimension=2,
        space_directions="none (0.5,0) (0,2)", kinds="vector domain domain",
        space_origin="(1,-3)",
    )  # fmt: skip
    np.testing.assert_array_equal(nu.read(path).values[..., 0], values)


def test_without_kinds_and_directions_the_values_tell_the_class_axis(tmp_path, values):
    plain = {
        "space": None, "space_directions": None, "space_origin": None, "kinds": None,
    }  # fmt: skip
    last = save(tmp_path / "last.nrrd", np.moveaxis(values, 0, -1), **plain)
    first = save(tmp_path / "first.nrrd", values, **plain)
    for path in (last, first):
        read = nu.read(path)
        np.testing.assert_array_equal(read.values, values)
        assert "left and right may be swapped" in read.note


def test_a_class_axis_that_the_header_tells_is_not_to_be_named(tmp_path, values):
    path = save(tmp_path / "a.nrrd", values)
    with pytest.raises(InputError, match="leave the class axis out"):
        nu.read(path, class_axis=1)
    np.testing.assert_array_equal(nu.read(path).values, values)


def test_files_with_a_class_each_are_one_case(tmp_path, values):
    for number, one in enumerate(values):
        save(tmp_path / f"sub_pve_{number}.nrrd", one)
    read = nu.read(tmp_path / "sub_pve_1.nrrd")
    np.testing.assert_array_equal(read.values, values)
    assert read.name == "sub"
    named = nu.read([tmp_path / f"sub_pve_{number}.nrrd" for number in (2, 0, 1, 3)])
    np.testing.assert_array_equal(named.values, values[[2, 0, 1, 3]])


def test_an_array_takes_its_place_from_the_nrrd_beside_it(tmp_path, scan, values):
    save(tmp_path / "sub-007_T1w.nrrd", scan)
    np.save(tmp_path / "sub-007.npy", np.moveaxis(values, 0, -1))
    read = nu.read(tmp_path / "sub-007.npy")
    assert read.geometry_source == tmp_path / "sub-007_T1w.nrrd"
    np.testing.assert_allclose(read.grid.affine, affine_of((-1, -1, 1)))


# Segmentations


def segment(number, **fields):
    return {f"Segment{number}_{name}": value for name, value in fields.items()}


@pytest.fixture
def labels():
    data = np.zeros(SHAPE, np.uint8)
    data[1:3, 1:4, 1:5] = 3
    data[3:5, 2:6, 2:7] = 7
    return data


def test_names_and_colours_of_segments_are_those_of_3d_slicer(tmp_path, labels):
    keys = segment(0, Name="Left: lung", LabelValue=3, Layer=0, Color="0.5 0.25 1")
    keys |= segment(1, Name="Größe", LabelValue=7, Layer=0, Color="1 0 0")
    opened = open_volume(save(tmp_path / "a.seg.nrrd", labels, "gzip", keys))
    assert isinstance(opened, LabelMap)
    assert opened.name == "a"
    np.testing.assert_array_equal(opened.data, labels)
    assert opened.class_names == {3: "Left: lung", 7: "Größe"}
    assert opened.colors == {3: (0.5, 0.25, 1.0), 7: (1.0, 0.0, 0.0)}
    np.testing.assert_allclose(opened.grid.affine, affine_of((-1, -1, 1)))


@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
def test_layers_of_a_segmentation_become_one(tmp_path, labels, encoding):
    layers = np.stack([np.where(labels == 3, 1, 0), np.where(labels == 7, 1, 0)])
    keys = segment(0, Name="a", LabelValue=1, Layer=0)
    keys |= segment(1, Name="b", LabelValue=1, Layer=1)
    path = save(tmp_path / "a.seg.nrrd", layers.astype(np.uint8), encoding, keys)
    opened = open_segmentation(path)
    expected = np.where(labels == 3, 1, np.where(labels == 7, 2, 0))
    np.testing.assert_array_equal(opened.data, expected)
    assert opened.class_names == {1: "a", 2: "b"}


def test_values_that_differ_between_layers_are_the_labels(tmp_path, labels):
    layers = np.stack([np.where(labels == 3, 3, 0), np.where(labels == 7, 7, 0)])
    keys = segment(0, Name="a", LabelValue=3, Layer=0)
    keys |= segment(1, Name="b", LabelValue=7, Layer=1)
    path = save(tmp_path / "a.seg.nrrd", layers.astype(np.uint8), keys=keys)
    np.testing.assert_array_equal(open_segmentation(path).data, labels)


def test_older_segmentations_have_a_layer_for_each_segment(tmp_path, labels):
    layers = np.stack([np.where(labels == 3, 1, 0), np.where(labels == 7, 1, 0)])
    keys = segment(0, Name="a") | segment(1, Name="b")
    path = save(tmp_path / "a.seg.nrrd", layers.astype(np.uint8), keys=keys)
    expected = np.where(labels == 3, 1, np.where(labels == 7, 2, 0))
    np.testing.assert_array_equal(open_segmentation(path).data, expected)


def test_segments_that_overlap_are_refused(tmp_path, labels):
    layers = np.stack([labels == 3, labels > 0]).astype(np.uint8)
    keys = segment(0, Name="a", LabelValue=1, Layer=0)
    keys |= segment(1, Name="b", LabelValue=1, Layer=1)
    path = save(tmp_path / "a.seg.nrrd", layers, keys=keys)
    with pytest.raises(InputError, match=r'"b" overlaps with others \(24 voxels\)'):
        open_segmentation(path)


def test_a_layer_that_is_not_there_is_told(tmp_path, labels):
    layers = np.stack([labels == 3, labels == 7]).astype(np.uint8)
    keys = segment(0, Name="a", LabelValue=1, Layer=5)
    with pytest.raises(InputError, match="in none of its layers"):
        open_segmentation(save(tmp_path / "a.seg.nrrd", layers, keys=keys))


def test_fractional_segmentations_are_no_labels(tmp_path, values):
    keys = segment(0, Name="a") | segment(1, Name="b")
    keys["Segmentation_SourceRepresentation"] = "Fractional labelmap"
    path = save(tmp_path / "a.seg.nrrd", values, keys=keys)
    np.testing.assert_array_equal(nu.read(path).values, values)


def test_labels_without_segments_are_told_from_scans_by_their_values(tmp_path, labels):
    opened = open_volume(save(tmp_path / "a.nrrd", labels))
    assert isinstance(opened, LabelMap)
    np.testing.assert_array_equal(opened.data, labels)


# Damaged files


def test_without_pynrrd_one_sentence_says_what_to_install(tmp_path, scan, monkeypatch):
    path = save(tmp_path / "a.nrrd", scan)
    monkeypatch.setitem(sys.modules, "nrrd", None)
    with pytest.raises(InputError) as told:
        open_volume(path)
    assert str(told.value) == (
        "a.nrrd is NRRD, which is read with pynrrd; install it with "
        'pip install "napari-uncertainty[nrrd]".'
    )


def test_values_in_another_file_are_refused(tmp_path, values):
    path = save(tmp_path / "a.nhdr", values, data_file="a.raw")
    with pytest.raises(InputError, match=r"values in other files \(a.raw\)"):
        nu.read(path)
    path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n")
    with pytest.raises(InputError, match=r"write image and header as one \.nrrd"):
        nu.read(path)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "block"}, "one real number"),
        ({"type": None}, 'no field "type"'),
        ({"sizes": "4 6 7"}, "sizes"),
        ({"sizes": "4 6 7 0"}, "sizes"),
        ({"sizes": "4 6 7 -8"}, "sizes"),
        ({"sizes": "4 6 7 x"}, "damaged"),
        ({"sizes": "4 6 7 9999999999999999999999"}, "damaged"),
        ({"sizes": "4000000 4000000 4000000 4000000"}, "more than any file holds"),
        ({"dimension": "five"}, "damaged"),
        ({"encoding": None}, 'no field "encoding"'),
        ({"encoding": "hex"}, 'encoded as "hex"'),
        ({"encoding": "bzip2"}, 'encoded as "bzip2"'),
        ({"endian": None}, 'no field "endian"'),
        ({"endian": "middle"}, 'byte order is "middle"'),
        ({"space_directions": "none (1,0,0)"}, "each of its axes once"),
        ({"space_directions": "none none (1,0,0) (0,1,0)"}, "2 axes in space and 2"),
        ({"space_directions": "none (1,0) (0,1) (1"}, "damaged"),
        ({"space_directions": "none (1,0,0) (0,1,0) (0,1,0)"}, "affine"),
        ({"space_origin": "(1,2)"}, "damaged"),
        ({"byte_skip": "12"}, "leaves out a part"),
        ({"line_skip": "1"}, "leaves out a part"),
    ],
)
def test_what_is_wrong_with_a_header_is_told(tmp_path, values, fields, told):
    path = save(tmp_path / "a.nrrd", values, **fields)
    with pytest.raises(InputError, match=told):
        nu.read(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
def test_a_file_that_ends_too_early_is_told(tmp_path, values, encoding):
    path = save(tmp_path / "a.nrrd", values, encoding)
    whole = path.read_bytes()
    begins = whole.index(b"\n\n") + 2
    for length in (3, 20, begins - 4, begins, begins + 40, len(whole) - 300):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.nrrd"):
            nu.read(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
def test_sizes_are_checked_before_anything_is_allocated(tmp_path, scan, encoding):
    path = save(tmp_path / "a.nrrd", scan, encoding, sizes="60000 60000 60000")
    with pytest.raises(InputError, match=r"a\.nrrd"):
        open_volume(path)


def test_a_header_without_an_end_is_not_read_for_ever(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(b"NRRD0005\n" + b"# no end\n" * (LARGEST_HEADER // 8))
    with pytest.raises(InputError, match="its header has no end"):
        open_volume(path)


@pytest.mark.parametrize("content", ["1 2 three 4", "1 2", "1 2 3 300"])
def test_text_that_holds_other_numbers_is_refused(tmp_path, content):
    data = np.zeros((2, 2, 1), np.uint8)
    path = save(tmp_path / "a.nrrd", data, "ascii")
    start = path.read_bytes().partition(b"\n\n")[0]
    path.write_bytes(start + b"\n\n" + content.encode() + b" " * 9)
    with pytest.raises(InputError, match=r"a\.nrrd cannot be read"):
        open_volume(path)


def test_random_changes_of_a_header_end_in_a_sentence_or_an_image(tmp_path, rng, scan):
    path = save(tmp_path / "a.nrrd", scan)
    whole = path.read_bytes()
    begins = whole.index(b"\n\n") + 2
    for _ in range(300):
        changed = bytearray(whole)
        for at in rng.integers(0, begins, 3):
            changed[at] = rng.integers(1, 128)
        path.write_bytes(changed)
        try:
            open_volume(path)
        except InputError as error:
            assert "a.nrrd" in str(error) or "affine" in str(error)  # noqa: PT017


# Doors


def test_the_command_line_computes_a_map_and_says_what_a_file_is(
    tmp_path, values, labels
):
    path = save(tmp_path / "case.nrrd", values, "gzip")
    done = call_here("map", str(path), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    [written] = (tmp_path / "out").glob("case_*.nii.gz")
    np.testing.assert_allclose(load(written).affine, affine_of((-1, -1, 1)), atol=1e-5)
    told = json.loads(call_here("info", str(path)).stdout)
    assert told["content"] == "probabilities"
    keys = segment(0, Name="left", LabelValue=3) | segment(1, LabelValue=7)
    save(tmp_path / "a.seg.nrrd", labels, keys=keys)
    told = json.loads(call_here("info", str(tmp_path / "a.seg.nrrd")).stdout)
    assert told["content"] == "segmentation"
    assert told["labels"] == {"0": "", "3": "left", "7": ""}


def test_segmentations_beside_are_found_by_name(tmp_path, values):
    for folder in ("in", "seg"):
        (tmp_path / folder).mkdir()
    save(tmp_path / "in" / "case.nrrd", values)
    save(tmp_path / "seg" / "case.nrrd", values.argmax(axis=0).astype(np.uint8))
    done = call_here(
        "map", str(tmp_path / "in"), "-o", str(tmp_path / "out"),
        "--labels", str(tmp_path / "seg"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "case_classes.tsv").is_file()


def test_the_viewer_shows_scan_probabilities_and_coloured_labels(
    tmp_path, scan, values, labels, make_napari_viewer
):
    keys = segment(0, Name="left", LabelValue=3, Color="0.5 0.25 1")
    paths = [
        save(tmp_path / "T1.nrrd", scan),
        save(tmp_path / "softmax.nrrd", values, "gzip"),
        save(tmp_path / "a.seg.nrrd", labels, keys=keys),
    ]
    viewer = make_napari_viewer()
    for path in map(str, paths):
        for layer in get_reader(path)(path):
            viewer.add_layer(Layer.create(*layer))
    of_scan, of_probabilities, of_labels = viewer.layers
    assert of_scan.data.size == scan.size
    assert of_probabilities.data.shape[0] == 4
    np.testing.assert_allclose(of_labels.get_color(3)[:3], (0.5, 0.25, 1), atol=1e-6)

"""Zarr and OME-Zarr, written by zarr-python in the layouts of their specifications."""

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import zarr
from scipy.stats import entropy

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.io import chunked, open_members, open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.generated import OBLIQUE, softmax

SHAPE = (4, 6, 7, 8)

# As a scanner of 0.5 × 0.6 × 0.7 mm would have it, in the order of the array.
AXES = [
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "millimeter"},
    {"name": "x", "type": "space", "unit": "millimeter"},
]
SCALE = {"type": "scale", "scale": [1.0, 700.0, 0.6, 0.5]}
TRANSLATION = {"type": "translation", "translation": [0.0, 30000.0, -20.0, 10.0]}


@pytest.fixture
def values(rng):
    """Class first, then nibabel's axes."""
    return softmax(rng, SHAPE)


def save(path, array, zarr_format=3, **options):
    halved = tuple((n + 1) // 2 for n in array.shape[:2])
    options = {"chunks": halved + array.shape[2:]} | options
    stored = zarr.create_array(
        path, shape=array.shape, dtype=array.dtype, zarr_format=zarr_format, **options
    )
    stored[...] = array
    return path


def save_image(
    path, array, axes=AXES, transformations=(SCALE, TRANSLATION), version="0.5", **more
):
    """An image of OME-Zarr with a second, coarser resolution and a label image."""
    zarr_format = 3 if version >= "0.5" else 2
    group = zarr.create_group(path, zarr_format=zarr_format)
    save(path / "0", array, zarr_format)
    save(path / "1", array[..., ::2, ::2], zarr_format)
    save(path / "labels" / "cells", array[0].astype(np.uint8), zarr_format)
    coarse = {"type": "scale", "scale": [9.0] * array.ndim}
    image = {
        "axes": axes,
        "datasets": [
            {"path": "0", "coordinateTransformations": list(transformations)},
            {"path": "1", "coordinateTransformations": [coarse]},
        ],
    }
    if version >= "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image], **more}
    else:
        group.attrs["multiscales"] = [image | {"version": version}]
        group.attrs.update(more)
    return path


def save_twin(path, shape):
    nib.Nifti1Image(np.zeros(shape, np.uint8), OBLIQUE).to_filename(path)
    return nib.load(path).affine


def reversed_axes(values):
    return values.transpose(0, 3, 2, 1)


def edit(file, **changes):
    metadata = json.loads(file.read_text())
    file.write_text(json.dumps(metadata | changes))


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (1, 2, 3, 4), "shards": (4, 4, 6, 8)},
        {"chunks": SHAPE, "compressors": None},
        {"chunks": (4, 2, 1, 4)},
    ],
)
def test_chunks_of_any_shape_are_joined_into_fitting_blocks(
    tmp_path, values, options, monkeypatch
):
    monkeypatch.setattr(chunked, "BLOCK_VALUES", 100)
    opened = open_probabilities(
        save(tmp_path / "a.zarr", values, fill_value=0, **options),
        Interpretation(class_axis=0),
    )
    np.testing.assert_array_equal(opened.values.compute(), reversed_axes(values))
    largest = np.prod([max(lengths) for lengths in opened.values.chunks])
    assert largest <= max(100, np.prod(options["chunks"]))


def test_big_endian_floats_and_scaled_integers(tmp_path, values):
    read = nu.read(save(tmp_path / "a.zarr", values.astype(">f4"), 2))
    assert read.values.dtype.isnative
    np.testing.assert_array_equal(read.values, reversed_axes(values))
    path = save(tmp_path / "b.zarr", np.rint(reversed_axes(values) * 255).astype("u1"))
    expected = entropy(values.astype(np.float64), base=2)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=0.1)


def test_an_axis_that_is_only_short_is_told(tmp_path, rng):
    logits = rng.standard_normal((3, 9, 10, 11)).astype(np.float32) * 9
    read = nu.read(save(tmp_path / "a.zarr", logits))
    np.testing.assert_array_equal(read.values, reversed_axes(logits))
    assert "axis 0" in read.note
    last = nu.read(tmp_path / "a.zarr", class_axis=-1)
    assert last.values.shape == (11, 3, 9, 10)
    assert last.note == ""
    with pytest.raises(InputError, match="no class axis 4"):
        nu.read(tmp_path / "a.zarr", class_axis=4)


def test_one_array_of_a_group_is_found_or_named(tmp_path, values):
    path = tmp_path / "a.zarr"
    zarr.create_group(path).create_group("deep")
    save(path / "numbers", np.arange(5))
    save(path / "deep" / "softmax", reversed_axes(values))
    (path / "notes").mkdir()
    np.testing.assert_array_equal(nu.read(path).values, values)
    save(path / "other", values[:3])
    with pytest.raises(InputError, match=r'"deep/softmax" \(4 × 8 × 7 × 6.*"other"'):
        nu.read(path)
    read = nu.read(path, array="deep/softmax")
    np.testing.assert_array_equal(read.values, values)
    with pytest.raises(InputError, match=r'no array "nothing".*"numbers"'):
        nu.read(path, array="nothing")
    with pytest.raises(InputError, match="cannot be probabilities"):
        nu.read(path, array="numbers")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_gives_names_and_place(tmp_path, values, version):
    names = ["background", "white", "gray", "fluid"]
    omero = {"channels": [{"label": name} for name in names]}
    path = save_image(
        tmp_path / "a.ome.zarr", reversed_axes(values), version=version, omero=omero
    )
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    assert read.class_names == tuple(names)
    assert read.name == "a"
    expected = [[0.5, 0, 0, 10], [0, 0.6, 0, -20], [0, 0, 0.7, 30], [0, 0, 0, 1]]
    np.testing.assert_allclose(read.grid.affine, expected)
    assert read.place_note == ""
    assert "left and right may be swapped" in read.note


def test_directions_of_ome_zarr_give_left_and_right(tmp_path, values):
    told = ("superior-to-inferior", "posterior-to-anterior", "right-to-left")
    axes = [AXES[0]] + [
        axis | {"orientation": {"type": "anatomical", "value": value}}
        for axis, value in zip(AXES[1:], told, strict=True)
    ]
    read = nu.read(save_image(tmp_path / "a.zarr", reversed_axes(values), axes))
    assert read.grid.axcodes == ("L", "A", "I")
    expected = [[-0.5, 0, 0, -10], [0, 0.6, 0, -20], [0, 0, -0.7, -30], [0, 0, 0, 1]]
    np.testing.assert_allclose(read.grid.affine, expected)
    assert read.note == ""


def test_transformations_of_all_resolutions_come_last(tmp_path, values):
    path = save_image(tmp_path / "a.zarr", reversed_axes(values))
    metadata = json.loads((path / "zarr.json").read_text())
    image = metadata["attributes"]["ome"]["multiscales"][0]
    image["coordinateTransformations"] = [{"type": "scale", "scale": [1, 2, 2, 2]}]
    (path / "zarr.json").write_text(json.dumps(metadata))
    read = nu.read(path)
    np.testing.assert_allclose(read.grid.zooms, [1, 1.2, 1.4])
    np.testing.assert_allclose(read.grid.affine[:3, 3], [20, -40, 60])


def test_an_image_beside_knows_more_than_ome_zarr(tmp_path, values):
    path = save_image(tmp_path / "a.ome.zarr", reversed_axes(values))
    affine = save_twin(tmp_path / "a.nii.gz", SHAPE[1:])
    read = nu.read(path)
    np.testing.assert_array_equal(read.grid.affine, affine)
    assert read.note == ""


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ({"name": "x", "type": "space"}, "axis x has no unit"),
        ({"name": "x", "type": "space", "unit": "parsec"}, 'unknown unit "parsec"'),
        ({"name": "x", "type": "space", "unit": "angstrom"}, "make no sense here"),
    ],
)
def test_a_place_that_cannot_be_told(tmp_path, values, axis, told):
    axes = [*AXES[:3], axis]
    read = nu.read(save_image(tmp_path / "a.zarr", reversed_axes(values), axes))
    np.testing.assert_array_equal(read.values, values)
    assert read.grid is None
    assert told in read.place_note


def test_another_resolution_by_name(tmp_path, values):
    path = save_image(tmp_path / "a.zarr", reversed_axes(values))
    read = nu.read(path, array="1")
    np.testing.assert_array_equal(read.values, values[:, ::2, ::2])
    with pytest.raises(InputError, match="no array"):
        nu.read(path, array="labels/cells")


def test_time_is_dropped_or_of_members(tmp_path, rng, values):
    axes = [{"name": "t", "type": "time"}, *AXES]
    other = softmax(rng, SHAPE)
    one = save_image(tmp_path / "one.zarr", reversed_axes(values)[None], axes, ())
    np.testing.assert_array_equal(nu.read(one).values, values)
    stack = np.stack([reversed_axes(values), reversed_axes(other)])
    two = save_image(tmp_path / "two.zarr", stack, axes, ())
    with pytest.raises(InputError, match="2 members"):
        nu.read(two)
    first, second = open_members(two)
    assert (first.name, second.name) == ("two frame 0", "two frame 1")
    np.testing.assert_array_equal(first.values.compute(), values)
    np.testing.assert_array_equal(second.values.compute(), other)


@pytest.mark.parametrize("axes", [["t", "c", "z", "y", "x"], None])
def test_first_versions_of_ome_zarr_are_read_without_a_place(tmp_path, values, axes):
    array = reversed_axes(values)[None]
    path = save_image(tmp_path / "a.zarr", array, axes, (), version="0.3")
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    assert read.grid is None


def test_a_single_channel_and_a_flat_image(tmp_path, rng):
    foreground = rng.random((8, 7, 6)).astype(np.float32)
    path = save_image(tmp_path / "a.zarr", foreground, AXES[1:], ())
    np.testing.assert_array_equal(nu.read(path).values, foreground.T[None])
    flat = softmax(rng, (3, 9, 8))
    axes = [AXES[0], *AXES[2:]]
    scale = {"type": "scale", "scale": [1, 2, 3]}
    read = nu.read(save_image(tmp_path / "b.zarr", flat, axes, [scale]))
    np.testing.assert_array_equal(read.values, flat.transpose(0, 2, 1))
    np.testing.assert_allclose(read.grid.zooms, [3, 2])
    path = save_image(tmp_path / "c.zarr", flat[0], AXES[2:], ())
    np.testing.assert_array_equal(nu.read(path).values, flat[:1].transpose(0, 2, 1))
    with pytest.raises(InputError, match="less than two axes for space"):
        nu.read(path, class_axis=0)


@pytest.mark.parametrize("flat", [(6, 7), (6, 7, 1)])
def test_an_array_of_one_slice_is_as_flat_as_the_image_beside_it(tmp_path, rng, flat):
    values = softmax(rng, (3, 6, 7))
    array = values.transpose(0, 2, 1)[:, None]  # one slice, as ilastik exports it
    axes = AXES
    path = save_image(tmp_path / "a.zarr", array, axes)
    save_twin(tmp_path / "a.nii.gz", flat)
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values.reshape(3, *flat))
    assert read.geometry_source is not None


def test_named_class_axis_overrules_the_file(tmp_path, rng):
    values = softmax(rng, (4, 4, 5, 6))
    path = save_image(tmp_path / "a.zarr", values)
    read = nu.read(path, class_axis=1)
    np.testing.assert_array_equal(read.values, np.moveaxis(values, 1, 0))
    assert read.grid is None


def test_stacked_members_are_read_one_by_one(tmp_path, rng):
    stack = np.stack([softmax(rng, SHAPE) for _ in range(3)])
    path = save(tmp_path / "a.zarr", stack)
    with pytest.raises(InputError, match="3 members"):
        nu.read(path)
    members = open_members(path)
    assert len(members) == 3
    for member, values in zip(members, stack, strict=True):
        np.testing.assert_array_equal(member.values.compute(), reversed_axes(values))
    flat = np.stack([softmax(rng, (3, 9, 8)) for _ in range(5)])
    members = open_members(save(tmp_path / "b.zarr", flat))
    np.testing.assert_array_equal(
        members[4].values.compute(), flat[4].transpose(0, 2, 1)
    )
    read = nu.read(tmp_path / "b.zarr")
    assert "its second" in read.note
    assert len(open_members(save(tmp_path / "c.zarr", stack[0]))) == 1
    batch = nu.read(save(tmp_path / "d.zarr", stack[:1]))  # as PyTorch has it
    np.testing.assert_array_equal(batch.values, reversed_axes(stack[0]))
    with pytest.raises(InputError, match="cannot be the class axis"):
        open_members(path, Interpretation(class_axis=0))


def test_missing_chunks_hold_the_fill_value(tmp_path, values):
    path = save(
        tmp_path / "a.zarr", values, chunks=(4, 3, 7, 8), fill_value=float("nan")
    )
    (path / "c" / "0" / "1" / "0" / "0").unlink()
    maps = nu.uncertainty(path)
    assert np.count_nonzero(maps.no_data) == 3 * 7 * 8


def chunks_of(path):
    """The files of an array's chunks."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in files if not file.name.startswith((".z", "zarr")))


@pytest.mark.parametrize(
    ("zarr_format", "compressors", "left"),
    [(2, None, 20), (2, "auto", 20), (3, None, 0), (3, "auto", 20), (3, "auto", 0)],
)
def test_chunks_that_are_cut_short(
    tmp_path, values, zarr_format, compressors, left, monkeypatch
):
    monkeypatch.setattr(chunked, "BLOCK_VALUES", 20)
    path = save(tmp_path / "a.zarr", values, zarr_format, compressors=compressors)
    first = chunks_of(path)[0]  # which is not looked at when opening
    first.write_bytes(first.read_bytes()[:left])
    opened = open_probabilities(path)
    with pytest.raises(InputError, match=r"a\.zarr cannot be read"):
        opened.values.compute()
    with pytest.raises(InputError, match=r"a\.zarr cannot be read"):
        np.asarray(nu.entropy(path))
    with pytest.raises(InputError, match=r"a\.zarr cannot be read"):
        nu.read(path)


def test_a_folder_that_is_not_zarr_is_refused(tmp_path, values):
    path = tmp_path / "a.zarr"
    with pytest.raises(InputError, match="not there"):
        nu.read(path)
    path.write_text("text")
    with pytest.raises(InputError, match="a file, not a folder"):
        nu.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="neither an array nor a group"):
        nu.read(path)
    zarr.create_group(path)
    with pytest.raises(InputError, match="it holds none at all"):
        nu.read(path)
    save(tmp_path / "b.zarr", values)
    (tmp_path / "b.zarr" / "zarr.json").write_text('{"zarr_format": 3')
    with pytest.raises(InputError, match="cannot be read"):
        nu.read(tmp_path / "b.zarr")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [4, 10**6, 10**6, 10**6]}, "more than can be computed"),
        ({"shape": [4, 6, 7, 10**6]}, "holds [0-9]+ bytes"),
        ({"shape": [4, 6, 7, 0]}, "no array that may be"),
        ({"shape": [4, 6, 7, -8]}, "cannot be read|no array that may be"),
        ({"shape": "many"}, "cannot be read"),
        ({"dtype": "<c8"}, "cannot be read|no array that may be"),
        ({"dtype": "<M8[s]"}, "cannot be read|no array that may be"),
        ({"chunks": [0, 0, 0, 0]}, "cannot be read"),
        ({"compressor": {"id": "nothing"}}, "cannot be read"),
    ],
)
def test_metadata_that_cannot_be_meant(tmp_path, values, changes, message):
    path = save(tmp_path / "a.zarr", values, 2)
    edit(path / ".zarray", **changes)
    with pytest.raises(InputError, match=message):
        nu.read(path)


def test_chunks_larger_than_the_memory_are_refused(tmp_path, values, monkeypatch):
    path = save(tmp_path / "a.zarr", values)
    monkeypatch.setattr("napari_uncertainty.limits.available_memory", lambda: 500)
    with pytest.raises(InputError, match="memory for its chunks"):
        open_probabilities(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]},
        {"filters": [{"id": "json2"}, {"id": "pickle"}]},
    ],
)
def test_nothing_is_unpickled(tmp_path, values, changes, monkeypatch):
    path = save(tmp_path / "a.zarr", values, 2)
    edit(path / ".zarray", fill_value=None, **changes)

    def never(*args):
        raise SystemExit("unpickled")

    monkeypatch.setattr("pickle.loads", never)
    with pytest.raises(InputError):
        nu.read(path)


def test_codecs_that_are_not_known_to_be_harmless_are_refused(
    tmp_path, values, monkeypatch
):
    from napari_uncertainty.io import zarr as zarr_arrays

    path = save(tmp_path / "a.zarr", values, shards=SHAPE, chunks=(4, 6, 7, 2))
    monkeypatch.setattr(zarr_arrays, "_HARMLESS", zarr_arrays._HARMLESS - {"zstd"})
    with pytest.raises(InputError, match='codec "zstd"'):
        nu.read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"datasets": [{"path": "../../secret"}]},
        {"datasets": [{"path": "nothing"}]},
        {"datasets": []},
        {"datasets": None},
        {"axes": AXES[:2]},
        {"axes": [*AXES[:3], {"type": "space"}]},
        {"axes": 4},
    ],
)
def test_images_that_are_wrongly_described(tmp_path, values, change):
    path = save_image(tmp_path / "a.zarr", reversed_axes(values))
    save(tmp_path / "secret", values)
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["ome"]["multiscales"][0] |= change
    (path / "zarr.json").write_text(json.dumps(metadata))
    if change == {"axes": AXES[:2]}:  # then the values tell
        read = nu.read(path)
        np.testing.assert_array_equal(read.values, values)
        assert "does not fit its array" in read.note
        return
    with pytest.raises(InputError):
        nu.read(path)


def test_links_to_other_folders_are_not_followed(tmp_path, values):
    save(tmp_path / "secret", values)
    path = tmp_path / "a.zarr"
    zarr.create_group(path)
    (path / "link").symlink_to(tmp_path / "secret")
    (path / "circle").symlink_to(path)
    with pytest.raises(InputError, match="none at all"):
        nu.read(path)


def test_importing_the_package_loads_none_of_the_libraries():
    code = (
        "import sys, napari_uncertainty, napari_uncertainty.io;"
        "print(*sorted({'zarr', 'h5py', 'dask'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == ""


def test_a_folder_that_was_moved_meanwhile(tmp_path, values):
    opened = open_probabilities(save(tmp_path / "a.zarr", values, fill_value=7))
    shutil.rmtree(tmp_path / "a.zarr")
    assert (opened.values.compute() == 7).all()  # as Zarr has it: chunks are missing

"""HDF5, written by h5py as ilastik and others lay it out."""

import json
import os

import h5py
import nibabel as nib
import numpy as np
import pytest
from scipy.stats import entropy

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.io import chunked, open_members, open_probabilities
from support.generated import OBLIQUE, softmax

SHAPE = (4, 6, 7, 8)
FLAGS = {"x": 2, "y": 2, "z": 2, "c": 1, "t": 8}


@pytest.fixture
def values(rng):
    """Class first, then nibabel's axes."""
    return softmax(rng, SHAPE)


def save(path, array, axes="", name="exported_data", resolution=(), units=None, **more):
    """A data set; with axes, tagged as VIGRA's AxisTags.toJSON() writes it."""
    with h5py.File(path, "a") as file:
        data_set = file.create_dataset(name, data=array, **more)
        if axes:
            resolution = resolution or [0.0] * len(axes)
            tags = [
                {
                    "key": key,
                    "typeFlags": FLAGS[key],
                    "resolution": n,
                    "description": "",
                }
                for key, n in zip(axes, resolution, strict=True)
            ]
            data_set.attrs["axistags"] = json.dumps({"axes": tags}, indent=2)
        if units:
            data_set.attrs["axis_units"] = json.dumps(units)
    return path


def ordered(values, axes):
    """The values with axes in that order, those of length 1 added."""
    from_xyz = {"c": 0, "x": 1, "y": 2, "z": 3}
    array = values.transpose([from_xyz[key] for key in axes if key != "t"])
    return np.expand_dims(array, axes.index("t")) if "t" in axes else array


@pytest.mark.parametrize("axes", ["zyxc", "czyx", "xyzc", "tzyxc", "tczyx", "yzcx"])
def test_ilastik_s_export_is_read_with_its_axes(tmp_path, values, axes):
    path = save(tmp_path / "a_Probabilities.h5", ordered(values, axes), axes)
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    assert read.name == "a_Probabilities"
    assert read.note == ""
    assert read.grid is None
    assert "axis x has no unit" in read.place_note
    expected = entropy(values.astype(np.float64), base=2)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=1e-6)


def test_resolution_and_units_give_the_voxel_size(tmp_path, values):
    path = save(
        tmp_path / "a.h5",
        ordered(values, "zyxc"),
        "zyxc",
        resolution=(0.3, 200.0, 0.1, 0.0),
        units={"z": "mm", "y": "μm", "x": "cm"},
    )
    read = nu.read(path)
    np.testing.assert_allclose(read.grid.affine, np.diag([1, 0.2, 0.3, 1]))
    assert "left and right may be swapped" in read.note


def test_values_renormalised_to_whole_numbers_are_read(tmp_path, values):
    array = np.rint(ordered(values, "zyxc") * 255).astype(np.uint8)
    path = save(tmp_path / "a.h5", array, "zyxc")
    expected = entropy(values.astype(np.float64), base=2)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=0.1)


def test_flat_images_and_single_channels_are_read(tmp_path, rng):
    flat = softmax(rng, (3, 8, 9))
    read = nu.read(save(tmp_path / "a.h5", flat.transpose(2, 1, 0), "yxc"))
    np.testing.assert_array_equal(read.values, flat)
    foreground = rng.random((5, 6, 7)).astype(np.float32)
    read = nu.read(save(tmp_path / "b.h5", foreground, "zyx"))
    np.testing.assert_array_equal(read.values, foreground.T[None])


def test_time_is_of_members(tmp_path, rng):
    stack = np.stack([softmax(rng, SHAPE) for _ in range(2)])
    path = save(tmp_path / "a.h5", stack.transpose(0, 4, 3, 2, 1), "tzyxc")
    with pytest.raises(InputError, match="2 members"):
        nu.read(path)
    members = open_members(path)
    assert [one.name for one in members] == ["a frame 0", "a frame 1"]
    np.testing.assert_array_equal(members[1].values.compute(), stack[1])
    np.testing.assert_allclose(nu.entropy(members[0]), nu.entropy(stack[0]), atol=1e-6)


def test_without_tags_axes_are_those_of_a_numpy_array(tmp_path, values):
    path = save(tmp_path / "a.h5", ordered(values, "czyx"), name="group/softmax")
    np.testing.assert_array_equal(nu.read(path).values, values)
    path = save(tmp_path / "b.hdf5", np.moveaxis(values, 0, -1), name="softmax")
    twin = tmp_path / "b.nii.gz"
    nib.Nifti1Image(np.zeros(SHAPE[1:], np.uint8), OBLIQUE).to_filename(twin)
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(read.grid.affine, nib.load(twin).affine)


@pytest.mark.parametrize(
    "tags",
    [
        "{",
        "[]",
        '{"axes": [{"key": "x", "typeFlags": 2}]}',
        json.dumps({"axes": [{"key": "?", "typeFlags": 32}] * 4}),
        7,
    ],
)
def test_tags_that_say_nothing_are_told(tmp_path, values, tags):
    path = save(tmp_path / "a.h5", ordered(values, "czyx"))
    with h5py.File(path, "a") as file:
        file["exported_data"].attrs["axistags"] = tags
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    assert "axistags" in read.note


def test_two_channel_axes_are_refused_until_one_is_named(tmp_path, values):
    path = save(tmp_path / "a.h5", values, "ccyx")
    with pytest.raises(InputError, match=r"axes of a\.h5 are c, c, y, x"):
        nu.read(path)
    read = nu.read(path, class_axis=0)
    np.testing.assert_array_equal(read.values, values.transpose(0, 3, 2, 1))


def test_the_named_or_the_only_fitting_data_set_is_read(tmp_path, values):
    path = save(tmp_path / "a.h5", ordered(values, "czyx"), name="one")
    save(path, np.arange(3), name="classes")
    np.testing.assert_array_equal(nu.read(path).values, values)
    save(path, np.zeros(SHAPE), name="deep/two")
    with pytest.raises(InputError, match=r'"deep/two" \(4 × 6 × 7 × 8.*"one"'):
        nu.read(path)
    np.testing.assert_array_equal(nu.read(path, array="/one").values, values)
    save(path, ordered(values[:, :3], "zyxc"), "zyxc")
    np.testing.assert_array_equal(nu.read(path).values, values[:, :3])
    with pytest.raises(InputError, match='no data set of its own "nothing"'):
        nu.read(path, array="nothing")


@pytest.mark.parametrize(
    "array",
    [
        np.array(["text"] * 24, h5py.string_dtype()).reshape(2, 3, 4),
        np.zeros((2, 3, 4), [("r", "f4"), ("g", "f4")]),
        np.zeros((2, 3, 4), complex),
        np.zeros((2, 0, 4)),
        np.zeros((2, 3, 4, 5, 6, 7)),
        np.float64(1),
        h5py.Empty("f4"),
    ],
)
def test_what_cannot_be_probabilities(tmp_path, array):
    path = save(tmp_path / "a.h5", array)
    with pytest.raises(InputError, match="no data set of its own that may be"):
        nu.read(path)


def test_nothing_outside_the_file_is_read(tmp_path, values):
    secret = save(tmp_path / "secret.h5", values)
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[...] = h5py.VirtualSource(secret, "exported_data", SHAPE)
    raw = tmp_path / "raw"
    raw.write_bytes(values.tobytes())
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink(str(secret), "/exported_data")
        file["link_to_link"] = h5py.SoftLink("/link")
        file["group"] = h5py.ExternalLink(str(secret), "/")
    for name in (None, "link", "link_to_link", "group/exported_data"):
        with pytest.raises(InputError, match="it holds none at all"):
            nu.read(path, array=name)
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(InputError, match='"virtual" lie in other places'):
        nu.read(path)
    with h5py.File(path, "a") as file:
        file.create_dataset(
            "raw", SHAPE, "f4", external=[(str(raw), 0, raw.stat().st_size)]
        )
    with pytest.raises(InputError, match='"raw" lie in other places'):
        nu.read(path, array="raw")


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (2, 3, 4, 5), "compression": "gzip", "shuffle": True},
        {"chunks": (4, 8, 7, 6), "fletcher32": True},
        {"dtype": ">f4"},
        {"dtype": "f2"},
    ],
)
def test_however_it_is_stored(tmp_path, values, options, monkeypatch):
    monkeypatch.setattr(chunked, "BLOCK_VALUES", 30)
    path = save(tmp_path / "a.h5", ordered(values, "czyx"), **options)
    opened = open_probabilities(path)
    assert opened.values.dtype.isnative
    expected = values.astype(options.get("dtype", "f4"))
    np.testing.assert_array_equal(opened.values.compute(), expected)
    if hasattr(os, "listxattr"):  # Linux: no file is left open
        files = [
            os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
        ]
        assert str(path) not in files


def test_a_filter_that_is_not_installed_is_named(tmp_path, values):
    path = save(tmp_path / "a.h5", values, chunks=SHAPE, fletcher32=True)
    with h5py.File(path, "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk(SHAPE)
        made.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(SHAPE)
        h5py.h5d.create(file.id, b"data", h5py.h5t.IEEE_F32LE, space, made)
    with pytest.raises(InputError, match="HDF5 filter 32999"):
        nu.read(path)


def test_damage_shows_when_chunks_are_read(tmp_path, values, monkeypatch):
    monkeypatch.setattr(chunked, "BLOCK_VALUES", 30)
    path = save(
        tmp_path / "a.h5",
        ordered(values, "czyx"),
        "czyx",
        chunks=(1, 8, 7, 6),
        compression="gzip",
    )
    with h5py.File(path) as file:
        chunk = file["exported_data"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 40] = bytes(40)
    path.write_bytes(content)
    opened = open_probabilities(path)
    with pytest.raises(InputError, match=r"a\.h5 cannot be read"):
        opened.values.compute()
    with pytest.raises(InputError, match=r"a\.h5 cannot be read"):
        np.asarray(nu.entropy(path))


@pytest.mark.parametrize("kept", [0, 5, 100, -100])
def test_a_file_that_is_cut_short_is_refused(tmp_path, values, kept):
    path = save(tmp_path / "a.h5", values)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"a\.h5 cannot be read"):
        nu.read(path)


def test_more_promised_than_there_is(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("softmax", (4, 10**3, 10**3, 10**3), "f4", chunks=True)
    with pytest.raises(InputError, match="promises 16 GB of values and holds 0 bytes"):
        nu.read(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("softmax", (4, 10**6, 10**6, 10**6), "f4", chunks=True)
    with pytest.raises(InputError, match="more than can be computed"):
        nu.read(path)


def test_there_is_none(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        nu.read(tmp_path / "a.h5")
    (tmp_path / "a.h5").mkdir()
    with pytest.raises(InputError, match="There is no file"):
        nu.read(tmp_path / "a.h5")

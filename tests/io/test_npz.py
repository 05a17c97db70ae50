"""Archives that anybody writes with numpy: which array, which axis."""

import io
import zipfile

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.io import array_files
from support.generated import OBLIQUE, softmax


@pytest.fixture
def values(rng):
    """Class first, then nibabel's axes."""
    return softmax(rng, (4, 6, 7, 8))


def test_the_only_array_with_a_class_axis(tmp_path, values):
    np.savez(
        tmp_path / "a.npz",
        spacing=np.ones(3),
        names=np.array(["a", "b"]),
        prediction=values.transpose(0, 3, 2, 1),
    )
    read = nu.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.values, values)
    assert not read.note


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("class_axis", [0, -1])
@pytest.mark.parametrize("twin", [False, True])
def test_axes_are_found_as_of_a_single_array(
    tmp_path, values, save, fortran, class_axis, twin
):
    array = values.transpose(0, 3, 2, 1) if class_axis == 0 or twin else values
    array = np.moveaxis(array, 0, class_axis)
    save(tmp_path / "a.npz", P=np.asfortranarray(array) if fortran else array)
    if twin:
        nib.Nifti1Image(np.zeros((6, 7, 8), np.uint8), OBLIQUE).to_filename(
            tmp_path / "a.nii.gz"
        )
    read = nu.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.values, values)
    assert (read.grid is not None) == twin
    np.testing.assert_allclose(
        nu.entropy(tmp_path / "a.npz"), nu.entropy(values), atol=1e-6
    )


def test_several_arrays_are_listed(tmp_path, values):
    np.savez(tmp_path / "a.npz", P=values, truth=values[0], mean=np.float32(3))
    with pytest.raises(InputError) as caught:
        nu.read(tmp_path / "a.npz")
    for part in (
        '"P" (4 × 6 × 7 × 8, float32)', '"truth" (6 × 7 × 8, float32)',
        "--array on the command line", "array= in Python",
    ):  # fmt: skip
        assert part in str(caught.value)
    np.testing.assert_array_equal(
        nu.read(tmp_path / "a.npz", array="P").values, values.transpose(0, 3, 2, 1)
    )


def test_a_named_array_comes_before_that_of_nnunet(tmp_path, values):
    np.savez(tmp_path / "a.npz", probabilities=values, other=values[:2])
    assert nu.read(tmp_path / "a.npz").values.shape[0] == 4
    read = nu.read(tmp_path / "a.npz", array="other", class_axis=0)
    assert read.values.shape[0] == 2


def test_an_array_that_is_not_there_is_refused_with_those_that_are(tmp_path, values):
    np.savez(tmp_path / "a.npz", P=values)
    with pytest.raises(InputError, match=r'holds no array "Q"; it holds "P" \(4 × 6'):
        nu.read(tmp_path / "a.npz", array="Q")


def test_single_numbers_are_listed_too(tmp_path, values):
    np.savez(tmp_path / "a.npz", P=values, mean=np.float32(3))
    with pytest.raises(InputError, match=r'"mean" \(a single value, float32\)\.'):
        nu.read(tmp_path / "a.npz", array="Q")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "real numbers with a class axis .* it holds none at all"),
        (
            {"a": np.ones(3), "b": np.ones((2, 2))},
            r'it holds "a" \(3, float64\), "b" \(2 × 2, float64\)\. nnU-Net writes',
        ),
        ({"a": np.array([[["x"]]])}, r'it holds "a" \(1 × 1 × 1, <U1\)\. nnU-Net'),
        ({f"a{n}": np.ones(1) for n in range(20)}, r"and 12 more\. nnU-Net writes"),
    ],
)
def test_an_archive_without_a_class_axis_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        nu.read(tmp_path / "a.npz")


def test_an_archive_entry_that_is_not_an_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    with pytest.raises(InputError, match=r'it holds "readme.txt" \(no array\)\.'):
        nu.read(tmp_path / "a.npz")
    with pytest.raises(InputError, match="damaged or no array"):
        nu.read(tmp_path / "a.npz", array="readme.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused_with_advice(tmp_path, values, method):
    content = io.BytesIO()
    np.save(content, values)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("probabilities.npy", content.getvalue())
    with pytest.raises(InputError, match=r"np\.savez_compressed"):
        nu.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("n_rows", "class_axis", "expected"),
    [(2, 3, (4, 6, 7, 8)), (2, 0, (4, 8, 7, 6))],
)
def test_of_a_large_packed_array_the_beginning_is_looked_at(
    tmp_path, values, monkeypatch, n_rows, class_axis, expected
):
    array = np.moveaxis(values, 0, class_axis)
    monkeypatch.setattr(array_files, "LOOK", n_rows * array[0].nbytes)
    np.savez_compressed(tmp_path / "a.npz", P=array)
    if class_axis == 3:  # whole voxels from the first on
        read = nu.read(tmp_path / "a.npz")
        assert read.values.shape == expected
        assert not read.note
    else:  # four classes are not clearly fewer than six voxels
        with pytest.raises(InputError, match="Nothing tells which axis"):
            nu.read(tmp_path / "a.npz")
        assert nu.read(tmp_path / "a.npz", class_axis=0).values.shape == expected


def test_of_a_large_packed_array_the_slowest_axis_is_told(tmp_path, rng, monkeypatch):
    array = softmax(rng, (2, 6, 7, 8))
    monkeypatch.setattr(array_files, "LOOK", array[0].nbytes // 3)
    np.savez_compressed(tmp_path / "a.npz", P=array)
    read = nu.read(tmp_path / "a.npz")
    assert read.values.shape == (2, 8, 7, 6)
    assert "as far as they were looked at" in read.note


def test_a_look_ends_before_the_damage(tmp_path, values):
    np.savez_compressed(tmp_path / "a.npz", P=values.transpose(0, 3, 2, 1))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "a.npz").write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"a\.npz cannot be read"):
        nu.read(tmp_path / "a.npz")


def test_headers_that_numpy_never_wrote_are_refused(tmp_path, values):
    """Python literals of any kind stand where numpy expects three keys."""
    for text in (
        b"(" * 300, b"{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2, 3)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 3)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (4L, 2L, 3L",
        b"\'\'\'", b"{'descr': [], 'fortran_order': False, 'shape': ()}",
        b"{[]: 1}", b"{'descr': ('<f4', 9), 'fortran_order': False, 'shape': (2,)}",
    ):  # fmt: skip
        header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("probabilities.npy", header)
        with pytest.raises(InputError):
            nu.read(tmp_path / "a.npz")
        (tmp_path / "a.npy").write_bytes(header)
        with pytest.raises(InputError):
            nu.read(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.npz", "b.npz", "c.npy"])
def test_mutated_files_give_values_or_a_clear_error(tmp_path, rng, values, name):
    """Whatever bytes change: nothing else is raised, and no time or memory lost."""
    path = tmp_path / name
    small = values[:, :3, :3, :3].astype(np.float16)
    if name == "a.npz":
        np.savez_compressed(path, P=small, Q=np.ones(2))
    elif name == "b.npz":
        np.savez(path, probabilities=np.stack([small, small]))
    else:
        np.save(path, small)
    content = path.read_bytes()
    told = []
    for _ in range(170):
        mutated = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 5)):
            mutated[place] = rng.integers(0, 256)
        cut = len(content) if rng.random() < 0.7 else rng.integers(0, len(content))
        path.write_bytes(bytes(mutated[:cut]))
        try:
            for member in nu.io.open_members(path):
                member.values.load()
        except InputError as error:
            told.append(str(error))
    assert len(told) > 30
    assert all(sentence.endswith(".") for sentence in told)

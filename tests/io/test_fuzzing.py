"""Damaged files of every family give maps or one clear sentence.

A few of each, from generated values; ``benchmarks/fuzz.py`` damages real ones by the
hundred, and watches time and memory.
"""

import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from random import Random

import h5py
import nibabel as nib
import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_uncertainty as nu
from fuzzing.families import FAMILIES, Case, build
from fuzzing.fields import FLOATS, INTEGERS, NIFTI_1
from fuzzing.mutations import OF_FOLDERS, mutated
from fuzzing.traps import bomb_chunk, traps
from fuzzing.trial import attempt
from napari_uncertainty import InputError, limits
from napari_uncertainty.engine import values as sampling
from napari_uncertainty.errors import LONGEST, in_short
from napari_uncertainty.io.hdf5 import SoundHeaps
from napari_uncertainty.io.zarr import unpacked_size
from support.generated import OBLIQUE, softmax

MUTATIONS = 8

#: Windows has no pipes among its files, few links, and allows fewer names.
posix = pytest.mark.skipif(sys.platform == "win32", reason="makes odd files")
SHAPE = (4, 6, 7, 8)

FEW = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def values():
    return softmax(np.random.default_rng(7), SHAPE)


@pytest.fixture
def little(monkeypatch):
    """As much memory as these files need, and no bomb; and few looks at each file."""
    monkeypatch.setattr(limits, "available_memory", lambda: 32_000_000)
    monkeypatch.setattr(sampling, "_RUNS", 10)


@posix
@pytest.mark.parametrize("family", FAMILIES)
def test_damaged_files_give_maps_or_one_sentence(family, values, tmp_path, little):
    case, marker = build(family, values), tmp_path / "executed"
    assert attempt(case, tmp_path / "intact").maps
    for number in range(MUTATIONS):
        damaged = mutated(case, Random(f"{family} {number}"), marker)
        try:
            attempt(damaged, tmp_path / "case", described=number % 4 == 0)
        except Exception as error:  # noqa: BLE001  to tell which file it was
            pytest.fail(f"file {number}: {type(error).__name__}: {error}")
        assert not marker.exists(), number


@pytest.mark.parametrize("family", ["nnU-Net v2", ".npy", "Zarr v2", "Zarr v3", "FAST"])
def test_files_that_would_run_code_or_fill_the_memory_are_refused(
    family, values, tmp_path, little
):
    """Each file that would run code, or unpack to more than there is, is refused."""
    case, marker = build(family, values), tmp_path / "executed"
    name = case.opened
    if name not in case.files:
        name += "/.zarray" if "v2" in family else "/zarr.json"
    for trap in traps(name):
        made = Case({**case.files, name: trap(case.files[name], marker)}, case.opened)
        assert not attempt(made, tmp_path / "case", described=False).maps, trap
        assert not marker.exists(), trap


@posix
@pytest.mark.parametrize("change", OF_FOLDERS)
def test_damaged_folders_give_maps_or_one_sentence(change, values, tmp_path):
    for family in ("nnU-Net v2", "SPM", "OME-Zarr 0.5"):
        damaged = change(build(family, values), Random(1), tmp_path / "executed")
        attempt(damaged, tmp_path / "case", described=False)


numbers = st.one_of(st.sampled_from(INTEGERS), st.integers(), st.booleans(), st.none())
types = st.one_of(
    st.sampled_from(
        ["<f4", ">f2", "|u1", "|O", "<c8", "<M8[ns]", "<U3", "|V5", "f", ""]
    ),
    st.text(max_size=6),
    st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["<f4", "O"]))),
)


@FEW
@given(
    header=st.one_of(
        st.fixed_dictionaries(
            {
                "descr": types,
                "fortran_order": st.one_of(st.booleans(), numbers),
                "shape": st.one_of(
                    st.lists(numbers, max_size=6).map(tuple),
                    st.lists(st.integers(1, 5), min_size=3, max_size=5).map(tuple),
                ),
            }
        ),
        st.recursive(st.none(), lambda inner: st.lists(inner, max_size=3)),
    ),
    content=st.binary(max_size=400),
    version=st.sampled_from([b"\1\0", b"\1\0", b"\2\0", b"\3\0"]),
)
def test_an_array_with_any_header_gives_values_or_one_sentence(
    header, content, version
):
    text = repr(header).encode("utf-8", "replace")
    length = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    file = b"\x93NUMPY" + version + length + text + content
    tried(Case({"a.npy": file}, "a.npy"))


@FEW
@given(
    dim=st.lists(st.one_of(st.integers(0, 4), st.sampled_from(INTEGERS)), max_size=8),
    datatype=st.sampled_from([2, 4, 8, 16, 64, 128, 256, 512, 1536, 2048, 0, 1, 999]),
    floats=st.lists(st.one_of(st.sampled_from(FLOATS), st.floats(width=32))),
    codes=st.tuples(st.integers(-2, 5), st.integers(-2, 5)),
    data=st.integers(0, 3000),
)
def test_an_image_with_any_header_gives_values_or_one_sentence(
    dim, datatype, floats, codes, data
):
    header = np.zeros((), nib.nifti1.header_dtype)
    header["sizeof_hdr"], header["magic"] = 348, b"n+1"
    header["vox_offset"] = 352
    raw = bytearray(header.tobytes())
    fields = np.frombuffer(raw, nib.nifti1.header_dtype, 1)[0]
    fields["dim"][: len(dim)] = np.array(dim, np.int64).astype(np.int16)
    fields["datatype"] = datatype
    fields["bitpix"] = 32
    for at, value in zip(NIFTI_1["f"], floats, strict=False):
        raw[at : at + 4] = np.float32(value).tobytes()
    fields["qform_code"], fields["sform_code"] = codes
    content = np.linspace(0, 1, data, dtype=np.float32).tobytes()
    tried(Case({"a.nii": bytes(raw) + bytes(4) + content}, "a.nii"))


def tried(case):
    with tempfile.TemporaryDirectory() as folder:
        attempt(case, Path(folder) / "case", described=False)


@posix
@pytest.mark.parametrize("name", ["0", "zarr.json", "c/0/0/0/0"])
def test_a_pipe_in_a_zarr_folder_is_not_waited_for(values, tmp_path, name):
    zarr.create_array(tmp_path / "a.zarr", data=values, chunks=SHAPE)
    (tmp_path / "a.zarr" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "a.zarr" / name)
    if name == "0":  # belongs to nothing
        assert nu.entropy(tmp_path / "a.zarr").shape
        return
    with pytest.raises(InputError, match="neither a file nor a folder"):
        nu.entropy(tmp_path / "a.zarr").max()


@posix
def test_a_pipe_among_images_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mgz")
    with pytest.raises(InputError):
        nu.read(tmp_path)


@posix
def test_a_chunk_that_is_a_link_to_a_file_is_read(values, tmp_path):
    """As in data sets that git-annex keeps."""
    zarr.create_array(tmp_path / "a.zarr", data=values, chunks=SHAPE)
    chunk = tmp_path / "a.zarr" / "c" / "0" / "0" / "0" / "0"
    chunk.rename(tmp_path / "key")
    chunk.symlink_to(tmp_path / "key")
    np.testing.assert_array_equal(
        nu.read(tmp_path / "a.zarr", class_axis=0).values.transpose(0, 3, 2, 1), values
    )


@pytest.mark.parametrize(
    "codec",
    [
        numcodecs.Zstd(1),
        numcodecs.Zstd(1, checksum=True),
        numcodecs.Blosc("zstd"),
        numcodecs.Blosc("lz4", shuffle=2),
    ],
)
@pytest.mark.parametrize("size", [100, 300, 70_000, 1 << 22])
def test_the_size_that_a_packed_chunk_promises_is_read(codec, size):
    packed = bytes(codec.encode(bytes(size)))
    assert unpacked_size(packed[:18], len(packed)) == size
    assert unpacked_size(b"", 0) == unpacked_size(packed[1:19], len(packed)) == 0


def test_a_chunk_that_unpacks_to_more_than_there_is(values, tmp_path, little):
    zarr.create_array(tmp_path / "a.zarr", data=values, chunks=SHAPE)
    chunk = tmp_path / "a.zarr" / "c" / "0" / "0" / "0" / "0"
    chunk.write_bytes(bomb_chunk(b"", tmp_path))
    with pytest.raises(InputError, match=r"needs 0\.5 GB of memory for its chunks"):
        nu.entropy(tmp_path / "a.zarr").max()


def with_tags(path, values):
    with h5py.File(path, "w") as file:
        file["exported_data"] = values
        tags = [{"key": key, "typeFlags": 1 + (key != "c")} for key in "cxyz"]
        file["exported_data"].attrs["axistags"] = json.dumps({"axes": tags})


@pytest.mark.parametrize("length", [0, 1, (1 << 64) - 8, 3800])
def test_a_heap_that_leads_in_circles_is_refused(values, tmp_path, length):
    """The HDF5 library would never come back from it."""
    with_tags(tmp_path / "a.h5", values)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    heap = content.index(b"GCOL")
    used = int.from_bytes(content[heap + 24 : heap + 32], "little")
    left = heap + 32 + -(-used // 8) * 8  # the object behind the text: room
    assert content[left : left + 2] == b"\0\0"
    content[left + 8 : left + 16] = length.to_bytes(8, "little")
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(InputError, match="global heap"):
        nu.read(tmp_path / "a.h5")


def test_a_sound_heap_is_left_as_it_is(values, tmp_path):
    with_tags(tmp_path / "a.h5", values)
    with SoundHeaps(tmp_path / "a.h5") as file:
        content = bytearray(file.seek(0, 2))
        file.seek(0)
        file.readinto(content)
    assert content == (tmp_path / "a.h5").read_bytes()
    np.testing.assert_array_equal(nu.read(tmp_path / "a.h5").values, values)


def test_what_libraries_say_is_cut_short():
    assert in_short(ValueError("a\n b")) == "a b"
    assert in_short(KeyError()) == "KeyError"
    assert len(in_short(ValueError("x" * 10_000))) == LONGEST


def test_an_absurd_place_in_mgz_is_one_sentence(values, tmp_path):
    path = tmp_path / "a.mgh"
    image = nib.MGHImage(np.moveaxis(values, 0, -1), OBLIQUE.astype(np.float32))
    image.to_filename(path)
    content = bytearray(path.read_bytes())
    content[30:78] = np.full(12, 1e30, ">f4").tobytes()  # voxel size and axes
    path.write_bytes(content)
    with pytest.raises(InputError, match="affine"):
        nu.read(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_numbers_of_any_length_in_a_header(tmp_path, name):
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**2000,) * 4}
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, header)
    if name == "a.npy":
        (tmp_path / name).write_bytes(array.getvalue())
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("probabilities.npy", array.getvalue())
    with pytest.raises(InputError, match="promises more than any file holds"):
        nu.read(tmp_path / name)


def test_numbers_of_any_length_in_zarr_are_refused(values, tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=values, zarr_format=2)
    told = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    told["shape"][1] = 10**400
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(told))
    with pytest.raises(InputError, match="more than can be computed"):
        nu.read(tmp_path / "a.zarr")

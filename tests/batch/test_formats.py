"""Every format on the command line: by its file, by its folder, and told by ``info``.

Files are written with the libraries of the formats, maps compared with scipy.
"""

import json
import os

import h5py
import nibabel as nib
import numpy as np
import pytest
import zarr
from scipy.stats import entropy

from support.command_line import call_here
from support.generated import OBLIQUE, softmax

SHAPE = (4, 3, 5, 6)


def as_nnunet(folder, values):
    labels = values.argmax(axis=0).astype(np.uint8)
    nib.Nifti1Image(labels, OBLIQUE).to_filename(folder / "case.nii.gz")
    turned = values.transpose(0, 3, 2, 1)
    np.savez_compressed(folder / "case.npz", probabilities=turned)
    return folder / "case.npz"


def as_npy(folder, values):
    np.save(folder / "case.npy", values.transpose(0, 3, 2, 1))
    return folder / "case.npy"


def as_image(name, image_class=nib.Nifti1Image):
    def write(folder, values):
        image = image_class(np.moveaxis(values, 0, -1), OBLIQUE.astype(np.float32))
        image.to_filename(folder / name)
        return folder / name

    return write


def as_family(*names):
    def write(folder, values):
        for name, one in zip(names, values, strict=True):
            nib.Nifti1Image(one, OBLIQUE).to_filename(folder / name)
        return folder / names[1]

    return write


def as_zarr(folder, values, zarr_format=3):
    turned = values.transpose(0, 3, 2, 1)
    array = zarr.create_array(
        folder / "case.zarr", shape=turned.shape, dtype=turned.dtype,
        chunks=(2, 4, 4, 4), zarr_format=zarr_format,
    )  # fmt: skip
    array[...] = turned
    return folder / "case.zarr"


def as_ome_zarr(folder, values):
    turned = values.transpose(0, 3, 2, 1)
    path = folder / "case.ome.zarr"
    group = zarr.create_group(path, zarr_format=3)
    array = group.create_array("0", shape=turned.shape, dtype=turned.dtype)
    array[...] = turned
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": one, "type": "space", "unit": "millimeter"} for one in "zyx"]
    scale = [{"type": "scale", "scale": [1, 3, 2, 1]}]
    data = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": data}],
    }
    return path


def as_ilastik(folder, values):
    path = folder / "case_Probabilities.h5"
    keys = [{"key": key, "typeFlags": 2, "resolution": 0.0} for key in "zyx"]
    keys.append({"key": "c", "typeFlags": 1, "resolution": 0.0})
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exported_data", data=values.transpose(3, 2, 1, 0))
        data.attrs["axistags"] = json.dumps({"axes": keys})
    return path


FAST = tuple(f"T1_pve_{number}.nii.gz" for number in range(4))
SPM = tuple(f"c{number}T1.nii" for number in range(1, 5))
WRITERS = {
    "npz": (as_nnunet, "case"),
    "npy": (as_npy, "case"),
    "4D nii.gz": (as_image("case.nii.gz"), "case"),
    "mgz": (as_image("case.mgz", nib.MGHImage), "case"),
    "FAST": (as_family(*FAST), "T1"),
    "SPM": (as_family(*SPM), "T1"),
    "zarr": (as_zarr, "case"),
    "ome-zarr": (as_ome_zarr, "case"),
    "h5": (as_ilastik, "case_Probabilities"),
}


@pytest.fixture
def values(rng):
    return softmax(rng, SHAPE)


def later(path):
    """Change when a file was changed, and nothing else."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


@pytest.mark.parametrize("name", WRITERS)
def test_a_case_gives_the_same_map_by_its_file_and_by_its_folder(
    tmp_path, values, name
):
    write, case = WRITERS[name]
    folder = tmp_path / "in"
    folder.mkdir()
    path = write(folder, values)
    expected = entropy(values.astype(np.float64), base=2)
    maps = []
    for number, word in enumerate((path, folder)):
        output = tmp_path / f"out{number}"
        ran = call_here("map", word, "-o", output)
        assert (ran.returncode, ran.stderr) == (0, "")
        [written] = output.glob("*_entropy.nii.gz")
        assert written.name == f"{case}_entropy.nii.gz"
        image = nib.load(written)
        found = np.asarray(image.dataobj)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        maps.append(written.read_bytes())
        # What was written counts as done, whatever it was read from.
        again = call_here("map", word, "-o", output)
        assert "(0 now, 1 had been there)" in again.stdout
    assert maps[0] == maps[1]
    for word in (path, folder):
        told = json.loads(call_here("info", word).stdout)
        tissues = name in ("FAST", "SPM")
        kind = "fractions" if tissues else "softmax"
        assert (told["content"], told["kind"]) == ("probabilities", kind)
        assert len(told["classes"]) == 4 + tissues
        assert told["checks"][0]["level"] == "green"
        assert "sum to 1" in told["evidence"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_changed_chunk_is_noticed(tmp_path, values, zarr_format):
    path = as_zarr(tmp_path, values, zarr_format)
    ran = call_here("map", path, "-o", tmp_path / "out")
    assert (ran.returncode, ran.stderr) == (0, "")
    files = [one for one in path.rglob("*") if one.is_file()]
    later(max(files, key=lambda one: one.stat().st_size))
    again = call_here("map", path, "-o", tmp_path / "out")
    assert "had been there" not in again.stdout


def test_one_more_file_of_a_family_is_noticed(tmp_path, values):
    as_family(*FAST[:3])(tmp_path, values[:3] / values[:3].sum(axis=0))
    assert call_here("map", tmp_path, "-o", tmp_path / "out").returncode == 0
    nib.Nifti1Image(np.zeros(SHAPE[1:], "f4"), OBLIQUE).to_filename(tmp_path / FAST[3])
    again = call_here("map", tmp_path, "-o", tmp_path / "out")
    assert "had been there" not in again.stdout
    told = json.loads((tmp_path / "out" / "T1_entropy.json").read_text())
    assert [one["path"] for one in told["inputs"]] == [
        str(tmp_path / name) for name in FAST
    ]
    assert told["class_names"] != []


def test_an_array_and_an_axis_that_are_named(tmp_path, values):
    path = tmp_path / "case.npz"
    np.savez(path, soft=np.moveaxis(values, 0, 2), other=values[:, ::2])
    assert call_here("map", path, "-o", tmp_path / "out").returncode == 1
    words = ("--array", "soft", "--class-axis", 2)
    ran = call_here("map", path, "-o", tmp_path / "out", *words)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = np.asarray(nib.load(tmp_path / "out" / "case_entropy.nii.gz").dataobj)
    np.testing.assert_allclose(found, entropy(values, base=2), atol=1e-6)
    told = json.loads((tmp_path / "out" / "case_entropy.json").read_text())
    assert told["asked"] == {
        "kind": None, "temperature": 1.0, "array": "soft", "class_axis": 2,
        "channel": None,
    }  # fmt: skip
    again = call_here("map", path, "-o", tmp_path / "out", *words)
    assert "1 had been there" in again.stdout
    info = json.loads(call_here("info", path, *words).stdout)
    assert info["kind"] == "softmax"
    assert call_here("info", path).returncode == 1


@pytest.fixture
def logits(tmp_path, rng):
    values = (3 * rng.standard_normal(SHAPE)).astype(np.float32)
    np.save(tmp_path / "case.npy", values.transpose(0, 3, 2, 1))
    return values


def map_of(folder):
    return np.asarray(nib.load(folder / "case_entropy.nii.gz").dataobj)


def softmax_at(logits, temperature):
    exponentials = np.exp(logits.astype(np.float64) / temperature)
    return exponentials / exponentials.sum(axis=0)


def test_maps_of_another_temperature_are_computed_anew(tmp_path, logits):
    path, output = tmp_path / "case.npy", tmp_path / "out"
    words = ("map", path, "-o", output, "--class-axis", 0)
    for temperature in (1, 2.5):
        ran = call_here(*words, "--temperature", temperature)
        assert (ran.returncode, "had been" in ran.stdout) == (0, False)
        expected = entropy(softmax_at(logits, temperature), base=2)
        np.testing.assert_allclose(map_of(output), expected, atol=1e-6)
    told = json.loads((output / "case_entropy.json").read_text())
    assert (told["kind"], told["temperature"]) == ("logits", 2.5)
    ran = call_here(*words, "--temperature", 2.5, "--kind", "logits")
    assert "had been" not in ran.stdout  # it was not said then


def test_a_temperature_of_what_is_no_logits_is_told(tmp_path, values):
    path = as_npy(tmp_path, values)
    ran = call_here("map", path, "-o", tmp_path / "out", "--temperature", 2)
    assert ran.returncode == 0
    told = json.loads((tmp_path / "out" / "case_entropy.json").read_text())
    said = "The values are not logits, so the temperature changes nothing."
    assert said in told["notes"]


def test_a_wrong_kind_is_told_at_once(tmp_path, logits):
    words = ("map", tmp_path / "case.npy", "-o", tmp_path / "out", "--class-axis", 0)
    np.save(tmp_path / "case.npy", softmax_at(logits, 1).transpose(0, 3, 2, 1))
    ran = call_here(*words, "--kind", "sigmoid")
    assert ran.returncode == 0
    assert ran.stderr.startswith("napari-uncertainty: case: Taken for independent")
    assert "look like softmax" in ran.stderr
    summary = (tmp_path / "out" / "summary.tsv").read_text()
    assert summary.count("look like softmax") == 1


def test_regions_have_hotspots_of_the_map_alone(tmp_path, rng):
    """Each channel on its own, as nnU-Net's region models write it."""
    values = rng.random((2, 12, 13, 14)).astype(np.float32)
    as_nnunet(tmp_path, values)
    labels = {"background": 0, "whole": [1, 2], "core": [2]}
    told = {"labels": labels, "regions_class_order": [1, 2]}
    (tmp_path / "dataset.json").write_text(json.dumps(told))
    output = tmp_path / "out"
    ran = call_here("map", tmp_path / "case.npz", "-o", output, "--hotspots", 3)
    assert ran.returncode == 0, ran.stderr
    expected = sum(entropy(np.stack([x, 1 - x]), base=2) for x in values)
    np.testing.assert_allclose(map_of(output), expected, atol=1e-6)
    told = json.loads((output / "case_entropy.json").read_text())
    assert (told["kind"], told["n_states"]) == ("sigmoid", 4)
    assert told["class_names"] == ["background", "whole", "core"]
    assert [note for note in told["notes"] if "of the map alone" in note]
    places = (output / "case_hotspots.tsv").read_text().splitlines()
    assert len(places) == 4


def test_four_posteriors_of_atropos_are_one_case(tmp_path, shared_data):
    folder = shared_data / "ants_ixi002_2d"
    names = [f"exampleBrainSegmentationPosteriors{n}.nii.gz" for n in range(1, 5)]
    ran = call_here("map", folder / names[2], "-o", tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    values = np.stack([nib.load(folder / one).get_fdata() for one in names])
    inside = values.sum(axis=0) > 0
    image = nib.load(tmp_path / "exampleBrainSegmentation_entropy.nii.gz")
    found = np.asarray(image.dataobj)
    expected = entropy(values[:, inside], base=2)
    np.testing.assert_allclose(found[inside], expected, atol=1e-6)
    assert not found[~inside].any()
    np.testing.assert_array_equal(image.affine, nib.load(folder / names[0]).affine)

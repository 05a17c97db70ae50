"""Maps read back, in the documented layout, written with nibabel and json alone."""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.io.map_files import read_map
from support.generated import OBLIQUE

SHAPE = (5, 6, 7)

TOLD = {
    "measure": "entropy",
    "base": 2,
    "unit": "bits",
    "kind": "softmax",
    "temperature": 1.0,
    "n_states": 4,
    "n_classes": 4,
    "class_names": ["background", "left", "right", "stem"],
    "foreground_only": False,
    "foreground_from": "prediction",
    "largest_sum_deviation": 0.0,
    "notes": [],
    "checks": [{"name": "kind", "level": "green", "sentence": "Softmax."}],
    "statistics": {
        "voxels": 210,
        "no_data": 0,
        "total": 90.5,
        "mean": 0.43,
        "maximum": 1.75,
        "foreground_voxels": 100,
        "foreground_mean": 0.5,
    },
    "probabilities": "case",
    "source": "/data/case.npz",
    "geometry_source": "",
    "version": "0.1.0",
    "shape": list(SHAPE),
    "affine": OBLIQUE.tolist(),
}


@pytest.fixture
def values(rng):
    values = (1.7 * rng.random(SHAPE)).astype(np.float32)
    values[1, 2, 3] = 1.75
    return values


def save(path, values, told=TOLD, description="entropy (bits), napari-uncertainty"):
    """The image, and its JSON unless nothing is told; text is written as it is."""
    image = nib.Nifti1Image(values, OBLIQUE)
    image.header.set_intent("estimate", name=description[:15])
    image.header["descrip"] = description.encode()
    image.to_filename(path)
    if told is not None:
        text = told if isinstance(told, str) else json.dumps(told)
        path.with_name(path.name.split(".")[0] + ".json").write_text(text)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_map_comes_back_whole(tmp_path, values, ending):
    written = read_map(save(tmp_path / f"case_entropy{ending}", values))
    np.testing.assert_array_equal(written.values, values)
    np.testing.assert_array_equal(written.grid.affine, nib.affines.from_matvec(
        OBLIQUE[:3, :3].astype(np.float32), OBLIQUE[:3, 3].astype(np.float32)
    ))  # fmt: skip
    told = written.record.to_json()
    assert {key: told[key] for key in TOLD if key in told} == {
        key: value for key, value in TOLD.items() if key not in ("shape", "affine")
    }
    assert written.name == "case_entropy"
    assert written.record.highest == 2
    assert written.notes == ()


def test_other_images_are_no_maps(tmp_path, values):
    nib.Nifti1Image(values, OBLIQUE).to_filename(tmp_path / "a.nii")
    nib.MGHImage(values, OBLIQUE).to_filename(tmp_path / "a.mgz")
    assert read_map(tmp_path / "a.nii") is None
    assert read_map(tmp_path / "a.mgz") is None


def test_few_whole_values_are_a_map_all_the_same(tmp_path):
    values = np.kron(np.eye(2), np.ones((4, 4))).astype(np.float32)[..., None]
    path = save(tmp_path / "a.nii", values, TOLD | {"shape": [8, 8, 1]})
    np.testing.assert_array_equal(read_map(path).values, values)


def test_names_like_those_of_one_class_each(tmp_path, values):
    """SPM's tissues are called so."""
    for number in (1, 2):
        path = save(tmp_path / f"c{number}brain_entropy.nii", values * number / 4)
    np.testing.assert_array_equal(read_map(path).values, values / 2)


def test_nothing_is_known_of_its_place(tmp_path, values):
    told = {key: one for key, one in TOLD.items() if key not in ("shape", "affine")}
    image = nib.Nifti1Image(values, None)
    image.header.set_zooms((1, 2, 3))
    image.header["descrip"] = b"entropy (bits), napari-uncertainty"
    image.to_filename(tmp_path / "a.nii")
    (tmp_path / "a.json").write_text(json.dumps(told))
    written = read_map(tmp_path / "a.nii")
    assert written.grid is None
    assert written.zooms == (1, 2, 3)
    (tmp_path / "a.json").unlink()
    assert read_map(tmp_path / "a.nii").grid is None


def test_older_maps_name_the_classes_alone(tmp_path, values):
    told = {key: one for key, one in TOLD.items() if key != "n_states"}
    assert read_map(save(tmp_path / "a.nii", values, told)).record.highest == 2
    told = TOLD | {"n_states": 8, "n_classes": 4}
    assert read_map(save(tmp_path / "a.nii", values, told)).record.highest == 3


def test_missing_data_are_told(tmp_path, values):
    numbers = TOLD["statistics"] | {"no_data": 1234}
    path = save(tmp_path / "a.nii", values, TOLD | {"statistics": numbers})
    [note] = read_map(path).notes
    assert note.startswith("1,234 voxels of a.nii have no data.")


@pytest.mark.parametrize(
    ("described", "measure", "base", "unit", "highest", "n_states"),
    [
        # 1.75 bits are more than three classes can have, and 1.75 nats than five.
        ("entropy (bits)", "entropy", 2, "bits", 2, 4),
        ("entropy (nats)", "entropy", "e", "nats", np.log(6), 6),
        ("mutual_information (bits)", "mutual_information", 2, "bits", 2, 4),
        ("expected_pairwise_kl (nats)", "expected_pairwise_kl", "e", "nats",
         np.log(2), 2),
        ("margin", "margin", 2, "", 1, 2),
    ],
)  # fmt: skip
def test_without_json_the_header_tells(
    tmp_path, values, described, measure, base, unit, highest, n_states
):
    text = f"{described}, napari-uncertainty"
    written = read_map(save(tmp_path / "a.nii", values, None, text))
    told = written.record
    assert (told.measure, told.base, told.unit) == (measure, base, unit)
    assert written.record.highest == pytest.approx(highest)
    assert told.n_classes == told.n_states == n_states
    assert written.grid is not None
    [note] = written.notes
    assert note.startswith("Beside a.nii there is no a.json")
    assert note.endswith(f"colours end at {highest:.3g} {unit}".rstrip() + ".")
    assert told.statistics.maximum == np.float32(1.75)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[" * 100_000,
        "[1, 2]",
        "null",
        json.dumps(TOLD | {"measure": "luck"}),
        json.dumps(TOLD | {"base": 10}),
        json.dumps(TOLD | {"unit": "nats"}),
        json.dumps(TOLD | {"n_classes": 0}),
        json.dumps(TOLD | {"n_states": "many"}),
        json.dumps(TOLD | {"n_states": {}, "n_classes": -1}),
        json.dumps(TOLD | {"class_names": "left"}),
        json.dumps(TOLD | {"statistics": {}}),
        json.dumps(TOLD | {"statistics": TOLD["statistics"] | {"no_data": "?"}}),
        json.dumps(TOLD | {"statistics": TOLD["statistics"] | {"no_data": np.inf}}),
        json.dumps(TOLD | {"checks": [{"level": "blue", "sentence": ""}]}),
        # The JSON of another map.
        json.dumps(TOLD | {"measure": "margin", "unit": ""}),
        json.dumps(TOLD | {"shape": [5, 6, 8]}),
    ],
)
def test_a_damaged_json_leaves_the_image(tmp_path, values, damage):
    written = read_map(save(tmp_path / "a.nii", values, damage))
    np.testing.assert_array_equal(written.values, values)
    assert written.record.highest == 2
    [note] = written.notes
    assert note.startswith("a.json ")
    assert "Measure and unit were taken from the header of a.nii" in note


def test_a_json_that_is_not_text_leaves_the_image(tmp_path, values):
    path = save(tmp_path / "a.nii", values, None)
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00{")
    assert read_map(path).fault.startswith("a.json does not say")


def test_a_measure_of_the_future(tmp_path, values):
    path = save(tmp_path / "a.nii", values, None, "luck (bits), napari-uncertainty")
    with pytest.raises(InputError, match=r"'luck \(bits\), napari-uncertainty'"):
        read_map(path)


def test_a_damaged_map_is_refused(tmp_path, values):
    path = save(tmp_path / "a.nii.gz", values)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.nii\.gz cannot be read"):
        read_map(path)


def test_values_that_are_not_finite_count_as_no_data(tmp_path, values):
    values[0, 0] = np.nan
    values[0, 1] = np.inf
    written = read_map(save(tmp_path / "a.nii", values, None))
    assert written.record.highest == 2
    assert written.record.statistics.no_data == 14

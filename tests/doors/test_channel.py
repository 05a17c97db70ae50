"""One of several independent channels: its measures, and the labels of all."""

import contextlib
import csv
import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

import napari_uncertainty as nu
from doors.test_region_models import balls, binary_entropy, channels, nnunet_folder
from napari_uncertainty import InputError, ProbabilityMap
from support.command_line import call_here
from support.plain_members import expected as expected_of_members
from support.values_of_kinds import expected

# Members that are made of chance have hardly anything in common.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*they hardly look like members of one case"
    ":napari_uncertainty.UncertaintyWarning"
)

MEASURES = tuple(nu.MEASURES)
OF_MEMBERS = tuple(nu.ENSEMBLE_MEASURES)
NAMES = ("whole tumor", "tumor core", "enhancing tumor")


@pytest.fixture(scope="module")
def values():
    values = channels(balls())
    values.flags.writeable = False
    return values


@pytest.fixture
def folder(tmp_path, values):
    nnunet_folder(tmp_path, values, np.diag([1, 1.5, 2, 1]))
    return tmp_path


def as_file(suffix):
    def write(values, folder):
        path = folder / f"values{suffix}"
        np.save(path, values) if suffix == ".npy" else np.savez(path, values=values)
        return nu.read(path) if suffix == ".npy" else path

    return write


def lazily(values, folder):
    return da.from_array(values, (1, 10, 22, 24))


CONTAINERS = {
    "array": lambda values, folder: values,
    "class axis last": lambda values, folder: np.ascontiguousarray(values.T).T,
    "float64": lambda values, folder: values.astype(np.float64),
    "dask": lazily,
    "npy": as_file(".npy"),
    "npz": as_file(".npz"),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("channel", range(3))
def test_measures_are_of_the_channel_and_labels_of_all(
    tmp_path, values, container, channel
):
    given = CONTAINERS[container](values, tmp_path)
    reversed_axes = container.startswith("np")  # as an array with classes in front is
    x = values.transpose(0, 3, 2, 1) if reversed_axes else values
    told = contextlib.nullcontext()
    if reversed_axes:  # whose channels do not sum to 1
        told = pytest.warns(nu.UncertaintyWarning, match="taken for the class axis")
    with told:
        maps = nu.uncertainty(given, MEASURES, kind="sigmoid", channel=channel)
    outcomes = np.stack([x[channel], 1 - x[channel].astype(np.float64)])
    for name, truth in expected(outcomes).items():
        found = np.asarray(maps[name])
        np.testing.assert_allclose(found, truth, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(
        np.asarray(maps.prediction),
        nu.uncertainty(np.ascontiguousarray(x), kind="sigmoid").prediction,
    )
    named = (2, 4, f"class {channel}")
    assert (maps.n_states, maps.n_classes, maps.channel) == named
    assert maps["entropy"].max() <= 1


def test_by_name_and_number(folder, values):
    truth = binary_entropy(values[1].astype(np.float64))
    for channel in ("tumor core", 1, "1"):
        found = nu.entropy(folder / "case.npz", channel=channel)
        np.testing.assert_allclose(found, truth, atol=1e-6)


def test_a_name_comes_before_a_number(values):
    named = ProbabilityMap(values, ("2", "1", "0"), kind="sigmoid")
    truth = binary_entropy(values[0].astype(np.float64))
    np.testing.assert_allclose(nu.entropy(named, channel="2"), truth, atol=1e-6)


@pytest.mark.parametrize("channel", [3, -1, "core", "-1", "1.0", ""])
def test_a_channel_that_does_not_exist_is_refused(folder, channel):
    with pytest.raises(InputError, match=r"a number from 0 to 2, or a name \(whole"):
        nu.entropy(folder / "case.npz", channel=channel)


@pytest.mark.parametrize("kind", [None, "auto", "softmax", "fractions", "logits"])
@pytest.mark.parametrize("packed", [False, True])
def test_channels_that_exclude_each_other(tmp_path, rng, kind, packed):
    values = rng.dirichlet(np.ones(3), (6, 7, 8)).astype(np.float32)
    values = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    if packed:
        np.savez_compressed(tmp_path / "a.npz", values)
        values = tmp_path / "a.npz"
    with pytest.raises(InputError, match="name the kind"):
        nu.entropy(values, kind=kind, channel=1)


@pytest.mark.parametrize("channel", range(3))
@pytest.mark.parametrize("files", [False, True])
def test_one_channel_of_members_is_measured_alone(
    tmp_path, values, rng, files, channel
):
    others = np.clip(values + rng.normal(0, 0.2, values.shape), 0, 1)
    members = [values, others.astype(np.float32), values[:, ::-1].copy()]
    truth = expected_of_members(
        [np.stack([x[channel], 1 - x[channel].astype(np.float64)]) for x in members]
    )
    given = members
    if files:
        given = []
        for number, member in enumerate(members):
            given.append(tmp_path / str(number) / "case.npz")
            given[-1].parent.mkdir()
            nnunet_folder(given[-1].parent, member, np.eye(4))
    told = contextlib.nullcontext()
    if files:  # the segmentation beside them is that of the first alone
        told = pytest.warns(nu.UncertaintyWarning, match=r"93\.2 % of the foreground")
    with told:
        maps = nu.ensemble_uncertainty(
            given, OF_MEMBERS, base="e", kind="sigmoid", channel=channel
        )
    assert maps.channel == (NAMES[channel] if files else str(channel))
    for name in OF_MEMBERS:
        np.testing.assert_allclose(maps[name], truth[name], atol=1e-6, err_msg=name)
    with told:
        joint = nu.ensemble_uncertainty(given, kind="sigmoid")
    np.testing.assert_array_equal(maps.prediction, joint.prediction)
    np.testing.assert_array_equal(maps.dice, joint.dice)


def test_members_that_exclude_each_other(rng):
    members = [rng.dirichlet(np.ones(3), 50).T for _ in range(2)]
    with pytest.raises(InputError, match="name the kind"):
        nu.ensemble_uncertainty(members, channel=1)


# -- on the command line ------------------------------------------------------


def test_a_map_of_one_region_names_it_in_json_and_report(folder, values):
    import nibabel as nib

    words = ("map", folder / "case.npz", "-o", folder / "out", "--channel")
    ran = call_here(*words, "tumor core", "--labels", folder / "case.nii.gz")
    assert ran.returncode == 0, ran.stderr
    image = nib.load(folder / "out/case_entropy.nii.gz")
    truth = binary_entropy(values[1].astype(np.float64))
    np.testing.assert_allclose(image.get_fdata(), truth, atol=1e-6)
    told = json.loads((folder / "out/case_entropy.json").read_text())
    assert (told["channel"], told["n_states"]) == ("tumor core", 2)
    # The segmentation has all regions, and so has what it is compared with.
    [agreement] = [one for one in told["checks"] if one["name"] == "agreement"]
    assert agreement["level"] == "green"
    with (folder / "out/case_classes.tsv").open() as file:
        rows = [*csv.DictReader(file, delimiter="\t")]
    assert [row["name"] for row in rows] == ["background", *NAMES]
    ran = call_here("report", folder / "out/case_entropy.nii.gz")
    assert ran.returncode == 0, ran.stderr
    report = Path(ran.stdout.strip()).read_text("utf-8")
    assert "Independent channels, tumor core alone" in report


def test_another_region_is_another_map(folder):
    words = ("map", folder / "case.npz", "-o", folder / "out")
    written = folder / "out/case_entropy.json"
    for options, channel in (
        ((), None),
        (("--channel", "tumor core"), "tumor core"),
        (("--channel", 2), "enhancing tumor"),
    ):
        assert call_here(*words, *options).returncode == 0
        assert json.loads(written.read_text())["channel"] == channel


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--channel", "edema"), "There is no channel 'edema'"),
        (("--channel", 0, "--kind", "softmax"), "for independent channels alone"),
    ],
)
def test_a_wrong_channel_on_the_command_line_writes_no_map(folder, words, said):
    ran = call_here("map", folder / "case.npz", "-o", folder / "out", *words)
    assert ran.returncode != 0
    assert said in " ".join(ran.stderr.replace("│", " ").split())
    assert not list(folder.glob("out/*.nii.gz"))

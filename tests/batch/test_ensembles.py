"""Members of one case on the command line, read back with nibabel and csv."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.batch.inputs import ensemble_name
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support.command_line import call_here
from support.generated import OBLIQUE, softmax
from support.plain_members import expected, overlap

SHAPE = (12, 13, 14)
USUAL = ("predictive_entropy", "expected_entropy", "mutual_information")
# Where each member lies in the volume of all: they share a box, none has all of it.
BOXES = [
    (slice(0, 10), slice(0, 13), slice(2, 14)),
    (slice(1, 12), slice(2, 13), slice(0, 12)),
]
SHARED = (slice(1, 10), slice(2, 13), slice(2, 12))
NAMES = {"labels": {"background": 0, "left": 1, "right": 2, "stem": 3}}


def like(labels, rng):
    """A softmax whose most probable class mostly is the label."""
    logits = 1.5 * rng.standard_normal((4, *labels.shape))
    logits += 3 * (np.arange(4).reshape(4, 1, 1, 1) == labels)
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=0)).astype(np.float32)


@pytest.fixture
def labels():
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, 3:9, 3:12] = 1
    labels[8:10, 4:11, 4:10] = 2
    labels[3:7, 9:12, 5:9] = 3
    return labels


def write(folder, values, offset=(0, 0, 0), name="sub-007"):
    """As nnU-Net leaves it; where it begins is in the affine."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = OBLIQUE.copy()
    affine[:3, 3] = nib.affines.apply_affine(OBLIQUE, offset)
    predicted = values.argmax(axis=0).astype(np.uint8)
    nib.Nifti1Image(predicted, affine).to_filename(folder / f"{name}.nii.gz")
    path = folder / f"{name}.npz"
    np.savez_compressed(path, probabilities=values.transpose(0, 3, 2, 1))
    (folder / "dataset.json").write_text(json.dumps(NAMES))
    return path


class Members:
    """Two members of one case, in folders of their own."""

    def __init__(self, folder, labels, rng, boxes=((slice(None),) * 3,) * 2):
        self.folder, self.output = folder, folder / "out"
        self.whole = [like(labels, rng) for _ in boxes]
        self.paths = [
            write(
                folder / f"fold_{number}", values[(slice(None), *box)],
                [one.start or 0 for one in box],
            )
            for number, (values, box) in enumerate(zip(self.whole, boxes, strict=True))
        ]  # fmt: skip

    def map(self, *words):
        return call_here("map", "--ensemble", *self.paths, "-o", self.output, *words)

    def image(self, measure):
        return nib.load(self.output / f"sub-007_{measure}.nii.gz")

    def values(self, measure):
        return np.asarray(self.image(measure).dataobj)

    def told(self, measure="predictive_entropy"):
        return json.loads((self.output / f"sub-007_{measure}.json").read_text())

    def table(self, name):
        with (self.output / name).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines, dialect="excel-tab"))


@pytest.fixture
def members(tmp_path, labels, rng):
    return Members(tmp_path, labels, rng)


@pytest.fixture
def crops(tmp_path, labels, rng):
    return Members(tmp_path, labels, rng, BOXES)


def test_the_usual_maps_of_two_folds(members, labels):
    ran = members.map()
    assert (ran.returncode, ran.stderr) == (0, "")
    maps = sorted(path.name for path in members.output.glob("*.nii.gz"))
    assert maps == sorted(f"sub-007_{one}.nii.gz" for one in USUAL)
    plain = expected(members.whole)
    for measure in USUAL:
        found = members.values(measure)
        assert members.image(measure).get_data_dtype() == np.float32
        np.testing.assert_allclose(found, plain[measure] / np.log(2), atol=1e-6)
        np.testing.assert_allclose(members.image(measure).affine, OBLIQUE)
        told = members.told(measure)
        assert told["measure"] == measure
        assert (told["unit"], told["n_classes"]) == ("bits", 4)
        assert told["statistics"]["maximum"] == found.max()
    told = members.told()
    assert [(one["name"], one["path"]) for one in told["members"]] == [
        (f"fold_{number}/sub-007", str(path))
        for number, path in enumerate(members.paths)
    ]
    read = {one["path"] for one in told["inputs"]}
    assert {str(one) for path in members.paths for one in path.parent.iterdir()} == read
    assert told["class_names"] == list(NAMES["labels"])
    assert (told["not_shared"], told["probabilities"]) == (0, "sub-007")


def test_the_table_of_members_has_their_dice(members):
    members.map()
    [dice] = overlap([one.argmax(axis=0) for one in members.whole], 4)
    np.testing.assert_allclose(members.told()["dice"], dice, rtol=1e-12)
    rows = members.table("sub-007_members.tsv")
    assert [row["name"] for row in rows] == list(NAMES["labels"])
    for column in ("dice_mean", "dice_lowest", "dice_highest"):
        found = [float(row[column]) for row in rows]
        np.testing.assert_allclose(found, dice, rtol=1e-8)
    [row] = members.table("summary.tsv")
    assert float(row["dice"]) == pytest.approx(dice[1:].mean(), rel=1e-12)
    mean = np.mean(members.whole, axis=0, dtype=np.float64)
    foreground = mean.argmax(axis=0) != 0
    assert float(row["confidence"]) == pytest.approx(
        mean.max(axis=0)[foreground].mean(), rel=1e-5
    )


def test_crops_are_laid_on_each_other(crops):
    ran = crops.map("--hotspots", 4)
    missing = 12 * 13 * 14 - 9 * 11 * 10
    assert ran.returncode == 0
    assert ran.stderr.startswith("napari-uncertainty: sub-007: 2 members; ")
    assert f"Not all members have data in {missing:,} voxels" in ran.stderr
    shared = [one[(slice(None), *SHARED)] for one in crops.whole]
    plain = expected(shared)
    for measure in USUAL:
        found = crops.values(measure)
        assert found.shape == SHAPE
        np.testing.assert_allclose(found[SHARED], plain[measure] / np.log(2), atol=1e-6)
        assert np.count_nonzero(found) == np.count_nonzero(found[SHARED])
    np.testing.assert_allclose(crops.image(USUAL[0]).affine, OBLIQUE, atol=1e-5)
    told = crops.told()
    assert told["not_shared"] == told["statistics"]["no_data"] == missing
    assert f"Not all members have data in {missing:,} voxels" in " ".join(told["notes"])


@pytest.mark.parametrize("measure", ["predictive_entropy", "variance"])
def test_hotspots_ask_all_members(crops, measure):
    crops.map("--hotspots", 4, "--measure", measure)
    padded, no_data = [np.zeros((4, *SHAPE), np.float32) for _ in range(2)], None
    for one, values in zip(padded, crops.whole, strict=True):
        one[(slice(None), *SHARED)] = values[(slice(None), *SHARED)]
    no_data = np.ones(SHAPE, bool)
    no_data[SHARED] = False
    prediction = np.where(no_data, 0, sum(padded).argmax(axis=0))
    places = run(
        iter_hotspots(
            crops.values(measure), prediction, no_data, members=padded,
            grid=Grid(SHAPE, crops.image(measure).affine), wanted=HotspotOptions(4),
        )
    ).places  # fmt: skip
    rows = crops.table("sub-007_hotspots.tsv")
    assert len(rows) == len(places) == 4
    for row, place in zip(rows, places, strict=True):
        assert tuple(int(row[key]) for key in "ijk") == place.voxel
        assert float(row["mass"]) == pytest.approx(place.mass, rel=1e-6)
        names = list(NAMES["labels"])
        assert (row["class_a"], row["class_b"]) == tuple(
            names[label] for label in place.classes
        )


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_ensemble_that_is_done_is_not_computed_again(members):
    assert members.map().returncode == 0
    before = files_in(members.output)
    assert "(0 now, 1 had been there)" in members.map().stdout
    (members.output / "sub-007_members.tsv").write_text("mine")
    assert "had been there" not in members.map().stdout
    # In a process of its own it is the same.
    assert "had been there" not in members.map("--overwrite", "--jobs", 2).stdout
    assert files_in(members.output) == before


def test_other_members_are_computed_anew(members, labels, rng):
    members.map()
    members.paths.append(write(members.folder / "fold_2", like(labels, rng)))
    assert "had been there" not in members.map().stdout
    assert len(members.told()["members"]) == 3
    assert "1 had been there" in members.map().stdout
    write(members.folder / "fold_1", like(labels, rng))
    assert "had been there" not in members.map().stdout


def test_a_pattern_names_members(members):
    words = ("--ensemble", members.folder / "fold_?", "-o", members.output)
    assert call_here("map", *words).stdout.startswith("1 of 1 cases written")
    assert len(members.told()["members"]) == 2


def test_a_segmentation_in_a_folder_and_another_place(members, labels):
    """The members lie where no header says; the segmentation tells."""
    for path in members.paths:
        with np.load(path) as archive:
            values = archive["probabilities"]
        np.savez(path, probabilities=values[..., ::-1])
        path.with_name("sub-007.nii.gz").unlink()
    given = members.folder / "labels"
    given.mkdir()
    nib.Nifti1Image(labels, OBLIQUE).to_filename(given / "sub-007.nii.gz")
    ran = members.map("--labels", given)
    assert ran.returncode == 1
    assert "with --place it is put where it agrees" in ran.stderr
    ran = members.map("--labels", given, "--place", "--hotspots", 2)
    assert ran.returncode == 0, ran.stderr
    assert members.told()["placed"] == "first axis flipped"
    plain = expected(members.whole)["mutual_information"] / np.log(2)
    np.testing.assert_allclose(members.values("mutual_information"), plain, atol=1e-6)
    rows = members.table("sub-007_classes.tsv")
    assert {row["measure"] for row in rows} == set(USUAL)
    by_label = [row for row in rows if row["measure"] == "mutual_information"]
    for label, row in enumerate(by_label):
        mean = plain[labels == label].mean()
        assert float(row["mean"]) == pytest.approx(mean, rel=1e-4)
    assert len(members.table("sub-007_hotspots.tsv")) == 2


def test_passes_in_one_file_are_members(tmp_path, rng):
    passes = np.stack([softmax(rng, (3, 5, 6, 7)).astype(np.float64) for _ in range(4)])
    passes /= passes.sum(axis=1, keepdims=True)
    np.save(tmp_path / "drop.npy", passes.transpose(0, 1, 4, 3, 2))
    words = ("--measure", "mutual_information", "--base", "e")
    ran = call_here(
        "map", "--ensemble", tmp_path / "drop.npy", "-o", tmp_path / "out", *words
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    image = nib.load(tmp_path / "out" / "drop_mutual_information.nii.gz")
    assert image.get_data_dtype() == np.float32
    plain = expected(passes)["mutual_information"]
    np.testing.assert_allclose(np.asarray(image.dataobj), plain, atol=1e-7)
    told = json.loads((tmp_path / "out" / "drop_mutual_information.json").read_text())
    assert [one["name"] for one in told["members"]] == [
        f"drop pass {number}" for number in range(1, 5)
    ]
    assert told["statistics"]["maximum"] == np.asarray(image.dataobj).max()
    info = json.loads(call_here("info", tmp_path / "drop.npy").stdout)
    assert info["members"] == [one["name"] for one in told["members"]]


def test_members_with_other_classes_fail(members, rng):
    other = softmax(rng, (5, *SHAPE))
    members.paths.append(write(members.folder / "fold_2", other))
    ran = members.map()
    assert ran.returncode == 1
    assert "members have the same classes" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["fold_0/sub-007.npz", "fold_1/sub-007.npz"], "sub-007"),
        (["a/sub-007_m5_crop.npz", "a/sub-007_m20_crop.npz"], "sub-007"),
        (["a/sub-007 one.npy", "a/sub-007 two.npy", "a/sub-007.npy"], "sub-007"),
        (["a/sub-007.npz", "a/sub-008.npz"], "sub-007_ensemble"),
        (["a/unet.npz", "a/meshnet.npz"], "unet_ensemble"),
        (["a/drop.npy"], "drop"),
    ],
)
def test_an_ensemble_is_called_by_the_words_that_its_members_share(paths, name):
    assert ensemble_name([Path("/in", one) for one in paths], USUAL) == name


def test_crops_of_two_real_networks_are_laid_on_each_other(tmp_path, shared_data):
    """Each has its own affine; of each a part, as its files were written."""
    folder = shared_data / "brainchop_t1"
    values, starts, measure = [], [], "mutual_information"
    for one, box in (
        ("m20", np.s_[40:100, 50:120, 60:130]),
        ("m5", np.s_[42:103, 47:118, 60:128]),
    ):
        name = f"gwm3_{one}_crop_probabilities_f16.npz"
        with np.load(folder / name) as archive:
            values.append(archive["probabilities"][:, *box[::-1]])
        np.savez_compressed(tmp_path / name, probabilities=values[-1])
        scan = nib.load(folder / f"gwm3_{one}_T1_crop.nii.gz").slicer[box]
        scan.to_filename(tmp_path / f"gwm3_{one}_T1_crop.nii.gz")
        whole = np.linalg.inv(nib.load(folder / "T1.nii.gz").affine)
        starts.append(np.rint((whole @ scan.affine)[:3, 3]).astype(int))
    words = (tmp_path / "*_f16.npz", "-o", tmp_path, "--measure", measure)
    ran = call_here("map", "--ensemble", *words)
    assert ran.returncode == 0
    ends = [start + one.shape[:0:-1] for start, one in zip(starts, values, strict=True)]
    lengths = np.max(ends, axis=0) - np.min(starts, axis=0)
    shared = np.min(ends, axis=0) - np.max(starts, axis=0)
    missing = lengths.prod() - shared.prod()
    assert f"Not all members have data in {missing:,} voxels" in ran.stderr
    image = nib.load(tmp_path / f"gwm3_{measure}.nii.gz")
    first = np.minimum(*starts)
    assert (np.rint((whole @ image.affine)[:3, 3]) == first).all()
    at = np.maximum(*starts) + 25
    parts = []
    for one, start in zip(values, starts, strict=True):
        x, y, z = (slice(n, n + 20) for n in at - start)
        part = one[:, z, y, x].transpose(0, 3, 2, 1).astype(np.float64)
        parts.append(part / part.sum(axis=0))
    found = np.asarray(image.dataobj)[tuple(slice(n, n + 20) for n in at - first)]
    plain = expected(parts)[measure] / np.log(2)
    assert plain.max() > 0.1
    np.testing.assert_allclose(found, plain, atol=1e-6)


def test_two_real_folds_are_mapped_as_an_ensemble(tmp_path, shared_data):
    """A part of them, written as nnU-Net writes it."""
    case, box = shared_data / "feta_sub-007", (slice(100, 130),) * 3
    paths, parts = [], []
    for fold in ("fold_0", "fold_1"):
        with np.load(case / fold / "sub-007.npz") as archive:
            part = archive["probabilities"][(slice(None), *box)].transpose(0, 3, 2, 1)
        paths.append(write(tmp_path / fold, part))
        names = (case / fold / "dataset.json").read_text()
        (tmp_path / fold / "dataset.json").write_text(names)
        parts.append(part.astype(np.float64) / part.sum(axis=0, dtype=np.float64))
    ran = call_here("map", "--ensemble", *paths, "-o", tmp_path / "out")
    assert (ran.returncode, ran.stderr) == (0, "")
    for measure in USUAL:
        image = nib.load(tmp_path / "out" / f"sub-007_{measure}.nii.gz")
        plain = expected(parts)[measure] / np.log(2)
        assert plain.max() > 0.1
        np.testing.assert_allclose(np.asarray(image.dataobj), plain, atol=1e-6)

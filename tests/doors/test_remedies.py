"""Advice in a message leads to the right map: each is provoked, followed, and compared.

The last test finds every message that gives advice, and names those that no test here
follows.
"""

import ast
import json
import re
import zipfile
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.special import expit, softmax

import napari_uncertainty as nu
from support.clicks import compute
from support.command_line import call_here
from support.door_cases import binary, entropy, head, smooth, write
from support.doors import PLUGIN, Asked, by_info, by_map, by_python, map_all

SHAPE = (11, 12, 10)
CLOSE = 2e-5

#: Parts of the messages that tests here follow.
FOLLOWED = []


def follows(*fragments):
    """Say whose advice a test follows: parts of messages as they stand in the code."""
    FOLLOWED.extend(fragments)
    return lambda test: test


def scores_of(rng, n=4, shape=SHAPE):
    """Scores before a softmax, of mean 0 in each voxel."""
    scores = 4 * np.stack([smooth(rng, shape) for _ in range(n)])
    scores += 0.3 * rng.standard_normal(scores.shape)
    return (scores - scores.mean(axis=0)).astype(np.float32)


def regions_of(rng, shape=SHAPE):
    """Scores of nested regions before a sigmoid."""
    at = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    away = np.sqrt(sum((x - 0.1) ** 2 for x in at))
    scores = np.stack([9 * (r - away) for r in (0.9, 0.6, 0.4)])
    return (scores + 0.2 * rng.standard_normal(scores.shape)).astype(np.float32)


def of_logits(scores):
    return entropy(softmax(np.asarray(scores, float), axis=0))


def of_channels(q):
    return np.sum([binary(one) for one in np.asarray(q, float)], axis=0)


def as_image(path, values):
    """Class axis last, or a single channel."""
    write(path, np.moveaxis(values, 0, -1) if values.ndim == 4 else values)
    return path


class Following:
    """A door, and what it says one time after the other.

    Parameters
    ----------
    folder : Path
        For maps.
    """

    def __init__(self, folder):
        self.folder, self.times = folder, 0

    def map(self, path, **how):
        self.times += 1
        return by_map(Asked(path, **how), self.folder / f"maps {self.times}")

    def told(self, path, sentence, **how):
        """The answer, in which a sentence has to be."""
        answer = self.map(path, **how)
        said = f"{answer.refusal} {answer.notes} {answer.sentence('axes')}"
        said = f"{said} {answer.sentence('kind')}"
        assert re.search(sentence, said), said
        return answer

    def right(self, path, values, **how):
        """The answer, which has to have this map; no doubt is left of its kind."""
        answer = self.map(path, **how)
        assert answer.refusal == ""
        np.testing.assert_allclose(answer.values, values, atol=CLOSE)
        return answer


@pytest.fixture
def following(tmp_path):
    return Following(tmp_path)


@pytest.fixture
def p(rng):
    return head(rng, 4, SHAPE).astype(np.float32)


# What the values are


@follows("this looks like a scan. If these are logits, choose that kind.")
@pytest.mark.parametrize("name", ["case.nii.gz", "case.npy"])
def test_logits_without_negative_values_are_computed_once_their_kind_is_named(
    name, rng, tmp_path, following
):
    scores = scores_of(rng) + 2 * smooth(rng, SHAPE).astype(np.float32)
    scores -= scores.min() - 0.5
    path = stored(tmp_path / name, scores)
    following.told(path, "looks like a scan.*If these are logits", class_axis=-1)
    answer = following.right(path, of_logits(scores), class_axis=-1, kind="logits")
    assert answer.kind == "logits"
    python = by_python(Asked(path, kind="logits", class_axis=-1))
    np.testing.assert_allclose(python.values, of_logits(scores), atol=CLOSE)


def stored(path, values):
    """Class axis last, in an image or an array."""
    if path.suffix == ".npy":
        np.save(path, np.moveaxis(values, 0, -1))
        return path
    return as_image(path, values)


@follows("One channel of logits and a scan with negative values look alike;")
def test_one_channel_of_logits_is_computed_once_its_kind_is_named(
    rng, tmp_path, following
):
    scores = regions_of(rng)[0]
    path = as_image(tmp_path / "case.nii.gz", scores)
    following.told(path, "One channel of logits and a scan .* choose that kind")
    answer = following.right(path, binary(expit(scores.astype(float))), kind="logits")
    assert answer.levels["kind"] == "green"


@follows("In each voxel the values are a vector of length 1, as directions are;")
def test_logits_of_length_1_are_computed_once_their_kind_is_named(
    rng, tmp_path, following
):
    scores = scores_of(rng, 3)
    scores /= np.linalg.norm(scores, axis=0)
    path = as_image(tmp_path / "case.nii.gz", scores)
    following.told(path, "a vector of length 1.*choose that kind")
    answer = following.right(path, of_logits(scores), kind="logits")
    assert answer.levels["kind"] == "green"


@follows("These may as well be scores of independent channels (regions) before ")
def test_scores_that_may_be_of_independent_channels(rng, tmp_path, following):
    scores = regions_of(rng)
    path = as_image(tmp_path / "case.nii.gz", scores)
    following.told(path, r"scores of independent channels.*\(channel_logits\)")
    right = of_channels(expit(scores.astype(float)))
    answer = following.right(path, right, kind="channel_logits")
    assert answer.levels["kind"] == "green"


@follows("and nowhere to more, so a class is missing", "shares without the background;")
def test_channels_that_may_be_independent(rng, tmp_path, following):
    q = 0.3 * rng.random((3, *SHAPE), np.float32)
    path = as_image(tmp_path / "case.nii.gz", q)
    following.told(path, "if they are independent channels, choose that kind")
    following.right(path, of_channels(q), kind="sigmoid")


@follows(" If they are, this map is wrong: choose the kind ")
@pytest.mark.parametrize(
    ("named", "kind"),
    [("sigmoid", "softmax"), ("logits", "softmax"), ("softmax", "sigmoid")],
)
def test_a_kind_that_contradicts_the_values(named, kind, rng, p, tmp_path, following):
    q = expit(regions_of(rng)) if kind == "sigmoid" else p
    right = of_channels(q) if kind == "sigmoid" else entropy(q)
    path = as_image(tmp_path / "case.nii.gz", q)
    answer = following.told(path, f"choose the kind .*\\({kind}\\)", kind=named)
    assert answer.levels["kind"] == "red"
    answer = following.right(path, right, kind=kind)
    assert answer.levels["kind"] == "green"
    python = by_python(Asked(path, kind=named))
    assert f"({kind})" in python.notes
    python = by_python(Asked(path, kind=kind))
    assert python.notes == ""
    np.testing.assert_allclose(python.values, right, atol=CLOSE)


@follows("Probabilities cannot be negative, these go down to ")
@pytest.mark.parametrize("name", ["case.nii", "case.nii.gz", "case.npy"])
def test_logits_that_were_called_a_softmax(name, rng, tmp_path, following):
    scores = scores_of(rng)
    path = stored(tmp_path / name, scores)
    how = {"class_axis": -1}
    following.told(path, r"cannot be negative.*\(kind logits\)", kind="softmax", **how)
    following.right(path, of_logits(scores), kind="logits", **how)


@follows("farther than resampling takes them; if they are ")
def test_what_is_too_far_below_0_may_be_clipped(rng, tmp_path, following):
    p = head(rng, 3, SHAPE)
    p[1, 3, 4, 5], p[0, 3, 4, 5] = -0.4, 1.4 - p[2, 3, 4, 5]
    path = as_image(tmp_path / "case.nii.gz", p.astype(np.float32))
    following.told(path, "else clip them to 0 to 1")
    clipped = np.clip(p, 0, 1).astype(np.float32)
    as_image(tmp_path / "clipped.nii.gz", clipped)
    following.right(tmp_path / "clipped.nii.gz", entropy(clipped))


@follows("Independent channels hold probabilities from 0 to 1, and these run ")
def test_scores_that_were_called_independent_channels(rng, tmp_path, following):
    scores = regions_of(rng)
    path = as_image(tmp_path / "case.nii.gz", scores)
    following.told(path, r"choose that kind \(channel_logits\)", kind="sigmoid")
    right = of_channels(expit(scores.astype(float)))
    following.right(path, right, kind="channel_logits")


@follows("choose another kind, or give one of the channels.", "choose another kind.")
def test_several_channels_that_were_called_one(p, tmp_path, following):
    path = as_image(tmp_path / "case.nii.gz", p)
    following.told(path, "one channel, and there are 4", kind="foreground")
    following.right(path, entropy(p), kind="softmax")
    as_image(tmp_path / "one.nii.gz", p[2])
    following.right(tmp_path / "one.nii.gz", binary(p[2]), kind="foreground")


@follows("has a background of its ")
def test_tissues_that_were_called_a_softmax(rng, tmp_path, following):
    p = head(rng, 3, SHAPE).astype(np.float32)
    for number, one in enumerate(p):
        as_image(tmp_path / f"case_pve_{number}.nii.gz", one)
    path = tmp_path / "case_pve_0.nii.gz"
    answer = following.map(path, kind="softmax")
    assert answer.levels["background"] == "amber"
    assert "'fractions'" in answer.sentence("background")
    answer = following.right(path, entropy(p), kind="fractions")
    assert answer.levels["background"] == "green"
    assert answer.foreground_mean == pytest.approx(entropy(p).mean(), rel=1e-4)


def of_named(folder, p, names):
    """A softmax whose classes have names, as nnU-Net gives them."""
    labels = {name: number for number, name in enumerate(names)}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}), "utf-8")
    return as_image(folder / "case.nii.gz", p)


def foreground_mean(p, background):
    """Mean entropy of the voxels of all classes but that."""
    return entropy(p)[p.argmax(axis=0) != background].mean()


@follows(
    "If that is wrong, name the right one under Background",
    "to be the background; name one of ",
)
def test_the_background_is_none_of_the_named_first(p, tmp_path):
    path = of_named(tmp_path, p, ("gray", "white", "stem", "rest"))
    with pytest.warns(nu.UncertaintyWarning, match="the first one, 'gray', was taken"):
        nu.uncertainty(path)
    out = tmp_path / "maps"
    ran = call_here("map", path, "-o", out, "--background", "air")
    assert ran.returncode == 1
    assert "name one of gray, white, stem, rest, or none" in " ".join(
        ran.stderr.split()
    )
    for name, number in (("rest", 3), ("none", -1)):
        ran = call_here("map", path, "-o", tmp_path / name, "--background", name)
        assert ran.returncode == 0, ran.stderr
        told = json.loads((tmp_path / name / "case_entropy.json").read_text("utf-8"))
        [check] = [one for one in told["checks"] if one["name"] == "background"]
        assert check["level"] == "green"
        assert told["statistics"]["foreground_mean"] == pytest.approx(
            foreground_mean(p, number), rel=1e-4
        )


@follows(
    "cannot be the name of a case, with which names of files begin; choose one of",
    "leads to no file; with --case, name the files of the classes.",
    "two files at least, one for each class; name the others, too.",
    "as one class of a case has three at most; open it on its own.",
)
def test_files_that_are_named_as_one_case(p, tmp_path):
    names = ("rest", "csf", "inner", "outer")
    files = [
        as_image(tmp_path / f"{name}.nii.gz", one)
        for name, one in zip(names, p, strict=True)
    ]
    whole = as_image(tmp_path / "whole.nii.gz", p)

    def asked(*words):
        out = tmp_path / "maps"
        ran = call_here("map", *words, "-o", out)
        return ran, " ".join(ran.stderr.replace("│", " ").split())

    for words, said in (
        ((*files, "--case", "a/b"), "choose one of letters"),
        ((*files[:3], tmp_path / "gone.nii.gz", "--case", "a"), "name the files of"),
        ((files[0], "--case", "a"), "name the others, too"),
        ((*files, whole, "--case", "a"), "open it on its own"),
    ):
        ran, told = asked(*words)
        assert ran.returncode != 0
        assert said in told
    for words, name in (((*files, "--case", "a"), "a"), ((whole,), "whole")):
        ran, told = asked(*words)
        assert ran.returncode == 0, told
        found = nib.load(tmp_path / "maps" / f"{name}_entropy.nii.gz").get_fdata()
        np.testing.assert_allclose(found, entropy(p), atol=CLOSE)


@follows("If each holds one class of this case, name all of ")
def test_files_beside_that_do_not_add_up(rng, tmp_path, following):
    p = 0.8 * head(rng, 3, SHAPE).astype(np.float32)
    files = [as_image(tmp_path / f"map{n}.nii.gz", one) for n, one in enumerate(p)]
    answer = following.map(files[1])
    assert "Beside map1.nii.gz lie map0.nii.gz, map2.nii.gz, which" in answer.notes
    ran = call_here("map", *files, "--case", "all", "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    found = nib.load(tmp_path / "out" / "all_entropy.nii.gz").get_fdata()
    rest = np.concatenate([1 - p.sum(axis=0, keepdims=True), p]).astype(float)
    np.testing.assert_allclose(found, entropy(rest), atol=1e-4)
    as_image(tmp_path / "map3.nii.gz", 100 + p[0])  # a scan is no class
    assert "Beside" not in following.map(files[1]).notes


@pytest.mark.parametrize("name", ["sub-{}_lesion", "case_{}", "{}", "empty{}"])
def test_files_of_several_patients_are_not_advised_to_be_one_case(
    name, rng, tmp_path, following
):
    p = 0.3 * head(rng, 2, SHAPE).astype(np.float32) * (name != "empty{}")
    files = [
        as_image(tmp_path / f"{name.format(n)}.nii.gz", one) for n, one in enumerate(p)
    ]
    assert "Beside" not in following.map(files[0], kind="foreground").notes


@follows("No class seems to be the background: ")
def test_a_background_guessed_from_empty_surroundings_can_be_named(rng, tmp_path):
    p = head(rng, 4, (20, 22, 24)).astype(np.float32)
    at = np.meshgrid(*(np.linspace(-1, 1, n) for n in p.shape[1:]), indexing="ij")
    inside = sum(x**2 for x in at) < 0.8
    p *= inside
    path = tmp_path / "case.npy"
    np.save(path, np.moveaxis(p, 0, -1))
    with pytest.warns(nu.UncertaintyWarning, match="No class seems to be the backgr"):
        maps = nu.uncertainty(path)
    assert maps.n_classes == 5
    found = nu.uncertainty(path, background="0")
    assert found.n_classes == 4
    np.testing.assert_array_equal(found.prediction, p.argmax(axis=0))


@follows(
    "counts as foreground. If all classes are given, choose the kind ",
    "all classes leave. Name no class (--background none), or another kind.",
)
def test_a_background_beside_the_one_that_is_left_over(p, tmp_path):
    path = of_named(tmp_path, p, ("gray", "white", "stem", "background"))
    with pytest.warns(nu.UncertaintyWarning, match="choose the kind softmax"):
        nu.uncertainty(path, kind="fractions")
    with pytest.raises(nu.InputError, match="Name no class"):
        nu.uncertainty(path, kind="fractions", background="background")
    for how in ({"kind": "softmax"}, {"kind": "softmax", "background": "background"}):
        found = nu.uncertainty(path, **how)
        np.testing.assert_array_equal(found.prediction, (p.argmax(axis=0) + 1) % 4)
        assert [one.level for one in found.checks if one.name == "background"] == [
            "green"
        ]


@follows("give a number from 0 to ", "if its channels are ")
def test_one_channel_is_computed_as_the_messages_advise(rng, tmp_path):
    q = expit(regions_of(rng))
    path = as_image(tmp_path / "case.nii.gz", q)

    def asked(*words):
        [answer] = map_all([path], tmp_path / words[-1], None, *words).values()
        return answer

    assert "give a number from 0 to 2" in asked("--channel", "7").refusal
    right = asked("--channel", "1")
    np.testing.assert_allclose(right.values, binary(q[1]), atol=CLOSE)
    scores = scores_of(rng)
    path = as_image(tmp_path / "case.nii.gz", 0.3 * expit(scores))
    assert "name the kind (sigmoid)" in asked("--channel", "2").refusal
    right = asked("--channel", "3", "--kind", "sigmoid")
    np.testing.assert_allclose(right.values, binary(0.3 * expit(scores[3])), atol=CLOSE)


# Which axis is which


@follows(
    "runs over the classes: along none do the values sum to 1. Name it ",
    "--class-axis on the command line, class_axis= in Python, counted from 0",
)
def test_a_class_axis_that_nothing_tells_can_be_named(rng, tmp_path, following):
    scores = scores_of(rng)
    np.save(tmp_path / "case.npy", scores)
    path = tmp_path / "case.npy"
    following.told(path, "Nothing tells which axis.*--class-axis")
    following.right(path, of_logits(scores).T, class_axis=0)
    with pytest.raises(nu.InputError, match="class_axis= in Python"):
        nu.read(path)
    found = nu.entropy(nu.read(path, class_axis=0), kind="logits")
    np.testing.assert_allclose(found, of_logits(scores).T, atol=CLOSE)
    assert "--class-axis" in by_info(Asked(path)).refusal
    assert by_info(Asked(path, class_axis=0)).levels["kind"] == "green"


@follows("; a single channel needs an axis of length 1.")
def test_a_single_channel_that_nothing_tells(rng, tmp_path, following):
    q = rng.random(SHAPE, np.float32)
    np.save(tmp_path / "case.npy", q)
    following.told(tmp_path / "case.npy", "a single channel needs an axis of length 1")
    np.save(tmp_path / "case.npy", q[np.newaxis])
    following.right(tmp_path / "case.npy", binary(q).T)


@follows("was taken for the class axis. If it is another one, name it ")
def test_the_shortest_axis_is_not_that_of_the_classes(rng, tmp_path, following):
    scores = scores_of(rng, 7, (2, 12, 11))
    path = tmp_path / "case.npy"
    np.save(path, scores.transpose(1, 0, 2, 3))  # y, classes are second
    np.save(path, np.moveaxis(scores, 0, -1))  # shape (2, 12, 11, 7)
    answer = following.told(path, "axis 0 of shape.*name it")
    assert answer.levels["axes"] == "amber"
    answer = following.right(path, of_logits(scores), class_axis=3)
    assert "axes" not in answer.levels


@follows("; if this is a single channel, name the kind (foreground)")
def test_few_slices_of_a_single_channel_are_right_as_foreground(
    rng, tmp_path, following
):
    q = np.clip(0.3 + 0.6 * smooth(rng, (3, 24, 20)), 0, 1).astype(np.float32)
    np.save(tmp_path / "case.npy", q)
    path = tmp_path / "case.npy"
    following.told(path, r"name the kind \(foreground\)")
    following.right(path, binary(q).T, kind="foreground")
    assert by_python(Asked(path, kind="foreground")).notes == ""


def test_few_slices_of_a_single_channel_in_the_window(rng, tmp_path, window):
    q = np.clip(0.3 + 0.6 * smooth(rng, (3, 24, 20)), 0, 1).astype(np.float32)
    np.save(tmp_path / "case.npy", q)
    answer = window.ask(Asked(tmp_path / "case.npy"), tmp_path)
    assert "name the kind (foreground)" in answer.notes
    answer = window.ask(Asked(tmp_path / "case.npy", kind="foreground"), tmp_path)
    assert answer.mean == pytest.approx(binary(q).mean(), rel=1e-5)


@follows("if it holds others, name its class axis ")
def test_values_that_are_not_where_they_are_looked_for(rng, tmp_path, following):
    scores = np.zeros((4, 30, 31, 29), np.float32)
    scores[:, 5, 6, 7] = 1, 2, 3, -6
    np.save(tmp_path / "case.npy", scores)
    path = tmp_path / "case.npy"
    following.told(path, "where it was looked at.*name its class axis")
    answer = following.map(path, class_axis=0, kind="logits")
    assert answer.no_data == scores[0].size - 1
    right = of_logits(scores[:, 5, 6, 7])
    assert answer.total == pytest.approx(float(right), rel=1e-5)


@follows("looks like a label map or a scan. Choose the network's output; if that is ")
def test_whole_logits_are_computed_once_axis_and_kind_are_named(
    rng, tmp_path, following
):
    scores = np.rint(4 * scores_of(rng)).astype(np.int8)
    np.save(tmp_path / "case.npy", scores)
    path = tmp_path / "case.npy"
    following.told(path, "looks like a label map or a scan.*name its class axis")
    following.told(path, "If these are logits, choose that kind", class_axis=0)
    following.right(path, of_logits(scores).T, class_axis=0, kind="logits")


@follows("of the classes, although the first is shorter. If it is that one, name ")
def test_the_first_axis_of_an_image_is_shorter(rng, tmp_path, following):
    scores = scores_of(rng, 3)
    write(tmp_path / "case.nii.gz", scores)
    path = tmp_path / "case.nii.gz"
    following.told(path, "although the first is shorter.*name it")
    answer = following.right(path, of_logits(scores), class_axis=0)
    assert "axes" not in answer.levels


@follows("There is no class axis ")
def test_a_class_axis_that_does_not_exist_is_refused_with_the_shape(
    p, tmp_path, following
):
    path = as_image(tmp_path / "case.nii.gz", p)
    following.told(path, r"no class axis 4 .*shape is \(11, 12, 10, 4\)", class_axis=4)
    following.right(path, entropy(p), class_axis=3)


# Which array, frame or member


@follows("say which one holds the probabilities (--array NAME on the command line, ")
def test_one_of_several_arrays_in_an_archive_can_be_named(p, tmp_path):
    path = tmp_path / "case.npz"
    np.savez(path, one=p, other=p[::-1])
    [answer] = map_all([path], tmp_path / "none").values()
    assert "--array NAME" in answer.refusal
    [answer] = map_all([path], tmp_path / "one", None, "--array", "one").values()
    np.testing.assert_allclose(answer.values, entropy(p).T, atol=CLOSE)
    with pytest.raises(nu.InputError, match="array= in Python"):
        nu.read(path)
    found = nu.entropy(nu.read(path, array="one"))
    np.testing.assert_allclose(found, entropy(p).T, atol=CLOSE)


@follows(" holds several of them: ", "--array on the command line, array= in Python")
def test_one_of_several_arrays_in_a_group_can_be_named(p, tmp_path):
    path = tmp_path / "case.h5"
    with h5py.File(path, "w") as file:
        file["one"], file["other"] = p, p[::-1]
    [answer] = map_all([path], tmp_path / "none").values()
    assert "Name the one that is meant" in answer.refusal
    [answer] = map_all([path], tmp_path / "one", None, "--array", "one").values()
    np.testing.assert_allclose(answer.values, entropy(p).T, atol=CLOSE)


@follows(
    "each of which has a map of its own (map); choose one (--frame, from 0). Only if ",
    " has no frame ", "with map --ensemble or nu.ensemble_uncertainty",
)  # fmt: skip
def test_one_frame_of_a_series_can_be_named(rng, tmp_path, following):
    frames = np.stack([head(rng, 3, SHAPE) for _ in range(3)]).astype(np.float32)
    kinds = (("t", 8), ("c", 1), ("z", 2), ("y", 2), ("x", 2))
    axes = [{"key": key, "typeFlags": flags} for key, flags in kinds]
    path = tmp_path / "case.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exported_data", data=frames)
        data.attrs["axistags"] = json.dumps({"axes": axes})
    with pytest.raises(nu.InputError, match=r"--frame.*nu\.ensemble_uncertainty"):
        nu.entropy(path)
    following.told(path, "has no frame 3: it holds 3, counted from 0", frame=3)
    following.right(path, entropy(frames[2]).T, frame=2)
    together = nu.ensemble_uncertainty(path)
    right = entropy(frames.mean(axis=0)).T
    np.testing.assert_allclose(together["predictive_entropy"], right, atol=CLOSE)


def save_array(path, values):
    """An array as it is; in an image, axes are in nibabel's order and from behind."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["values"] = values
    else:
        axes = [*range(values.ndim - 3, values.ndim), *range(values.ndim - 3)[::-1]]
        write(path, values.transpose(axes))


@follows(
    "map --ensemble or nu.ensemble_uncertainty, or save one alone.",
    " members: compute from all of them, {}, or save one alone.",
)
@pytest.mark.parametrize("name", ["case.npy", "case.h5", "case.nii.gz"])
def test_members_in_one_file_are_computed_with_ensemble(name, rng, tmp_path, following):
    members = np.stack([head(rng, 3, SHAPE) for _ in range(2)]).astype(np.float32)
    path = tmp_path / name
    save_array(path, members)
    turned = np.asarray if name.endswith(".gz") else np.transpose
    following.told(path, "map --ensemble or nu.ensemble_uncertainty, or save one alone")
    ran = call_here("map", path, "-o", tmp_path / "out", "--ensemble")
    assert ran.returncode == 0, ran.stderr
    written = tmp_path / "out" / "case_predictive_entropy.nii.gz"
    right = turned(entropy(members.mean(axis=0)))
    np.testing.assert_allclose(nib.load(written).get_fdata(), right, atol=CLOSE)
    found = nu.ensemble_uncertainty(path)["predictive_entropy"]
    np.testing.assert_allclose(found, right, atol=CLOSE)
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / name
    save_array(alone, members[0])
    following.right(alone, turned(entropy(members[0])))


@follows("If that one runs over members, compute from ")
@pytest.mark.parametrize("name", ["case.npy", "case.h5"])
def test_members_of_a_flat_image_are_computed_with_ensemble(
    name, rng, tmp_path, following
):
    members = np.stack([head(rng, 3, (20, 18)) for _ in range(5)]).astype(np.float32)
    path = tmp_path / name
    save_array(path, members)
    following.told(path, "If that one runs over members, compute from all of them")
    ran = call_here("map", path, "-o", tmp_path / "out", "--ensemble")
    assert ran.returncode == 0, ran.stderr
    written = tmp_path / "out" / "case_predictive_entropy.nii.gz"
    found = np.squeeze(nib.load(written).get_fdata())
    right = entropy(members.mean(axis=0)).T
    np.testing.assert_allclose(found, right, atol=CLOSE)


@follows("choose that kind")
def test_members_that_are_logits_are_computed_once_their_kind_is_named(rng):
    scores = [scores_of(rng) for _ in range(2)]
    with pytest.raises(nu.InputError, match="if they are logits, choose that kind"):
        nu.ensemble_uncertainty(scores, kind="softmax")
    found = nu.ensemble_uncertainty(scores, kind="logits")["predictive_entropy"]
    mean = np.mean([softmax(one.astype(float), axis=0) for one in scores], axis=0)
    np.testing.assert_allclose(found, entropy(mean), atol=CLOSE)


@follows(
    "holds one member, and an ensemble has at least two; name the files of the others",
    "holds one member, and an ensemble has at least two; name the files of ",
    "One member alone cannot disagree with anybody; give at least two.",
)
def test_an_ensemble_of_one_is_refused_and_two_are_computed(rng, tmp_path):
    members = [head(rng, 3, SHAPE).astype(np.float32) for _ in range(2)]
    paths = [
        as_image(tmp_path / f"fold_{number}" / "case.nii.gz", one)
        for number, one in enumerate(members)
    ]
    out = tmp_path / "out"
    ran = call_here("map", paths[0], "-o", out, "--ensemble")
    assert "name the files of the others" in " ".join(ran.stderr.split())
    with pytest.raises(nu.InputError, match="give at least two"):
        nu.ensemble_uncertainty(paths[:1])
    ran = call_here("map", *paths, "-o", out, "--ensemble")
    assert ran.returncode == 0, ran.stderr
    found = nib.load(out / "case_predictive_entropy.nii.gz").get_fdata()
    np.testing.assert_allclose(found, entropy(np.mean(members, axis=0)), atol=CLOSE)


@follows("to 1, and not along the first one; name it with class_axis.")
def test_an_array_with_its_classes_last_is_told_and_right(rng):
    p = np.moveaxis(head(rng, 3, SHAPE), 0, -1)
    with pytest.warns(nu.UncertaintyWarning, match="name it with class_axis"):
        found = nu.entropy(p)
    np.testing.assert_allclose(found, entropy(np.moveaxis(p, -1, 0)), atol=CLOSE)
    np.testing.assert_array_equal(nu.entropy(p, class_axis=-1), found)


@follows(
    "taken for the wrong one, name the kind.",
    "channels are at most 1; if they are ", "cannot be negative; if they are logits",
)  # fmt: skip
def test_members_of_regions_before_the_sigmoid(rng, tmp_path):
    scores = [regions_of(rng) for _ in range(2)]
    q = expit(np.stack(scores).astype(float))
    mean = q.mean(axis=0)
    found = nu.ensemble_uncertainty(scores, kind="channel_logits")
    np.testing.assert_allclose(
        found["predictive_entropy"], of_channels(mean), atol=CLOSE
    )
    for given in (scores, [np.abs(one) for one in scores]):
        with pytest.raises(nu.InputError, match="take their sigmoid"):
            nu.ensemble_uncertainty(given, kind="sigmoid")
    found = nu.ensemble_uncertainty(list(q.astype(np.float32)), kind="sigmoid")
    np.testing.assert_allclose(
        found["predictive_entropy"], of_channels(mean), atol=CLOSE
    )
    softmaxes = [softmax(one, axis=0) for one in scores]
    with pytest.raises(nu.InputError, match="name the kind"):
        nu.ensemble_uncertainty([softmaxes[0], 0.3 * q[1].astype(np.float32)])
    found = nu.ensemble_uncertainty(
        [0.3 * softmaxes[0], 0.3 * q[1].astype(np.float32)], kind="sigmoid"
    )
    right = of_channels((0.3 * softmaxes[0] + 0.3 * q[1]) / 2)
    np.testing.assert_allclose(found["predictive_entropy"], right, atol=CLOSE)


# Where it lies, and what lies beside


@follows(
    "No map was written; with --place it is put where it agrees.",
    "them; name one with --labels.",
)
def test_probabilities_that_lie_otherwise(p, tmp_path, following):
    labels = p.argmax(axis=0).astype(np.uint8)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "case.npz"
    np.savez(path, probabilities=p[:, ::-1].transpose(0, 3, 2, 1))
    write(tmp_path / "seg.nii.gz", labels)
    following.told(path, "name one with --labels", place=True)
    given = {"labels": tmp_path / "seg.nii.gz", "place": True}
    following.right(path, entropy(p), **given)
    write(tmp_path / "in" / "case.nii.gz", labels)
    following.told(path, "with --place it is put where it agrees")
    following.right(path, entropy(p), place=True)


def test_a_better_placement_in_the_window(p, tmp_path, window):
    np.savez(tmp_path / "case.npz", probabilities=p[:, ::-1].transpose(0, 3, 2, 1))
    write(tmp_path / "case.nii.gz", p.argmax(axis=0).astype(np.uint8))
    asked = Asked(tmp_path / "case.npz", labels=tmp_path / "case.nii.gz")
    answer = window.ask(asked, tmp_path / "shown")
    assert answer.levels["orientation"] == "red"
    shown = compute(window.qtbot, window.widget, "Apply this placement")
    window.viewer.layers.selection = {shown}
    shown.save(str(tmp_path / "placed.nii.gz"), plugin=PLUGIN)
    placed = nib.load(tmp_path / "placed.nii.gz").get_fdata()
    np.testing.assert_allclose(placed, entropy(p), atol=CLOSE)


@follows("one class each, and all of them belong together. Put it back, or copy ",
         "the file that you want alone to a folder of its own.",
         "as one class each; in a folder of its ")  # fmt: skip
def test_a_file_of_one_class_that_is_missing(p, tmp_path, following):
    names = [f"case_ProbMapClass{number}.nii.gz" for number in range(4)]
    (tmp_path / "in").mkdir()
    paths = [
        as_image(tmp_path / "in" / name, one)
        for name, one in zip(names, p, strict=True)
    ]
    away = paths[1].rename(tmp_path / "away.nii.gz")
    following.told(paths[0], "is missing.*Put it back, or copy")
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / names[2]
    alone.write_bytes(paths[2].read_bytes())
    following.right(alone, binary(p[2]))
    away.rename(paths[1])
    following.right(paths[0], entropy(p))


@follows("move files that do not belong together apart.")
def test_files_of_one_class_that_do_not_belong_together(p, tmp_path, following):
    names = [f"case_ProbMapClass{number}.nii.gz" for number in range(3)]
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / name for name in names]
    rest = np.stack([p[0], 1 - p[0]])
    for path, one in zip(paths, [*rest, p[1, :5]], strict=True):
        as_image(path, one)
    following.told(paths[0], "move files that do not belong together apart")
    paths[2].rename(tmp_path / names[2])
    following.right(paths[0], entropy(rest))


@follows("); open one of them.", "open one of them.")
def test_a_folder_with_several_cases_is_refused_and_its_file_opens(p, tmp_path):
    (tmp_path / "in").mkdir()
    for name, one in (("a", p), ("b", p[::-1])):
        as_image(tmp_path / "in" / f"{name}.nii.gz", one)
    with pytest.raises(nu.InputError, match=r"several cases \(a\.nii\.gz.*open one"):
        nu.entropy(tmp_path / "in")
    found = nu.entropy(tmp_path / "in" / "b.nii.gz")
    np.testing.assert_allclose(found, entropy(p), atol=CLOSE)


@follows("regions_class_order with a whole number above 0 for each of them; repair ")
def test_regions_without_an_order_are_right_once_it_is_given(rng, tmp_path, following):
    q = expit(regions_of(rng))
    path = tmp_path / "case.npz"
    np.savez(path, probabilities=q.transpose(0, 3, 2, 1))
    told = {"labels": {"background": 0, "a": [1, 2, 3], "b": [2, 3], "c": [3]}}
    beside = tmp_path / "dataset.json"
    beside.write_text(json.dumps(told))
    following.told(path, "no regions_class_order.*repair or remove it")
    beside.write_text(json.dumps(told | {"regions_class_order": [1, 2, 3]}))
    following.right(path, of_channels(q))
    beside.unlink()
    following.right(path, of_channels(q))


@follows("is a single array under another name; give it the ", "save it with ")
def test_archives_that_numpy_did_not_write_are_right_once_saved_as_advised(
    p, tmp_path, following
):
    with (tmp_path / "case.npz").open("wb") as file:
        np.save(file, p)
    following.told(tmp_path / "case.npz", r"give it the ending \.npy")
    (tmp_path / "case.npz").rename(tmp_path / "case.npy")
    following.right(tmp_path / "case.npy", entropy(p).T)
    with (
        zipfile.ZipFile(tmp_path / "other.npz", "w", zipfile.ZIP_LZMA) as archive,
        archive.open("probabilities.npy", "w") as entry,
    ):
        np.save(entry, p)
    following.told(tmp_path / "other.npz", r"save it with np\.savez_compressed")
    np.savez_compressed(tmp_path / "other.npz", probabilities=p)
    following.right(tmp_path / "other.npz", entropy(p).T)


@follows("which nnU-Net writes with --save_probabilities.")
def test_an_archive_without_probabilities(p, tmp_path, following):
    path = tmp_path / "case.npz"
    np.savez(path, properties=np.arange(5.0))
    following.told(path, "none has real numbers, a class axis and .* --save_prob")
    np.savez(path, probabilities=p)
    following.right(path, entropy(p).T)


@follows("in other places than {} itself, which are not followed; copy them into ")
def test_values_outside_of_an_hdf5_file_are_read_once_copied_into_it(
    p, tmp_path, following
):
    (tmp_path / "values.raw").write_bytes(p.tobytes())
    path = tmp_path / "case.h5"
    elsewhere = [(str(tmp_path / "values.raw"), 0, p.nbytes)]
    with h5py.File(path, "w") as file:
        file.create_dataset("values", p.shape, "f4", external=elsewhere)
    following.told(path, "copy them into one file")
    with h5py.File(path) as file, h5py.File(tmp_path / "copy.h5", "w") as copy:
        copy["values"] = file["values"][...]
    following.right(tmp_path / "copy.h5", entropy(p).T)


@follows(", so it was left out; repair or remove it.")
def test_a_damaged_side_file_is_left_out_until_it_is_repaired(p, tmp_path, following):
    path, beside = tmp_path / "case.npz", tmp_path / "dataset.json"
    np.savez(path, probabilities=p.transpose(0, 3, 2, 1))
    beside.write_text("{")
    following.told(path, "so it was left out; repair or remove it")
    labels = {"background": 0, "one": 1, "two": 2, "three": 3}
    beside.write_text(json.dumps({"labels": labels}))
    assert following.right(path, entropy(p)).told["class_names"] == list(labels)


@follows("is an uncertainty map that was written here; choose the ",
         "is there already and is no map of napari-uncertainty; choose ")  # fmt: skip
def test_maps_and_other_files_in_the_folder(p, tmp_path, following):
    path = as_image(tmp_path / "case.nii.gz", p)
    following.right(path, entropy(p))
    written = tmp_path / "maps 1" / "case_entropy.nii.gz"
    following.told(written, "choose the probabilities that it was made from")
    told = json.loads(written.with_name("case_entropy.json").read_text())
    following.right(Path(told["source"]), entropy(p))
    taken = tmp_path / "maps 4"
    as_image(taken / "case_entropy.nii.gz", p[0])
    following.told(path, "choose another folder, or take it away")
    (taken / "case_entropy.nii.gz").unlink()
    following.times -= 1
    following.right(path, entropy(p))
    following.right(path, entropy(p))  # another folder


@follows("repair the header (sform or qform) first.",
         "; repair the header (sform or qform) first.")  # fmt: skip
def test_a_header_with_a_singular_affine_is_refused_until_repaired(
    p, tmp_path, following
):
    image = nib.Nifti1Image(np.moveaxis(p, 0, -1), np.eye(4))
    image.header["srow_x"], image.header["sform_code"] = 0, 1
    image.header["qform_code"] = 0
    path = tmp_path / "case.nii"
    path.write_bytes(image.to_bytes())
    broken = bytearray(path.read_bytes())
    broken[252:256] = np.array([0, 1], "<i2").tobytes()  # codes of qform and sform
    broken[280:296] = bytes(16)  # srow_x
    path.write_bytes(broken)
    following.told(path, r"repair the header \(sform or qform\) first")
    write(path, np.moveaxis(p, 0, -1))
    following.right(path, entropy(p))


@follows("an array of its own has the axes of the image reversed, (z, y, x).")
def test_a_copy_whose_axes_are_in_another_order(p, tmp_path, following):
    as_image(tmp_path / "case.nii.gz", p)
    path = tmp_path / "case.npy"
    np.save(path, p.transpose(0, 2, 3, 1))
    answer = following.map(path)
    assert "(z, y, x)" in answer.notes + by_info(Asked(path)).told["place_note"]
    np.save(path, p.transpose(0, 3, 2, 1))
    answer = following.right(path, entropy(p))
    assert answer.told["geometry_source"] == str(tmp_path / "case.nii.gz")


# In the window


@follows("along no axis do the values sum to 1. ", "alone, choose that under Kind; ",
         "probabilities; if they are logits, apply a softmax first.")  # fmt: skip
def test_layers_of_others_whose_kind_has_to_be_chosen(rng, tmp_path, window):
    q = np.clip(0.3 + 0.6 * smooth(rng, SHAPE), 0, 1).astype(np.float32)
    layer = window.viewer.add_image(q, name="net")
    window.widget.probabilities.value = layer
    assert compute(window.qtbot, window.widget) is None
    assert "choose that under Kind" in window.widget.result.value
    window.widget.kind.value = "foreground"
    shown = compute(window.qtbot, window.widget)
    np.testing.assert_allclose(np.asarray(shown.data), binary(q), atol=CLOSE)
    window.widget.kind.value = "auto"


@follows("softmax and choose it under Probabilities.")
def test_a_window_without_probabilities_says_what_to_open(p, tmp_path, window):
    assert compute(window.qtbot, window.widget) is None
    told = window.widget.result.value
    assert "open the network's softmax and choose it under Probabilities" in told
    answer = window.ask(
        Asked(as_image(tmp_path / "case.nii.gz", p)), tmp_path / "shown"
    )
    np.testing.assert_allclose(answer.values, entropy(p), atol=CLOSE)


@follows("members: tick another layer under Members, or open what another ")
def test_a_measure_of_members_in_the_window(rng, tmp_path, window):
    members = [head(rng, 3, SHAPE).astype(np.float32) for _ in range(2)]
    paths = [
        as_image(tmp_path / f"fold_{number}" / "case.nii.gz", one)
        for number, one in enumerate(members)
    ]
    window.viewer.open(paths[0], plugin=PLUGIN)
    window.widget.measure.value = "predictive_entropy"
    assert compute(window.qtbot, window.widget) is None
    assert "open what another network says" in window.widget.result.value
    window.viewer.open(paths[1], plugin=PLUGIN)
    window.qtbot.wait(1)
    assert compute(window.qtbot, window.widget) is None  # of another scan, perhaps
    assert "tick another layer under Members" in window.widget.result.value
    window.widget.members.list.item(1).setCheckState(Qt.CheckState.Checked)
    shown = compute(window.qtbot, window.widget)
    right = entropy(np.mean(members, axis=0))
    assert np.asarray(shown.data).mean() == pytest.approx(right.mean(), rel=1e-5)
    window.widget.measure.value = "entropy"


# All of them

#: Words with which a message tells what to do.
ADVICE = re.compile(
    r"choose (that|the|another|those|one)|[Nn]ame (it|the|one|its|them)\b|--[a-z]|"
    r"[Cc]ompute from|[Pp]ut (it|the)\\b|copy the|move |repair|save (it|them)|"
    r"give (it|one|at least|a number)|apply a softmax|take it away|open (one|it)\b"
)

#: Modules whose messages are followed by the tests of their own folders: of the window,
#: of reviews, of reports; and the help of the command line.
ELSEWHERE = (
    "plugin/",
    "review/",
    "report/",
    "cli",
    "analysis/hotspot",
    "analysis/balls",
    "__main__",
)

#: Advice that leads to no other map, or whose right way is trivial.
SELF_EVIDENT = (
    # Take the network's output instead of what is no probabilities.
    "choose the network's softmax output",
    "choose the network's output",
    # A place to write to.
    "choose another folder or make room",
    "choose another one.",
    "choose another name, for the original is kept",
    "choose another label.",
    "choose the scan that it belongs to",
    "so it cannot be placed; open it again.",
    # Maps and their records, which the tests of reading them mend.
    "is no map of napari-uncertainty; choose one.",
    "compute the map anew",
    "name the image (.nii.gz, .nii) of one, or its JSON",
    "put it back, or compute",
    "remove it, or copy the array anew",
    # Of two images, the one that belongs to the case.
    "choose those of one scan",
    "choose two that lie on the same voxels",
)


def messages():
    """Text that the code holds, and where: but its docstrings; ``{}`` for values."""
    top = Path(nu.__file__).parent
    for path in sorted(top.rglob("*.py")):
        where = path.relative_to(top).as_posix()
        yield from (
            (where, *one) for one in texts_in(ast.parse(path.read_text("utf-8")))
        )


def texts_in(tree):
    """Line and text of each constant, f-strings as a whole."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            skipped.add(id(getattr(node.body[0], "value", None)))
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            parts = (getattr(one, "value", None) for one in node.values)
            text = "".join(one if isinstance(one, str) else "{}" for one in parts)
            yield node.lineno, text
        value = getattr(node, "value", None)
        constant = isinstance(node, ast.Constant) and isinstance(value, str)
        if constant and id(node) not in skipped and " " in value:
            yield node.lineno, value


def test_every_advice_is_followed():
    left = [
        f"{where}:{line}: {text}"
        for where, line, text in messages()
        if ADVICE.search(text)
        and not where.startswith(ELSEWHERE)
        and not any(part in text for part in (*FOLLOWED, *SELF_EVIDENT))
    ]
    assert not left, "\n".join(["No test follows what these advise:", *left])


def test_what_is_followed_is_still_said():
    texts = [text for _, _, text in messages()]
    gone = [part for part in FOLLOWED if not any(part in text for text in texts)]
    assert gone == []

"""Every door says what is right of the same file, and says the same as the others.

The cases are those of ``cases.py``; where the ones that they are modelled on lie beside
this checkout, these are asked, too.
"""

import json
import os
import re
import runpy

import nibabel as nib
import numpy as np
import pytest

from conftest import SHARED_DATA
from support import door_cases as cases
from support.clicks import compute
from support.door_cases import entropy, numbers
from support.door_questions import DOORS, KNOWN, QUESTIONS
from support.doors import (
    PLUGIN,
    Asked,
    by_info,
    by_map,
    by_python,
    by_report,
    map_all,
    warned,
)

mark = pytest.mark

#: float32 maps and sums over all voxels.
CLOSE = 1e-5

#: CASES_SEED=2 asks for others of the same kinds.
SEED = int(os.environ.get("CASES_SEED", "1"))

MAKE_CASES = SHARED_DATA.parent / "cases" / "make_cases.py"


class Asking:
    """Cases in files, and the answers that were given already.

    Parameters
    ----------
    folder : Path
        With a folder for each case.
    told : dict
        What is right for each.
    """

    def __init__(self, folder, told):
        self.folder, self.told = folder, told
        self._answers = {}

    def ask(self, question, door, window=None):
        key = str(question), door
        if key not in self._answers:
            self._answers[key] = self._ask(question, door, window)
        return self._answers[key]

    def _ask(self, question, door, window):
        asked = question.asked(self.folder / question.case)
        if door == "map":
            return by_map(asked, self.output(question))
        if door == "info":
            return by_info(asked)
        if door == "python":
            return by_python(asked)
        return window.ask(asked, self.output(question))

    def output(self, question):
        name = re.sub(r"[^\w.=-]", "_", str(question))
        return self.folder / "output" / name

    def right(self, question):
        """The statistics that have to come out; None where none are known."""
        if question.numbers is None:
            return None
        if question.numbers == "nothing":
            return {"mean": 0, "total": 0}
        told = self.told[question.case]
        if question.numbers == "file":
            path = self.folder / question.case / question.path
            values = np.moveaxis(nib.load(path).get_fdata(), -1, 0)
            return numbers(entropy(values))
        return told[question.numbers] if question.numbers else told


def write_cases(folder, functions, seed):
    told = {}
    for number, (name, write) in enumerate(functions.items()):
        (folder / name).mkdir()
        told[name] = write(folder / name, np.random.default_rng([seed, number]))
    return Asking(folder, told)


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """The cases of this folder."""
    return write_cases(tmp_path_factory.mktemp("own"), cases.CASES, SEED)


@pytest.fixture(scope="module")
def asking_of_models(tmp_path_factory):
    """The cases that these are modelled on, if they are at hand."""
    if not MAKE_CASES.is_file():
        pytest.skip("the cases that these are modelled on are not at hand")
    functions = runpy.run_path(str(MAKE_CASES))["CASES"]
    return write_cases(tmp_path_factory.mktemp("models"), functions, SEED)


def all_asked(doors=DOORS):
    """A parameter for each question and door, with what is known to fail."""
    for question in QUESTIONS:
        for door in question.doors:
            if door in doors:
                reason = KNOWN.get((str(question), door))
                marks = (
                    [mark.xfail(raises=AssertionError, strict=True, reason=reason)]
                    if reason
                    else []
                )
                yield pytest.param(question, door, id=f"{question}-{door}", marks=marks)


def check_right(asking, question, door, window):
    answer = asking.ask(question, door, window)
    assert answer.content in ("probabilities", "uncertainty map"), answer.content
    if question.refused and door == "map":
        assert re.search(question.refused, answer.refusal)
        return
    assert answer.refusal == ""
    check_numbers(answer, asking.right(question))
    if question.kind:
        assert answer.kind == question.kind
    if question.classes is not None and answer.classes is not None:
        right = question.classes
        # What no class is named for is not listed by `info`.
        assert answer.classes in ({right, right - 1} if door == "info" else {right})
    if door == "python":
        check_warnings(asking, question, answer)
        return
    for name, level in question.levels.items():
        assert answer.levels.get(name, "") in level.split() or not level, name
        assert level or name not in answer.levels, name


def check_numbers(answer, right):
    for name, value in (right or {}).items():
        given = getattr(answer, name, None)
        if name == "max" and answer.values is not None:
            given = answer.values.max()
        if name == "shape" and answer.values is not None:
            assert sorted(answer.values.shape) == sorted(value)
        elif given is not None:
            assert given == pytest.approx(value, rel=CLOSE), name


def check_warnings(asking, question, answer):
    """Python warns of what the levels of a question say that somebody is told of."""
    likely = next(
        one
        for one in (asking.ask(question, door) for door in ("map", "info"))
        if one.content == "probabilities" and not one.refusal
    )
    assert warned(answer, likely) == []


@mark.parametrize(("question", "door"), list(all_asked()))
def test_each_door_gives_what_is_right(question, door, asking, window):
    check_right(asking, question, door, window)


@mark.shared_data
@mark.parametrize(("question", "door"), list(all_asked(("map", "info"))))
def test_what_these_are_modelled_on_is_judged_alike(question, door, asking_of_models):
    check_right(asking_of_models, question, door, None)


def first_that_answers(asking, question):
    """The answer of `map`, or of `info` where `map` refuses to write."""
    answer = asking.ask(question, "map")
    return asking.ask(question, "info") if answer.refusal else answer


@mark.parametrize(("question", "door"), list(all_asked(("info", "window"))))
def test_all_doors_give_the_same_checks(question, door, asking, window):
    answer = asking.ask(question, door, window)
    assert answer.levels == first_that_answers(asking, question).levels


@mark.parametrize(
    ("question", "door"),
    [one for one in all_asked(("python",)) if "labels" not in one.values[0].how],
)
def test_maps_of_a_script_carry_the_checks_of_every_door(question, door, asking):
    answer = asking.ask(question, door)
    levels = dict(first_that_answers(asking, question).levels)
    levels.pop("confidence", None)  # of which a script is told where it asks
    assert answer.levels == levels


WRITTEN = [one for one in QUESTIONS if not one.refused and one.numbers is not None]


@mark.parametrize("question", WRITTEN[::6], ids=str)
def test_a_report_repeats_the_checks_of_its_map(question, asking):
    checks = asking.ask(question, "map").checks
    [written] = asking.output(question).glob("*_entropy.nii.gz")
    expected = sorted((level, sentence) for _, level, sentence in checks)
    found = sorted(
        (level, sentence) for _, level, sentence in by_report(written).checks
    )
    assert found == expected


def question_of(case, **how):
    return next(
        one for one in QUESTIONS if one.case == case and how.items() <= one.how.items()
    )


def rows_of(path):
    head, *lines = path.read_text("utf-8").splitlines()
    return [dict(zip(head.split("\t"), one.split("\t"), strict=True)) for one in lines]


def written_with(asking, case, name, *words):
    """Folder and answers of `map` with further options."""
    output = asking.folder / "output" / f"{case} further"
    answers = map_all([asking.folder / case / name], output, None, *words)
    return output, answers


def test_the_first_hotspot_of_tissues_lies_where_they_doubt(asking):
    case = "class_zero_is_a_tissue"
    output, answers = written_with(asking, case, "", "--hotspots", "5")
    [(name, answer)] = answers.items()
    told = asking.told[case]
    assert answer.foreground_mean == pytest.approx(told["foreground_mean"], rel=CLOSE)
    first = rows_of(output / f"{name}_hotspots.tsv")[0]
    at = [float(first[axis]) for axis in "ijk"]
    assert np.linalg.norm(np.subtract(at, told["ball_centre_voxel"])) < 3
    compared = asking.ask(question_of(case, labels="sub-01_dseg.nii.gz"), "map")
    [agreement] = [one for one in compared.told["checks"] if one["name"] == "agreement"]
    assert agreement["foreground"] == told["agreement_with_dseg"]


def test_vectors_in_a_folder_are_no_cases(asking):
    case = "vectors_are_no_logits"
    _, answers = written_with(asking, case, "")
    [(name, answer)] = answers.items()
    assert name == "sub-01"
    assert answer.mean == pytest.approx(asking.told[case]["mean"], rel=CLOSE)


def test_microns_are_kept_and_counted(asking):
    case = "units_in_micron"
    told = asking.told[case]
    labels = asking.folder / case / "seg.nii.gz"
    output, answers = written_with(
        asking, case, "case.nii.gz", "--labels", labels, "--hotspots", "5"
    )
    assert answers["case"].refusal == ""
    image = nib.load(output / "case_entropy.nii.gz")
    assert image.header.get_xyzt_units()[0] == "micron"
    source = nib.load(asking.folder / case / "case.nii.gz")
    np.testing.assert_array_equal(image.affine, source.affine)
    info = asking.ask(question_of(case), "info")
    assert info.told["zooms_mm"] == pytest.approx(told["zooms_mm"], rel=1e-4)
    volumes = [row["volume_ml"] for row in rows_of(output / "case_classes.tsv")]
    assert float(volumes[1]) == pytest.approx(told["volume_ml_of_label_1"], rel=1e-4)


@mark.parametrize("name", ["v0.1", "v0.002"])
def test_small_voxels_have_hotspots_of_their_size(name, asking):
    output, answers = written_with(
        asking, "small_voxels", f"{name}.nii.gz", "--hotspots", "10"
    )
    assert answers[name].refusal == ""
    rows = rows_of(output / f"{name}_hotspots.tsv")
    assert len(rows) == 10
    assert float(rows[0]["share"]) < 0.2


def test_labels_that_a_slope_moved_are_labels(asking):
    case = "labels_off_by_the_slope"
    seg = by_info(Asked(asking.folder / case / "seg.nii.gz"))
    assert seg.content == "segmentation"
    assert len(seg.told["labels"]) == asking.told[case]["labels"]
    compared = asking.ask(question_of(case), "map")
    [agreement] = [one for one in compared.told["checks"] if one["name"] == "agreement"]
    assert agreement["overall"] > 0.999


def test_names_are_read_behind_a_byte_order_mark(asking):
    question = question_of("side_files_with_a_byte_order_mark")
    names = ["background", "tumour", "Ödem"]
    assert asking.ask(question, "map").told["class_names"] == names
    assert asking.ask(question, "info").told["classes"] == names


def test_a_converted_copy_lies_where_its_original_does(asking):
    question = question_of("converted_copy_beside_its_original")
    source = asking.folder / question.case / "case.nii.gz"
    answer = asking.ask(question, "map")
    assert answer.told["geometry_source"] == str(source)
    values = np.moveaxis(nib.load(source).get_fdata(), -1, 0)
    np.testing.assert_allclose(answer.values, entropy(values), atol=1e-5)


def test_a_map_that_was_placed_lies_as_its_segmentation(asking):
    question = question_of("segmentation_beside_contradicts", place=True)
    with np.load(asking.folder / question.case / "case.npz") as file:
        right = entropy(file["probabilities"])
    np.testing.assert_allclose(asking.ask(question, "map").values, right, atol=1e-5)


def test_the_threshold_of_lesions_is_found(asking):
    question = question_of("lesions_below_one_half")
    for door in question.doors[:2]:
        assert "above 0.17" in asking.ask(question, door).sentence("agreement")


@mark.parametrize(
    ("case", "lacks"),
    [
        ("segmentation_lacks_classes", "lacks the classes 7, 8"),
        ("postprocessed_segmentation", "small components were removed"),
    ],
)
def test_what_a_segmentation_lacks_is_said(case, lacks, asking):
    answer = asking.ask(question_of(case), "map")
    few = answer.levels["agreement"] == "green"  # voxels that hardly matter
    assert few or lacks in answer.sentence("agreement")


@mark.parametrize("door", ["map", "info", "window"])
def test_a_batch_axis_that_is_left_out_is_told(door, asking, window):
    question = question_of("batch_axis_left_in")
    assert "left out" in asking.ask(question, door, window).notes


def test_each_frame_of_a_series_has_a_map(asking):
    case = "time_is_no_ensemble"
    _, answers = written_with(asking, case, "case.h5")
    assert sorted(answers) == [f"case_frame_{number}" for number in range(4)]
    told = asking.told[case]["frame_2"]
    assert answers["case_frame_2"].mean == pytest.approx(told["mean"], rel=CLOSE)
    refusal = by_python(Asked(asking.folder / case / "case.h5")).refusal
    assert re.search(r"series of 4 frames.*--frame", refusal)


def test_info_takes_frames_for_no_members(asking):
    answer = by_info(Asked(asking.folder / "time_is_no_ensemble" / "case.h5"))
    assert "members" not in answer.told
    assert "4 frames" in json.dumps(answer.told) + answer.refusal


def test_a_series_is_one_layer_in_the_window(asking, window):
    path = asking.folder / "time_is_no_ensemble" / "case.h5"
    window.viewer.open(path, plugin=PLUGIN)
    [_] = window.viewer.layers


def test_three_sagittal_slices_in_a_window(asking, make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    folder = asking.folder / "three_sagittal_slices"
    names = ("scan.nii.gz", "seg.nii.gz", "case.nii.gz")
    viewer.open([folder / name for name in names], plugin=PLUGIN)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Compute uncertainty")
    shown = compute(qtbot, widget)
    right = asking.told["three_sagittal_slices"]
    assert not any(getattr(layer, "rgb", False) for layer in viewer.layers)
    assert np.asarray(shown.data).mean() == pytest.approx(right["mean"], rel=CLOSE)

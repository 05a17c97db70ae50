"""``napari-uncertainty map`` as a user calls it, and as a user stops it."""

import csv
import json
import os
import signal
import zlib

import nibabel as nib
import numpy as np
import psutil
import pytest

import napari_uncertainty as nu
from support.command_line import files_up_to
from support.generated import OBLIQUE, softmax
from support.many_cases import (
    PATIENCE,
    contents,
    finished,
    maps_in,
    run_here,
    start,
    wait_until,
    write_case,
)

pytest.importorskip("resource")  # on Unix alone, as the signals that are sent here

BROKEN = ["sub-003", "sub-011", "sub-020"]


@pytest.fixture
def few(tmp_path, rng):
    """Three cases in a folder."""
    for name in ("a", "b", "c"):
        write_case(tmp_path / "in", name, rng)
    return tmp_path / "in"


def table(folder):
    with (folder / "summary.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, dialect="excel-tab"))


def stopped_in_the_middle(folder, *arguments):
    """Start, and stop the whole group as soon as some maps are there, but not all.

    While it runs, whatever has its final name is whole.
    """
    for attempt in range(10):
        output = folder / f"attempt{attempt}"
        process = start(*arguments, "-o", output)
        seen = set()

        def some_are_there(output=output, seen=seen):
            for file in set(output.glob("[!.]*")) - seen:
                assert_whole(file)
                seen.add(file)
            return len(maps_in(output)) >= 5

        wait_until(some_are_there, "maps come")
        os.killpg(process.pid, signal.SIGSTOP)
        if len(maps_in(output)) < 37:
            return process, output
        kill(process)
    raise AssertionError("each run was over too soon")


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    with process:
        process.communicate(timeout=PATIENCE)


def assert_whole(file):
    data = file.read_bytes()
    if file.name.endswith(".nii.gz"):
        image = nib.Nifti1Image.from_bytes(zlib.decompress(data, wbits=31))
        assert np.isfinite(np.asarray(image.dataobj)).all()
    elif file.name.endswith(".json"):
        assert json.loads(data)["statistics"]["voxels"] > 0
    else:
        assert file.name == "summary.tsv"
        assert data.endswith(b"\n")


def test_forty_cases_three_of_them_broken(forty, uninterrupted):
    folder = uninterrupted.folder
    assert uninterrupted.status == 1
    assert uninterrupted.out == (
        f"37 of 40 cases written to {folder}, 3 failed; see {folder}/summary.tsv\n"
    )
    named = [line.split(": ")[:2] for line in uninterrupted.err.splitlines()]
    assert named == [["napari-uncertainty", name] for name in BROKEN]
    assert len(maps_in(folder)) == 37
    assert len(contents(folder)) == 37 * 2 + 1
    rows = table(folder)
    assert [row["case"] for row in rows[:3]] == BROKEN
    assert {row["status"] for row in rows[3:]} == {"written"}
    means = [float(row["foreground_mean"]) for row in rows[3:]]
    assert means == sorted(means, reverse=True)
    assert means[0] > 2 * means[-1]
    expected = nu.entropy(nu.read(forty / "sub-000.npz"))
    written = nib.load(folder / "sub-000_entropy.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), expected)
    np.testing.assert_array_equal(
        written.affine, nib.load(forty / "sub-000.nii.gz").affine
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_in_the_middle_and_run_again(forty, uninterrupted, tmp_path, jobs):
    process, output = stopped_in_the_middle(tmp_path, forty, "--jobs", jobs)
    kill(process)
    for file in output.glob("[!.]*"):
        assert_whole(file)
    status, out, err = run_here(forty, "-o", output, "--jobs", jobs)
    assert status == 1
    assert " now, " in out
    assert len(err.splitlines()) == 3
    assert finished(output) == contents(uninterrupted.folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_in_the_middle_leaves_whole_files_and_can_be_resumed(
    forty, uninterrupted, tmp_path, jobs
):
    process, output = stopped_in_the_middle(tmp_path, forty, "--jobs", jobs)
    children = psutil.Process(process.pid).children(recursive=True)
    # As a terminal does it: to all processes of the group.
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGCONT)
    with process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    last = err.splitlines()[-1]
    assert last.startswith("napari-uncertainty: stopped after ")
    assert last.endswith(" of 40 cases; run the same command again to go on")
    assert "Traceback" not in err
    files = contents(output)
    assert "summary.tsv" not in files
    assert not [name for name in files if name.startswith(".")]
    wait_until(lambda: not any(c.is_running() for c in children), "children end")
    # Who goes on need not be as many.
    status, _, _ = run_here(forty, "-o", output)
    assert status == 1
    assert contents(output) == contents(uninterrupted.folder)


def test_a_second_run_computes_only_what_failed(forty, uninterrupted):
    folder = uninterrupted.folder
    before = contents(folder)
    times = {file: file.stat().st_mtime_ns for file in maps_in(folder)}
    status, out, err = run_here(forty, "-o", folder)
    assert status == 1
    assert f"{folder} (0 now, 37 had been there), 3 failed" in out
    assert len(err.splitlines()) == 3
    assert contents(folder) == before
    assert {file: file.stat().st_mtime_ns for file in maps_in(folder)} == times


def test_a_changed_input_is_computed_anew_and_overwrite_all(few, tmp_path, rng):
    output = tmp_path / "out"
    status, out, err = run_here(few, "-o", output)
    assert (status, err) == (0, "")
    assert out == f"3 of 3 cases written to {output}; see {output}/summary.tsv\n"
    first = contents(output)
    write_case(few, "b", rng)
    status, out, err = run_here(few, "-o", output)
    assert (status, err) == (0, "")
    assert "(1 now, 2 had been there)" in out
    second = contents(output)
    assert {name for name in first if first[name] != second[name]} == {
        "b_entropy.nii.gz",
        "b_entropy.json",
        "summary.tsv",
    }
    times = {file: file.stat().st_mtime_ns for file in maps_in(output)}
    status, out, _ = run_here(few, "-o", output, "--overwrite")
    assert (status, "had been" in out) == (0, False)
    assert contents(output) == second
    assert not [file for file in times if file.stat().st_mtime_ns == times[file]]


def test_measures_and_base_are_chosen_by_options(few, tmp_path):
    measures = ("--measure", "margin", "--measure", "entropy", "--measure", "margin")
    status, _, err = run_here(few, "-o", tmp_path, *measures, "--base", "classes")
    assert status == 0, err
    assert [file.name for file in maps_in(tmp_path)] == [
        f"{case}_{measure}.nii.gz"
        for case in "abc"
        for measure in ("entropy", "margin")
    ]
    entropy = json.loads((tmp_path / "a_entropy.json").read_text())
    assert (entropy["base"], entropy["unit"]) == ("classes", "normalised")
    margin = json.loads((tmp_path / "a_margin.json").read_text())
    assert margin["unit"] == ""
    rows = {row["case"]: row for row in table(tmp_path)}
    assert float(rows["a"]["total"]) == margin["statistics"]["total"]


def test_files_folders_and_patterns_at_once(few, tmp_path, rng):
    write_case(tmp_path / "fold_0", "s", rng)
    write_case(tmp_path / "fold_1", "s", rng)
    values = np.moveaxis(softmax(rng, (4, 6, 7, 8)), 0, -1)
    nib.Nifti1Image(values, OBLIQUE).to_filename(few / "net.nii")
    words = (tmp_path / "fold_?", few, few / "a.npz", tmp_path / "missing.npz")
    status, out, err = run_here(*words, "-o", tmp_path / "out")
    assert status == 1
    assert out.startswith("6 of 7 cases written")
    assert err.startswith("napari-uncertainty: missing: ")
    assert "No such file" in err
    assert {row["case"] for row in table(tmp_path / "out")} == {
        *"abc",
        "net",
        "fold_0_s",
        "fold_1_s",
        "missing",
    }


def test_maps_can_go_into_the_folder_of_the_inputs(few):
    before = contents(few)
    for _ in range(2):
        status, out, _ = run_here(few, "-o", few)
        assert status == 0
        assert out.startswith("3 of 3 cases")
    after = contents(few)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["*.mgz"], "leads to no class"),
        (["IN", "--measure", "anger"], "anger"),
        (["IN", "--base", "10"], "10"),
        (["IN", "--jobs", "0"], "--jobs"),
        (["IN", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:9"], "exclude"),
        ([], "PROBABILITIES"),
    ],
)
def test_wrong_usage_of_map_ends_with_status_2(
    few, tmp_path, monkeypatch, options, said
):
    monkeypatch.chdir(tmp_path)
    words = [few if word == "IN" else word for word in options]
    status, out, err = run_here(*words, "-o", tmp_path / "out")
    assert (status, out) == (2, "")
    assert said in err
    assert "Usage" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--labels", "nowhere"], "There is no segmentation and no folder nowhere."),
        (["--labels", "nowhere", "--place"], "no folder nowhere."),
    ],
)
def test_wrong_options_of_a_segmentation_exit_with_2(
    few, tmp_path, monkeypatch, options, said
):
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "out"
    status, out, err = run_here(few, "-o", output, *options)
    assert (status, out) == (2, "")
    # In a frame that breaks lines.
    assert said in " ".join(err.replace("│", " ").split())
    assert not output.exists()


def mirror(path):
    """Run the first axis of an input, as nibabel has it, backwards."""
    with np.load(path) as archive:
        values = archive["probabilities"]
    np.savez_compressed(path, probabilities=values[..., ::-1])


def test_compared_with_segmentations_of_the_same_names(few, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in "ac":
        (few / f"{name}.nii.gz").rename(labels / f"{name}.nii.gz")
    mirror(few / "c.npz")
    undisguised = nib.load(labels / "c.nii.gz")
    output = tmp_path / "out"
    words = (few, "-o", output, "--labels", labels)

    # Only b has a file beside it, and nothing in the folder.
    status, out, err = run_here(*words)
    assert status == 1
    assert out.startswith("1 of 3 cases written")
    told = dict(line.split(": ", 2)[1:] for line in err.splitlines())
    assert told["b"] == f"There is no segmentation {labels / 'b.nii.gz'}."
    assert "as loaded" in told["c"]
    assert told["c"].endswith("with --place it is put where it agrees.")
    assert [file.name for file in maps_in(output)] == ["a_entropy.nii.gz"]
    rows = {row["case"]: row for row in table(output)}
    assert float(rows["a"]["agreement"]) > 0.99
    assert rows["a"]["checks"] == "amber"
    assert rows["a"]["message"].startswith("No NIfTI image of the same name")
    assert (rows["c"]["agreement"], rows["c"]["checks"]) == ("", "")

    # To be placed: c is new, and so is a, whose place was not known.
    status, out, err = run_here(*words, "--place")
    assert status == 1
    assert out.startswith(f"2 of 3 cases written to {output}, 1 failed")
    rows = {row["case"]: row for row in table(output)}
    assert rows["b"]["status"] == "failed"
    assert (rows["a"]["checks"], rows["c"]["checks"]) == ("green", "green")
    assert rows["c"]["message"] == (
        "Placed by its agreement with 'c': first axis flipped."
    )
    written = nib.load(output / "c_entropy.nii.gz")
    np.testing.assert_array_equal(written.affine, undisguised.affine)
    mirror(few / "c.npz")
    np.testing.assert_array_equal(
        np.asarray(written.dataobj), nu.entropy(nu.read(few / "c.npz"))
    )
    mirror(few / "c.npz")


def test_a_comparison_is_not_made_twice(few, tmp_path, rng):
    mirror(few / "b.npz")
    output = tmp_path / "out"
    words = (few, "-o", output, "--labels", few, "--place")
    status, out, err = run_here(*words)
    assert (status, err) == (0, "")
    first = contents(output)
    for labels in (few, few / ".." / few.name):
        status, out, _ = run_here(few, "-o", output, "--labels", labels, "--place")
        assert (status, "(0 now, 3 had been there)" in out) == (0, True)
        assert contents(output) == first
    later = few / "a.nii.gz"
    state = later.stat()
    os.utime(later, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    _, out, _ = run_here(*words)
    assert "(1 now, 2 had been there)" in out
    # Not to be placed any more: what was is not as asked for.
    status, out, err = run_here(*words[:-1])
    assert status == 1
    assert "(0 now, 2 had been there), 1 failed" in out
    assert err.startswith("napari-uncertainty: b: ")
    assert "agrees far better: as loaded" in err
    assert "The map of this case in the output folder was written before." in err
    # Without a segmentation, all are others; the one beside is compared all the same.
    status, out, err = run_here(few, "-o", output)
    assert out.startswith("2 of 3 cases written")
    assert "had been" not in out
    assert "b: Another placement agrees far better: as loaded" in err


def test_one_segmentation_is_compared_with_all_cases(few, tmp_path):
    """One network's output against the labels of another one's."""
    status, _, err = run_here(few, "-o", tmp_path / "out", "--labels", few / "a.nii.gz")
    assert (status, err) == (0, "")
    rows = {row["case"]: row for row in table(tmp_path / "out")}
    assert {name: row["checks"] for name, row in rows.items()} == {
        "a": "green",
        "b": "red",
        "c": "red",
    }
    given = np.asarray(nib.load(few / "a.nii.gz").dataobj)
    for name in "abc":
        with np.load(few / f"{name}.npz") as archive:
            predicted = archive["probabilities"].argmax(axis=0).T
        either = (predicted != 0) | (given != 0)
        share = ((predicted == given) & either).sum() / either.sum()
        assert float(rows[name]["agreement"]) == pytest.approx(share, abs=1e-12)


def test_a_run_without_an_output_folder_is_wrong_usage(few):
    status, _, err = run_here(few)
    assert status == 2
    assert "--output" in err


def test_a_file_in_place_of_the_output_folder_is_told_and_kept(few, tmp_path):
    (tmp_path / "out").write_text("mine")
    status, out, err = run_here(few, "-o", tmp_path / "out")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("napari-uncertainty: Nothing can be written to the folder")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_full_disk_fails_by_name(few, tmp_path, rng):
    write_case(few, "large", rng, (4, 24, 24, 24))

    output = tmp_path / "out"
    with files_up_to(20_000):
        status, out, err = run_here(few, "-o", output)
    assert status == 1
    assert out.startswith("3 of 4 cases written")
    [line] = err.splitlines()
    assert line.startswith("napari-uncertainty: large: ")
    assert "large_entropy.nii.gz cannot be written (File too large)" in line
    assert len(contents(output)) == 3 * 2 + 1
    assert table(output)[0]["case"] == "large"
    status, _, _ = run_here(few, "-o", output)
    assert status == 0


def test_a_scheduler_that_does_not_answer_is_one_line(few, tmp_path):
    pytest.importorskip("distributed")
    status, out, err = run_here(few, "-o", tmp_path / "out", "--scheduler", "nonsense")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "No Dask scheduler answers at nonsense" in err

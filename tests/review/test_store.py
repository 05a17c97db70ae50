"""Where reviews are, and finding the one that belongs to images."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import Hotspot, Hotspots
from napari_uncertainty.review import file
from napari_uncertainty.review.file import (
    beside,
    find_session,
    in_user_folder,
    place_for,
    user_folder,
)
from napari_uncertainty.review.reviewed_images import Options, ReviewedInput
from napari_uncertainty.review.session import Session

OPTIONS = Options(8.0, 12.0, (1, 2), True)
FOUND = Hotspots(
    (Hotspot(1, (1, 2, 3), None, 1.0, 1.0, 1.0, None, 0.1, 0.1),),
    8.0, 10.0, (9, 9, 9), None,
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The user's folder, away from the real one."""
    folder = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
    return folder / "reviews"


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    return folder


@pytest.fixture
def inputs(study):
    return (
        ReviewedInput("map", "entropy", None, "aa"),
        ReviewedInput("segmentation", "seg", study / "sub-007.nii.gz", "bb"),
    )


def written(path, inputs, options=OPTIONS, case="sub-007", age=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Session.begin(path, case, inputs, options, FOUND, {}, "bits").save()
    changed = path.stat().st_mtime - age
    os.utime(path, (changed, changed))
    return path


def test_a_review_is_kept_beside_the_image_under_a_free_name(study):
    image = study / "sub-007.nii.gz"
    assert beside(image, "sub-007") == study / "sub-007_review.json"
    (study / "sub-007_review.json").touch()
    assert beside(image, "sub-007") == study / "sub-007_review-2.json"
    (study / "sub-007_review-2.json").touch()
    assert beside(image, "sub-007") == study / "sub-007_review-3.json"
    assert beside(image, "a/b: c?") == study / "a_b_ c__review.json"
    assert beside(image, "..") == study / "case_review.json"


def test_a_review_in_the_users_folder_is_named_by_its_content(inputs, own_folder):
    path = in_user_folder("sub-007", inputs, OPTIONS)
    assert path.parent == own_folder == user_folder()
    name, digits = path.stem.rsplit("-", 1)
    assert (name, len(digits), path.suffix) == ("sub-007", 8, ".json")
    int(digits, 16)
    elsewhere = [replace(one, path=Path("/x"), name="y") for one in reversed(inputs)]
    assert in_user_folder("sub-007", elsewhere, OPTIONS) == path
    others = {
        in_user_folder("sub-007", inputs, replace(OPTIONS, radius_mm=5.0)),
        in_user_folder("sub-007", inputs[:1], OPTIONS),
        in_user_folder(
            "sub-007", [replace(inputs[0], digest="cc"), inputs[1]], OPTIONS
        ),
        path,
    }
    assert len(others) == 4


def test_the_users_folder_is_that_of_the_program(monkeypatch):
    monkeypatch.undo()
    assert user_folder().parts[-2:] == ("napari-uncertainty", "reviews")


def test_a_new_review_is_kept_where_it_can_be_written(study, inputs, own_folder):
    image = study / "sub-007.nii.gz"
    assert place_for(image, "c", inputs, OPTIONS) == study / "c_review.json"
    assert not own_folder.exists()
    own = in_user_folder("c", inputs, OPTIONS)
    assert place_for(image, "c", inputs, OPTIONS, prefer="user") == own
    assert place_for(None, "c", inputs, OPTIONS) == own
    assert place_for(study / "gone" / "x.nii", "c", inputs, OPTIONS) == own
    assert own_folder.is_dir()
    assert not (study / "gone").exists()
    assert list(study.iterdir()) == []


def test_where_nothing_can_be_written(study, inputs, own_folder, monkeypatch):
    def refused(folder):
        if folder == study:
            raise InputError("Nothing can be written.")

    monkeypatch.setattr(file, "check_writable", refused)
    path = place_for(study / "sub-007.nii.gz", "c", inputs, OPTIONS)
    assert path == in_user_folder("c", inputs, OPTIONS)


def test_nowhere_to_write(inputs, own_folder):
    own_folder.parent.touch()
    with pytest.raises(InputError, match="Nothing can be written to the folder"):
        place_for(None, "c", inputs, OPTIONS)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_sends_a_review_to_the_users_folder(study, inputs):
    study.chmod(0o500)
    path = place_for(study / "sub-007.nii.gz", "c", inputs, OPTIONS)
    study.chmod(0o700)
    assert path == in_user_folder("c", inputs, OPTIONS)


def test_a_review_is_found_by_the_content_of_its_images(study, inputs):
    path = written(study / "any_review-7.json", inputs, case="another")
    written(study / "unfit_review.json", inputs, replace(OPTIONS, interior=False))
    moved = [
        replace(one, path=Path("/moved.nii"), name="m") for one in reversed(inputs)
    ]
    for asked in (inputs, moved):
        found = find_session(asked, OPTIONS, "sub-007", [study])
        assert (found.path, found.notes) == (path, ())
    assert (
        find_session(inputs, replace(OPTIONS, classes=None), "x", [study]).path is None
    )
    assert find_session(inputs[:1], OPTIONS, "sub-007", [study]).path is None
    swapped = [
        replace(one, digest={"aa": "bb", "bb": "aa"}[one.digest]) for one in inputs
    ]
    assert find_session(swapped, OPTIONS, "x", [study]).path is None


def test_a_review_is_found_in_the_users_folder(tmp_path, inputs, own_folder):
    path = written(in_user_folder("sub-007", inputs, OPTIONS), inputs)
    for folders in ([], [tmp_path / "nowhere"], [own_folder], [own_folder] * 2):
        found = find_session(inputs, OPTIONS, "sub-007", folders)
        assert (found.path, found.notes) == (path, ())


def test_other_names_count_in_the_users_folder_only(study, inputs):
    written(study / "decisions.json", inputs)
    written(study / ".sub-007_review.json", inputs)
    (study / "sub_review.json").mkdir()
    found = find_session(inputs, OPTIONS, "sub-007", [study])
    assert (found.path, found.notes) == (None, ())


def test_of_several_reviews_the_last_one_is_taken_up(study, inputs):
    older = written(study / "a_review.json", inputs, age=100)
    newer = written(study / "b_review.json", inputs)
    found = find_session(inputs, OPTIONS, "sub-007", [study])
    assert found.path == newer
    assert found.notes == (f"There are more reviews of these images: {older}.",)


def test_an_image_that_changed_since_is_named(study, inputs):
    path = written(study / "sub-007_review.json", inputs)
    document = json.loads(path.read_text("utf-8"))
    document["begun"] = "2026-11-24T12:00:00+00:00"
    path.write_text(json.dumps(document), "utf-8")
    now = (inputs[0], replace(inputs[1], digest="new"))
    found = find_session(now, OPTIONS, "sub-007", [study])
    assert found.path is None
    assert found.notes == (
        "'sub-007.nii.gz' has changed since the review of 24 Nov 2026 was begun; a new "
        f"review begins, the old one stays in {path}.",
    )
    assert find_session(now, OPTIONS, "sub-008", [study]).notes == ()
    moved = (now[0], replace(now[1], path=study / "sub-008.nii.gz"))
    assert find_session(moved, OPTIONS, "sub-007", [study]).notes == ()
    both = tuple(replace(one, digest="new") for one in inputs)
    (note,) = find_session(both, OPTIONS, "sub-007", [study]).notes
    assert note.startswith("'entropy' and 'sub-007.nii.gz' have changed since")
    # Only the newest is told of, and none any more when there is a new review.
    written(study / "old_review.json", inputs, age=1000)
    assert len(find_session(now, OPTIONS, "sub-007", [study]).notes) == 1
    begun = written(study / "sub-007_review-2.json", now)
    found = find_session(now, OPTIONS, "sub-007", [study])
    assert (found.path, found.notes) == (begun, ())


def test_broken_files_are_passed_over(study, inputs):
    path = written(study / "a_review.json", inputs)
    (study / "b_review.json").write_bytes(b"\x00garbage")
    (study / "c_review.json").write_text('{"format": 99}')
    found = find_session(inputs, OPTIONS, "sub-007", [study])
    assert found.path == path
    assert len(found.notes) == 2
    told = " ".join(found.notes)
    assert f"Passed over: {study / 'b_review.json'} is not a review" in told
    assert f"{study / 'c_review.json'} was written by a newer version" in told

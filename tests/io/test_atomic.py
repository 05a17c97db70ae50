"""Files that appear whole or not at all."""

import errno
import os
import stat
from contextlib import nullcontext

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.io.writing import check_writable, write_whole


def test_the_last_file_vouches_for_the_others(tmp_path):
    """It is never beside a newer one of the others, whenever the process is killed."""
    image, told = tmp_path / "map.nii", tmp_path / "map.json"
    seen = []

    def write(text):
        def to(file):
            seen.append((image.exists(), told.exists()))
            file.write(text)

        return to

    write_whole([(image, write(b"1")), (told, write(b"2"))])
    assert seen == [(False, False)] * 2
    write_whole([(image, write(b"3")), (told, write(b"4"))])
    assert (image.read_bytes(), told.read_bytes()) == (b"3", b"4")

    class Killed(BaseException):
        pass

    def rename(self, target):
        assert not told.exists()
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(image), "replace", rename)
        with pytest.raises(Killed):
            write_whole([(image, write(b"5")), (told, write(b"6"))])
    assert list(tmp_path.iterdir()) == [image]


def test_a_full_disk_leaves_the_old_files(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text("old")

    def fill(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    whole = (tmp_path / "a", lambda file: file.write(b"new"))
    with pytest.raises(InputError, match=r"a cannot be written \(No space left"):
        write_whole([whole, (tmp_path / "b", fill)])
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "a": "old",
        "b": "old",
    }


def test_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    image, told = tmp_path / "map.nii", tmp_path / "map.json"
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    monkeypatch.setattr(
        type(image), "replace", lambda self, target: synced.append(target)
    )
    write_whole(
        [
            (image, lambda file: file.write(b"1234")),
            (told, lambda file: file.write(b"x")),
        ]
    )
    assert synced == [4, image, told]


def test_with_sync_the_last_file_is_on_the_disk_before_it_has_its_name(
    tmp_path, monkeypatch
):
    told = tmp_path / "review.json"
    synced = []

    def sync(descriptor):
        about = os.fstat(descriptor)
        folder = os.path.samestat(about, tmp_path.stat())
        synced.append("folder" if folder else about.st_size)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(
        type(told), "replace", lambda self, target: synced.append(target)
    )
    write_whole([(told, lambda file: file.write(b"123"))], sync=True)
    assert synced == [3, told, *(["folder"] if os.name == "posix" else [])]


@pytest.mark.skipif(os.name != "posix", reason="folders are written so on POSIX")
@pytest.mark.parametrize(
    ("number", "refused"),
    [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)],
)
def test_a_folder_that_is_not_written_is_told_unless_the_system_never_does_that(
    tmp_path, monkeypatch, number, refused
):
    fsync, file = os.fsync, tmp_path / "review.json"
    opened = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    def sync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    told = (
        pytest.raises(InputError, match="cannot be written")
        if refused
        else nullcontext()
    )
    with told:
        write_whole([(file, lambda file: file.write(b"new"))], sync=True)
    assert file.read_bytes() == b"new"
    if opened:
        assert len(os.listdir("/proc/self/fd")) == opened


def test_a_folder_is_made(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Nothing can be written to the folder"):
        check_writable(tmp_path / "file")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        check_writable(tmp_path)
    tmp_path.chmod(0o700)

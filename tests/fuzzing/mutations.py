"""Damage to files: to any bytes, to what formats say in them, and to whole folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from .families import Case
from .fields import FIELDS
from .traps import traps

Change = Callable[[bytes, Random], bytes]

ENDINGS = (
    ".npz", ".npy", ".nii", ".nii.gz", ".mgz", ".mgh", ".h5", ".hdf", ".zarr", ".json",
)  # fmt: skip


def mutated(case: Case, rng: Random, marker: Path) -> Case:
    """The case with one thing wrong, or several.

    Parameters
    ----------
    case : Case
        Intact.
    rng : Random
        Decides what.
    marker : Path
        A folder that anything executed from a file would make.
    """
    choice = rng.random()
    if choice < 0.08:
        return rng.choice(OF_FOLDERS)(case, rng, marker)
    if choice < 0.14:
        return trapped(case, rng, marker)
    files = dict(case.files)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(list(files)) if rng.random() < 0.5 else main_file(case, rng)
        content = files[name]
        assert isinstance(content, bytes)
        change = rng.choice(OF_BYTES)
        of_fields = next((FIELDS[end] for end in FIELDS if name.endswith(end)), None)
        if of_fields is not None and rng.random() < 0.6:
            change = of_fields
        files[name] = change(content, rng)
    return replace(case, files=files, opened=_file_or_folder(case, rng))


def main_file(case: Case, rng: Random) -> str:
    """The file that is opened; in a folder that is, rather metadata than a chunk."""
    if case.opened in case.files:
        return case.opened
    inside = [one for one in case.files if one.startswith(case.opened)]
    told = [one for one in inside if one.endswith(tuple(FIELDS))]
    return rng.choice(told if told and rng.random() < 0.5 else inside)


def trapped(case: Case, rng: Random, marker: Path) -> Case:
    """With a file in place of another that would run code, or unpack to gigabytes."""
    name = main_file(case, rng)
    content = case.files[name]
    assert isinstance(content, bytes)
    made = rng.choice(traps(name))(content, marker)
    return replace(case, files={**case.files, name: made})


def _file_or_folder(case: Case, rng: Random) -> str:
    return "." if rng.random() < 0.1 else case.opened


def flip_one(content: bytes, rng: Random) -> bytes:
    return _overwritten(content, rng, bytes([rng.randrange(256)]))


def flip_many(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(rng.randint(2, 2 + len(content) // 50)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def behead(content: bytes, rng: Random) -> bytes:
    return content[rng.randrange(min(600, len(content) + 1)) :]


def insert(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 7, 64, 5000))) + content[at:]


def delete(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 3, 64, 1000)) :]


def swap_blocks(content: bytes, rng: Random) -> bytes:
    size = rng.choice((4, 32, 256, 2048))
    first, second = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    one, other = content[first : first + size], content[second : second + size]
    second = max(second, first + len(one))
    return (
        content[:first]
        + other
        + content[first + len(one) : second]
        + one
        + content[second + len(other) :]
    )


def run_of_one_byte(content: bytes, rng: Random) -> bytes:
    byte = rng.choice((b"\0", b"\xff", b" "))
    return _overwritten(content, rng, byte * rng.choice((4, 16, 200, 4000)))


def extreme_number(content: bytes, rng: Random) -> bytes:
    """One number near either end of the file, of any size and byte order."""
    size = rng.choice((2, 4, 8))
    most = 256**size - 1
    number = rng.choice((0, 1, most, most // 2, most // 2 + 1, most // 255, 1 << 24))
    made = min(number, most).to_bytes(size, rng.choice(("little", "big")))
    at = rng.randrange(max(1, min(len(content), 600)))
    if rng.random() < 0.3:
        at = max(0, len(content) - at)
    return content[:at] + made + content[at + size :]


def twice(content: bytes, rng: Random) -> bytes:
    return content + content[rng.choice((0, len(content) // 2)) :]


def empty(content: bytes, rng: Random) -> bytes:
    return b""


def garbage(content: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.choice((1, 8, 400, 3000)))


def _overwritten(content: bytes, rng: Random, by: bytes) -> bytes:
    at = rng.randrange(max(1, len(content)))
    return content[:at] + by[: len(content) - at] + content[at + len(by) :]


OF_BYTES: tuple[Change, ...] = (
    flip_one, flip_many, truncate, behead, insert, delete, swap_blocks,
    run_of_one_byte, extreme_number, extreme_number, twice, empty, garbage,
)  # fmt: skip


def without_a_file(case: Case, rng: Random, marker: Path) -> Case:
    gone = rng.choice(list(case.files))
    files = {name: one for name, one in case.files.items() if name != gone}
    return replace(case, files=files, opened=_file_or_folder(case, rng))


def swapped(case: Case, rng: Random, marker: Path) -> Case:
    """Two files under each other's name."""
    one, other = rng.choice(list(case.files)), rng.choice(list(case.files))
    files = {**case.files, one: case.files[other], other: case.files[one]}
    return replace(case, files=files)


def another_ending(case: Case, rng: Random, marker: Path) -> Case:
    name = "a" + rng.choice(ENDINGS)
    files = {**case.files, name: case.files[main_file(case, rng)]}
    if any(one.startswith(name + "/") for one in case.files):
        return case
    return replace(case, files=files, opened=name)


def link_to(case: Case, rng: Random, marker: Path) -> Case:
    """A link in place of a file: to itself, a folder, nothing, something endless."""
    name = rng.choice([main_file(case, rng), *case.files])
    there = rng.choice((Path(name).name, ".", "..", "nowhere", "/dev/zero", os.devnull))
    return replace(case, files={**case.files, name: Path(there)})


def a_folder_instead(case: Case, rng: Random, marker: Path) -> Case:
    name = main_file(case, rng)
    files = {one: content for one, content in case.files.items() if one != name}
    return replace(case, files={**files, f"{name}/zarr.json": b"{}"})


def another_case(case: Case, rng: Random, marker: Path) -> Case:
    """The folder has a case more, under an odd name."""
    ending = "".join(Path(main_file(case, rng)).suffixes)
    name = rng.choice(("b", "a b", "a\nb", "\udcff", "-", "á", "%s{}", "a" * 200))
    content = case.files[main_file(case, rng)]
    return replace(case, files={**case.files, name + ending: content}, opened=".")


OF_FOLDERS = (
    without_a_file, swapped, another_ending, link_to, a_folder_instead, another_case,
)  # fmt: skip

"""Damage where formats say how large things are and where they lie."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import h5py

Change = Callable[[bytes, Random], bytes]

INTEGERS = (0, 1, -1, 2, 3, 7, 255, 4096, 1 << 15, -(1 << 31), (1 << 31) - 1)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, -1e38, math.nan, math.inf, -math.inf, 1e4)

# Where NIfTI-1 has what, and of which type.
# https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
NIFTI_1 = {
    "i": (0, 32), "h": (*range(40, 56, 2), 68, 70, 72, 74, 252, 254),
    "f": (*range(56, 68, 4), *range(76, 108, 4), 108, 112, 116, *range(256, 328, 4)),
}  # fmt: skip
# https://nifti.nimh.nih.gov/pub/dist/doc/nifti2.h
NIFTI_2 = {
    "i": (0, 344, 348, 500, 504), "h": (12, 14), "q": (*range(16, 80, 8), 168),
    "d": (*range(80, 168, 8), 176, 184, *range(352, 496, 8)),
}  # fmt: skip
# https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat
MGH = {"i": tuple(range(0, 28, 4)), "h": (28,), "f": tuple(range(30, 90, 4))}

# Of a zip archive's three headers: signature, and where numbers of which size are.
# APPNOTE.TXT, PKWARE, 4.3.7, 4.3.12 and 4.3.16
ZIP = {
    b"PK\x03\x04": {2: (4, 6, 8, 26, 28), 4: (14, 18, 22)},
    b"PK\x01\x02": {2: (6, 8, 10, 28, 30, 32), 4: (16, 20, 24, 42)},
    b"PK\x05\x06": {2: (4, 6, 8, 10, 20), 4: (12, 16)},
}

# What Python's own modules say of archives that are damaged already.
UNPACKING = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
    NotImplementedError,
)  # fmt: skip

#: What else may stand in JSON.
ODD = (
    None, True, 0, -1, 1, 3.5, 1 << 31, 1 << 63, -(1 << 64), 10**400, 1e308, math.nan,
    math.inf, -math.inf, "", "x", "\ud800", "../..", "/etc/hostname", "a" * 5000, [],
    {}, [[]], [0], [1] * 40, {"id": "pickle"}, {"name": "numcodecs.pickle"}, "|O",
    "<M8[ns]", "<c16", "<U9", "<V4", "object", "string", "<f99", "pickle", "NaN",
)  # fmt: skip


def in_header(types: dict[str, tuple[int, ...]], order: str) -> Change:
    """Change numbers of a header that has them in known places."""
    places = [(kind, at) for kind, all_of_it in types.items() for at in all_of_it]

    def change(content: bytes, rng: Random) -> bytes:
        changed = bytearray(content.ljust(600, b"\0"))
        for _ in range(rng.choice((1, 1, 2, 4))):
            kind, at = rng.choice(places)
            size = struct.calcsize(kind)
            value: Any = rng.choice(FLOATS if kind in "fd" else INTEGERS)
            if kind not in "fd":
                value = (value + (1 << 8 * size - 1)) % (1 << 8 * size)
                value -= 1 << 8 * size - 1
            struct.pack_into(order + kind, changed, at, value)
        return bytes(changed)

    return change


def nifti(content: bytes, rng: Random) -> bytes:
    second = content[:4] == (540).to_bytes(4, "little")
    return in_header(NIFTI_2 if second else NIFTI_1, "<")(content, rng)


def gzipped(change: Change) -> Change:
    """The same within a gzip stream, whose checksums stay right."""

    def packed(content: bytes, rng: Random) -> bytes:
        try:
            inside = gzip.decompress(content)
        except UNPACKING:
            return content[1:]  # damaged before
        return gzip.compress(change(inside, rng), 1, mtime=0)

    return packed


def npy(content: bytes, rng: Random) -> bytes:
    """Another header, or parts of it; its length is right or not."""
    content = content.ljust(128, b" ")
    start = 10
    end = start + int.from_bytes(content[8:10], "little")
    header = content[start:end].decode("latin-1")
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.choice(("0", "1", "-1", "8", "65536", str(1 << 40), "9" * 999))
        old, new = rng.choice(
            (
                ("(", "(" + number + ","), (", ", f", {number}, "), ("(", "(((((((("),
                ("'<f", "'>f"), ("'<f", "'|O"), ("'<f2'", "'<f8'"), ("'<f", "'<c"),
                ("'<f", "[('a','<f4')], '<f"), ("False", "True"), ("False", number),
                ("True", "False"), ("'", '"'), ("}", ""), ("}", "}" * 3), (":", ""),
                ("descr", "desc"), ("shape", "shape\0"), ("shape", "é" * 9),
                (" ", "L "), ("{", "{" * 500), ("(", "(" + "-" * 300), ("(", "[" * 999),
                ("'<f", "__import__('os').mkdir('x') or '<f"),
            )
        )  # fmt: skip
        header = header.replace(old, new, 1)
    text = header.encode("latin-1", "replace")
    length = rng.choice((len(text), len(text), len(text), 0, 1, 0xFFFF))
    magic = content[:6] + rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\0"))
    size = 2 if magic[6] == 1 else 4
    return magic + length.to_bytes(size, "little") + text + content[end:]


def npz(content: bytes, rng: Random) -> bytes:
    """Other numbers in the archive, or another array in it, packed well."""
    if rng.random() < 0.5:
        signature = rng.choice(list(ZIP))
        at = content.find(signature)
        size = rng.choice((2, 4))
        if at < 0:
            return content[1:]  # damaged before
        at += rng.choice(ZIP[signature][size])
        number = rng.choice((0, 1, 8, 9, 12, 99, 256**size - 1, 256**size // 2))
        return content[:at] + number.to_bytes(size, "little") + content[at + size :]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except UNPACKING:
        entries = {}
    if not entries:
        return content[1:]  # damaged before
    name = rng.choice(list(entries))
    array = entries[name]
    if rng.random() < 0.5 and array:
        at = rng.randrange(len(array))
        entries[name] = array[:at] + rng.randbytes(3) + array[at + 3 :]
    else:
        entries[name] = npy(array, rng)
    if rng.random() < 0.1:
        entries[rng.choice(("softmax.npy", "b.npy", "../c.npy", "d\n.txt"))] = array
    return zipped(entries, rng.choice((0, 8, 8, 12, 14)))


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with these entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, entry in entries.items():
            archive.writestr(zipfile.ZipInfo(name), entry, method)
    return made.getvalue()


def in_json(content: bytes, rng: Random) -> bytes:
    """A value, a key or the whole is something else."""
    choice = rng.random()
    if choice < 0.05:
        return b'{"a":' * 100_000
    if choice < 0.1:
        return b"[" * 100_000 + b"]" * 100_000
    if choice < 0.15:
        return json.dumps(rng.choice(ODD)).encode()
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return content[1:]  # damaged before
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        inside, key = rng.choice(places)
        how = rng.random()
        if how < 0.15:
            del inside[key]
        elif how < 0.25 and isinstance(inside, dict):
            other = rng.choice(("", "id", "name", "x" * 99, key + " "))
            inside[other] = deepcopy(inside[key])
        elif how < 0.3 and isinstance(inside, list):
            inside.append(deepcopy(inside[key]))
        else:
            inside[key] = deepcopy(rng.choice(ODD))
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    inside = ()
    if isinstance(tree, dict):
        inside = tuple(tree.items())
    elif isinstance(tree, list):
        inside = tuple(enumerate(tree))
    for key, one in inside:
        yield tree, key
        yield from _places(one)


def hdf5(content: bytes, rng: Random) -> bytes:
    """Addresses and lengths, which are everywhere; in the tags, other JSON."""
    at = content.find(b'{"axes"')
    if at >= 0 and rng.random() < 0.3:
        end = content.find(b"}]}", at) + 3
        tags = in_json(content[at:end], rng)[: end - at].ljust(end - at)
        return content[:at] + tags + content[end:]
    if rng.random() < 0.3:
        return _with_links(content, rng)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3))):
        size = rng.choice((1, 2, 4, 8))
        most = 256**size - 1
        place = rng.randrange(0, max(1, min(len(content), 6000)), size)
        number = rng.choice((0, 1, most, most // 2, rng.randrange(len(content) + 2)))
        changed[place : place + size] = min(number, most).to_bytes(size, "little")
    return bytes(changed)


def _with_links(content: bytes, rng: Random) -> bytes:
    """What leads elsewhere, or around in circles, and types that are no numbers."""
    file_like = io.BytesIO(content)
    try:
        with h5py.File(file_like, "a") as file:
            name = rng.choice(("exported_data", "other", "net"))
            if name in file:
                del file[name]
            kind = rng.randrange(5)
            if kind == 0:
                file[name] = h5py.ExternalLink("/etc/hostname", "/a")
            elif kind == 1:
                file[name] = h5py.SoftLink(f"/{name}")
            elif kind == 2:
                file[name] = file["/"]
            elif kind == 3:
                layout = h5py.VirtualLayout((4, 9, 9, 9), "f4")
                layout[...] = h5py.VirtualSource("b.h5", "a", (4, 9, 9, 9))
                file.create_virtual_dataset(name, layout)
            else:
                file.create_dataset(
                    name, (4, 3000, 3000, 3000), "f4", chunks=(1, 999, 999, 999)
                )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError):
        return content[1:]  # damaged before
    return file_like.getvalue()


FIELDS: dict[str, Change] = {
    ".nii": nifti,
    ".nii.gz": gzipped(nifti),
    ".mgz": gzipped(in_header(MGH, ">")),
    ".npy": npy,
    ".npz": npz,
    **dict.fromkeys((".json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"), in_json),
    **dict.fromkeys((".h5", ".hdf5"), hdf5),
}

"""Folders with many cases, as nnU-Net leaves them, and the program run over them."""

import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from support.command_line import call_here
from support.generated import OBLIQUE, softmax

#: A shell starts background jobs, tests among them, so that they and their children
#: ignore Ctrl-C; this program meets it as it does in a terminal.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from napari_uncertainty.__main__ import main; main()"
)

#: Longest wait for something that is sure to happen, in seconds.
PATIENCE = 60


def write_case(folder, name, rng, shape=(4, 6, 7, 8), sharpness=3.0):
    """Probabilities as .npz with axes reversed, and their segmentation beside."""
    folder.mkdir(parents=True, exist_ok=True)
    values = softmax(rng, shape, sharpness)
    labels = values.argmax(axis=0).astype(np.uint8)
    nib.Nifti1Image(labels, OBLIQUE).to_filename(folder / f"{name}.nii.gz")
    np.savez_compressed(
        folder / f"{name}.npz",
        probabilities=values.transpose(0, 3, 2, 1).astype(np.float16),
    )
    return folder / f"{name}.npz"


def write_forty(folder, shape=(4, 16, 16, 16)):
    """Forty cases, three of them broken, each in another way."""
    rng = np.random.default_rng(40)
    for number in range(40):
        write_case(folder, f"sub-{number:03}", rng, shape, 1 + number % 5)
    whole = (folder / "sub-003.npz").read_bytes()
    (folder / "sub-003.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "sub-011.npz").write_text("no archive")
    other = nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), OBLIQUE)
    other.to_filename(folder / "sub-020.nii.gz")


def start(*arguments, **options):
    """The command line in a process, and a process group, of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "map", *map(str, arguments)],
        text=True,
        start_new_session=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def run_here(*arguments):
    """The same within this process, to its end: exit status, stdout and stderr."""
    ran = call_here("map", *arguments)
    return ran.returncode, ran.stdout, ran.stderr


def contents(folder):
    """Every file of a folder, hidden ones too, by name."""
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def finished(folder):
    """The same but for unfinished files, which a process that was killed may leave."""
    return {
        name: content
        for name, content in contents(folder).items()
        if not (name.startswith(".napari-uncertainty-") and name.endswith(".part"))
    }


def maps_in(folder):
    return sorted(Path(folder).glob("*.nii.gz"))


def wait_until(condition, what):
    """Wait for something that is sure to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)

"""Ctrl-C at any moment of ``map``: what ends, how soon, and what it leaves.

``PYTHONPATH=tests python -m benchmarks.interrupts 500`` starts ``map`` as often without
``--jobs`` and as often with it, on a few small cases that it makes, and sends Ctrl-C to
all of its processes at a moment of its own, drawn from the time that an undisturbed run
takes. Some of the stopped runs are started again, which has to give the same files as
if nobody had stopped them. Prints a table, and exits with 1 where a run did not end,
said more than one sentence, left something behind, or other files. What Python itself
says of Ctrl-C before the program begins, while the package's first lines are loaded, is
only counted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import nibabel as nib
import numpy as np
import psutil

from support.generated import OBLIQUE, softmax
from support.many_cases import contents, write_case

#: What an uninterrupted program is: its threads are told where it does not end.
PROGRAM = (
    "import faulthandler, signal; faulthandler.register(signal.SIGUSR1);"
    "from napari_uncertainty.__main__ import main; main()"
)

#: A run that takes longer than this after Ctrl-C is taken for one that never ends.
PATIENCE = 60.0

#: Each so many-th stopped run is started again.
AGAIN = 20

SHAPE = (6, 40, 40, 40)


@dataclass(frozen=True)
class Trial:
    """What became of one interrupt.

    Attributes
    ----------
    status : int or None
        Exit status; None where the run did not end.
    seconds : float
        From Ctrl-C to the end.
    too_early : bool
        Whether Python was not done with the first lines of the package.
    faults : tuple of str
        What should not be.
    """

    status: int | None
    seconds: float
    too_early: bool
    faults: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.interrupts", description=__doc__)
    parser.add_argument("interrupts", type=int, nargs="?", default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="runs side by side")
    parser.add_argument(
        "--jobs", type=int, nargs="+", default=[1, 2], help="processes of the runs"
    )
    arguments = parser.parse_args()
    # In the background of a shell, this process ignores Ctrl-C, and so would its own.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    n_faults = 0
    print(
        "| jobs | run | interrupts | before it begins | statuses "
        "| slowest end | median | faults |"
    )
    print("| ---: | ---: | ---: | ---: | --- | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory(prefix="interrupts-") as folder:
        calls = written_cases(Path(folder))
        for jobs in arguments.jobs:
            n_faults += row(calls, Path(folder), jobs, arguments)
    if n_faults:
        raise SystemExit(f"{n_faults} interrupts did not end as they should.")


def written_cases(folder: Path) -> list[list[str]]:
    """Cases of every kind of source; two commands that work on them."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_case(folder / "in", name, rng, SHAPE)
    values = softmax(rng, SHAPE, 2)
    labels = nib.Nifti1Image(values.argmax(axis=0).astype(np.uint8), OBLIQUE)
    np.save(folder / "in" / "array.npy", values.transpose(0, 3, 2, 1))
    labels.to_filename(folder / "in" / "array.nii.gz")
    labels.to_filename(folder / "in" / "image.nii.gz")
    packed = nib.Nifti1Image(np.moveaxis(values, 0, -1), OBLIQUE)
    (folder / "images").mkdir()
    packed.to_filename(folder / "images" / "image.nii.gz")
    for name in ("p", "q"):
        write_case(folder / "members" / name, "case", rng, SHAPE)
    inputs = [str(folder / "in"), str(folder / "images")]
    members = [str(folder / "members" / name / "case.npz") for name in ("p", "q")]
    return [
        [*inputs, "--labels", str(folder / "in"), "--hotspots", "5"],
        ["--ensemble", *members],
    ]


def row(
    calls: Sequence[list[str]],
    folder: Path,
    jobs: int,
    arguments: argparse.Namespace,
) -> int:
    """Print what became of all interrupts of runs with so many jobs; counts faults."""
    commands = [[*words, "--jobs", str(jobs)] for words in calls]
    expected, took = zip(
        *(undisturbed(words, folder / f"whole-{jobs}-{number}")
          for number, words in enumerate(commands)), strict=True
    )  # fmt: skip
    rng = Random(f"{arguments.seed} {jobs}")
    # Most interrupts come while the many cases are worked on, some for the ensemble.
    kinds = [int(rng.random() < 0.25) for _ in range(arguments.interrupts)]
    moments = [rng.uniform(0, took[kind]) for kind in kinds]

    def attempt(number: int) -> Trial:
        kind, output = kinds[number], folder / f"out-{jobs}-{number}"
        again = expected[kind] if number % AGAIN == 0 else None
        found = interrupted(commands[kind], output, moments[number], again)
        if found.faults:
            told = "\n".join(found.faults)
            print(f"\n{jobs} jobs, interrupt {number} after {moments[number]:.3f} s: "
                  f"{told}", file=sys.stderr, flush=True)  # fmt: skip
        return found

    with ThreadPoolExecutor(arguments.at_once) as pool:
        trials = list(pool.map(attempt, range(arguments.interrupts)))
    statuses = Counter("none" if t.status is None else str(t.status) for t in trials)
    faults = Counter(fault.split(":")[0] for t in trials for fault in t.faults)
    seconds = [one.seconds for one in trials if one.status is not None]
    told = ", ".join(f"{n} × {name}" for name, n in sorted(statuses.items()))
    named = ", ".join(f"{n} × {name}" for name, n in faults.items()) or "none"
    print(
        f"| {jobs} | {max(took):.1f} s | {len(trials)} "
        f"| {sum(one.too_early for one in trials)} | {told} | {max(seconds):.2f} s "
        f"| {statistics.median(seconds):.2f} s | {named} |",
        flush=True,
    )
    return sum(bool(one.faults) for one in trials)


def undisturbed(words: list[str], output: Path) -> tuple[dict[str, bytes], float]:
    """What a whole run writes, and the seconds that it takes."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run_again(words, output)
        times.append(time.perf_counter() - start)
    return contents(output), statistics.median(times)


def run_again(words: list[str], output: Path) -> None:
    """Run to the end, whatever is there already; nothing may fail."""
    command = [sys.executable, "-c", PROGRAM, "map", *words, "-o", str(output)]
    if output.name.startswith("whole"):
        command.append("--overwrite")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Status {done.returncode}: {done.stderr}")


def interrupted(
    words: list[str], output: Path, after: float, expected: dict[str, bytes] | None
) -> Trial:
    """Start a run, and interrupt it after some seconds; see what is left then.

    Parameters
    ----------
    words : list of str
        What the program is asked for.
    output : Path
        Folder for the maps, which nobody else uses.
    after : float
        Seconds from its start to Ctrl-C.
    expected : dict of str to bytes, or None
        Files of an undisturbed run, where it is to be started again.
    """
    command = [sys.executable, "-c", PROGRAM, "map", *words, "-o", str(output)]
    faults: list[str] = []
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        time.sleep(after)
        sent = time.perf_counter()
        signal_group(process.pid, signal.SIGINT)
        status: int | None
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            cpu = psutil.Process(process.pid).cpu_times()
            faults.append(f"hang: {cpu.user + cpu.system:.1f} s of processor time")
            process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            status = None
        seconds = time.perf_counter() - sent
        left = [] if status is None else members_of(process.pid)
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        errors.seek(0)
        said = errors.read()
    if left:
        faults.append(f"processes left: {left}")
    # Python ends by the signal, or with status 1 where it has not even begun.
    too_early = status in (1, -signal.SIGINT) and ", in main\n" not in said
    if status not in (None, 0, 130) and not too_early:
        faults.append(f"status {status}: {said[-1000:]}")
    if len(said.splitlines()) > 1 and not too_early:
        faults.append(f"text: {said[-3000:]}")
    if output.exists():
        faults += [f"file: {name}" for name in unsound(output)]
    if expected is not None:
        run_again(words, output)
        if contents(output) != expected:
            faults.append("other files when it was run again")
    return Trial(status, seconds, too_early, tuple(faults))


def signal_group(leader: int, number: int) -> None:
    """Send a signal to all processes of a group, as a terminal does."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def members_of(leader: int) -> list[str]:
    """Processes of a group that are still there some time after its leader ended."""
    end = time.monotonic() + 10
    while True:
        left = []
        for process in psutil.process_iter(["pid", "status", "cmdline"]):
            try:
                mine = os.getpgid(process.pid) == leader
            except (ProcessLookupError, PermissionError):
                continue
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.info["cmdline"] or [])[:200])
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def unsound(folder: Path) -> list[str]:
    """Files that are not whole, or that only a run that goes on should have."""
    found = []
    for name, data in contents(folder).items():
        try:
            if name.startswith("."):
                raise ValueError("a temporary file")
            if name.endswith(".nii.gz"):
                np.asarray(
                    nib.Nifti1Image.from_bytes(zlib.decompress(data, 31)).dataobj
                )
            elif name.endswith(".json"):
                json.loads(data)
            elif not data.endswith(b"\n"):
                raise ValueError("no whole line")
        except (ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
            found.append(f"{name} ({error})")
    return found


if __name__ == "__main__":
    main()

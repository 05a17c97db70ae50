"""The command line: ``map``, ``report``, ``info``, ``view`` and ``demo``."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import InputError
from .measures import MEASURES, UNITS

app = typer.Typer(
    name="napari-uncertainty",
    help="Voxel-wise uncertainty of a segmentation, from its class probabilities.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Screenshot = Annotated[
    Path | None,
    typer.Option(
        metavar="PNG", help="Write a picture of the 2D and the 3D view, and quit."
    ),
]

# What can be chosen, for typer to check and to list.
MeasureName = Enum("MeasureName", {name: name for name in MEASURES})  # type: ignore[misc]


class BaseName(Enum):
    """Bases of the logarithm as words, for typer."""

    BITS = "2"
    NATS = "e"
    NORMALISED = "classes"


def main() -> None:
    """Run the command line; a refused input is one sentence and exit status 1."""
    try:
        app()
    except InputError as error:
        print(f"napari-uncertainty: {error}", file=sys.stderr)
        sys.exit(1)


@app.command("map")
def map_cases(
    probabilities: Annotated[
        list[str],
        typer.Argument(
            metavar="PROBABILITIES",
            help="Files, folders to search, patterns in quotes: .npz, .npy, 4D NIfTI.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the maps.")
    ],
    measure: Annotated[
        list[MeasureName] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(MEASURES)}; give it again for a map of each. By default "
            "entropy.",
            show_default=False,
        ),
    ] = None,
    base: Annotated[
        BaseName, typer.Option(help="Of the logarithm: bits, nats or normalised.")
    ] = BaseName.BITS,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes, one case each; by default one case at a time, on all "
            "processors.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Segmentation to compare with and to sum up by, in "
            "DIR/<case>_classes.tsv, or a folder with one named like each input. A "
            "case that it shows to lie otherwise fails.",
            show_default=False,
        ),
    ] = None,
    place: Annotated[
        bool,
        typer.Option(
            "--place",
            help="With --labels: put such a case where it agrees, if that is clear.",
        ),
    ] = False,
    hotspots: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="List the N places of the first map in which most wrong voxels are "
            "expected, in DIR/<case>_hotspots.tsv.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Compute finished cases anew.")
    ] = False,
) -> None:
    """Write the uncertainty maps of many cases, and a summary of them.

    Cases whose maps are there already are left as they are. Exit status: 0 all
    written, 1 some failed, 2 wrong usage.
    """
    if jobs is not None and scheduler is not None:
        raise typer.BadParameter("--jobs and --scheduler exclude each other.")
    if place and labels is None:
        raise typer.BadParameter("--place needs --labels.")
    from .batch.case import tasks_of
    from .batch.inputs import find_inputs
    from .batch.run import executor, run_batch
    from .batch.segmentations import find_segmentations
    from .batch.summary import outcome
    from .progress import TerminalWatcher

    measures = tuple(dict.fromkeys(one.value for one in measure or ())) or ("entropy",)
    folder = output.absolute()
    with TerminalWatcher() as watcher:
        try:
            try:
                sources = find_inputs(probabilities, folder)
                segmentations: list[Any] = [None] * len(sources)
                if labels is not None:
                    segmentations = find_segmentations(labels, sources)
            except InputError as error:
                raise typer.BadParameter(str(error)) from error
            tasks = tasks_of(
                sources, segmentations, folder, measures, _base(base.value), place,
                hotspots,
            )  # fmt: skip
            execute = executor(jobs, scheduler)
            rows = run_batch(tasks, folder, execute, watcher, overwrite=overwrite)
        except KeyboardInterrupt:
            watcher.note(
                f"stopped after {watcher.done} of {watcher.total} cases; run the same "
                "command again to go on"
            )
            raise typer.Exit(130) from None
    typer.echo(outcome(rows, watcher.found, output))
    if any(row.status == "failed" for row in rows):
        raise typer.Exit(1)


@app.command()
def report(
    case: Annotated[
        Path,
        typer.Argument(
            metavar="CASE",
            help="A map that was written (.nii.gz or its .json), or a review of one.",
            show_default=False,
        ),
    ],
    scan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Scan to show the map on.", show_default=False
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Segmentation to outline and to sum up by; by default that of the "
            "map or the review.",
            show_default=False,
        ),
    ] = None,
    hotspots: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Places to show, at most; by default 50, or all of a review.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="HTML",
            help="File to write; by default <case>_report.html beside CASE.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a case and its hotspots as one HTML file, to read and to pass on.

    A review of the map is found by its content, and its verdicts are shown.
    """
    from .report import iter_report, write_report
    from .report.from_files import check_report_path, iter_case_of, report_path
    from .steps import run

    # As the JSON of maps has paths, with which these are compared.
    given = case.absolute()
    path = report_path(given) if output is None else output.absolute()
    if given.is_file():
        check_report_path(path)
    gathered = run(iter_case_of(given, scan=scan, labels=labels, count=hotspots))
    for remark in gathered.remarks:
        print(f"napari-uncertainty: {remark}", file=sys.stderr)
    write_report(path, run(iter_report(gathered.case)))
    typer.echo(path)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="Scan, segmentation or probabilities.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="SEG", help="Segmentation to check probabilities against."
        ),
    ] = None,
    scan: Annotated[
        Path | None,
        typer.Option(metavar="SCAN", help="Scan to check probabilities against."),
    ] = None,
) -> None:
    """Print what a file holds and what is to be known of it, as JSON."""
    from .description import describe
    from .io import is_nifti, open_probabilities, open_volume

    # Of what can only be probabilities, no more is loaded than has to be.
    volume = open_volume(file) if is_nifti(file) else open_probabilities(file)
    described = describe(volume, labels, scan)
    typer.echo(json.dumps(described, indent=2, ensure_ascii=False))


@app.command()
def view(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCAN [SEGMENTATION] PROBABILITIES",
            help="The files of one case; which is which is seen from their values.",
        ),
    ],
    screenshot: Screenshot = None,
) -> None:
    """Open a case in napari with its entropy computed."""
    from .io import open_volume
    from .plugin.display import require_display

    require_display()
    _show([open_volume(file) for file in files], screenshot)


@app.command()
def demo(screenshot: Screenshot = None) -> None:
    """Open the sample, the MNI152 template, with its entropy computed."""
    from .plugin.display import require_display
    from .sample import mni152_case

    require_display()
    _show(mni152_case(), screenshot)


def _base(name: str) -> Any:
    """The base of that name: ``2`` is a number, the others are words."""
    return next(base for base in UNITS if str(base) == name)


def _show(volumes: Any, screenshot: Path | None) -> None:
    """Open a viewer; where a picture is asked for, write it and close."""
    from .plugin.session import run_case

    picture = run_case(volumes, screenshot)
    if picture is not None:
        typer.echo(picture)

"""The command line: ``map``, ``report``, ``info``, ``view`` and ``demo``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .cli_options import (
    ANY_KIND,
    Array,
    Background,
    BaseName,
    BaseOption,
    CaseName,
    Channel,
    ClassAxis,
    Frame,
    Jobs,
    Kind,
    Measures,
    Scheduler,
    Screenshot,
    Temperature,
    base_of,
    interpretation_of,
    measures_of,
    require_plain_case,
)
from .errors import InputError
from .kinds import AUTO
from .version import __version__


class Commands(TyperGroup):
    """Commands, one of which has to be named: help is what wrong usage gets.

    Click's own ``no_args_is_help`` ends with exit status 0 before click 8.2.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help, and end with exit status 2, where nothing is named."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="napari-uncertainty",
    cls=Commands,
    help="Voxel-wise uncertainty of a segmentation, from its class probabilities.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; a refused input is one sentence and exit status 1."""
    try:
        app()
    except InputError as error:
        print(f"napari-uncertainty: {error}", file=sys.stderr)
        sys.exit(1)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"napari-uncertainty {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version, and quit.",
        ),
    ] = False,
) -> None:
    """Hold the options that belong to no command."""


@app.command("map")
def map_cases(
    probabilities: Annotated[
        list[str],
        typer.Argument(
            metavar="PROBABILITIES",
            help="Files, folders to search, patterns in quotes: .npz, .npy, .zarr, "
            ".h5, images with four axes or one class each.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the maps.")
    ],
    measure: Measures = None,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble",
            help="All of PROBABILITIES are members of one case: measure what they "
            "doubt together and where they disagree.",
        ),
    ] = False,
    case: CaseName = None,
    kind: Kind = ANY_KIND,
    temperature: Temperature = 1.0,
    array: Array = None,
    class_axis: ClassAxis = AUTO,
    channel: Channel = None,
    frame: Frame = None,
    background: Background = None,
    base: BaseOption = BaseName.BITS,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
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
    radius: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="Of each of these places; by default 3.75 mm, and less where voxels "
            "and image are smaller.",
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
    if case is not None:
        require_plain_case(ensemble, array, class_axis, frame)
    if radius is not None and hotspots is None:
        raise typer.BadParameter("--radius needs --hotspots.")
    from .batch.executors import executor
    from .batch.inputs import (
        case_task,
        ensemble_task,
        find_inputs,
        named_files,
        tasks_of,
    )
    from .batch.run import run_batch
    from .batch.summary import outcome
    from .batch.task import Task
    from .hotspots import Wanted
    from .progress import TerminalWatcher

    if radius is not None:
        try:
            Wanted(radius_mm=radius)
        except InputError as error:
            raise typer.BadParameter(str(error)) from error
    folder = output.absolute()
    like = Task(
        "", "", str(folder), measures_of(measure, ensemble), base_of(base),
        place=place, hotspots=hotspots, radius=radius,
        how=interpretation_of(
            kind, temperature, array, class_axis, channel, frame, background
        ),
    )  # fmt: skip
    with TerminalWatcher() as watcher:
        try:
            try:
                if case is not None:
                    named = named_files(probabilities)
                    tasks = [case_task(case, named, labels, like)]
                elif ensemble:
                    sources = find_inputs(probabilities, folder)
                    tasks = [ensemble_task(sources, labels, like)]
                else:
                    sources = find_inputs(probabilities, folder)
                    tasks = tasks_of(sources, labels, like)
            except InputError as error:
                raise typer.BadParameter(str(error)) from error
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
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Scan, segmentation, probabilities (a folder of them, too) or map; "
            "with --case, several.",
        ),
    ],
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
    case: CaseName = None,
    kind: Kind = ANY_KIND,
    temperature: Temperature = 1.0,
    array: Array = None,
    class_axis: ClassAxis = AUTO,
    frame: Frame = None,
    background: Background = None,
) -> None:
    """Print what a file holds and what is to be known of it, as JSON."""
    from .description import describe

    how = interpretation_of(
        kind, temperature, array, class_axis, None, frame, background
    )
    if case is None and len(files) > 1:
        raise typer.BadParameter(
            "Several files are described as the classes of one case: give --case NAME, "
            "or name one file."
        )
    if case is not None:
        require_plain_case(False, array, class_axis, frame)
    one_or_all = files[0] if case is None else files
    described = describe(one_or_all, how, labels, scan, case or "")
    typer.echo(json.dumps(described, indent=2, ensure_ascii=False))


@app.command()
def view(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCAN [SEGMENTATION] PROBABILITIES",
            help="The files of one case, or its folder, and maps that were written; "
            "which is which is seen from their values.",
        ),
    ],
    screenshot: Screenshot = None,
) -> None:
    """Open a case in napari with its entropy computed, or with the maps that it has."""
    from .plugin.display import require_display

    require_display()
    from .plugin.opening import open_path

    volumes: list[Any] = []
    for file in files:
        # Of several files with a class each, the first has opened all.
        if not any(file in getattr(one, "further_sources", ()) for one in volumes):
            volumes += open_path(file)
    _show(volumes, screenshot)


@app.command()
def demo(screenshot: Screenshot = None) -> None:
    """Open the sample, the MNI152 template, with its entropy computed."""
    from .plugin.display import require_display
    from .sample import mni152_case

    require_display()
    _show(mni152_case(), screenshot)


def _show(volumes: Any, screenshot: Path | None) -> None:
    """Open a viewer; where a picture is asked for, write it and close."""
    from .plugin.session import run_case

    picture = run_case(volumes, screenshot)
    if picture is not None:
        typer.echo(picture)

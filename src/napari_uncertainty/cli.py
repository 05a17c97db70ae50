"""The command line: ``map``, ``report``, ``info``, ``view`` and ``demo``.

Of the viewer only :mod:`.plugin` itself is imported here, which needs no Qt: what opens
a window is imported by the commands that open one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import napari_uncertainty

from .analysis.hotspots import HotspotOptions
from .batch.executors import executor
from .batch.inputs import case_task, ensemble_task, find_inputs, named_files, tasks_of
from .batch.run import TerminalWatcher, run_batch
from .batch.summary import outcome
from .batch.task import Task
from .describe import describe
from .errors import InputError
from .model.interpretation import Interpretation
from .model.kinds import AUTO, KINDS
from .model.measures import (
    ALL_MEASURES,
    ENSEMBLE_MEASURES,
    ENTROPY,
    EXPECTED_ENTROPY,
    MEASURES,
    MUTUAL_INFORMATION,
    PREDICTIVE_ENTROPY,
    UNITS,
)
from .plugin import require_display
from .report.from_files import check_report_path, iter_case_of, report_path
from .report.page import iter_report, write_report
from .sample import mni152_case
from .steps import run

# Choices that typer checks and lists. The members are texts themselves, because click
# before 8.2 compares arguments, and defaults, with texts.
MeasureName = StrEnum("MeasureName", {name: name for name in ALL_MEASURES})  # type: ignore[misc]
KindName = StrEnum("KindName", {name: name for name in (AUTO, *KINDS)})  # type: ignore[misc]
BaseName = StrEnum("BaseName", {str(base): str(base) for base in UNITS})  # type: ignore[misc]

# Defaults of --kind and --base.
ANY_KIND, BITS = KindName(AUTO), BaseName("2")

_INDEPENDENT = tuple(name for name, one in KINDS.items() if one.independent)
_LOGISTIC = tuple(name for name, one in KINDS.items() if one.logistic)

#: Measures of one network, and of several members, where none is named.
USUAL = (ENTROPY.name,)
USUAL_OF_MEMBERS = (
    PREDICTIVE_ENTROPY.name,
    EXPECTED_ENTROPY.name,
    MUTUAL_INFORMATION.name,
)

# Options of several commands.

CaseName = Annotated[
    str | None,
    typer.Option(
        "--case",
        metavar="NAME",
        help="All of the files are the classes of one case of this name, in the order "
        "given, whatever they are called: one image for each class.",
        show_default=False,
    ),
]

Kind = Annotated[
    KindName,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="What the values are: "
        f"{', '.join(KINDS)}; or auto, what the file says or else they look like.",
    ),
]

Temperature = Annotated[
    float,
    typer.Option("--temperature", metavar="T", help="What logits are divided by."),
]

Array = Annotated[
    str | None,
    typer.Option(
        "--array",
        metavar="NAME",
        help="The array with the values, in a file with several.",
        show_default=False,
    ),
]

ClassAxis = Annotated[
    str,
    typer.Option(
        "--class-axis",
        metavar="N",
        help="Axis that runs over the classes, from 0, in the order of the file; or "
        "auto.",
    ),
]

Frame = Annotated[
    int | None,
    typer.Option(
        "--frame",
        min=0,
        metavar="N",
        help="Of a series, the one to measure, from 0; by default each on its own.",
        show_default=False,
    ),
]

Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        metavar="NAME",
        help="The class that means nothing, by name or number from 0; or none, where "
        "all classes are something. By default names, the convention of a tool and the "
        "values tell, or else it is the first class.",
        show_default=False,
    ),
]

Screenshot = Annotated[
    Path | None,
    typer.Option(
        metavar="PNG", help="Write a picture of the 2D and the 3D view, and quit."
    ),
]


class Commands(TyperGroup):
    """Group of commands that shows the help where none is named.

    Click's own ``no_args_is_help`` ends with exit status 0 before click 8.2.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help and end with exit status 2 if there are no arguments."""
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
        typer.echo(f"napari-uncertainty {napari_uncertainty.__version__}")
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


@contextmanager
def _usage() -> Iterator[None]:
    """Turn an InputError within this context into wrong usage, exit status 2."""
    try:
        yield
    except InputError as error:
        raise typer.BadParameter(str(error)) from error


def base_of(name: BaseName) -> Any:
    """Return the base of that name: ``2`` is a number, the others are words."""
    return next(base for base in UNITS if str(base) == name.value)


def measures_of(asked: Sequence[Any] | None, ensemble: bool) -> tuple[str, ...]:
    """Return the measures, each once; BadParameter where one does not fit."""
    names = tuple(dict.fromkeys(one.value for one in asked or ()))
    if not names:
        return USUAL_OF_MEMBERS if ensemble else USUAL
    known = ENSEMBLE_MEASURES if ensemble else MEASURES
    others = ", ".join(name for name in names if name not in known)
    if others and ensemble:
        raise typer.BadParameter(
            f"--ensemble has the measures {', '.join(known)}, not {others}."
        )
    if others:
        raise typer.BadParameter(
            f"{others} takes several members of one case: give --ensemble. Without, "
            f"there is {', '.join(known)}."
        )
    return names


def require_plain_case(
    ensemble: bool, array: str | None, class_axis: str, frame: int | None
) -> None:
    """Raise BadParameter for options that files of one class each cannot have."""
    if ensemble:
        raise typer.BadParameter(
            "--case and --ensemble exclude each other: files are the classes of one "
            "case, or members of an ensemble."
        )
    if array is not None or class_axis != AUTO or frame is not None:
        raise typer.BadParameter(
            "With --case, each file holds one class: --array, --class-axis and --frame "
            "choose nothing there."
        )


def interpretation_of(
    kind: KindName,
    temperature: float,
    array: str | None,
    class_axis: str,
    channel: str | None = None,
    frame: int | None = None,
    background: str | None = None,
) -> Interpretation:
    """Return how to interpret values; BadParameter where options do not fit."""
    if channel is not None and kind.value not in (AUTO, *_INDEPENDENT):
        raise typer.BadParameter("--channel is for independent channels alone.")
    if temperature != 1 and kind.value not in (AUTO, *_LOGISTIC):
        raise typer.BadParameter("--temperature is for logits alone.")
    axis = None
    if class_axis != AUTO:
        try:
            axis = int(class_axis)
        except ValueError:
            raise typer.BadParameter(
                f"--class-axis is {AUTO} or the number of an axis, not {class_axis}."
            ) from None
    named = None if kind.value == AUTO else str(kind.value)
    try:
        return Interpretation(
            named, temperature, array, axis, channel, frame, background
        )
    except ValueError:
        raise typer.BadParameter(
            f"--temperature is a number above 0, not {temperature:g}."
        ) from None


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
    measure: Annotated[
        list[MeasureName] | None,
        typer.Option(
            "--measure",
            metavar="NAME",
            help=f"{', '.join(MEASURES)}; with --ensemble "
            f"{', '.join(ENSEMBLE_MEASURES)}. Give it again for a map of each. By "
            f"default entropy; with --ensemble {', '.join(USUAL_OF_MEMBERS)}.",
            show_default=False,
        ),
    ] = None,
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
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel",
            metavar="NAME",
            help="Of independent channels, the one to measure, by name or number from "
            "0; by default all of them together.",
            show_default=False,
        ),
    ] = None,
    frame: Frame = None,
    background: Background = None,
    base: Annotated[
        BaseName,
        typer.Option("--base", help="Of the logarithm: bits, nats or normalised."),
    ] = BITS,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            metavar="N",
            help="Processes, one case each; by default one case at a time, on all "
            "processors.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="Compute on a Dask cluster."
        ),
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
    if radius is not None:
        with _usage():
            HotspotOptions(radius_mm=radius)
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
            with _usage():
                if case is not None:
                    named = named_files(probabilities)
                    tasks = [case_task(case, named, labels, like)]
                else:
                    sources = find_inputs(probabilities, folder)
                    tasks = (
                        [ensemble_task(sources, labels, like)]
                        if ensemble
                        else tasks_of(sources, labels, like)
                    )
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
    # Absolute, because the path is compared with those in the JSON of maps.
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
    require_display()
    from .plugin.reader import open_path

    volumes: list[Any] = []
    for file in files:
        # Of several files with a class each, the first has opened all.
        if not any(file in getattr(one, "further_sources", ()) for one in volumes):
            volumes += open_path(file)
    _show(volumes, screenshot)


@app.command()
def demo(screenshot: Screenshot = None) -> None:
    """Open the sample, the MNI152 template, with its entropy computed."""
    require_display()
    _show(mni152_case(), screenshot)


def _show(volumes: Any, screenshot: Path | None) -> None:
    """Open a viewer; where a picture is asked for, write it and close."""
    from .plugin.session import run_case

    picture = run_case(volumes, screenshot)
    if picture is not None:
        typer.echo(picture)

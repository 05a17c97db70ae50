"""Options of the command line: what can be chosen, and what goes together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .kinds import AUTO, KINDS
from .measures import (
    ALL_MEASURES,
    ENSEMBLE_MEASURES,
    ENTROPY,
    EXPECTED_ENTROPY,
    MEASURES,
    MUTUAL_INFORMATION,
    PREDICTIVE_ENTROPY,
    UNITS,
)

if TYPE_CHECKING:
    from .model.interpretation import Interpretation

# What can be chosen, for typer to check and to list. The members are words themselves,
# because click before 8.2 compares what it is given, defaults too, with words.
MeasureName = StrEnum("MeasureName", {name: name for name in ALL_MEASURES})  # type: ignore[misc]
_INDEPENDENT = tuple(name for name, one in KINDS.items() if one.independent)
_LOGISTIC = tuple(name for name, one in KINDS.items() if one.logistic)

KindName = StrEnum("KindName", {name: name for name in (AUTO, *KINDS)})  # type: ignore[misc]

#: Measures of one network, and of members, where none is named.
USUAL = (ENTROPY.name,)
USUAL_OF_MEMBERS = (
    PREDICTIVE_ENTROPY.name,
    EXPECTED_ENTROPY.name,
    MUTUAL_INFORMATION.name,
)

#: As typer takes it for a default.
ANY_KIND = KindName(AUTO)


class BaseName(StrEnum):
    """Bases of the logarithm as words, for typer."""

    BITS = "2"
    NATS = "e"
    NORMALISED = "classes"


Measures = Annotated[
    list[MeasureName] | None,
    typer.Option(
        "--measure",
        metavar="NAME",
        help=f"{', '.join(MEASURES)}; with --ensemble {', '.join(ENSEMBLE_MEASURES)}. "
        "Give it again for a map of each. By default entropy; with --ensemble "
        f"{', '.join(USUAL_OF_MEMBERS)}.",
        show_default=False,
    ),
]

BaseOption = Annotated[
    BaseName,
    typer.Option("--base", help="Of the logarithm: bits, nats or normalised."),
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Processes, one case each; by default one case at a time, on all "
        "processors.",
        show_default=False,
    ),
]

Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Compute on a Dask cluster."),
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

Channel = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="NAME",
        help="Of independent channels, the one to measure, by name or number from 0; "
        "by default all of them together.",
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

ClassAxis = Annotated[
    str,
    typer.Option(
        "--class-axis",
        metavar="N",
        help="Axis that runs over the classes, from 0, in the order of the file; or "
        "auto.",
    ),
]

Screenshot = Annotated[
    Path | None,
    typer.Option(
        metavar="PNG", help="Write a picture of the 2D and the 3D view, and quit."
    ),
]


def base_of(name: BaseName) -> Any:
    """The base of that name: ``2`` is a number, the others are words."""
    return next(base for base in UNITS if str(base) == name.value)


def measures_of(asked: Sequence[Any] | None, ensemble: bool) -> tuple[str, ...]:
    """The measures that are meant, each once; BadParameter where they do not fit."""
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
    """Return how values are to be taken; BadParameter where that makes no sense."""
    from .model.interpretation import Interpretation

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

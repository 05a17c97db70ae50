"""The command line: ``napari-uncertainty info``, ``view`` and ``demo``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import InputError

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


def main() -> None:
    """Run the command line; a refused input is one sentence and exit status 1."""
    try:
        app()
    except InputError as error:
        print(f"napari-uncertainty: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="Scan, segmentation or probabilities.")],
) -> None:
    """Print what a file holds, as JSON."""
    from .io import open_volume

    typer.echo(json.dumps(_described(open_volume(file)), indent=2, ensure_ascii=False))


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


def _described(volume: Any) -> dict[str, Any]:
    """What `info` prints of a scan, a label map or probabilities."""
    import numpy as np

    from .images import LabelMap
    from .probabilities import ProbabilityMap
    from .voxelwise import uncertainty

    description: dict[str, Any] = {"file": str(volume.source)}
    if isinstance(volume, ProbabilityMap):
        maps = uncertainty(volume)
        description |= {
            "content": "probabilities",
            "kind": volume.kind,
            "classes": list(volume.class_names),
            "dtype": str(volume.values.dtype),
            "voxels": maps.no_data.size,
            "no_data": int(np.count_nonzero(maps.no_data)),
            "largest_sum_deviation": maps.largest_sum_deviation,
            "geometry_source": str(volume.geometry_source or volume.source),
        }
    elif isinstance(volume, LabelMap):
        description |= {
            "content": "segmentation",
            "dtype": str(volume.data.dtype),
            "labels": {
                int(label): volume.class_names.get(int(label), "")
                for label in np.unique(volume.data)
            },
        }
    else:
        description |= {"content": "scan", "dtype": str(volume.data.dtype)}
    if volume.grid is None:
        return description | {"geometry_source": None}
    return description | {
        "orientation": "".join(volume.grid.axcodes),
        "zooms_mm": volume.grid.zooms.tolist(),
        **volume.grid.to_dict(),
    }


def _show(volumes: Any, screenshot: Path | None) -> None:
    """Open a viewer; where a picture is asked for, write it and close."""
    from .plugin.session import run_case

    picture = run_case(volumes, screenshot)
    if picture is not None:
        typer.echo(picture)

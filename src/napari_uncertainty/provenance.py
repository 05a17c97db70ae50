"""What a map says of itself: what it is, how it was made, and from which files.

The layer of a map carries this, and the JSON beside a written one holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any

from .checks import Check
from .fold import UncertaintyMaps
from .measures import ALL_MEASURES
from .statistics import MapStatistics
from .version import __version__


def provenance(
    measure: str,
    maps: UncertaintyMaps,
    statistics: MapStatistics,
    *,
    probabilities: str,
    source: str | PathLike[str] | None,
    geometry_source: str | PathLike[str] | None,
    class_names: Sequence[str] = (),
    foreground_only: bool = False,
    foreground_from: str = "prediction",
    notes: Sequence[str] = (),
    checks: Sequence[Check] = (),
) -> dict[str, Any]:
    """Keys and values for JSON; ``docs/formats.md`` says what each means.

    Parameters
    ----------
    measure : str
        Which of the maps.
    maps, statistics : UncertaintyMaps, MapStatistics
        What the fold gave, and the numbers of this map.
    probabilities : str
        Name of the probabilities.
    source, geometry_source : path-like or None
        Their file, and the file that gave their place where it is another one.
    class_names : sequence of str
        A name for each channel.
    foreground_only, foreground_from : bool, str
        Whether the background was left out, and what said which voxels are not.
    notes : sequence of str
        What a person should know besides, in sentences.
    checks : sequence of Check
        What was looked at.
    """
    # The sentence of a check repeats what it is about.
    told = [one for one in maps.messages if not any(one in note for note in notes)]
    return {
        "measure": measure,
        "base": maps.base,
        "unit": ALL_MEASURES[measure].unit(maps.base),
        "kind": maps.kind,
        "temperature": maps.temperature,
        "channel": maps.channel,
        "n_states": maps.n_states,
        "n_classes": maps.n_classes,
        "class_names": list(class_names),
        "foreground_only": foreground_only,
        "foreground_from": foreground_from,
        "largest_sum_deviation": maps.largest_sum_deviation,
        "notes": list(dict.fromkeys((*told, *notes))),
        "checks": [check.to_dict() for check in checks],
        "statistics": asdict(statistics),
        "probabilities": probabilities,
        "source": str(source or ""),
        "geometry_source": str(geometry_source or ""),
        "version": __version__,
    }

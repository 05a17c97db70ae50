"""Members of one case on the command line: whether there are several, and its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from ..errors import InputError
from ..model.interpretation import Interpretation
from .names import case_names

# Between the words of a file name; "sub-007" is one word.
_BETWEEN = re.compile(r"([_. ]+)")


def require_several(sources: Sequence[Path], how: Interpretation) -> None:
    """Raise InputError if all that is there is a single member.

    A file that cannot be read passes: computing the case will say what is wrong.
    """
    from ..io import open_members

    if len(sources) > 1:
        return
    try:
        found = open_members(sources[0], how)
    except (InputError, OSError, MemoryError):
        return
    if len(found) < 2:
        raise InputError(
            f"{sources[0].name} holds one member, and an ensemble has at least two; "
            "name the files of the others, too."
        )


def ensemble_name(sources: Sequence[Path], measures: Sequence[str]) -> str:
    """Return what a case of several files is called.

    The name that all of them have, else the words that all names begin with, else that
    of the first with ``_ensemble``.

    Parameters
    ----------
    sources : sequence of Path
        The files.
    measures : sequence of str
        The measures that will be written.
    """
    names = [case_names([source], measures)[0] for source in sources]
    if len(set(names)) == 1:
        return names[0]
    words = zip(*(_BETWEEN.split(name) for name in names), strict=False)
    shared = [word[0] for word in takewhile(lambda word: len(set(word)) == 1, words)]
    return "".join(shared).strip("_. ") or f"{names[0]}_ensemble"

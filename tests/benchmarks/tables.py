"""The measured part of ``docs/benchmarks.md``."""

from __future__ import annotations

from pathlib import Path

from .cases import Case
from .contenders import CONTENDERS, LIMITS
from .results import Results
from .targets import MB, targets

PAGE = "benchmarks.md"
PICTURE = "pictures/benchmarks.png"
BEGIN = "<!-- measured: begin. Written by `make bench`; edits here are lost. -->"
END = "<!-- measured: end -->"

#: Columns of the tables over classes and volumes, with the quickest limit as the last.
SWEEP = {
    "array": ("engine", "article", "scipy-stats", "scipy-entr", "torch-entr"),
    "file": ("engine", "article"),
}


def write_page(results: Results, docs: Path) -> None:
    """Put the tables between the two marks of the page."""
    page = docs / PAGE
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no part for the measured tables.")
    page.write_text(
        f"{before}{BEGIN}\n\n{measured_part(results)}\n\n{END}{after}", encoding="utf-8"
    )


def measured_part(results: Results) -> str:
    [array] = results.group("array", "main")
    parts = [
        f"{results.machine} The run took {results.minutes:.0f} minutes.",
        "## Goals",
        _goals(results),
        "## One whole case",
        f"{_name(array)} as float32 array: {array.input_bytes / MB:.0f} MB, and "
        f"{4 * array.voxels / MB:.0f} MB for the map. {_paces(results, array)}",
        _whole_case(results, array),
    ]
    for case in results.group("file", "main") + results.group("file", "big"):
        parts += [
            f"{_name(case)} from an `.npz` with {case.dtype} values, "
            f"{case.input_bytes / MB:.0f} MB when inflated. {_paces(results, case)}",
            _whole_case(results, case),
        ]
    parts += [
        "## Over classes and volumes",
        f"![{_CAPTION}]({PICTURE})",
        _about_sweep(results),
    ]
    for kind, title in (("array", "Arrays, float32"), ("file", "`.npz`, float16")):
        parts += [
            f"### {title}",
            _sweep_times(results, kind),
            _sweep_memory(results, kind),
        ]
    return "\n\n".join(parts)


_CAPTION = (
    "First call and peak memory over the number of classes at constant total size and "
    "over the volume of 8 classes, for arrays and files"
)


def _about_sweep(results: Results) -> str:
    sizes = [case.tensor_bytes / 4e6 for case in results.group("array", "classes")]
    return (
        "Generated data, in memory used just before. Over the classes the total size "
        f"stays nearly the same, {min(sizes):.4g} to {max(sizes):.4g} million values. "
        "Times are first call / warm; the limit is the quickest of those above."
    )


def _name(case: Case) -> str:
    return f"{'FeTA sub-007, fold_0' if case.real else 'Generated data'}, {case.size},"


def _paces(results: Results, case: Case) -> str:
    paces = [
        f"{pace:.2f} s {state}"
        for used, state in ((False, "long unused"), (True, "used just before"))
        if (pace := results.pace(case, used)) is not None
    ]
    return f"New memory took, per GB: {', '.join(paces)}."


def _goals(results: Results) -> str:
    rows = []
    for target in targets(results):
        digits = 0 if target.unit else 2
        found = (
            "–" if target.found is None else f"{target.found:.{digits}f}{target.unit}"
        )
        bound = f"{'≥' if target.at_least else '≤'} {target.bound:.4g}{target.unit}"
        reached = "yes" if target.reached else "**no**"
        rows.append([target.on, target.what, found, bound, reached])
    return _table(["input", "what", "measured", "goal", "reached"], rows, 2)


def _whole_case(results: Results, case: Case) -> str:
    columns = {
        "first call, memory long unused": lambda c: _s(results.first(case, c, False)),
        "first call, memory used just before": lambda c: _s(results.first(case, c)),
        "warm": lambda c: _s(results.warm(case, c)),
        "peak memory": lambda c: _peak(results, case, c),
        "total entropy": lambda c: _bits(results.bits(case, c)),
    }
    rows = []
    for contender, chosen in CONTENDERS[case.kind].items():
        if results.measured(case, contender):
            rows.append([chosen.label, *(show(contender) for show in columns.values())])
        elif note := results.note(case, contender):
            rows.append([chosen.label, note, "", "", "", ""])
    return _table(["", *columns], rows)


def _sweep_times(results: Results, kind: str) -> str:
    def cell(case: Case, contender: str | None) -> str:
        if contender is not None and results.measured(case, contender):
            first, warm = results.first(case, contender), results.warm(case, contender)
            return f"{_figure(first)} / {_figure(warm)}"
        return (contender and results.note(case, contender)) or "–"

    shown = _shown(results, kind)
    rows = [
        [
            case.size,
            *(cell(case, contender) for contender in shown),
            cell(case, results.quickest(case, LIMITS[kind])),
        ]
        for case in _sweep(results, kind)
    ]
    labels = [CONTENDERS[kind][contender].label for contender in shown]
    return _table(["seconds", *labels, "limit"], rows)


def _sweep_memory(results: Results, kind: str) -> str:
    shown = _shown(results, kind)
    rows = [
        [case.size, *(_peak(results, case, c).replace(" MB", "") for c in shown)]
        for case in _sweep(results, kind)
    ]
    labels = [CONTENDERS[kind][contender].label for contender in shown]
    return _table(["peak, MB", *labels], rows)


def _sweep(results: Results, kind: str) -> list[Case]:
    return results.group(kind, "classes") + results.group(kind, "volumes")


def _shown(results: Results, kind: str) -> list[str]:
    """Contenders that were measured on any of the sizes."""
    cases = _sweep(results, kind)
    return [c for c in SWEEP[kind] if any(results.measured(case, c) for case in cases)]


def _peak(results: Results, case: Case, contender: str) -> str:
    peak = results.memory(case, contender)
    if peak is None:
        return "–"
    own = results.anonymous(case, contender) if case.kind == "file" else None
    # Pages of mapped files make up the rest.
    of_files = own is not None and peak - own > 0.05 * peak and peak - own > 5 * MB
    note = f" ({own / MB:.0f} without mapped files)" if of_files else ""
    return f"{peak / MB:.0f} MB{note}"


def _bits(bits: float | None) -> str:
    if bits is None:
        return "–"
    return "not a number" if bits != bits else f"{bits:,.1f} bits".replace(",", " ")


def _s(seconds: float | None) -> str:
    return "–" if seconds is None else f"{_figure(seconds)} s"


def _figure(seconds: float | None) -> str:
    """Three digits, as many of them behind the point as it takes."""
    if seconds is None:
        return "–"
    digits = 1 if seconds >= 10 else 2 if seconds >= 1 else 3 if seconds >= 0.01 else 4
    return f"{seconds:.{digits}f}"


def _table(head: list[str], rows: list[list[str]], texts: int = 1) -> str:
    """A table; columns after the first `texts` hold numbers."""
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

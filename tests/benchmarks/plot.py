"""The picture of ``docs/benchmarks.md``."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .cases import Case
from .contenders import LIMITS
from .results import Results
from .tables import PICTURE

# Colours of Okabe and Ito, which people with any kind of colour vision tell apart; the
# signs differ as well.
STYLES = {
    "engine": ("napari-uncertainty", "#0072B2", "o-"),
    "article": ("article's formula (files: after np.load)", "#D55E00", "s-"),
    "scipy-stats": ("scipy.stats.entropy", "#CC79A7", "^-"),
    "scipy-entr": ("scipy.special.entr(…).sum(0)", "#009E73", "v-"),
    "torch-entr": ("torch.special.entr(…).sum(0)", "#E69F00", "D-"),
    "limit": ("limit: reading the tensor, inflating the file", "black", "--"),
}


def write_plot(results: Results, docs: Path) -> None:
    """Time and peak memory over classes and volumes, arrays and files."""
    figure, axes = plt.subplots(2, 4, figsize=(11.5, 6.4), sharey="row")
    columns = [(kind, group) for kind in ("array", "file") for group in _GROUPS]
    for column, (kind, group) in zip(axes.T, columns, strict=True):
        cases = results.group(kind, group)
        what = "array, float32" if kind == "array" else ".npz, float16"
        column[0].set_title(f"{what}\n{_GROUPS[group][0]}", fontsize=10)
        column[1].set_xlabel(_GROUPS[group][1])
        _draw(column[0], results, cases, group, memory=False)
        _draw(column[1], results, cases, group, memory=True)
    axes[0, 0].set_ylabel("first call (s)")
    axes[1, 0].set_ylabel("peak memory (MB)")
    for axis in axes.flat:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axis.tick_params(labelleft=True, labelsize=8)
        axis.grid(alpha=0.3, which="major")
    handles = {
        label: line
        for axis in axes.flat
        for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    ordered = [label for label, _, _ in STYLES.values() if label in handles]
    figure.legend(
        [handles[label] for label in ordered],
        ordered,
        loc="lower center",
        ncols=3,
        frameon=False,
    )
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    (docs / PICTURE).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(docs / PICTURE, dpi=125)
    plt.close(figure)


_GROUPS = {
    "classes": ("constant total size", "classes"),
    "volumes": ("8 classes", "voxels along each axis"),
}


def _draw(
    axis: Axes, results: Results, cases: list[Case], group: str, memory: bool
) -> None:
    at = [c.shape[0] if group == "classes" else c.shape[1] for c in cases]
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(at))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}"))
    for name, (label, colour, style) in STYLES.items():
        if name == "limit" and memory:
            continue
        values = [_value(results, case, name, memory) for case in cases]
        if any(value is not None for value in values):
            known = [float("nan") if v is None else v for v in values]
            axis.plot(at, known, style, color=colour, label=label, markersize=5)


def _value(results: Results, case: Case, name: str, memory: bool) -> float | None:
    if memory:
        peak = results.memory(case, name)
        return None if peak is None else peak / 1e6
    if name != "limit":
        return results.first(case, name)
    limit = results.quickest(case, LIMITS[case.kind])
    return None if limit is None else results.first(case, limit)

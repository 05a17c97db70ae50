"""A verdict and a column that are rows and nothing else, and all that shows them.

``PYTHONPATH=tests python -m support.added_rows FOLDER`` adds both to their tables
before anything else is loaded, and prints as JSON what docks, files and report show.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from napari_uncertainty.analysis import class_statistics
from napari_uncertainty.analysis.class_statistics import Column
from napari_uncertainty.review import review
from napari_uncertainty.review.review import Decision

VERDICT = Decision("torn", "tear", "Shift+K", "The film is torn here.", "✗", "#FFB000")
COLUMN = Column(
    "p77",
    "77 %",
    "77 % of {voxels} are less uncertain than this{unit}.",
    lambda of: of.statistics.quantiles(of.label, (0.77,), of.part)[0],
)


def values_and_labels():
    """Values of chance, and a block of label 1 among them."""
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    return np.random.default_rng(0).random(labels.shape), labels


def add_rows():
    """Add both; modules that are loaded later see them."""
    review.VERDICTS = MappingProxyType({**review.VERDICTS, VERDICT.name: VERDICT})
    class_statistics.COLUMNS = (*class_statistics.COLUMNS, COLUMN)
    class_statistics.IN_DOCK += (COLUMN.key,)
    class_statistics.IN_REPORT += (COLUMN.key,)


def shown_of_verdict(folder):
    """Return all that is shown of a stop with the verdict."""
    from napari_uncertainty.plugin.review import marks, stop_model, verdict_bar
    from napari_uncertainty.review.export import write_tsv
    from support.report_pages import a_case, hotspots, page_of

    values, _ = values_and_labels()
    [place] = hotspots(values.shape, [(4, 4, 4)]).places
    stop = review.Stop(place, VERDICT.name, seen=True)
    bar, judged = verdict_bar.VerdictBar(), []
    bar.judged.connect(judged.append)
    bar.show_stop(stop, "Hotspot 1")
    button = bar.buttons[VERDICT.action]
    button.click()
    row = stop_model.FilterRow()
    write_tsv(folder / "stops.tsv", [stop])
    page = page_of(a_case(values, [(4, 4, 4)], stops=(stop,), reviewed=True))
    dot = stop_model.dot(VERDICT.name, False).pixmap(12, 12).toImage()
    done = review.Review([replace(stop, verdict="open")])
    done.judge(1, VERDICT.name)
    return {
        "button": [button.text(), button.toolTip(), button.isChecked(), judged],
        "key": verdict_bar.KEYS[VERDICT.action],
        "filter": [row.status.itemData(at) for at in range(row.status.count())],
        "colours": [dot.pixelColor(6, 6).name(), marks._rgba(VERDICT.name)],
        "exported": (folder / "stops.tsv").read_text("utf-8"),
        "kept": review.Stop.from_json(done.stops[0].to_json()).verdict,
        "page": page.text,
    }


def shown_of_column(folder):
    """Return all that is shown of the column."""
    import nibabel as nib
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QWidget

    import napari_uncertainty as nu
    from napari_uncertainty.plugin.inspect.class_table import ClassModel
    from support.command_line import call_here
    from support.report_pages import a_case, page_of

    values, labels = values_and_labels()
    table = nu.summarize(values, labels)
    owner = QWidget()
    model = ClassModel(owner)
    model.set_table(table, {}, "bits", None)
    at = model.columnCount() - 1
    page = page_of(a_case(values, [(4, 4, 4)], labels=labels, table=table))
    probabilities = np.stack([1 - values / 2, values / 2], axis=-1).astype(np.float32)
    nib.Nifti1Image(probabilities, np.eye(4)).to_filename(folder / "a.nii.gz")
    nib.Nifti1Image(labels, np.eye(4)).to_filename(folder / "seg.nii.gz")
    call_here("map", folder / "a.nii.gz", "-o", folder, "--labels",
              folder / "seg.nii.gz")  # fmt: skip
    return {
        "frame": table[COLUMN.key].tolist(),
        "dock": [
            model.headerData(at, Qt.Orientation.Horizontal),
            model.headerData(at, Qt.Orientation.Horizontal,
                             Qt.ItemDataRole.ToolTipRole),
            model.data(model.index(1, at)),
        ],
        "file": (folder / "a_classes.tsv").read_text("utf-8").splitlines()[0],
        "page": page.text,
    }  # fmt: skip


if __name__ == "__main__":
    add_rows()
    from qtpy.QtWidgets import QApplication

    application = QApplication([])
    where = Path(sys.argv[1])
    print(json.dumps({
        "verdict": shown_of_verdict(where), "column": shown_of_column(where),
    }))  # fmt: skip

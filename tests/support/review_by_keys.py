"""A review as a person does it: by keyboard, brush and buttons, in a real window.

Run as a script it is one sitting: ``python walking.py FOLDER FIRST LAST`` opens the
case in the folder, goes on with the hotspots of the ranks first to last, and tells what
it did, a line of JSON each. With ``--stay`` it then waits to be killed; else it saves
everything and closes its window.
"""

import argparse
import json
import os
import threading
import traceback
from functools import partial
from pathlib import Path

import napari
import nibabel as nib
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager, show_info
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit
from tqdm import tqdm
from vispy import config

from napari_uncertainty.plugin.review.marks import NAME as MARK
from napari_uncertainty.plugin.session import compute
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.layers import review_preferences
from support.real_window import CTRL, LEFT, Window, wait

# Where xdpyinfo and xrandr are not installed, vispy cannot ask for the resolution, and
# says so on stderr.
config["dpi"] = 96
# The lock of tqdm, which napari uses, would be one between processes. Python from 3.14
# on says on stderr that it is left over when this process is killed.
tqdm.set_lock(threading.RLock())

STOPS = 20
FILES = ("T1.nii.gz", "case.nii.gz", "case.npz")

KEYS = {"fine": "G", "fixed": "H", "needs expert": "Q"}

#: By rank: letters that are keys, other alphabets, quotes, markup, formulas, tabs.
NOTES = {
    2: "ngjq NUGH w: no gray here, just questions",
    5: "Rand unscharf, größer als 3 mm² → 頭頂 🧠 Ñandú",
    7: 'He said "no", it\'s <b>CSF</b> & not gm; a=1, \\n',
    11: 'pasted\tfrom a "table" with\ttabs',
    13: "corrected with the brush",
    18: "=1+1, +2, @SUM(A1) are words; ½ of it",
}
HOW = {2: "in the table", 11: "pasted"}
#: What is being written when the window is closed.
LAST_WORDS = "not done yet"
#: Where the first verdict, and the first note, is taken back.
RECONSIDERED, REWRITTEN = {4, 17}, {7, 18}
#: Where labels are corrected; of these, where that is noticed before it is decided.
BRUSHED, NOTICED = {10, 13, 16}, {10, 16}
#: Where labels are corrected, and that is taken back in the canvas.
UNBRUSHED = {15}


def verdict_of(rank):
    """All three in turn, so that it is fixed where labels are corrected."""
    return tuple(KEYS)[rank % 3]


def in_layer_order(volume):
    """Voxels of the file as the viewer has them.

    The file's axes run to Right, Anterior and Superior, the viewer's to Inferior,
    Posterior and Left.
    """
    return np.asarray(volume).transpose()[::-1, ::-1, ::-1]


def tell(**what):
    print(json.dumps(what), flush=True)


class Sitting(Window):
    """One person before one window, until it is closed or killed."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def open(self):
        """The case, its map, and its review."""
        review_preferences().count = STOPS
        folder = self.folder
        files = [str(folder / name) for name in FILES]
        self.viewer.open(files, plugin=PLUGIN)
        self.labels = self.viewer.layers["case"]
        assert compute(self.viewer) is not None, "no map was computed"
        _, self.widget = self.viewer.window.add_plugin_dock_widget(
            PLUGIN, "Review uncertainty"
        )
        self.desk, self.bar = self.widget.desk, self.widget.bar
        wait(lambda: self.desk.stops, "the list of hotspots")
        wait(lambda: MARK in self.viewer.layers, "the mark of the first hotspot")
        original = nib.load(folder / "case.nii.gz").dataobj
        changed = np.asarray(self.labels.data) != in_layer_order(original)
        tell(
            opened=[row_of(stop) for stop in self.desk.stops],
            changed=np.argwhere(changed).tolist(),
            read_only=self.widget.read_only.isVisibleTo(self.widget),
        )

    # -- what the person decides ----------------------------------------------

    def walk(self, first, last):
        """Go to each hotspot from the first one on, and decide about it."""
        if first > 1:
            table = self.widget.table
            self.click(table.view, table.order.index_of(first - 1, 0))
            self.check_at(first - 1)
        for rank in range(first, last + 1):
            # The keys are the canvas's and the dock's.
            self.focus(self.widget.table.view if rank % 4 == 3 else self.canvas)
            # The dock opens at the first one.
            if rank > 1:
                self.press("n")
            self.check_at(rank)
            self.decide(rank)

    def decide(self, rank):
        verdict = verdict_of(rank)
        if rank in RECONSIDERED:
            self.reconsider(rank)
        if rank in NOTES:
            self.write_note(rank)
        if rank in UNBRUSHED:
            self.paint_and_take_back(rank)
        if rank in BRUSHED:
            voxels = self.stroke(self.labels)
            tell(painted=voxels.tolist(), label=int(self.labels.selected_label))
        if rank in NOTICED:
            wait(lambda: self.stop(rank).suggested, "the correction to be noticed")
            assert self.bar.buttons["fixed"].text().startswith("Fixed?")
        self.press(KEYS[verdict].lower())
        stop = self.stop(rank)
        assert (stop.verdict, stop.suggested) == (verdict, False), stop
        # The verdict is in the file by now, the labels a moment later.
        wait(lambda: not self.desk._jobs, "the labels to be written")
        tell(decided=rank, verdict=verdict, note=stop.note)

    def reconsider(self, rank):
        """Another verdict first, of which one thinks better at the next hotspot."""
        self.press(KEYS[verdict_of(rank + 1)].lower())
        assert self.stop(rank).verdict == verdict_of(rank + 1)
        self.press("n")
        self.check_at(rank + 1)
        self.press("u")
        self.check_at(rank)
        assert self.stop(rank).verdict == "open"

    def write_note(self, rank):
        note, before = NOTES[rank], self.stop(rank).note
        if rank in REWRITTEN:
            self.write("this is nonsense")
            assert self.stop(rank).note == "this is nonsense"
            self.press("u")
            assert self.stop(rank).note == before
        self.write(note, HOW.get(rank, ""))
        assert self.stop(rank).note == note, self.stop(rank).note

    def write(self, note, how=""):
        """In place of the note that is there."""
        if how == "in the table":
            view = self.widget.table.view
            self.focus(view)
            self.press(Qt.Key.Key_F2)
            wait(lambda: view.findChild(QLineEdit), "a cell to write in")
            line = view.findChild(QLineEdit)
        else:
            self.press("j")
            line = self.bar.note
        wait(line.hasFocus, "the line for notes")
        self.press(Qt.Key.Key_A, CTRL)
        if how == "pasted":
            QApplication.clipboard().setText(note)
            self.press(Qt.Key.Key_V, CTRL)
        else:
            show_info("Something else is done.")
            self.type(note[:3])
            self.let_notifications_fade()
            self.type(note[3:])
        self.press(Qt.Key.Key_Return)
        assert QApplication.focusWidget() != line, "the line keeps the keys"

    def let_notifications_fade(self):
        """As they do after a while; napari then gives the keys to the canvas."""
        shown = [*NapariQtNotification._instances]
        assert shown
        for one in shown:
            one.close()

    def paint_and_take_back(self, rank):
        before = np.array(self.labels.data), self.stop(rank)
        self.stroke(self.labels)
        wait(lambda: self.stop(rank) != before[1], "the correction to be noticed")
        self.press(Qt.Key.Key_Z, CTRL)
        wait(lambda: self.stop(rank) == before[1], "the correction to be forgotten")
        assert np.array_equal(self.labels.data, before[0])

    # -- what is seen ---------------------------------------------------------

    def stop(self, rank):
        return self.desk.session.review.stop(rank)

    def check_at(self, rank):
        """This hotspot is shown, in the dock and in the canvas."""
        QApplication.processEvents()
        assert self.bar.shown.rank == rank, (self.bar.shown.rank, rank)
        assert self.bar.line.text().startswith(f"{rank} of {STOPS} · ")
        subject, voxel = self.desk.subject, self.stop(rank).hotspot.voxel
        at = self.viewer.dims.point[-3:]
        np.testing.assert_allclose(at, subject.place(voxel), atol=1e-6)
        mark = self.viewer.layers[MARK]
        assert mark.visible
        np.testing.assert_allclose(mark.extent.world.mean(axis=0)[-3:], at, atol=1e-6)

    # -- the end --------------------------------------------------------------

    def save(self):
        """All that the Save tab has, as files with simple names."""
        tab = self.widget.saving
        self.widget.tabs.setCurrentIndex(2)
        for button, name in (
            (tab.list_button, "list.tsv"),
            (tab.list_button, "list.json"),
            (tab.labels_button, "corrected.nii.gz"),
            (tab.report_button, "report.html"),
        ):
            path = str(self.folder / name)
            QFileDialog.getSaveFileName = partial(_chosen, path)
            wait(button.isVisible, "the Save tab")
            QTest.mouseClick(button, LEFT)
            wait(lambda path=path: told(path), f"{name} to be saved")

    def close(self):
        """In the middle of a word, as by the window's own button."""
        self.press("j")
        wait(self.bar.note.hasFocus, "the line for notes")
        self.type(LAST_WORDS)
        self.main.close()


def row_of(stop):
    return {
        "rank": stop.rank,
        "verdict": stop.verdict,
        "suggested": stop.suggested,
        "note": stop.note,
        "seen": stop.seen,
        "changed": stop.changed_voxels,
    }


def told(text):
    return any(text in str(note.message) for note in notification_manager.records)


def _chosen(path, *_):
    return path, ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--stay", action="store_true")
    asked = parser.parse_args()
    sitting = Sitting(asked.folder)
    QTimer.singleShot(0, partial(attend, sitting, asked))
    napari.run()
    wait(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, "threads")
    records = notification_manager.records
    tell(told=[(note.severity.value, str(note.message)) for note in records])


def attend(sitting, asked):
    done = False
    try:
        sitting.open()
        if asked.first > 1:
            # What was decided in another window is not undone in this one.
            sitting.focus(sitting.canvas)
            sitting.press("u")
            assert told("There is nothing to take back.")
        sitting.walk(asked.first, asked.last)
        if asked.stay:
            wait(lambda: False, "the end")
        sitting.save()
        sitting.close()
        done = True
    finally:
        if not done:
            # napari would show what went wrong, and go on.
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()

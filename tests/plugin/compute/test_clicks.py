"""How many clicks the ways of a person take, from napari's start to a report.

Every one is a press and a release of the left button at a place of the window where
the person sees what is clicked; :class:`Hand` refuses others, and counts. A submenu
opens below the pointer, as everywhere, and takes none. Choosing a name in a dialog for
files is the same work in every program, so that dialog is replaced and counts as a part
of the button that opens it; napari's own question for a reader counts with its OK.
"""

from functools import partial

import pytest
from qtpy import PYSIDE6
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QMenu,
    QPushButton,
    QTabBar,
)

from napari_uncertainty.plugin.compute.widget import ComputeWidget
from napari_uncertainty.plugin.review.widget import ReviewWidget
from napari_uncertainty.plugin.viewer.four_views import FourViews
from napari_uncertainty.plugin.viewer.layer_roles import role_of
from support.review_dock import redirect, write_case

LEFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SIZE = 1280, 720


class Hand:
    """A hand on the mouse of a window."""

    def __init__(self, qtbot, viewer):
        self.qtbot, self.viewer = qtbot, viewer
        self.clicks = self.drags = 0

    def click(self, widget, at=None):
        """Press and release where the widget is seen."""
        at = widget.rect().center() if at is None else at

        def seen():
            top = QApplication.widgetAt(widget.mapToGlobal(at))
            return top is not None and (top is widget or widget.isAncestorOf(top))

        # What napari tells in front of it fades.
        self.qtbot.waitUntil(seen, timeout=20_000)
        assert widget.isEnabled()
        self.clicks += 1
        QTest.mouseClick(widget, LEFT, PLAIN, at)

    def button(self, text, within):
        """A button by its words."""
        self.qtbot.waitUntil(lambda: bool(self._buttons(text, within)))
        [found] = self._buttons(text, within)
        self.click(found)

    @staticmethod
    def _buttons(text, within):
        found = within.findChildren(QPushButton)
        return [one for one in found if one.text() == text and one.isVisible()]

    def tab(self, text, within):
        """A tab by its words."""
        for bar in within.findChildren(QTabBar):
            for index in range(bar.count()):
                if bar.tabText(index) == text:
                    self.click(bar, bar.tabRect(index).center())
                    return
        raise AssertionError(f"no tab {text}")

    def menu(self, *way):
        """An item of the menus: what is between opens below the pointer."""
        menu = self.viewer.window._qt_window.menuBar()
        action = _action(menu, way[0])
        self.click(menu, menu.actionGeometry(action).center())
        owner, at = menu, menu.actionGeometry(action).center()
        for step in way[1:]:
            menu = action.menu()
            self.qtbot.waitUntil(partial(self._opens, menu, owner, at), timeout=20_000)
            action = _action(menu, step)
            owner, at = menu, menu.actionGeometry(action).center()
            self._hover(owner, at)
        self.click(menu, at)

    def _opens(self, menu, owner, at):
        """Whether a menu is open; on a busy machine a pointer has to come again."""
        if not menu.isVisible() and isinstance(owner, QMenu):
            self._hover(owner, at)
        return menu.isVisible()

    @staticmethod
    def _hover(menu, at):
        """Move onto an item: a menu follows a pointer that has moved a little."""
        for aside in range(12, -1, -2):
            QTest.mouseMove(menu, at - QPoint(aside, 0))

    def drop(self, paths):
        """Drag files onto the canvas, and answer the question for a reader."""
        self.drags += 1
        canvas = self.viewer.window._qt_viewer.canvas.native
        target = QApplication.widgetAt(canvas.mapToGlobal(canvas.rect().center()))
        while not target.acceptDrops():
            target = target.parentWidget()
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        at, copy = target.rect().center(), Qt.DropAction.CopyAction
        QTimer.singleShot(0, self._keep_reader)
        # PySide6 wants another type than PyQt6.
        point = QPointF(at) if PYSIDE6 else QPoint(at)
        entering = QDragEnterEvent(point, copy, data, LEFT, PLAIN)
        QApplication.sendEvent(target, entering)
        assert entering.isAccepted()
        dropped = QDropEvent(QPointF(at), copy, data, LEFT, PLAIN)
        QApplication.sendEvent(target, dropped)

    def _keep_reader(self):
        """Click OK in the dialog that is shown, which goes in any case."""
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            QTimer.singleShot(20, self._keep_reader)
            return
        box = dialog.findChild(QDialogButtonBox)
        try:
            self.click(box.button(QDialogButtonBox.StandardButton.Ok))
        finally:
            if dialog.isVisible():
                dialog.reject()


def _action(menu, text):
    menu.aboutToShow.emit() if hasattr(menu, "aboutToShow") else None
    [found] = [one for one in menu.actions() if one.text().replace("&", "") == text]
    return found


@pytest.fixture
def files(tmp_path, rng):
    case = write_case(tmp_path / "study", rng)
    return [case.scan, case.segmentation, case.probabilities]


@pytest.fixture
def hand(qtbot, viewer, tmp_path, monkeypatch):
    redirect(tmp_path, monkeypatch)
    viewer.window.resize(*SIZE)
    qtbot.wait(50)
    return Hand(qtbot, viewer)


def dock(qtbot, viewer, kind):
    """The dock of this kind, once it is there."""

    def shown():
        found = viewer.window._qt_window.findChildren(kind)
        return [one for one in found if one.isVisible()]

    qtbot.waitUntil(lambda: bool(shown()))
    [found] = shown()
    return found


def maps(viewer):
    return [layer for layer in viewer.layers if role_of(layer) == "map"]


def test_from_the_start_to_a_report(qtbot, viewer, hand, files, monkeypatch, tmp_path):
    hand.drop(files)
    assert hand.drags == 1
    assert len(viewer.layers) == 3
    hand.button("Compute uncertainty", viewer.window._qt_window)
    hand.button("Compute", dock(qtbot, viewer, ComputeWidget))
    qtbot.waitUntil(lambda: bool(maps(viewer)))
    assert hand.clicks == 3

    hand.clicks = 0
    hand.button("Four views", dock(qtbot, viewer, ComputeWidget))
    views = FourViews.of(viewer)
    qtbot.waitUntil(lambda: views.ready)
    assert "3D" in dict(views.panes.items())
    assert hand.clicks == 1

    hand.clicks = 0
    hand.menu("Plugins", "Uncertainty", "Review uncertainty (Uncertainty)")
    review = dock(qtbot, viewer, ReviewWidget)
    qtbot.waitUntil(lambda: review.table.current == 1)
    place = review.desk.subject.place(review.current.hotspot.voxel)
    assert viewer.dims.point[-3:] == pytest.approx(tuple(place))
    assert hand.clicks == 2

    hand.clicks = 0
    report = tmp_path / "report.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(report), ""))
    hand.tab("Save", review)
    hand.button("Save report…", review)
    qtbot.waitUntil(report.exists)
    qtbot.waitUntil(lambda: not review.saving.working.isVisible())
    assert hand.clicks == 2
    assert "Hotspot" in report.read_text("utf-8")


def test_two_clicks_lead_from_the_dock_to_a_map(
    qtbot, viewer, hand, files, monkeypatch
):
    hand.menu("Plugins", "Uncertainty", "Compute uncertainty (Uncertainty)")
    compute = dock(qtbot, viewer, ComputeWidget)
    assert hand.clicks == 2

    hand.clicks = 0
    chosen = [str(path) for path in files]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))
    hand.button("Open case…", compute)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    hand.button("Compute", compute)
    qtbot.waitUntil(lambda: bool(maps(viewer)))
    assert hand.clicks == 2


def test_the_offer_comes_once_and_opens_the_dock_of_the_menu(
    qtbot, viewer, hand, files, told
):
    def offers():
        return told().count("Class probabilities are open.")

    viewer.open(str(files[0]), plugin="napari-uncertainty")
    qtbot.wait(20)
    assert offers() == 0
    for path in files[1:]:
        viewer.open(str(path), plugin="napari-uncertainty")
    qtbot.waitUntil(lambda: offers() == 1)
    hand.button("Compute uncertainty", viewer.window._qt_window)
    compute = dock(qtbot, viewer, ComputeWidget)
    # The menu knows it: a click there hides it.
    hand.menu("Plugins", "Uncertainty", "Compute uncertainty (Uncertainty)")
    qtbot.waitUntil(lambda: not compute.isVisible())
    viewer.layers.clear()
    viewer.open(str(files[-1]), plugin="napari-uncertainty")
    qtbot.wait(20)
    assert offers() == 1

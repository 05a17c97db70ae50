"""The table of classes, without napari."""

import csv
import io
import time
from ast import literal_eval

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

import napari_uncertainty as nu
from napari_uncertainty.plugin.inspect.class_table import (
    COLUMNS,
    SWATCH_SIZE,
    ClassTable,
)
from napari_uncertainty.text import number, share

NAMES = {
    0: "background",
    1: "cerebrospinal fluid",
    2: "grey matter",
    3: "white matter",
    4: "ventricles",
    7: "Cerebellum",
    10: "label 10",
    11: "label 9",
}
COLORS = {1: (10, 20, 30), 4: (200, 100, 0)}
KEYS = [column.key for column in COLUMNS]
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


def numbers(seed=0, names=NAMES, threshold=0.4):
    """A real table: 4 is too thin to have an inside, 11 has a name and no voxels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((18, 16, 14), np.uint8)
    for start, label in zip(range(1, 16, 3), (1, 2, 3, 7, 10), strict=True):
        labels[start : start + 3, 3:12, 2:11] = label
    labels[:, 14, 3:9] = 4
    values = rng.random(labels.shape) * (1 + labels) / 7
    grid = nu.Grid(labels.shape, np.diag([1.5, 2, 2.5, 1]))
    return nu.summarize(
        values, labels, class_names=names, grid=grid, threshold=threshold
    )


@pytest.fixture
def table(qtbot):
    widget = ClassTable()
    qtbot.addWidget(widget)
    widget.resize(900, 300)
    widget.set_table(numbers(), COLORS, "bits", 0.4)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def click_header(qtbot, table, key):
    header = table.view.horizontalHeader()
    section = KEYS.index(key)
    at = header.sectionViewportPosition(section) + header.sectionSize(section) // 2
    qtbot.mouseClick(header.viewport(), LEFT, pos=QPoint(at, header.height() // 2))


def cell(table, label, key="name"):
    row = order(table).index(label)
    return table.model.index(row, KEYS.index(key))


def click(qtbot, table, label, key="name", modifier=Qt.KeyboardModifier.NoModifier):
    at = table.view.visualRect(cell(table, label, key)).center()
    qtbot.mouseClick(table.view.viewport(), LEFT, modifier, at)


def order(table):
    """Labels as they are shown, from the tooltips."""
    shown = (table.model.index(row, 0) for row in range(table.model.rowCount()))
    role = Qt.ItemDataRole.ToolTipRole
    return [int(index.data(role).rpartition(", label ")[2]) for index in shown]


def header_text(table, key, role=Qt.ItemDataRole.DisplayRole):
    column = KEYS.index(key)
    return table.model.headerData(column, Qt.Orientation.Horizontal, role)


def read(text):
    """Exactly, as Python reads numbers; pandas 2 rounds some another way."""
    frame = pd.DataFrame(list(csv.DictReader(io.StringIO(text), dialect="excel-tab")))
    for key in frame.columns.drop("name"):
        frame[key] = [literal_eval(cell) if cell else np.nan for cell in frame[key]]
    return frame


def expected_order(frame, key, ascending):
    return frame.sort_values(key, ascending=ascending, kind="stable")["label"].to_list()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "–"),
        (0, "0"),
        (0.5, "0.500"),
        (0.03456, "0.0346"),
        (0.000123456, "0.000123"),
        (0.00000123, "<0.0001"),
        (-0.00000123, ">−0.0001"),
        (12, "12.0"),
        (999.6, "1,000"),
        (123.456, "123"),
        (1234567.8, "1,234,568"),
    ],
)
def test_numbers_are_shown_with_three_digits(value, text):
    assert number(value) == text


def test_shares_are_shown_in_per_cent():
    assert share(0.1234) == "12.3 %"
    assert share(float("nan")) == "–"


def test_inside_is_on_top_at_first(table):
    assert order(table) == expected_order(numbers(), "interior_mean", False)
    assert header_text(table, "interior_mean") == "Inside\nmean ▾"
    assert header_text(table, "mean") == "Mean"


@pytest.mark.parametrize("key", KEYS[1:])
def test_numbers_are_sorted_as_numbers_and_none_is_last(qtbot, table, key):
    frame = numbers()
    if key != "interior_mean":  # the one that is sorted by already
        click_header(qtbot, table, key)
    assert order(table) == expected_order(frame, key, False)
    click_header(qtbot, table, key)
    assert order(table) == expected_order(frame, key, True)
    assert header_text(table, key).endswith("▴")
    missing = int(frame[key].isna().sum())
    shown = [cell(table, label, key).data() for label in order(table)]
    assert [text == "–" for text in shown] == [False] * (8 - missing) + [True] * missing
    assert missing == {"total": 0, "volume_ml": 0}.get(key, missing or None)


def test_names_are_sorted_as_people_count(qtbot, table):
    click_header(qtbot, table, "name")
    by_name = [0, 7, 1, 2, 11, 10, 4, 3]  # "label 9" before "label 10"
    assert order(table) == by_name
    click_header(qtbot, table, "name")
    assert order(table) == by_name[::-1]


def test_equals_stay_in_their_order(qtbot, table):
    frame = numbers().assign(mean=0.5)
    for _ in range(2):
        click_header(qtbot, table, "mean")
        table.set_table(frame, COLORS, "bits", 0.4)
        assert order(table) == list(NAMES)


def test_order_widths_and_selection_survive_other_numbers(qtbot, table):
    click_header(qtbot, table, "p95")
    table.view.setColumnWidth(0, 77)
    click(qtbot, table, 2)
    click(qtbot, table, 7, modifier=CONTROL)
    same = numbers(1)
    fewer = same[same["label"].isin([7, 2, 10])].iloc[::-1]
    told = []
    table.selected.connect(told.append)
    for frame in (same, fewer, numbers(2)):
        table.set_table(frame, COLORS, "nats", 0.1)
        assert order(table) == expected_order(frame, "p95", False)
        assert table.selected_labels == (2, 7)
        assert table.view.columnWidth(0) == 77
        assert cell(table, 7, "mean").data() == number(
            frame.set_index("label")["mean"][7]
        )
    assert told == []
    # Enter goes on with the row that was clicked last.
    with qtbot.waitSignal(table.visited) as visited:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert visited.args == [7, "interior"]


def test_a_class_that_is_gone_is_not_selected(qtbot, table):
    table.select([2, 7])
    frame = numbers()
    with qtbot.waitSignal(table.selected) as told:
        table.set_table(frame[frame["label"] != 7], COLORS, "bits", 0.4)
    assert told.args == [(2,)]
    with qtbot.waitSignal(table.selected) as told:
        table.clear()
    assert told.args == [()]


def test_selection_is_told_when_it_changes(qtbot, table):
    told = []
    table.selected.connect(told.append)
    click(qtbot, table, 10, "mean")
    click(qtbot, table, 10, "total")
    click(qtbot, table, 1, modifier=CONTROL)
    click_header(qtbot, table, "median")
    table.select([1, 10, 99])
    assert told == [(10,), (1, 10)]
    assert table.selected_labels == (1, 10)
    click(qtbot, table, 4)
    assert table.selected_labels == (4,)
    qtbot.keyClick(table.view, Qt.Key.Key_Escape)
    assert told == [(10,), (1, 10), (4,), ()]
    qtbot.keyClick(table.view, Qt.Key.Key_Escape)
    table.select([3])
    view = table.view.viewport()
    qtbot.mouseClick(view, LEFT, pos=QPoint(20, view.height() - 5))
    assert told[4:] == [(3,), ()]


def test_a_selected_row_is_brought_into_view(qtbot, table):
    table.resize(360, 260)
    table.set_table(many(), {}, "bits", 0.4)
    last = order(table)[-1]
    sideways = table.view.horizontalScrollBar()
    sideways.setValue(60)
    table.select([last])
    shown = table.view.visualRect(cell(table, last, "mean"))
    assert table.view.viewport().rect().contains(shown.center())
    assert sideways.value() == 60


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("name", "interior"),
        ("interior_mean", "interior"),
        ("boundary_mean", "boundary"),
        ("mean", "all"),
        ("median", "all"),
        ("p95", "all"),
        ("share_above", "all"),
        ("interior_share_above", "interior"),
        ("total", "all"),
        ("volume_ml", "all"),
    ],
)
def test_a_double_click_or_enter_goes_to_a_part(qtbot, table, key, part):
    at = table.view.visualRect(cell(table, 3, key)).center()
    click(qtbot, table, 3, key)
    with qtbot.waitSignal(table.visited) as visited:
        qtbot.mouseDClick(table.view.viewport(), LEFT, pos=at)
    assert visited.args == [3, part]
    with qtbot.waitSignal(table.visited) as visited:
        qtbot.keyClick(table.view, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert visited.args == [3, part]


def test_a_double_click_beside_the_rows_goes_nowhere(qtbot, table):
    with qtbot.assertNotEmitted(table.visited):
        view = table.view.viewport()
        qtbot.mouseDClick(view, LEFT, pos=QPoint(20, view.height() - 5))
        table.clear()
        qtbot.keyClick(table.view, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("key", "modifier", "taken"),
    [
        (Qt.Key.Key_C, CONTROL, True),
        (Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, True),
        (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, True),
        (Qt.Key.Key_S, CONTROL, False),
    ],
)
def test_menus_do_not_get_the_keys_of_the_table(table, key, modifier, taken):
    table.select([1])
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifier)
    event.ignore()
    QApplication.sendEvent(table.view, event)
    assert event.isAccepted() is taken


def test_the_copy_reads_back_the_same(qtbot, table):
    frame = numbers()
    click_header(qtbot, table, "boundary_mean")
    shown = frame.set_index("label", drop=False).loc[order(table)]
    qtbot.mouseClick(table.copy_button, LEFT)
    copied = QApplication.clipboard().text()
    assert copied == table.to_tsv()
    assert_frame_equal(
        read(copied), shown.reset_index(drop=True), check_exact=True, check_dtype=True
    )
    assert "nan" not in copied.casefold()

    qtbot.keyClick(table.view, Qt.Key.Key_C, CONTROL)
    assert QApplication.clipboard().text() == copied
    table.select([1, 10])
    qtbot.keyClick(table.view, Qt.Key.Key_C, CONTROL)
    chosen = QApplication.clipboard().text()
    assert chosen == table.to_tsv([1, 10])
    assert list(read(chosen)["label"]) == [x for x in order(table) if x in (1, 10)]
    qtbot.mouseClick(table.copy_button, LEFT)
    assert QApplication.clipboard().text() == copied


def test_a_name_takes_one_field(table):
    table.set_table(numbers(names={1: "grey\tmatter\nleft"}), {}, "", 0.4)
    assert read(table.to_tsv([1]))["name"][0] == "grey matter left"


@pytest.fixture
def choose(monkeypatch):
    """What the file dialog will return; where it began."""
    began = []

    def chosen(name):
        def dialog(parent, title, start, kinds):
            began.append(start)
            return str(name), kinds

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        return began

    return chosen


@pytest.mark.parametrize("name", ["numbers.tsv", "numbers.TSV", "numbers", "a.b"])
def test_save_writes_the_table_with_the_ending_tsv(
    qtbot, table, choose, tmp_path, name
):
    began = choose(tmp_path / name)
    path = tmp_path / (name if name.lower().endswith("tsv") else name + ".tsv")
    with qtbot.waitSignal(table.saved) as saved:
        qtbot.mouseClick(table.save_button, LEFT)
    assert saved.args == [str(path)]
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes().decode() == table.to_tsv()
    choose("")
    qtbot.mouseClick(table.save_button, LEFT)
    assert began == ["classes.tsv", str(path)]


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_file_under_the_completed_name_is_kept_unless_agreed(
    qtbot, table, choose, tmp_path, monkeypatch, answer
):
    (tmp_path / "old.tsv").write_text("old")
    choose(tmp_path / "old")
    button = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: button)
    qtbot.mouseClick(table.save_button, LEFT)
    kept = (tmp_path / "old.tsv").read_text() == "old"
    assert kept is (answer == "No")


def test_a_save_that_fails_is_told(qtbot, table, choose, tmp_path):
    choose(tmp_path / "nowhere" / "numbers.tsv")
    with (
        qtbot.assertNotEmitted(table.saved),
        qtbot.waitSignal(table.failed) as failed,
    ):
        qtbot.mouseClick(table.save_button, LEFT)
    [sentence] = failed.args
    assert sentence.startswith(f"{tmp_path / 'nowhere' / 'numbers.tsv'} cannot be")
    assert "\n" not in sentence


def test_a_cancelled_save_does_nothing(qtbot, table, choose, tmp_path):
    choose("")
    with qtbot.assertNotEmitted(table.saved), qtbot.assertNotEmitted(table.failed):
        qtbot.mouseClick(table.save_button, LEFT)
    assert list(tmp_path.iterdir()) == []


def test_no_shares_without_a_threshold(qtbot, table):
    shares = [KEYS.index("share_above"), KEYS.index("interior_share_above")]
    assert not any(map(table.view.isColumnHidden, shares))
    click_header(qtbot, table, "share_above")
    width = table.view.columnWidth(shares[0])
    for threshold in (None, 0.4):
        table.set_table(numbers(threshold=None), COLORS, "bits", threshold)
        assert all(map(table.view.isColumnHidden, shares))
        assert order(table) == list(NAMES)
        assert list(read(table.to_tsv()).columns) == list(numbers(threshold=None))
    table.set_table(numbers(), COLORS, "bits", 0.4)
    assert order(table) == expected_order(numbers(), "share_above", False)
    assert table.view.columnWidth(shares[0]) == width > 0


def test_an_empty_table_cannot_be_copied(qtbot, table):
    empties = (pd.DataFrame(), numbers().iloc[:0])
    for frame in empties:
        table.set_table(frame, {}, "", None)
        assert table.model.rowCount() == 0
        assert table.selected_labels == ()
        assert not table.copy_button.isEnabled()
        assert not table.save_button.isEnabled()
        assert table.to_tsv() == "\t".join(frame.columns) + "\n"
        table.select([1])
    QApplication.clipboard().setText("before")
    qtbot.keyClick(table.view, Qt.Key.Key_C, CONTROL)
    assert QApplication.clipboard().text() == "before"
    table.set_table(numbers(), COLORS, "bits", 0.4)
    assert order(table) == expected_order(numbers(), "interior_mean", False)
    assert table.copy_button.isEnabled()


def test_rows_have_swatches_in_the_colours_of_their_classes(qtbot, table):
    def shown(label):
        icon = cell(table, label).data(Qt.ItemDataRole.DecorationRole)
        modes = (icon.Mode.Normal, icon.Mode.Selected)
        found = {
            icon.pixmap(SWATCH_SIZE, SWATCH_SIZE, mode)
            .toImage()
            .pixelColor(SWATCH_SIZE // 2, SWATCH_SIZE // 2)
            .getRgb()
            for mode in modes
        }
        assert len(found) == 1
        return found.pop()

    assert shown(1) == (10, 20, 30, 255)
    assert shown(4) == (200, 100, 0, 255)
    assert shown(0)[3] == 0
    assert cell(table, 1, "mean").data(Qt.ItemDataRole.DecorationRole) is None
    table.set_table(numbers(), {0: (1, 2, 3)}, "bits", 0.4)
    assert shown(0) == (1, 2, 3, 255)
    assert shown(1)[3] == 0


def test_headers_say_what_the_numbers_are(table):
    role = Qt.ItemDataRole.ToolTipRole
    inside = header_text(table, "interior_mean", role)
    assert inside.startswith("Mean uncertainty (bits) of the voxels inside the class.")
    assert "Uncertainty inside is the more alarming kind." in inside
    assert "above 0.4 (bits)." in header_text(table, "share_above", role)
    table.set_table(numbers(), COLORS, "", 0.25)
    assert "uncertainty of all" in header_text(table, "mean", role)
    assert "above 0.25." in header_text(table, "share_above", role)
    assert not any("{" in header_text(table, key, role) for key in KEYS)


def test_numbers_are_on_the_right(table):
    role = Qt.ItemDataRole.TextAlignmentRole
    assert cell(table, 1, "mean").data(role) & Qt.AlignmentFlag.AlignRight
    assert cell(table, 1, "name").data(role) & Qt.AlignmentFlag.AlignLeft


def many(seed=0):
    """A hundred classes."""
    rng = np.random.default_rng(seed)
    numeric = [key for key in numbers() if key not in ("label", "name")]
    frame = pd.DataFrame(rng.random((100, len(numeric))), columns=numeric)
    names = [f"class {label}" for label in range(100)]
    return frame.assign(label=range(100), name=names)


def test_a_slider_can_be_followed(table):
    table.set_table(many(), {}, "bits", 0.4)
    table.select([3, 50, 99])
    resets = []
    table.model.modelReset.connect(lambda: resets.append(1))
    took = []
    for seed in range(1, 11):
        frame = many(seed)
        start = time.thread_time()  # of this thread alone, whatever else is done
        table.set_table(frame, {}, "bits", 0.4)
        took.append(time.thread_time() - start)
        assert order(table) == expected_order(frame, "interior_mean", False)
    assert table.selected_labels == (3, 50, 99)
    assert resets == []
    assert min(took) < 0.01

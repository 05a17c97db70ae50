"""What is looked for, as it is chosen."""

import pytest
from qtpy.QtCore import Qt

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.plugin.review.review_tabs import OptionsTab
from napari_uncertainty.plugin.viewer.layers import review_preferences

NAMES = {0: "background", 1: "left", 2: "right"}


@pytest.fixture
def tab(qtbot):
    tab = OptionsTab()
    qtbot.addWidget(tab)
    return tab


def check(tab, label, checked):
    [item] = [
        tab.classes.item(row)
        for row in range(tab.classes.count())
        if tab.classes.item(row).data(Qt.ItemDataRole.UserRole) == label
    ]
    item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)


@pytest.fixture
def preferred():
    """The user's preferences, as they were afterwards."""
    preferences = review_preferences()
    before = {
        name: getattr(preferences, name) for name in ("folder", "count", "radius")
    }
    yield preferences
    for name, value in before.items():
        setattr(preferences, name, value)


def test_at_first_the_options_are_the_defaults(tab):
    assert tab.choices.wanted == HotspotOptions()
    assert tab.choices.several
    assert tab.choices.prefer == "beside"
    assert not tab.advance.isChecked()
    assert tab.separation.text() == "as the radius"


def test_preferences_are_where_it_begins(qtbot, preferred):
    preferred.count, preferred.radius = 7, 2.5
    tab = OptionsTab()
    qtbot.addWidget(tab)
    assert tab.choices.wanted == HotspotOptions(count=7, radius_mm=2.5)
    # Where it is kept follows at once.
    preferred.folder = "in your data folder"
    assert tab.choices.prefer == "user"


def test_the_options_that_are_chosen_are_told(tab):
    tab.offer_classes(NAMES)
    tab.count.setValue(12)
    tab.radius.setValue(4)
    tab.separation.setValue(6.5)
    tab.interior.setChecked(True)
    tab.several.setChecked(False)
    check(tab, 1, False)
    assert tab.choices.wanted == HotspotOptions(12, 4.0, 6.5, (2,), True)
    assert not tab.choices.several


def test_all_classes_are_none_in_particular(tab):
    tab.offer_classes(NAMES)
    assert tab.choices.wanted.classes is None
    texts = [tab.classes.item(row).text() for row in range(tab.classes.count())]
    assert texts == ["left", "right"]


def test_no_class_is_refused(tab):
    tab.offer_classes({0: "background", 1: "left"})
    check(tab, 1, False)
    with pytest.raises(InputError, match="No class is chosen"):
        _ = tab.choices


def test_a_choice_of_classes_stays_while_they_are_the_same(tab):
    tab.offer_classes(NAMES)
    check(tab, 2, False)
    tab.offer_classes(dict(NAMES))
    assert tab.choices.wanted.classes == (1,)
    tab.offer_classes({**NAMES, 3: "stem"})
    assert tab.choices.wanted.classes is None
    check(tab, 2, False)
    tab.forget_classes()
    assert tab.choices.wanted.classes is None


def test_a_class_is_offered_only_if_the_list_has_it(tab):
    assert not tab.offers({})
    assert not tab.offers(NAMES)
    tab.offer_classes({**NAMES, 3: "stem"})
    assert tab.offers(NAMES)
    assert not tab.offers({1: "white matter"})
    assert not tab.offers({0: "background"})


def test_it_asks_when_the_button_is_pressed(qtbot, tab):
    with qtbot.assertNotEmitted(tab.asked):
        tab.count.setValue(3)
    with qtbot.waitSignal(tab.asked):
        tab.button.click()


def test_the_tab_says_where_the_review_is_kept(tab):
    tab.show_kept("/data/a folder/case_review.json")
    text = tab.kept.text().replace("\u200b", "")
    assert text == "This review is kept in /data/a folder/case_review.json"
    tab.show_kept(None)
    assert tab.kept.text() == ""

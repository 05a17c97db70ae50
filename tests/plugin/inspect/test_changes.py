"""What is set for a while and put back."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from napari.utils._proxies import PublicOnlyProxy

from napari_uncertainty.plugin.viewer.lifetime import Changes


@pytest.fixture
def changes():
    return Changes()


@pytest.fixture
def one():
    return SimpleNamespace(a=1, b=np.array([1.0, 2.0]))


@pytest.fixture
def other():
    return SimpleNamespace(a=5)


def test_all_is_put_back(changes, one, other):
    changes.set(one, "a", 2)
    changes.set(one, "a", 3)
    changes.set(one, "b", np.array([3.0, 4.0]))
    changes.set(other, "a", 6)
    assert (one.a, other.a, one.b.tolist()) == (3, 6, [3, 4])
    changes.undo()
    assert (one.a, other.a, one.b.tolist()) == (1, 5, [1, 2])
    one.a = 7
    changes.undo()
    assert one.a == 7


def test_the_last_change_is_put_back_first(changes):
    class Traced:
        a = b = c = 0

        def __setattr__(self, name, value):
            order.append(name)
            super().__setattr__(name, value)

    traced, order = Traced(), []
    for name in "abc":
        changes.set(traced, name, 1)
    changes.undo()
    assert order == ["a", "b", "c", "c", "b", "a"]


def test_what_others_set_meanwhile_is_kept(changes, one):
    changes.set(one, "a", 2)
    changes.set(one, "b", np.array([0.0, 0.0]))
    one.a = 9
    changes.undo()
    assert one.a == 9
    assert one.b.tolist() == [1, 2]


@pytest.mark.parametrize("again", [2, 3])
def test_and_also_after_a_further_change(changes, one, again):
    changes.set(one, "a", 2)
    one.a = 9
    changes.become([(one, "a", again)])
    assert one.a == again
    changes.undo()
    assert one.a == 9


def test_new_changes_put_back_those_that_they_replace(changes, one, other):
    changes.become([(one, "a", 2), (one, "b", np.zeros(2))])
    changes.become([(other, "a", 6), (one, "a", 3)])
    assert (one.a, other.a, one.b.tolist()) == (3, 6, [1, 2])
    changes.undo()
    assert (one.a, other.a) == (1, 5)


def test_nothing_is_set_where_nothing_changes(changes):
    layer = Image(np.zeros((3, 4)), colormap="inferno")
    heard = []
    layer.events.connect(lambda event: heard.append(event.type))
    changes.set(layer, "colormap", layer.colormap)
    changes.set(layer, "opacity", 1.0)
    changes.undo()
    assert heard == []


def test_values_that_napari_converts_are_put_back(changes):
    layer = Image(np.zeros((3, 4, 5)), colormap="inferno")
    before = layer.colormap
    wanted = [("colormap", "gray"), ("blending", "opaque"), ("depiction", "plane")]
    for name, value in wanted:
        changes.set(layer, name, value)
    assert layer.colormap.name == "gray"
    changes.undo()
    assert layer.colormap == before
    assert (layer.blending, layer.depiction) == ("translucent", "volume")


def test_plugins_see_another_wrapper_each_time(changes):
    layer = Image(np.zeros((3, 4)), opacity=0.7)
    changes.set(PublicOnlyProxy(layer), "opacity", 0.2)
    changes.set(PublicOnlyProxy(layer), "opacity", 0.3)
    changes.undo()
    assert layer.opacity == 0.7

"""Surfaces that are made in the background: each once, and only what is wanted."""

import numpy as np
from qtpy.QtCore import QThreadPool

from napari_uncertainty.plugin.inspect.meshes import Meshes
from support.phantoms import asymmetric

SHAPE = (16, 18, 20)


def made_of(meshes, wanted, calls):
    """Ask for surfaces, and note all that is told."""

    def tell(name):
        return lambda *_: calls.append(name)

    meshes.make(
        wanted,
        on_progress=lambda share: None,
        on_end=tell("end"),
        on_made=tell("made"),
        on_refused=tell("refused"),
    )


def meshes_of(rng):
    return Meshes(asymmetric(SHAPE), rng.random(SHAPE).astype(np.float32))


def test_what_is_asked_for_instead_is_made_and_nothing_told_of_the_rest(qtbot, rng):
    meshes, first, second = meshes_of(rng), [], []
    made_of(meshes, [None], first)
    assert QThreadPool.globalInstance().waitForDone(20_000)  # but not told yet
    made_of(meshes, [(1,), (2, 3)], second)
    qtbot.waitUntil(lambda: "made" in second)
    assert first == []
    assert second == ["end", "made"]
    assert meshes.missing([None]) == [None]
    assert meshes.missing([(1,), (2, 3)]) == []


def test_what_is_made_is_kept_while_more_is_asked_for(qtbot, rng):
    meshes, calls = meshes_of(rng), []
    made_of(meshes, [None], calls)
    qtbot.waitUntil(lambda: "made" in calls)
    whole = meshes[None]
    made_of(meshes, [None, (1,)], calls)
    qtbot.waitUntil(lambda: calls.count("made") == 2)
    assert meshes[None] is whole
    assert len(meshes[(1,)].vertices) < len(whole.vertices)


def test_cancelled_it_tells_nothing(qtbot, rng):
    meshes, calls = meshes_of(rng), []
    made_of(meshes, [None], calls)
    meshes.cancel()
    assert QThreadPool.globalInstance().waitForDone(20_000)
    qtbot.wait(50)
    assert calls == []
    assert meshes.missing([None]) == [None]


def test_what_is_made_ahead_is_waited_for_and_not_made_again(qtbot, rng):
    meshes, calls = meshes_of(rng), []
    meshes.make_ahead([None])
    made_of(meshes, [None], calls)
    assert not meshes._jobs  # nothing but what is made ahead
    qtbot.waitUntil(lambda: "made" in calls)
    assert calls == ["end", "made"]
    whole = meshes[None]
    made_of(meshes, [None, (1,)], calls)
    qtbot.waitUntil(lambda: calls.count("made") == 2)
    assert meshes[None] is whole


def test_what_is_made_ahead_goes_on_when_what_waits_for_it_is_cancelled(qtbot, rng):
    meshes, calls = meshes_of(rng), []
    meshes.make_ahead([None])
    made_of(meshes, [None], calls)
    meshes.cancel()
    qtbot.waitUntil(lambda: not meshes.missing([None]))
    assert calls == []


def test_with_the_widget_what_is_made_ahead_ends(qtbot, rng):
    meshes = meshes_of(rng)
    meshes.make_ahead([None])
    meshes.stop()
    assert QThreadPool.globalInstance().waitForDone(20_000)
    qtbot.wait(50)
    assert meshes.missing([None]) == [None]

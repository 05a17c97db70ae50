"""Fixtures that several test modules share."""

import gc
import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# napari reads its settings when it is imported: not the user's, for tests.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import nibabel as nib
import numpy as np
import pytest
from npe2 import PluginManager

from support.generated import OBLIQUE, softmax

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

#: Libraries that the tests run, most of them by way of another. A deprecation within
#: one of them is shown, and is no error: a newer version of another, or of Python, will
#: not take what the library does, which nothing here can mend. Python tells it of the
#: module that has to change, so where that is one of the code here it is an error.
OTHERS = (
    "IPython", "OpenGL", "PIL", "app_model", "asyncio", "build", "click", "dask",
    "distributed", "filelock", "fsspec", "h5py", "hatchling", "hypothesis", "imageio",
    "in_n_out", "ipykernel", "jinja2", "jupyter_client", "jupyter_core", "lazy_loader",
    "magicgui", "napari", "napari_builtins", "napari_console", "napari_plugin_engine",
    "napari_svg", "nibabel", "nilearn", "npe2", "nrrd", "numcodecs", "numpy", "pandas",
    "pint",
    "platformdirs", "psutil", "psygnal", "pydantic", "pydantic_settings", "pyqtgraph",
    "pytestqt", "qtconsole", "qtpy", "rich", "scipy", "skimage", "sklearn", "superqt",
    "tifffile", "toolz", "tornado", "tqdm", "trimesh", "typer", "vispy", "xdist",
    "zarr", "zict",
)  # fmt: skip


def pytest_configure(config):
    """Let deprecations within the libraries of others be shown."""
    names = "|".join(OTHERS)
    kinds = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
    shown = [rf"default::{kind}:({names})(\.|$)" for kind in kinds]
    # Later lines count for more: those that are known come again.
    _, *known = config.getini("filterwarnings")
    for line in (*shown, *known):
        config.addinivalue_line("filterwarnings", line)


def pytest_collection_finish():
    """Take what is loaded by now, all tests included, out of garbage collection.

    napari collects garbage before and after each window to find what leaks, and would
    look through all of it each time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def plugins():
    """Let npe2 find this plugin, as napari does when it opens a window."""
    PluginManager.instance().discover()


@pytest.fixture
def shared_data():
    """Folder of the real cases; skips where they are not at hand."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real cases are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def no_thread_left():
    """Every test ends the threads that compute for it."""
    yield
    left = [thread.name for thread in threading.enumerate()]
    assert not [name for name in left if name.startswith(("fold", "steps"))]


@pytest.fixture
def ctrl_c():
    """Function that sends Ctrl-C to this process, as a terminal does.

    A shell starts its background jobs so that they ignore it; here it is an interrupt
    wherever the tests run.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ending(monkeypatch):
    """Event that is set when threads that compute were told to end, and are waited for.

    What waits for it in such a thread is met in the middle of its work, however quick
    or slow the machine is at that moment.
    """
    event = threading.Event()
    shutdown = ThreadPoolExecutor.shutdown

    def ended(pool, wait=True, **options):
        if wait:
            event.set()
        shutdown(pool, wait, **options)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", ended)
    yield event
    event.set()


@pytest.fixture
def told():
    """What napari has told the user since the test began."""
    from napari.utils.notifications import notification_manager

    before = len(notification_manager.records)
    return lambda: [str(note.message) for note in notification_manager.records[before:]]


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.fixture
def probabilities(rng):
    """A softmax of 4 classes on 6 × 7 × 8 voxels."""
    return softmax(rng, (4, 6, 7, 8))


@pytest.fixture
def case_folder(tmp_path, rng):
    """An nnU-Net v2 result folder with the scan, written without our own code.

    Scan ``T1.nii.gz``, labels ``case.nii.gz``, probabilities ``case.npz`` (axes
    reversed) and ``dataset.json``, on an oblique grid.
    """
    values = softmax(rng, (4, 6, 7, 8))
    labels = values.argmax(axis=0).astype(np.uint8)
    scan = (rng.random((6, 7, 8)) * 1000).astype(np.int16)
    nib.Nifti1Image(scan, OBLIQUE).to_filename(tmp_path / "T1.nii.gz")
    nib.Nifti1Image(labels, OBLIQUE).to_filename(tmp_path / "case.nii.gz")
    np.savez_compressed(
        tmp_path / "case.npz",
        probabilities=values.transpose(0, 3, 2, 1).astype(np.float16),
    )
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "left": 1, "right": 2, "stem": 3},'
        ' "file_ending": ".nii.gz"}'
    )
    return tmp_path

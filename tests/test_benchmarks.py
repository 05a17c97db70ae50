"""The benchmarks run, and all contenders compute the same; times are not looked at."""

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import napari_uncertainty as nu
from benchmarks import generate, process
from benchmarks.__main__ import main
from benchmarks.contenders import ARRAYS, CONTENDERS, FILES, LIMITS
from benchmarks.measure import measured

TESTS = Path(__file__).parent
SHAPE = (5, 24, 20, 18)


@pytest.fixture
def little_memory(monkeypatch):
    """What counts where times are looked at: much noise, and pages touched before."""
    monkeypatch.setattr(generate, "SLAB", 1 << 17)
    monkeypatch.setattr("benchmarks.process.OVERHEAD", 1 << 20)


@pytest.fixture
def few_processes(monkeypatch):
    """One process of each kind of input; the others would be started alike."""
    fresh, started = process.fresh, set()

    def answer(request):
        if request["kind"] not in started:
            started.add(request["kind"])
            return fresh(request)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return json.loads(json.dumps(measured(**request)))

    monkeypatch.setattr(process, "fresh", answer)
    yield
    assert started == {"array", "file"}


@pytest.mark.usefixtures("little_memory", "few_processes")
def test_quick_run_writes_page_and_plot(tmp_path, monkeypatch, capsys):
    page = TESTS.parent / "docs" / "benchmarks.md"
    (tmp_path / page.name).write_text(page.read_text("utf-8"), "utf-8")
    options = ["--quick", "--only", "engine", "article", "read", "zlib"]
    options += ["--docs", str(tmp_path), "--results", str(tmp_path / "results.json")]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
    main()
    assert f"written: {tmp_path / page.name}" in capsys.readouterr().out
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert not [row for row in rows if "first" not in row]
    written = (tmp_path / page.name).read_text("utf-8")
    assert "## The window while computing" in written
    assert "| napari-uncertainty |" in written
    plotted = (tmp_path / "pictures" / "benchmarks.png").is_file()
    assert plotted == (importlib.util.find_spec("matplotlib") is not None)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Paths of an array and of an archive, by their dtype."""
    paths = {}
    for dtype in ("float32", "float16"):
        folder = tmp_path_factory.mktemp(dtype)
        array, file = paths[dtype] = folder / "t.npy", folder / "t.npz"
        generate.write_npy(array, SHAPE, dtype)
        generate.write_npz(file, SHAPE, dtype, level=1)
    return paths


@pytest.mark.parametrize(
    ("kind", "name"),
    [("array", name) for name in ARRAYS if name not in LIMITS["array"]]
    + [("file", name) for name in FILES if name not in LIMITS["file"]],
)
def test_contenders_agree(generated, kind, name):
    contender = CONTENDERS[kind][name]
    try:
        function = contender.prepare()
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    array, file = generated["float32"]
    t = np.load(array)
    bits = contender.unit * function(t if kind == "array" else file).sum(dtype=float)
    assert bits == pytest.approx(nu.entropy(t).sum(dtype=float), rel=1e-4)


@pytest.mark.parametrize("name", [n for names in LIMITS.values() for n in names])
def test_limits_see_everything(generated, name):
    kind = "array" if name in LIMITS["array"] else "file"
    try:
        function = CONTENDERS[kind][name].prepare()
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    array, file = generated["float16"]
    if kind == "array":
        assert function(np.load(array)) == np.load(array).max()
    else:
        assert function(file) == array.stat().st_size


def test_generated_is_a_softmax_with_regions(tmp_path):
    path = tmp_path / "t.npy"
    generate.write_npy(path, (4, 40, 40, 40), "float32")
    t = np.load(path)
    np.testing.assert_allclose(t.sum(axis=0), 1, rtol=1e-6)
    entropy = nu.entropy(t)
    assert (entropy < 0.05).mean() > 0.6
    assert entropy.max() > 0.8


def test_search_is_measured(capsys, monkeypatch):
    from benchmarks import search

    monkeypatch.setattr(sys, "argv", ["search", "--size", "48", "--every", "24"])
    search.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| the same image",
        "| of another image",
    ]
    labels = search.generated(48)
    assert set(np.unique(labels)) == set(range(8))
    assert all((labels != np.flip(labels, axis)).any() for axis in range(3))


def test_class_statistics_are_measured(capsys, monkeypatch):
    from benchmarks import regions

    monkeypatch.setattr(sys, "argv", ["regions", "--size", "40", "--calls", "1"])
    regions.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    values, labels = regions.generated(40)
    assert names == list(regions.actions(values, labels))
    assert set(np.unique(labels)) == set(range(8))
    assert 0.2 < (labels != 0).mean() < 0.4
    statistics = regions.of(values, labels)
    for (label, part), numbers in regions.plain(values, labels).items():
        assert numbers[0] == statistics.count(label, part)
        assert numbers[1] == pytest.approx(statistics.total(label, part), rel=1e-12)


def test_surfaces_are_measured(capsys, monkeypatch):
    from benchmarks import surfaces

    monkeypatch.setattr(sys, "argv", ["surfaces", "--size", "48", "--calls", "1"])
    surfaces.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    labels, values = surfaces.generated(48)
    names = [row.split(" | ")[0].removeprefix("| generated, ") for row in rows]
    assert names == list(surfaces.choices(labels))
    assert set(np.unique(labels)) == set(range(4))
    assert values.dtype == np.float32
    shares = [float(row.split(" | ")[-1].rstrip("% |")) for row in rows]
    np.testing.assert_allclose(shares, 100, atol=1)

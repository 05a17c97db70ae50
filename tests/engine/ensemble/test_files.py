"""Members in files, streamed side by side, give what they give in memory."""

import dask.array as da
import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.engine.ensemble import members as sources
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import Member, members_of
from napari_uncertainty.io import open_members, open_probabilities
from napari_uncertainty.model import stored
from support.folds import run
from support.generated import OBLIQUE, softmax
from support.plain_members import expected

# Members that are made of chance have hardly anything in common.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*they hardly look like members of one case"
    ":napari_uncertainty.UncertaintyWarning"
)

MEASURES = tuple(nu.ENSEMBLE_MEASURES)
SHAPE = (11, 12, 13)


@pytest.fixture
def members(rng):
    values = [softmax(rng, (4, *SHAPE)) for _ in range(3)]
    for one in values:  # certain around
        one[:, :4] = 0
        one[0, :4] = 1
    return values


@pytest.fixture(params=[1 << 19, 100], ids=["large pieces", "small pieces"])
def pieces(request, monkeypatch):
    for module in (sources, stored):
        monkeypatch.setattr(module, "PIECE_VALUES", request.param)


def beside(folder, shape=SHAPE, affine=OBLIQUE, name="case"):
    folder.mkdir(exist_ok=True)
    image = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    nib.save(image, folder / f"{name}.nii.gz")


def as_npz(folder, number, values):
    fold = folder / f"fold_{number}"
    beside(fold, values.shape[1:])
    np.savez_compressed(fold / "case.npz", probabilities=values.transpose(0, 3, 2, 1))
    return fold / "case.npz"


def as_npy(folder, number, values):
    path = folder / f"m{number}.npy"
    np.save(path, np.ascontiguousarray(values.transpose(0, 3, 2, 1)))
    return path


def as_nifti(ending):
    def save(folder, number, values):
        path = folder / f"m{number}{ending}"
        nib.save(nib.Nifti1Image(np.moveaxis(values, 0, -1), OBLIQUE), path)
        return path

    return save


def assert_expected(maps, members):
    for name, values in expected(members).items():
        factor = np.log(2) if nu.ENSEMBLE_MEASURES[name].has_base else 1
        np.testing.assert_allclose(maps[name], values / factor, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        maps.prediction, np.mean(members, axis=0).argmax(axis=0)
    )


@pytest.mark.parametrize(
    "save",
    [as_npz, as_npy, as_nifti(".nii"), as_nifti(".nii.gz")],
    ids=["npz", "npy", "nii", "nii.gz"],
)
def test_members_in_files_give_the_maps_of_arrays(tmp_path, members, save, pieces):
    paths = [save(tmp_path, number, one) for number, one in enumerate(members)]
    in_memory = nu.ensemble_uncertainty(members, MEASURES)
    maps = nu.ensemble_uncertainty(paths, MEASURES)
    assert_expected(maps, members)
    for name in MEASURES:
        np.testing.assert_allclose(maps[name], in_memory[name], atol=1e-6)
    np.testing.assert_array_equal(maps.dice, in_memory.dice)
    assert len(set(maps.members)) == 3


def test_files_of_different_layouts_and_arrays_together(tmp_path, members, pieces):
    a, b, c = members
    paths = [as_npz(tmp_path, 0, a), as_nifti(".nii.gz")(tmp_path, 1, b)]
    opened = [one for path in paths for one in open_members(path)]
    third = da.from_array(c, chunks=(2, 5, 6, 7))
    given = [*members_of(opened), Member(third, "third", grid=opened[0].grid)]
    _, maps = run(iter_ensemble(given, MEASURES))
    assert_expected(maps, members)


@pytest.mark.parametrize("how", ["npz", "npy"])
def test_members_stacked_in_one_file_give_the_maps_of_separate_ones(
    tmp_path, members, how, pieces
):
    stack = np.stack([one.transpose(0, 3, 2, 1) for one in members])
    path = tmp_path / f"passes.{how}"
    if how == "npz":
        np.savez_compressed(path, stack)
    else:
        np.save(path, stack)
    assert_expected(nu.ensemble_uncertainty(path, MEASURES), members)


def test_half_precision_and_logits_in_files(tmp_path, rng, pieces):
    logits = [(3 * rng.standard_normal((4, *SHAPE))).astype(np.float16) for _ in "ab"]
    paths = [as_npz(tmp_path, number, one) for number, one in enumerate(logits)]
    maps = nu.ensemble_uncertainty(paths, MEASURES)
    assert maps.kind == "logits"
    exps = np.exp(np.array(logits, np.float64))
    assert_expected(maps, exps / exps.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("kind", ["fractions", "sigmoid"])
def test_background_left_out_and_channels_in_files(tmp_path, members, kind, pieces):
    given = [one[1:] for one in members]
    paths = [as_npz(tmp_path, number, one) for number, one in enumerate(given)]
    in_memory = nu.ensemble_uncertainty(given, MEASURES, kind=kind)
    from_files = nu.ensemble_uncertainty(paths, MEASURES, kind=kind)
    for name in MEASURES:
        np.testing.assert_allclose(from_files[name], in_memory[name], atol=1e-6)
    np.testing.assert_array_equal(from_files.prediction, in_memory.prediction)
    if kind == "fractions":
        shares = [one.astype(np.float64) for one in given]
        rest = [np.maximum(1 - one.sum(axis=0, keepdims=True), 0) for one in shares]
        assert_expected(
            from_files, [np.concatenate(p) for p in zip(rest, shares, strict=True)]
        )


def test_members_scaled_to_whole_numbers_are_divided_by_their_sums(
    tmp_path, members, pieces
):
    given = [np.rint(one * 255).astype(np.uint8) for one in members]
    paths = [as_npz(tmp_path, number, one) for number, one in enumerate(given)]
    maps = nu.ensemble_uncertainty(paths, MEASURES)
    assert (maps.kind, maps.scale) == ("scaled", 255)
    assert_expected(maps, [one / one.sum(axis=0) for one in given])


def test_crops_lie_on_their_common_grid(tmp_path, members, pieces):
    starts = [(0, 0, 0), (1, 2, 0), (0, 1, 3)]
    stops = [(11, 12, 10), (11, 12, 13), (9, 12, 13)]
    paths = []
    for number, (one, start, stop) in enumerate(
        zip(members, starts, stops, strict=True)
    ):
        box = tuple(slice(*ends) for ends in zip(start, stop, strict=True))
        affine = OBLIQUE.copy()
        affine[:3, 3] = (OBLIQUE @ [*start, 1])[:3]
        path = tmp_path / f"m{number}.nii.gz"
        crop = np.moveaxis(one[(slice(None), *box)], 0, -1)
        nib.save(nib.Nifti1Image(crop, affine), path)
        paths.append(path)
    shared = (slice(1, 9), slice(2, 12), slice(3, 10))
    missing = np.prod(SHAPE) - 8 * 10 * 7
    with pytest.warns(UserWarning, match=f"{missing:,} voxels"):
        maps = nu.ensemble_uncertainty(paths, MEASURES)
    np.testing.assert_allclose(maps.grid.affine, OBLIQUE, atol=1e-5)
    assert maps.grid.shape == maps.no_data.shape == SHAPE
    covered = np.zeros(SHAPE, bool)
    covered[shared] = True
    np.testing.assert_array_equal(maps.no_data, ~covered)
    truth = expected([one[(slice(None), *shared)] for one in members])
    for name in ("mutual_information", "variation_ratio", "variance"):
        factor = np.log(2) if name == "mutual_information" else 1
        np.testing.assert_allclose(maps[name][shared], truth[name] / factor, atol=1e-6)
        assert not maps[name][~covered].any()
    given = members_of([one for path in paths for one in open_members(path)])
    _, onto_second = run(iter_ensemble(given[1:] + given[:1], on_first=True))
    assert onto_second.no_data.shape == (10, 10, 13)
    np.testing.assert_array_equal(onto_second.no_data, ~covered[1:, 2:])


def test_damage_is_told(tmp_path, members):
    paths = [as_npz(tmp_path, number, one) for number, one in enumerate(members)]
    whole = bytearray(paths[1].read_bytes())
    whole[len(whole) // 2] ^= 255
    paths[1].write_bytes(whole)
    with pytest.raises(nu.InputError, match=r"case\.npz cannot be read"):
        nu.ensemble_uncertainty(paths)


@pytest.mark.parametrize("in_memory", [True, False])
def test_progress_of_an_ensemble_rises_to_one(tmp_path, members, in_memory):
    given = [Member(one, f"m{n}") for n, one in enumerate(members)]
    if not in_memory:
        paths = [as_npz(tmp_path, number, one) for number, one in enumerate(members)]
        given = members_of([one for path in paths for one in open_members(path)])
    shares, maps = run(iter_ensemble(given))
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] == pytest.approx(1)
    assert maps is not None


@pytest.mark.shared_data
def test_two_folds(shared_data, tmp_path):
    """The middle of them: reading and computing all of it takes seconds."""
    middle = (slice(None), *(slice(64, 144),) * 3)
    folds = [
        nu.read(shared_data / f"feta_sub-007/fold_{n}/sub-007.npz").values[middle]
        for n in (0, 1)
    ]
    maps = nu.ensemble_uncertainty(
        [as_npz(tmp_path, number, one) for number, one in enumerate(folds)]
    )
    assert maps.members == ("fold_0/case", "fold_1/case")
    crop = (slice(None), slice(36, 66), slice(26, 56), slice(36, 61))
    members = [one[crop] for one in folds]
    members = [one / one.astype(np.float64).sum(axis=0) for one in members]
    truth = expected(members)["mutual_information"] / np.log(2)
    assert truth.max() > 0.2
    np.testing.assert_allclose(maps["mutual_information"][crop[1:]], truth, atol=1e-6)


@pytest.mark.shared_data
def test_real_crops_that_differ_have_data_where_both_do(shared_data):
    folder = shared_data / "brainchop_t1"
    paths = [folder / f"gwm3_{m}_crop_probabilities_f16.npz" for m in ("m20", "m5")]
    with pytest.warns(UserWarning, match="Not all members have data"):
        maps = nu.ensemble_uncertainty(paths)
    grids = [open_probabilities(path).grid for path in paths]
    corners = [grid.to_ras([[0, 0, 0], np.array(grid.shape) - 1]) for grid in grids]
    whole = maps.grid.to_ras([[0, 0, 0], np.array(maps.grid.shape) - 1])
    ends = np.concatenate(corners)
    np.testing.assert_allclose(whole.min(axis=0), ends.min(axis=0), atol=1e-3)
    np.testing.assert_allclose(whole.max(axis=0), ends.max(axis=0), atol=1e-3)
    assert maps.not_shared == np.count_nonzero(maps.no_data) > 0
    assert 0.85 < np.nanmean(maps.mean_dice[1:]) < 0.95

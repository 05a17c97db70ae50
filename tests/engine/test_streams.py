"""Files that are folded while they are unpacked: odd values, damage, cancel, memory."""

import io
import threading
import zipfile
import zlib

import nibabel as nib
import numpy as np
import pytest
import scipy.stats

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.engine import streams
from napari_uncertainty.engine import streams as by_class
from napari_uncertainty.engine import streams as by_voxel
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.io import byte_sources, open_probabilities
from napari_uncertainty.io.byte_sources import PackedFile
from support.folds import run
from support.generated import softmax
from support.many_cases import PATIENCE
from support.values_of_kinds import expected

SHAPE = (5, 6, 7, 8)


@pytest.fixture
def values(rng):
    return softmax(rng, SHAPE)


@pytest.fixture(autouse=True, params=["by class", "at once"])
def pieces(request, monkeypatch):
    """Once in many pieces, running numbers kept; once in a single piece."""
    if request.param == "by class":
        monkeypatch.setattr(streams, "BLOCK_VALUES", 100)
        monkeypatch.setattr(by_class.ByClass, "piece_values", 100)
        monkeypatch.setattr(by_class, "RUN_VOXELS", 64)
        monkeypatch.setattr("napari_uncertainty.engine.values.GRAIN", 16)
    return request.param


@pytest.fixture
def save(tmp_path):
    """Function that writes class-first values in nibabel's order, deflated."""

    def write(values):
        path = tmp_path / "case.npz"
        np.savez_compressed(path, probabilities=values.transpose(0, 3, 2, 1))
        return path

    return write


@pytest.fixture
def save_nifti(tmp_path):
    def write(values, **header):
        path = tmp_path / "case.nii.gz"
        image = nib.Nifti1Image(np.moveaxis(values, 0, -1), np.eye(4))
        if header:
            image.header.set_data_dtype(np.uint8)
            image.header.set_slope_inter(**header)
        image.to_filename(path)
        return path

    return write


def test_certain_voxels_are_exactly_zero(values, save):
    values[:, :3] = 0
    values[2, :3] = 1
    maps = nu.uncertainty(save(values), tuple(nu.MEASURES))
    for name in maps:
        assert not maps[name][:3].any()
        assert (maps[name][3:] > 0).all()
    assert (maps.prediction[:3] == 2).all()


def test_certain_voxels_take_nothing_from_those_beside_them(save):
    """However few there are, and whichever class they have."""
    for certain in range(3):
        values = np.full((3, 8, 8, 2), 0.5, np.float32)
        values[certain] = 0
        values[:, :, 6:] = 0
        values[certain, :, 6:] = 1
        entropy = nu.entropy(save(values))
        assert (entropy[:, :6] == 1).all()
        assert (entropy[:, 6:] == 0).all()


def test_voxels_without_data_are_0_in_every_measure(values, save):
    values[:, 0, 0] = 0
    values[1, 1, 1, 1] = np.nan
    values[1, 2, 2, 2] = np.inf
    maps = nu.uncertainty(save(values), tuple(nu.MEASURES))
    expected = np.zeros(SHAPE[1:], bool)
    expected[0, 0] = expected[1, 1, 1] = expected[2, 2, 2] = True
    np.testing.assert_array_equal(maps.no_data, expected)
    for name in maps:
        assert not maps[name][expected].any()
        assert np.isfinite(maps[name]).all()
    assert not maps.prediction[expected].any()
    assert maps.largest_sum_deviation < 1e-5


def test_a_file_of_zeros_has_no_data_and_warns(values, save):
    with pytest.warns(UserWarning, match="nothing but 0, NaN or infinity"):
        maps = nu.uncertainty(save(np.zeros_like(values)))
    assert maps.no_data.all()
    assert not maps["entropy"].any()
    assert maps.largest_sum_deviation == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_negative_values_are_refused(values, save, dtype):
    values[3, 4, 4, 4] = -0.5
    with pytest.raises(InputError, match=r"cannot be negative.*-0\.5"):
        nu.entropy(save(values.astype(dtype)))


def test_negative_rounding_counts_as_zero(values, save):
    values[:, 1, 2, 3] = [1, -1e-7, 0, 0, 0]
    assert nu.entropy(save(values))[1, 2, 3] == 0


def test_every_half_precision_number_is_right(save):
    """All float16 from 0 to 1, subnormal ones too, as two classes."""
    first = np.arange(0x3C01, dtype=np.uint16).view(np.float16)
    first = np.resize(first, (8, 41, 47))
    values = np.stack([first, (1 - first.astype(np.float32)).astype(np.float16)])
    p = values.astype(np.float64)
    found = nu.entropy(save(values))
    truth = scipy.stats.entropy(p, base=2, axis=0)
    np.testing.assert_allclose(found, truth, atol=1e-6, rtol=0)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_halves_that_are_not_finite_are_no_data(values, save, odd):
    halves = values.astype(np.float16)
    halves[2, 1, 2, 3] = odd
    maps = nu.uncertainty(save(halves))
    assert np.argwhere(maps.no_data).tolist() == [[1, 2, 3]]
    assert maps["entropy"][1, 2, 3] == 0


def test_sums_that_are_not_1_are_told(values, save):
    with pytest.warns(UserWarning, match="differ by up to 1"):
        found = nu.entropy(save(values * 2))
    np.testing.assert_allclose(
        found, scipy.stats.entropy(values.astype(float), base=2, axis=0), atol=1e-6
    )


@pytest.mark.parametrize("large", [1e18, 1e20, 3e36, 1e38, 3e38])
@pytest.mark.parametrize("n_classes", [2, 20])
@pytest.mark.parametrize("measure", nu.MEASURES)
def test_a_voxel_whose_numbers_overflow_has_no_data(measure, n_classes, large, save):
    """Never a wrong value: squares overflow at 1e20, x·log x at 3e36, sums at 3e38."""
    values = np.full((n_classes, 4, 5, 6), 1 / n_classes, np.float32)
    values[:, 1, 2, 3] = 0
    values[:2, 1, 2, 3] = large, large / 4
    values[:, 0, 2, 3] = 0  # beside it
    opened = open_probabilities(save(values))
    _, maps = run(iter_fold(opened, (measure,)))
    assert np.isfinite(maps[measure]).all()
    lost = maps.no_data[1, 2, 3]
    assert maps.no_data.sum() == 1 + lost
    assert maps.no_data[0, 2, 3]
    assert lost or maps.sums_message is not None
    exact = values.astype(np.float64)
    truth = expected(exact / exact.sum(axis=0).clip(1e-9))[measure]
    # log S of up to 128 has 16 bits behind the point, and so has what is left of it.
    found = maps[measure][1, 2, 3]
    assert found == (0 if lost else pytest.approx(truth[1, 2, 3], abs=2**-15))
    assert maps[measure][2, 2, 2] == pytest.approx(truth[2, 2, 2], abs=1e-6)
    if measure in ("least_confidence", "margin") and large < 3e38:
        assert not lost


@pytest.mark.parametrize(
    ("dtype", "scale"), [("u1", 255), ("u1", 100), ("u2", 65535), ("i4", 1000)]
)
def test_scaled_whole_numbers_are_divided_by_their_sums(values, save, dtype, scale):
    whole = np.rint(values * scale).astype(dtype)
    maps = nu.uncertainty(save(whole))
    truth = scipy.stats.entropy(whole.astype(float), base=2, axis=0)
    np.testing.assert_allclose(maps["entropy"], truth, atol=1e-6)
    assert maps.sum_tolerance == pytest.approx(5 / scale)
    assert maps.sums_message is None


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4"])
def test_label_maps_are_refused(rng, save, dtype):
    labels = rng.integers(0, 9, SHAPE).astype(dtype)
    with pytest.raises(InputError, match="look like a label map"):
        nu.entropy(save(labels))


def test_a_scaled_nifti_is_divided_by_its_sums(values, save_nifti):
    whole = np.rint(np.cumsum(values, axis=0) * 200)
    stored = np.diff(whole, axis=0, prepend=0).astype(np.uint8)
    path = save_nifti(stored, slope=1 / 200, inter=0)
    assert nib.load(path).get_data_dtype() == np.uint8
    maps = nu.uncertainty(path)
    truth = scipy.stats.entropy(stored.astype(float), base=2, axis=0)
    np.testing.assert_allclose(maps["entropy"], truth, atol=1e-6)


def test_a_nifti_that_holds_something_else(rng, save_nifti):
    series = 300 * rng.random(SHAPE, np.float32)
    with pytest.raises(InputError, match="looks like a scan"):
        nu.entropy(save_nifti(series))


def test_many_classes_keep_their_digits(rng, tmp_path):
    for sharpness in (0, 0.5, 3):
        values = softmax(rng, (117, 8, 9, 10), sharpness)
        np.savez_compressed(tmp_path / "a.npz", probabilities=values)
        truth = scipy.stats.entropy(values.astype(float), base=2, axis=0)
        found = nu.entropy(tmp_path / "a.npz")
        np.testing.assert_allclose(found, truth.transpose(2, 1, 0), atol=1e-6, rtol=0)
        np.testing.assert_allclose(nu.entropy(values), truth, atol=1e-6, rtol=0)


def test_more_than_256_classes_take_a_wider_type_of_label(rng, tmp_path):
    values = softmax(rng, (300, 4, 5, 6))
    np.savez_compressed(tmp_path / "a.npz", probabilities=values)
    maps = nu.uncertainty(tmp_path / "a.npz")
    assert maps.prediction.dtype == np.uint16
    found = maps.prediction.transpose(2, 1, 0)
    np.testing.assert_array_equal(found, values.argmax(axis=0))


def test_progress_rises_to_one_and_maps_have_the_shape_of_the_volume(values, save):
    shares, maps = run(iter_fold(open_probabilities(save(values))))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert maps["entropy"].shape == SHAPE[1:]


def test_closed_it_unpacks_no_more_than_the_piece_at_hand(
    values, save, monkeypatch, ending
):
    begun, taken = threading.Event(), []
    pieces = PackedFile.pieces

    def held_up(self, size):
        for piece in pieces(self, size):
            taken.append(piece)
            yield piece
            if len(taken) == 1:
                begun.set()
                assert ending.wait(PATIENCE)

    monkeypatch.setattr(PackedFile, "pieces", held_up)
    monkeypatch.setattr(streams, "BLOCK_VALUES", 100)
    monkeypatch.setattr(by_class.ByClass, "piece_values", 100)
    fold = iter_fold(open_probabilities(save(values)))
    next(fold)
    assert begun.wait(PATIENCE)
    fold.close()
    assert ending.is_set()
    assert len(taken) == 2  # the second was asked for before


@pytest.mark.parametrize("without", ["zlib-ng", None])
def test_python_s_own_zlib_gives_the_same(values, save, monkeypatch, without):
    expected = nu.entropy(values)
    if without:
        monkeypatch.setattr(byte_sources, "zlib", zlib)
        monkeypatch.setattr(byte_sources, "INFLATE_ERRORS", (zlib.error, OSError))
    np.testing.assert_array_equal(nu.read(save(values)).values, values)
    np.testing.assert_allclose(nu.entropy(save(values)), expected, atol=1e-6)


def test_gzip_in_several_members_is_read_to_its_end(values, save_nifti):
    """As bgzip and parallel compressors write it."""
    import gzip

    path = save_nifti(values)
    plain = gzip.decompress(path.read_bytes())
    parts = [plain[i : i + 999] for i in range(0, len(plain), 999)]
    path.write_bytes(b"".join(gzip.compress(part) for part in parts))
    np.testing.assert_allclose(nu.entropy(path), nu.entropy(values), atol=1e-6)


def damage(path, place=0.6):
    content = bytearray(path.read_bytes())
    at = int(len(content) * place)
    content[at : at + 8] = bytes(255 - byte for byte in content[at : at + 8])
    path.write_bytes(content)


def test_damage_is_noticed(values, save, save_nifti):
    for write in (save, save_nifti):
        path = write(values)
        damage(path)
        with pytest.raises(InputError, match=f"{path.name} cannot be read"):
            nu.entropy(path)
        path.unlink()


def test_a_wrong_checksum_is_noticed(values, tmp_path):
    """Damage of values that were stored as they are shows in nothing else."""
    path = tmp_path / "case.npz"
    np.savez(path, probabilities=values)
    damage(path, 0.5)
    with pytest.raises(InputError, match="checksum"):
        nu.entropy(path)


def test_a_gzip_file_cut_short(values, save_nifti):
    path = save_nifti(values)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="cut short"):
        nu.entropy(path)


def test_a_plain_file_cut_short(values, tmp_path):
    nib.Nifti1Image(np.moveaxis(values, 0, -1), np.eye(4)).to_filename(
        tmp_path / "a.nii"
    )
    np.save(tmp_path / "a.npy", values)
    for name in ("a.nii", "a.npy"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-500])
        with pytest.raises(InputError, match="cut short"):
            nu.entropy(path)


def test_a_file_that_is_changed_while_it_is_read(values, tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, values)
    opened = open_probabilities(path)
    np.save(path, values[:, :2])
    with pytest.raises(InputError, match="was changed while it was read"):
        run(iter_fold(opened))


def test_a_file_that_was_removed_is_told(values, save):
    path = save(values)
    opened = open_probabilities(path)
    path.unlink()
    with pytest.raises(InputError, match="There is no file"):
        run(iter_fold(opened))


def header(shape):
    """The first bytes of a .npy file that promises so many float32."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def test_a_small_archive_that_promises_terabytes(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("probabilities.npy", header((8, 30000, 30000, 300)))
    with pytest.raises(InputError, match=r"promises .* bytes of values and holds 0"):
        nu.entropy(path)
    # The archive's own list lies, too.
    content = path.read_bytes()
    small, large = len(header((8, 30000, 30000, 300))), 2**32 - 2
    path.write_bytes(content.replace(
        small.to_bytes(4, "little"), large.to_bytes(4, "little")
    ))  # fmt: skip
    with pytest.raises(InputError, match=r"promises"):
        nu.entropy(path)


def test_a_small_gzip_file_that_promises_terabytes(tmp_path, save_nifti, values):
    import gzip

    path = save_nifti(values)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40:50] = np.array([4, 30000, 30000, 300, 8], "<i2").tobytes()
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"promises 8\.64e\+03 GB, more than"):
        nu.entropy(path)


def test_a_file_with_more_voxels_than_memory_is_refused(
    tmp_path, monkeypatch, values, save
):
    monkeypatch.setattr("napari_uncertainty.limits.available_memory", lambda: 1000)
    with pytest.raises(InputError, match="of memory"):
        nu.entropy(save(values))


@pytest.mark.filterwarnings("ignore:.*was taken for that of the classes")
@pytest.mark.parametrize("padded", ["first planes", "sampled voxels"])
def test_padding_does_not_hide_what_stands_for_1(padded, rng, tmp_path, monkeypatch):
    monkeypatch.setattr(by_voxel, "BLOCK_VALUES", 600)
    p = softmax(rng, (2, 7, 10, 9))
    whole = np.floor(255 * p)
    whole[0] += 255 - whole.sum(axis=0)
    truth = scipy.stats.entropy(whole, base=2)
    outside = np.zeros((7, 10, 9), bool)
    if padded == "first planes":
        outside[..., :5] = True  # more than the first piece
    else:
        outside[0] = True  # every seventh voxel
        monkeypatch.setattr(by_voxel, "BLOCK_VALUES", 1 << 20)
    whole[:, outside] = truth[outside] = 0
    for name, values in (("last", np.moveaxis(whole, 0, -1)), ("first", whole)):
        path = tmp_path / f"{name}.nii.gz"
        nib.Nifti1Image(values.astype(np.uint8), np.eye(4)).to_filename(path)
        maps = nu.uncertainty(open_probabilities(path), kind="scaled")
        np.testing.assert_allclose(maps["entropy"], truth, atol=1e-6)
        np.testing.assert_array_equal(maps.no_data, outside)
        assert (maps.scale, maps.messages) == (255, [])

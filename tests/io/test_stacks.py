"""Members in one array, such as the passes of Monte-Carlo dropout."""

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.io import open_members, open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.generated import OBLIQUE, softmax

N = 3


@pytest.fixture
def passes(rng):
    """Member, class, then nibabel's axes."""
    return np.stack([softmax(rng, (4, 6, 7, 8)) for _ in range(N)])


def save(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.stem == "packed":
        np.savez_compressed(path, P=array)
    else:
        np.savez(path, P=array)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "packed.npz"])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("class_axis", [1, 4])
@pytest.mark.parametrize("stored", ["<f4", ">f2"])
def test_members_are_read_along_the_first_axis(
    tmp_path, passes, name, fortran, class_axis, stored
):
    passes = passes[..., :3, :4, :5].astype(stored)
    array = passes.transpose(0, 1, 4, 3, 2) if class_axis == 1 else passes
    array = np.moveaxis(array, 1, class_axis)
    path = save(tmp_path / name, np.asarray(array, order="F" if fortran else "C"))
    members = open_members(path)
    stem = path.stem
    assert [one.name for one in members] == [f"{stem} pass {n}" for n in (1, 2, 3)]
    for member, values in zip(members, passes, strict=True):
        np.testing.assert_array_equal(member.values.load(), values)
        expected = nu.entropy(values.astype(np.float32))
        np.testing.assert_allclose(nu.entropy(member), expected, atol=2e-3)
        assert member.source == path
    with pytest.raises(InputError, match="seems to hold 3 members"):
        open_probabilities(path)


def test_pieces_of_any_size_are_the_same(tmp_path, passes):
    """As different ways through a file ask for them."""
    path = save(tmp_path / "a.npy", np.asfortranarray(passes))
    for number, member in enumerate(open_members(path, Interpretation(class_axis=1))):
        expected = passes[number].T.tobytes()
        stored = member.values.bytes
        for size in (4, 40, 1000, 10**6):
            pieces = list(stored.pieces(size))
            assert b"".join(pieces) == expected
            assert {len(piece) for piece in pieces[:-1]} <= {size}
        part = bytearray(400)
        stored.read_into(120, memoryview(part))
        assert part == expected[120:520]


def test_the_archive_of_nnunet_has_its_order(tmp_path, passes):
    """Class axis after the members, without a look at the values."""
    logits = np.log(passes).transpose(0, 1, 4, 3, 2)
    np.savez(tmp_path / "a.npz", probabilities=logits)
    members = open_members(tmp_path / "a.npz")
    np.testing.assert_array_equal(members[2].values.load(), np.log(passes[2]))


def test_place_and_names_are_those_of_all(tmp_path, passes):
    path = save(tmp_path / "a.npy", passes.transpose(0, 1, 4, 3, 2))
    image = nib.Nifti1Image(np.zeros((6, 7, 8), np.uint8), OBLIQUE)
    image.to_filename(tmp_path / "a.nii.gz")
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "a": 1, "b": 2, "c": 3}}'
    )
    for member in open_members(path):
        assert member.class_names == ("background", "a", "b", "c")
        assert member.grid.shape == (6, 7, 8)
        assert member.geometry_source == tmp_path / "a.nii.gz"


@pytest.mark.parametrize("key", ["P", "probabilities"])
def test_flat_images_and_one_volume_look_alike(tmp_path, rng, key):
    """(member, class, y, x) and (class, z, y, x): the class axis decides."""
    flat = np.stack([softmax(rng, (4, 6, 7)) for _ in range(N)])
    np.savez(tmp_path / "a.npz", **{key: flat})
    members = open_members(tmp_path / "a.npz")
    assert len(members) == N
    for member, values in zip(members, flat, strict=True):
        np.testing.assert_array_equal(member.values.load(), values.transpose(0, 2, 1))
    volume = softmax(rng, (4, 5, 6, 7))
    np.savez(tmp_path / "b.npz", **{key: volume})
    (member,) = open_members(tmp_path / "b.npz")
    np.testing.assert_array_equal(member.values.load(), volume.transpose(0, 3, 2, 1))
    assert member.name == "b"


@pytest.mark.parametrize(("class_axis", "n"), [(0, 1), (1, 2), (-1, 1)])
def test_a_named_class_axis_decides(tmp_path, rng, class_axis, n):
    path = save(tmp_path / "a.npy", rng.normal(size=(2, 3, 8, 9)))
    assert len(open_members(path, Interpretation(class_axis=class_axis))) == n


def test_an_image_beside_decides(tmp_path, rng):
    """Class last: a stack of flat images, as the flat image beside it says."""
    values = np.stack([softmax(rng, (4, 6, 7)) for _ in range(N)])
    path = save(tmp_path / "a.npy", np.moveaxis(values, 1, -1))
    assert len(open_members(path)) == 1
    image = nib.Nifti1Image(np.zeros((6, 7), np.uint8), OBLIQUE)
    image.to_filename(tmp_path / "a.nii.gz")
    members = open_members(path)
    assert len(members) == N
    np.testing.assert_array_equal(members[1].values.load(), values[1])
    assert members[1].grid.shape == (6, 7)


def test_an_array_without_an_axis_more_is_one_member(tmp_path, rng):
    path = save(tmp_path / "a.npy", softmax(rng, (4, 6, 7)))
    (member,) = open_members(path)
    assert member.values.shape == (4, 7, 6)


def test_members_come_first(tmp_path, passes):
    path = save(tmp_path / "a.npy", np.moveaxis(passes, 0, -1))
    with pytest.raises(InputError, match="first runs over members"):
        open_members(path, Interpretation(class_axis=0))


def test_more_members_than_anybody_has(tmp_path):
    path = save(tmp_path / "a.npy", np.full((1200, 2, 2, 2, 2), 0.5, np.float16))
    with pytest.raises(InputError, match="would hold 1200 members"):
        open_members(path)


def test_damage_shows_in_the_last_member(tmp_path, passes):
    """A checksum is of the whole array, so it is known only at its end."""
    path = save(tmp_path / "a.npz", passes)
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(bytes(content))
    members = open_members(path)
    for member in members[:-1]:
        member.values.load()
    with pytest.raises(InputError, match="checksum"):
        members[-1].values.load()


@pytest.mark.parametrize("member", range(N))
def test_damage_shows_in_each_where_members_come_round(tmp_path, passes, member):
    path = save(tmp_path / "a.npz", np.asfortranarray(passes))
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="checksum"):
        open_members(path)[member].values.load()


# -- in an image --------------------------------------------------------------


def as_image(folder, passes, name="a.nii.gz"):
    """Members along the fifth axis, as where 4D images were put together."""
    image = nib.Nifti1Image(passes.transpose(2, 3, 4, 1, 0), OBLIQUE)
    image.to_filename(folder / name)
    return folder / name


@pytest.mark.filterwarnings("ignore:.*hardly look like members of one case")
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_members_of_an_image_lie_along_its_fifth_axis(tmp_path, passes, name):
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "a": 1, "b": 2, "c": 3}}'
    )
    path = as_image(tmp_path, passes, name)
    members = open_members(path)
    assert [one.name for one in members] == [f"a pass {n}" for n in (1, 2, 3)]
    for member, values in zip(members, passes, strict=True):
        np.testing.assert_array_equal(member.values.load(), values)
        np.testing.assert_allclose(member.grid.affine, OBLIQUE, atol=1e-6)
        assert member.class_names == ("background", "a", "b", "c")
    maps = nu.ensemble_uncertainty(path)
    expected = nu.ensemble_uncertainty(list(passes))
    for measure in maps:
        np.testing.assert_allclose(maps[measure], expected[measure], atol=1e-6)
    with pytest.raises(InputError, match="seems to hold 3 members"):
        open_probabilities(path)
    with pytest.raises(InputError, match=r"axis 4 cannot be that of the classes"):
        open_members(path, Interpretation(class_axis=4))
    assert len(open_members(path, Interpretation(class_axis=3))) == 3


def test_members_of_a_scaled_image_are_scaled(tmp_path, passes):
    image = nib.Nifti1Image(passes.transpose(2, 3, 4, 1, 0), OBLIQUE)
    image.header.set_data_dtype(np.uint8)
    image.to_filename(tmp_path / "a.nii.gz")
    stored = nib.load(tmp_path / "a.nii.gz").dataobj
    assert stored.slope != 1
    for number, member in enumerate(open_members(tmp_path / "a.nii.gz")):
        expected = np.asarray(stored)[..., number].transpose(3, 0, 1, 2)
        np.testing.assert_allclose(member.values.load(), expected, atol=1e-6)


def test_an_image_that_is_cut_short(tmp_path, passes):
    path = as_image(tmp_path, passes, "a.nii")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short"):
        open_members(path)


def test_more_than_a_thousand_members_of_an_image_are_refused(tmp_path):
    many = np.zeros((1001, 2, 2, 2, 2), np.uint8)
    with pytest.raises(InputError, match="would hold 1001 members"):
        open_members(as_image(tmp_path, many))

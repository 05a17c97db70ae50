"""The sample: a mixture of Gaussians, and what it says of the MNI152 template."""

import sys

import numpy as np
import pytest
from scipy.stats import norm

pytest.importorskip("nilearn")

import napari_uncertainty as nu
from napari_uncertainty import sample
from napari_uncertainty.checks.place import check_comparison
from napari_uncertainty.compare.segmentation import Segmentation, iter_compare
from napari_uncertainty.errors import InputError
from napari_uncertainty.sample import (
    BACK_TO_FRONT,
    BLUR,
    GAUSSIANS,
    LEFT_TO_RIGHT,
    Mixture,
    Template,
    mni152_case,
    mni152_members,
)
from napari_uncertainty.steps import run


@pytest.fixture(scope="module")
def template():
    return Template.load(2)


@pytest.fixture(scope="module")
def mixture(template):
    return Mixture.fit(template.intensities, template.priors, GAUSSIANS)


@pytest.fixture(scope="module")
def case():
    return mni152_case(2)


@pytest.fixture(scope="module")
def members():
    return mni152_members(2)


# -- the mixture --------------------------------------------------------------


def test_posteriors_are_those_that_scipy_gives(template, mixture, rng):
    """Bayes' rule with its own densities, voxel by voxel, in float64."""
    some = rng.choice(template.intensities.size, 200, replace=False)
    x, priors = template.intensities[some], template.priors[:, some]
    posteriors = mixture.posteriors(x, priors)
    assert posteriors.dtype == np.float32
    for voxel in range(some.size):
        joint = np.zeros(3)
        for c, weight, mean, deviation in zip(
            mixture.classes, mixture.weights, mixture.means, mixture.deviations,
            strict=True,
        ):  # fmt: skip
            density = norm.pdf(float(x[voxel]), mean, deviation)
            joint[c] += float(priors[c, voxel]) * weight * density
        expected = joint / joint.sum()
        np.testing.assert_allclose(posteriors[:, voxel], expected, atol=1e-6)


def test_no_step_of_the_fit_makes_the_scan_less_likely(template, mixture):
    reached = np.array(mixture.log_likelihoods)
    assert 5 < reached.size < 100
    assert (np.diff(reached) > 0).all()
    assert reached[-1] - reached[-2] < 1e-5
    density = np.zeros(template.intensities.size)
    for c, weight, mean, deviation in zip(
        mixture.classes, mixture.weights, mixture.means, mixture.deviations, strict=True
    ):
        density += template.priors[c] * weight * norm.pdf(
            template.intensities, mean, deviation
        )  # fmt: skip
    assert reached[-1] == pytest.approx(np.log(density).mean(), abs=1e-6)


def test_the_fit_finds_what_the_data_were_drawn_from(rng):
    n = 200_000
    priors = rng.dirichlet((1, 1), n).T
    of_second = rng.random(n) < priors[1]
    darker = rng.random(n) < 0.3
    x = np.where(of_second, rng.normal(200, 10, n), rng.normal(130, 15, n))
    x = np.where(~of_second & darker, rng.normal(60, 8, n), x)
    found = Mixture.fit(x, priors, (2, 1))
    np.testing.assert_array_equal(found.classes, [0, 0, 1])
    np.testing.assert_allclose(found.weights, [0.3, 0.7, 1], atol=0.01)
    np.testing.assert_allclose(found.means, [60, 130, 200], atol=0.5)
    np.testing.assert_allclose(found.deviations, [8, 15, 10], atol=0.3)


def test_a_voxel_that_no_gaussian_accounts_for_keeps_its_priors():
    mixture = Mixture(
        np.array([0, 0, 1]), np.array([0.4, 0.6, 1]), np.arange(3.0), np.full(3, 0.5)
    )
    priors = np.array([[0.2, 0.9], [0.8, 0.1]])
    posteriors = mixture.posteriors(np.array([1e3, -1e3]), priors)
    np.testing.assert_allclose(posteriors, priors, atol=1e-6)


# -- what it says of the template ---------------------------------------------


def test_labels_are_the_most_probable_classes(case):
    scan, labels, probabilities = case
    assert probabilities.values.dtype == np.float32
    sums = probabilities.values.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert probabilities.values.min() >= 0
    np.testing.assert_array_equal(labels.data, probabilities.values.argmax(axis=0))
    assert set(np.unique(labels.data)) == {0, 1, 2, 3}
    assert scan.grid.same_place(probabilities.grid)
    assert scan.grid.same_place(labels.grid)


def test_darker_tissues_are_fluid_then_gray_then_white_matter(case):
    scan, labels, _ = case
    middle = [np.median(scan.data[labels.data == label]) for label in range(4)]
    assert middle == sorted(middle)
    assert min(np.diff(middle)) > 30  # of 255


def test_it_is_unsure_at_the_borders_of_tissues_and_sure_within(case):
    """The template's own maps have 37 % of the brain above 0.9 bit."""
    _, labels, probabilities = case
    entropy = nu.entropy(probabilities)
    assert (entropy[labels.data == 0] == 0).all()
    brain, border = labels.data > 0, np.zeros(labels.data.shape, bool)
    for axis in range(3):
        here, there = (
            np.moveaxis(labels.data, axis, 0)[part]
            for part in (slice(1, None), slice(None, -1))
        )
        # The edge of the brain, where all are sure, is no border of two tissues.
        differ = (here != there) & (here > 0) & (there > 0)
        for part in (slice(1, None), slice(None, -1)):
            np.moveaxis(border, axis, 0)[part] |= differ
    inside = brain & ~border
    assert entropy[border].mean() > 3 * entropy[inside].mean()
    assert np.median(entropy[inside]) < 0.05
    assert 0.02 < (entropy[brain] > 0.9).mean() < 0.12


def test_it_says_the_same_each_time(case):
    again = mni152_case(2)
    for one, other in zip(case[:2], again[:2], strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(case[2].values, again[2].values)


def test_larger_voxels_lie_in_the_same_place():
    scans = [Template.load(resolution).scan for resolution in (1, 3)]
    middles = []
    for scan in scans:
        bright = np.argwhere(scan.data > 150).mean(axis=0)
        middles.append(scan.grid.affine[:3, :3] @ bright + scan.grid.affine[:3, 3])
    np.testing.assert_allclose(scans[0].grid.zooms, 1)
    np.testing.assert_allclose(scans[1].grid.zooms, 3)
    np.testing.assert_allclose(*middles, atol=0.3)


@pytest.mark.parametrize("resolution", [0, -1, 1.5, 9])
def test_other_voxel_sizes_are_refused(resolution):
    with pytest.raises(InputError, match=r"ask for a whole number from 1 to 8"):
        mni152_case(resolution)


# -- three models -------------------------------------------------------------


def test_each_model_is_fitted_to_its_own_copy_of_the_scan(case, members, template):
    scan, labels, three = members
    np.testing.assert_array_equal(scan.data, case[0].data)
    np.testing.assert_array_equal(labels.data, case[1].data)
    np.testing.assert_array_equal(three[0].values, case[2].values)
    for model, copy in zip(
        three[1:], (template.blurred(), template.shaded()), strict=True
    ):
        expected = template.segmented("the same", copy).values
        np.testing.assert_array_equal(model.values, expected)
    assert [one.name for one in three] == [
        "MNI152",
        "MNI152 blurred",
        "MNI152 shaded",
    ]


def test_three_models_disagree_only_where_they_differ(members):
    _, labels, three = members
    maps = nu.ensemble_uncertainty(three)
    p = np.stack([one.values for one in three])
    apart = np.ptp(p, axis=0).max(axis=0)
    information = maps["mutual_information"]
    assert (information[apart == 0] == 0).all()
    assert (information[labels.data == 0] == 0).all()
    assert information[apart < 0.02].max() < 0.04
    # Pinsker's inequality: the mean of squared distances from the mean bounds it below.
    distances = np.abs(p - p.mean(axis=0)).sum(axis=1) / 2
    least = 2 / np.log(2) * np.square(distances).mean(axis=0)
    assert (information >= least - 1e-5).all()
    brain = labels.data > 0
    assert 0.02 < (information[brain] > 0.1).mean() < 0.3
    overlap = maps.mean_dice[1:]
    assert (overlap > 0.85).all()
    assert (overlap < 0.999).all()


def test_the_blur_stays_within_the_brain(template):
    """Against a sum over neighbours, with weights of their own."""
    blurred = np.zeros(template.inside.shape)
    blurred[template.inside] = template.blurred()
    reach = np.arange(-2, 3)
    weights = np.exp(-0.5 * (reach * template.scan.grid.zooms[0] / BLUR) ** 2)
    weights = np.einsum("i,j,k", weights, weights, weights)
    edge = template.inside & ~np.roll(template.inside, 1, axis=0)
    for place in (*np.argwhere(edge)[::2000], np.argwhere(template.inside)[50_000]):
        around = tuple(slice(at - 2, at + 3) for at in place)
        share = weights * template.inside[around]
        expected = (share * template.scan.data[around]).sum() / share.sum()
        assert blurred[tuple(place)] == pytest.approx(expected, rel=1e-3)


def shades(inside, intensities, reference, axis):
    """Ratio of two at the first and the last plane of the brain along an axis."""
    ratio = np.full(inside.shape, np.nan)
    ratio[inside] = intensities / reference
    planes = np.moveaxis(ratio, axis, 0)
    planes = planes[np.moveaxis(inside, axis, 0).any(axis=(1, 2))]
    return np.nanmin(planes[0]), np.nanmax(planes[-1])


def test_the_scan_has_the_stated_shades(template):
    inside, axcodes = template.inside, template.scan.grid.axcodes
    assert axcodes == ("R", "A", "S")
    found = shades(inside, template.shaded(), template.intensities, axis=1)
    np.testing.assert_allclose(found, (1 - BACK_TO_FRONT, 1 + BACK_TO_FRONT), rtol=1e-5)
    # The template itself, of which voxels of 1 mm are symmetric about the middle one.
    fine = Template.load(1)
    mirrored = fine.scan.data[::-1][fine.inside]
    found = shades(fine.inside, fine.intensities, mirrored, axis=0)
    expected = (1 - LEFT_TO_RIGHT) / (1 + LEFT_TO_RIGHT)
    np.testing.assert_allclose(found, (expected, 1 / expected), rtol=1e-5)


def test_left_is_told_from_right():
    """In voxels of 1 mm; larger ones are cut off at one side, which tells as well."""
    _, labels, _ = mni152_case()
    segmentation = Segmentation(labels.data, labels.grid)
    compared = run(iter_compare(labels.data, 4, labels.grid, segmentation))
    assert [check.level for check in check_comparison(compared)] == ["green", "green"]


# -- its files ----------------------------------------------------------------


def test_it_is_read_without_importing_nilearn(monkeypatch):
    for name in [one for one in sys.modules if one.partition(".")[0] == "nilearn"]:
        monkeypatch.delitem(sys.modules, name)
    mni152_case(8)
    assert "nilearn" not in sys.modules


def test_without_nilearn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with pytest.raises(InputError, match=r'pip install "napari-uncertainty\[sample\]"'):
        mni152_case(8)


def test_a_nilearn_without_the_template_is_told(monkeypatch, tmp_path):
    (tmp_path / "nilearn").mkdir()
    (tmp_path / "nilearn" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "nilearn", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"nilearn 0\.11 to 0\.14") as told:
        mni152_case(8)
    assert str(tmp_path / "nilearn" / sample._FILE.format("t1")) in str(told.value)

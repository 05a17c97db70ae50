"""Which warnings are errors: all but deprecations within the libraries of others."""

import warnings

import pytest

KINDS = [DeprecationWarning, PendingDeprecationWarning, FutureWarning]


def warned(kind, module):
    """Warn as the code of that module would; whether it is no error."""
    with warnings.catch_warnings(record=True) as told:
        warnings.warn_explicit("old", kind, f"{module}.py", 1, module, {})
    return [str(one.message) for one in told] == ["old"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_deprecation_within_a_library_is_shown_and_no_error(kind):
    """As numpy 2.5 has one within scikit-image 0.26."""
    assert warned(kind, "skimage.measure._marching_cubes_lewiner")
    assert warned(kind, "pandas")


@pytest.mark.parametrize("kind", [*KINDS, UserWarning, RuntimeWarning])
@pytest.mark.parametrize(
    "module", ["napari_uncertainty.analysis.surfaces", "napari_uncertainty", __name__]
)
def test_a_warning_of_our_own_is_an_error(kind, module):
    with pytest.raises(kind, match="old"):
        warned(kind, module)


@pytest.mark.parametrize("kind", [UserWarning, RuntimeWarning, ResourceWarning])
def test_another_warning_within_a_library_is_an_error(kind):
    with pytest.raises(kind, match="old"):
        warned(kind, "skimage.measure")

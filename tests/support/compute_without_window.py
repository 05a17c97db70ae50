"""What the compute widget does, without a window."""

from napari_uncertainty.plugin.compute.map_request import Request, show_map
from napari_uncertainty.plugin.viewer.class_outlines import NAME as OUTLINES
from napari_uncertainty.plugin.viewer.layer_roles import role_of
from napari_uncertainty.steps import run


def request(viewer, layer, scan=None, segmentation=None, measure="entropy"):
    return Request.of(
        viewer,
        layer,
        scan,
        segmentation,
        foreground_only=False,
        measure=measure,
        base=2,
    )


def compute(viewer, layer, scan=None, segmentation=None):
    """The map layer, and the result it was made from."""
    asked = request(viewer, layer, scan, segmentation)
    result = run(asked.steps(viewer)())
    return show_map(viewer, asked, result), result


def maps_in(viewer):
    """The maps, from the lowest to the topmost."""
    return [layer for layer in viewer.layers if role_of(layer) == "map"]


def names_in(viewer):
    """Names of the layers; outlines of classes are made for every map."""
    return [layer.name for layer in viewer.layers if layer.name != OUTLINES]

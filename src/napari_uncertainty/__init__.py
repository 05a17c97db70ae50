"""Class probabilities in, a trustworthy uncertainty map out.

The names below are the public interface; they are loaded when first used, so that
``import napari_uncertainty`` stays quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Version of the installed package, which every file that is written names."""

from importlib.metadata import version

__version__ = version("napari-uncertainty")

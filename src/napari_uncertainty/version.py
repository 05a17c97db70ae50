"""Version of the installed package, which is recorded in every file written."""

from importlib.metadata import version

__version__ = version("napari-uncertainty")

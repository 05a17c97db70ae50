"""The viewer: the only package that imports napari, magicgui or Qt."""

"""The command line, for ``python -m napari_uncertainty``."""

from .cli import main

if __name__ == "__main__":
    main()

"""The program itself: ``napari-uncertainty``, or ``python -m napari_uncertainty``."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, from its first moment on."""
    try:
        # Within, for this is most of what a short command does.
        from .cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""How far something in the background is, with a button to stop it."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget


class Waiting(QWidget):
    """A bar and a Cancel button; visible only while something is made."""

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._bar = QProgressBar()
        self._bar.setFormat("Making surfaces … %p %")
        self.cancel = QPushButton("Cancel")
        layout.addWidget(self._bar, 1)
        layout.addWidget(self.cancel)
        self.stop()

    def start(self) -> None:
        """Show the bar."""
        self._bar.setValue(0)
        self.setVisible(True)

    def show_share(self, share: float) -> None:
        """Show the share that is done, 0 to 1."""
        self._bar.setValue(round(100 * share))

    def stop(self) -> None:
        """Hide it."""
        self.setVisible(False)

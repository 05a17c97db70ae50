"""Progress of work in the background, with a button to stop it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget


class Waiting(QWidget):
    """A bar or a question, and a Cancel button; visible only while they are needed."""

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._bar = QProgressBar()
        self._bar.setFormat("Making surfaces … %p %")
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.go_on = QPushButton("Make them")
        self.cancel = QPushButton("Cancel")
        layout.addWidget(self._bar, 1)
        layout.addWidget(self.question, 1)
        layout.addWidget(self.go_on)
        layout.addWidget(self.cancel)
        self._answer: Callable[[], object] = lambda: None
        self.go_on.clicked.connect(self._go_on)
        self.stop()

    def start(self) -> None:
        """Show the bar."""
        self._bar.setValue(0)
        self._show(asking=False)

    def ask(self, question: str, answer: Callable[[], object]) -> None:
        """Show a question, and call this if the person says yes."""
        self.question.setText(question)
        self._answer = answer
        self._show(asking=True)

    def show_share(self, share: float) -> None:
        """Show the share that is done, 0 to 1."""
        self._bar.setValue(round(100 * share))

    def stop(self) -> None:
        """Hide it."""
        self._answer = lambda: None
        self.setVisible(False)

    def _go_on(self) -> None:
        self._answer()

    def _show(self, asking: bool) -> None:
        self._bar.setVisible(not asking)
        self.question.setVisible(asking)
        self.go_on.setVisible(asking)
        self.setVisible(True)

"""A question that one line of text answers."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from studio.tui.screens.dialog import Dialog
from studio.tui.widgets.line_field import LineField


class LineDialog(Dialog[str]):
    """Dismissed with the line."""

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """The line."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Enter · Esc leaves")
            yield LineField(self._text, classes="last")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.dismiss(event.value)

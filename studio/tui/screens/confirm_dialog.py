"""A question that Enter or Esc answers."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from studio.tui.fit import shown
from studio.tui.screens.dialog import Dialog


class ConfirmDialog(Dialog[bool]):
    """Says what will happen; dismissed with True when the author wants it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "confirm", "Do it", priority=True)]

    DEFAULT_CSS = """
    ConfirmDialog #told { color: $foreground; margin: 0; }
    """

    def __init__(self, title: str, told: str) -> None:
        super().__init__()
        self._title = title
        self._told = told

    def compose(self) -> ComposeResult:
        """What will happen."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Enter does it · Esc leaves all as it is")
            yield Static(Content(shown(self._told)), id="told", markup=False)

    def action_confirm(self) -> None:
        """Enter."""
        self.dismiss(True)

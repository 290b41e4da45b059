"""The dialog that starts a book: what it should be, and what its folder is called."""

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from studio.tui.screens.dialog import Dialog
from studio.tui.widgets.line_field import LineField
from studio.tui.widgets.text_field import TextField
from studio.tui.widgets.tick_field import TickField


class NewBook(NamedTuple):
    """What the author decided."""

    prompt: str
    name: str | None  # the folder's
    cowrite: bool  # talk it over before it is written


class NewBookDialog(Dialog[NewBook]):
    """What it should be, where it goes, how it begins."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("enter", "start", "Start", show=False),  # the tick has no use for it; a field of lines keeps its own
    ]

    def compose(self) -> ComposeResult:
        """Two fields and a tick."""
        with Vertical() as box:
            box.border_title = Content("A new book")
            box.border_subtitle = Content("Ctrl+S starts · Tab next field · Space ticks · Esc leaves")
            yield Static("What should it be? A line or some pages.", markup=False)
            yield TextField(placeholder="A short novel about a lighthouse keeper who …")
            yield Static("The folder's name, or nothing: then it comes from the first words.", markup=False)
            yield LineField()
            yield TickField("talk it over first: nothing is written until you say go")
            yield Static("", classes="problem", markup=False)

    def action_start(self) -> None:
        """Ctrl+S."""
        prompt = self.query_one(TextField).text
        if not prompt.strip():
            self.query_one(".problem", Static).update(Content("Say what the book should be first."))
            self.query_one(TextField).focus()
            return
        name = self.query_one(LineField).value.strip() or None
        self.dismiss(NewBook(prompt, name, cowrite=self.query_one(TickField).ticked))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the last field."""
        event.stop()
        self.action_start()

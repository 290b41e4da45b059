"""A line to type in: what is pasted is kept whole, on one line, and without control characters."""

from textual import events
from textual.widgets import Input

from studio.tui.fit import pasted


class LineField(Input):
    """An `Input` of our looks."""

    DEFAULT_CSS = """
    LineField {
        height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &:focus { border: none; background-tint: $foreground 6%; }
        &>.input--placeholder { color: $text-muted; }
    }
    """

    def _on_paste(self, event: events.Paste) -> None:
        # Textual's own keeps the first line only.
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(" ".join(pasted(event.text).split("\n")).strip())

"""Some lines to type in: what is pasted comes without control characters."""

from textual import events
from textual.widgets import TextArea

from studio.tui.fit import pasted


class TextField(TextArea):
    """A `TextArea` of our looks; Tab leaves it."""

    DEFAULT_CSS = """
    TextField {
        height: 8; border: none; padding: 0 1; background: $panel; color: $foreground;
        &:focus { border: none; background-tint: $foreground 6%; }
        & .text-area--cursor-line { background: transparent; }
        & .text-area--placeholder { color: $text-muted; }
    }
    """

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(
            placeholder=placeholder, id=id, tab_behavior="focus", soft_wrap=True, highlight_cursor_line=False
        )

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.insert(pasted(event.text.replace("\r\n", "\n").replace("\r", "\n")))

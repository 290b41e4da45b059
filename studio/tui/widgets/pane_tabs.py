"""Tabs: one pane at a time, chosen by its number, Tab or a click."""

from collections.abc import Mapping

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from studio.tui.fit import fit

_LONGEST = 20  # cells of a title


class PaneTabs(Widget):
    """One line; posts `Chosen` at a click."""

    DEFAULT_CSS = """
    PaneTabs { height: 1; display: none; padding: 0 1; background: $background; }
    """

    class Chosen(Message):
        """The author clicked on a tab."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, titles: dict[str, str], *, id: str | None = None) -> None:
        """`titles`: by the pane's name, in order."""
        super().__init__(id=id)
        self._labels: dict[str, str] = {}
        self._current = ""
        self.retitle(titles)

    def retitle(self, titles: Mapping[str, str]) -> None:
        """Other tabs."""
        self._labels = {
            name: f" {number} {fit(title, _LONGEST)} " for number, (name, title) in enumerate(titles.items(), 1)
        }
        self.refresh()

    def show(self, current: str) -> None:
        """Mark the pane that is shown."""
        self._current = current
        self.refresh()

    def render(self) -> Content:
        """The tabs."""
        return Content.assemble(
            *(
                (label, "bold $background on $accent" if name == self._current else "$text-muted")
                for name, label in self._labels.items()
            )
        )

    def on_click(self, event: events.Click) -> None:
        """Which tab was hit."""
        at = event.x - 1
        for name, label in self._labels.items():
            if 0 <= at < cell_len(label):
                self.post_message(self.Chosen(name))
                return
            at -= cell_len(label)

"""Something to say yes or no to, in a dialog: Space or a click ticks it."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class TickField(Widget, can_focus=True):
    """`[x] label` on one line; what Enter does is left to the dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", "Tick", show=False)]

    DEFAULT_CSS = """
    TickField {
        height: 1; padding: 0 1; background: $panel; color: $foreground;
        &:focus { background-tint: $foreground 6%; text-style: bold; }
    }
    """

    ticked = reactive(False)

    def __init__(self, label: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label

    def render(self) -> Content:
        """The box and its label."""
        return Content(f"[{'x' if self.ticked else ' '}] {self._label}")

    def action_tick(self) -> None:
        """Space."""
        self.ticked = not self.ticked

    def on_click(self) -> None:
        """The same."""
        self.action_tick()

"""The line in which the author speaks to the agent: it takes the keys after `i` or a click, Esc gives them back."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from studio.tui.widgets.line_field import LineField


class SteeringLine(LineField):
    """Posts `Said` with the text, and `Left` when the author is done with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back to the desk", show=False),
        Binding("up", "recall(-1)", "What was said before", show=False),
        Binding("down", "recall(1)", "What was said after", show=False),
    ]

    KEYS: ClassVar[list[BindingType]] = [
        Binding("enter", "focused.submit", "send", key_display="Enter"),
        Binding("up", "focused.recall(-1)", "said before", key_display="↑"),
        Binding("escape", "focused.leave", "back to the desk", key_display="Esc"),
    ]

    DEFAULT_CSS = """
    SteeringLine {
        background: $background; padding: 0 2;
        &:focus { background: $panel; }
        &.question>.input--placeholder { color: $warning; }
    }
    """

    class Said(Message):
        """The author pressed Enter on something."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The author wants the keys back."""

    PROMPT = "› tell the agent…"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder=self.PROMPT, id=id, select_on_focus=False)
        self._said: list[str] = []
        self._recalled = 0

    def ask(self, question: str) -> None:
        """Say that this line answers the question; "" = it takes notes again."""
        self.set_class(bool(question), "question")
        self.placeholder = "› your answer…" if question else self.PROMPT

    def your_turn(self) -> None:
        """Say that the talk waits for the author."""
        self.set_class(True, "question")
        self.placeholder = "› answer, or say go"

    def action_leave(self) -> None:
        """Esc: what was typed stays."""
        self.post_message(self.Left())

    def action_recall(self, step: int) -> None:
        """↑ and ↓: what was said before."""
        self._recalled = min(max(0, self._recalled + step), len(self._said))
        self.value = self._said[self._recalled] if self._recalled < len(self._said) else ""
        self.cursor_position = len(self.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        text = self.value.strip()
        self.value = ""
        if text:
            self._said.append(text)
            self.post_message(self.Said(text))
        self._recalled = len(self._said)
        self.action_leave()

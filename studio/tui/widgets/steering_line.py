"""The line in which the author speaks to the agent: it takes the keys after `i` or a click, Esc gives them back."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from studio.events import QuestionAsked
from studio.tui.widgets.line_field import LineField


class SteeringLine(LineField):
    """Posts `Said` with the text, and `Left` when the author is done with it.

    While a question is open the line answers it, unless the author turns it to a note. What it is for does not change
    under the author's fingers: a question that comes while it has the keys, or a text, is answered with the next.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back to the desk", show=False),
        Binding("up", "recall(-1)", "What was said before", show=False),
        Binding("down", "recall(1)", "What was said after", show=False),
        Binding("tab", "turn", "A note, or an answer", show=False),
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

        def __init__(self, text: str, answers: QuestionAsked | None) -> None:
            """`answers`: the question it is to; None = it is a note."""
            super().__init__()
            self.text = text
            self.answers = answers

    class Turned(Message):
        """What the line is for has changed, and so have its keys."""

    class Left(Message):
        """The author wants the keys back."""

    PROMPT = "› tell the agent…"
    YOUR_TURN = "› answer, or say go"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder=self.PROMPT, id=id, select_on_focus=False)
        self._said: list[str] = []
        self._recalled = 0
        self._open: Sequence[QuestionAsked] = ()
        self._is_turn = False
        self.answers: QuestionAsked | None = None  # the question that what is typed is an answer to; None = to none

    @property
    def keys(self) -> list[BindingType]:
        """What its keys do now."""
        turned = [Binding("tab", "focused.turn", "a note instead" if self.answers else "answer", key_display="Tab")]
        return [
            Binding("enter", "focused.submit", "answer" if self.answers else "send", key_display="Enter"),
            *(turned if self._open else []),
            Binding("up", "focused.recall(-1)", "said before", key_display="↑"),
            Binding("escape", "focused.leave", "back to the desk", key_display="Esc"),
        ]

    def ask(self, open: Sequence[QuestionAsked], *, is_turn: bool = False) -> None:
        """Say which questions are open, the one to answer first at the head.

        Args:
            is_turn: the talk before the book waits for the author.
        """
        same = (list(self._open), self._is_turn) == (list(open), is_turn)
        self._open, self._is_turn = open, is_turn
        answers = self.answers if self.answers in open else None
        if not (self.has_focus or self.value):
            answers = open[0] if open else None
        if answers is not self.answers or not same:
            self._turn_to(answers)

    def _turn_to(self, question: QuestionAsked | None) -> None:
        self.answers = question
        self.set_class(question is not None or self._is_turn, "question")
        number = self._open.index(question) + 1 if question in self._open else 1
        which = f", {number} of {len(self._open)}" if len(self._open) > 1 else ""
        free = self.YOUR_TURN if self._is_turn else self.PROMPT
        self.placeholder = free if question is None else f"› your answer{which}…"
        self.post_message(self.Turned())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tab is the desk's where there is nothing to answer."""
        return bool(self._open) if action == "turn" else True

    def action_turn(self) -> None:
        """Tab: an answer becomes a note, a note the answer to the oldest question."""
        self._turn_to(None if self.answers else self._open[0])

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
            self.post_message(self.Said(text, self.answers))
        self._recalled = len(self._said)
        self.action_leave()

"""What all dialogs look like and have in common: a box in the middle, Esc leaves it."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """Dismissed with an answer, or with None by Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "cancel", "Cancel", priority=True)]

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > Vertical {
        width: 80; max-width: 96%; height: auto; max-height: 94%;
        border: round $border; border-title-color: $primary; border-title-style: bold;
        border-subtitle-color: $text-muted;
        background: $surface; padding: 1 2; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    Dialog Static { height: auto; color: $text-muted; margin: 0 0 0 1; }
    Dialog .problem { color: $error; }
    Dialog OptionList {
        height: auto; max-height: 12; border: none; background: $surface; padding: 0; scrollbar-size-vertical: 1;
        &:focus { border: none; background-tint: $foreground 0%; }
        & > .option-list--option-highlighted { background: $panel; }
    }
    Dialog LineField, Dialog TextField { margin: 0 0 1 0; }
    Dialog LineField.last { margin: 0; }
    """

    def action_cancel(self) -> None:
        """Esc."""
        self.dismiss(None)

"""The help: how to steer, or what else the screen is for, and every key, taken from the bindings beneath."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

STEERING = [
    (
        "Edit a file",
        "Open any chapter in any editor, here with e or in another window, and save. The agent is told what you "
        "changed before its next step, and where the old wording still stands. What you write stays: where you both "
        "changed the same sentence, yours wins.",
    ),
    (
        "Say something",
        "Press i, type, Enter. It reaches the agent before its next step, word for word, and is never forgotten.",
    ),
    (
        "Answer",
        "What the agent asks is queued, and it goes on meanwhile. While a question is open, i answers the oldest one; "
        "Tab in that line makes it a note instead, and back. A finished book waits for your answers before it ends.",
    ),
    (
        "Talk it over first",
        "A book begun with --cowrite, or with that tick in the library, is talked over before it is written: the agent "
        "proposes a setup, i says what you think of it, as often as you like. G, or saying go, ends the talk; it is "
        "kept in notes/brainstorm.md, what was settled goes into outline.md and bible/, and the book is written.",
    ),
    (
        "Pause",
        "Space lets the reply in flight end and then holds the run; Space again goes on. Esc cuts the reply at once; "
        "what had arrived is kept, and the agent goes on from there.",
    ),
    (
        "Stop by itself",
        "Press g: after each chapter, after each step, or nowhere. There you read, edit, say something; Space goes on "
        "to the next one. The choice stays with the book.",
    ),
    (
        "Change the model",
        "Press b: another backend answers from the next step on, with the whole conversation. The reply in flight ends "
        "first, or is cut if you tick that; what had arrived is kept.",
    ),
    (
        "Wait out an outage",
        "A call that failed is made again by itself, for hours if need be; r makes it now. When the run pauses because "
        "only you can help, set that right and press r, or change the model.",
    ),
    (
        "Memory",
        "A full window gives way to a summary. What was known before (names, numbers, promises, all you said) is then "
        "looked for in what is left: «memory 96 %» beside the gauge is the share found there. What is missing is put "
        "back as an index that says where it stands, as far as there is room. The files keep everything.",
    ),
    ("Leave", "q saves everything and quits; opening the book again goes on at the same place."),
]


class HelpScreen(ModalScreen[None]):
    """Shows a few paragraphs and the keys of the screen beneath."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,ctrl+c", "dismiss", "Close", priority=True),
    ]

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > VerticalScroll {
        width: 84; max-width: 96%; height: auto; max-height: 92%;
        border: round $border; border-title-color: $primary; border-subtitle-color: $text-muted;
        background: $surface; padding: 1 3;
        scrollbar-size-vertical: 1; scrollbar-color: $border-blurred; scrollbar-background: $surface;
    }
    HelpScreen Static { height: auto; width: 100%; }
    """

    def __init__(
        self,
        bindings: Iterable[BindingType],
        more: Iterable[tuple[str, str]] = (),
        *,
        title: str = "How to steer",
        told: Iterable[tuple[str, str]] = STEERING,
    ) -> None:
        """Make the page.

        Args:
            bindings: those with a tooltip are listed, with the tooltip as what the key does.
            more: (keys as shown, what they do), listed after them.
            told: (heading, text), before the keys.
        """
        super().__init__()
        self._title = title
        self._told = list(told)
        self._keys = [
            (binding.key_display or binding.key, binding.tooltip)
            for binding in bindings
            if isinstance(binding, Binding) and binding.tooltip
        ]
        self._keys += more

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        wide = max(len(key) for key, _ in self._keys)
        parts: list[tuple[str, str] | str] = []
        for heading, text in self._told:
            parts += [(f"{heading}. ", "bold $primary"), f"{text}\n\n"]
        for key, what in self._keys:
            parts += [(f"{key:>{wide}}", "bold $accent"), f"   {what}\n"]
        with VerticalScroll() as page:
            page.border_title = Content(self._title)
            page.border_subtitle = Content("Esc closes")
            yield Static(Content.assemble(*parts))

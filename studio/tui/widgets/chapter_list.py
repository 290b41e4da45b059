"""Chapters of the board: those of one status as cards, or all of them as rows."""

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from studio.agent.board import Card
from studio.tui.chapter_looks import TINTS, as_card, as_row


class ChapterList(OptionList):
    """Posts `OptionHighlighted` and `OptionSelected`; `selected` is the card that is highlighted."""

    DEFAULT_CSS = """
    ChapterList {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-title-style: none;
        border-subtitle-color: $text-muted;
        background: $background;
        height: 100%;
        max-height: 100%;
        padding: 0;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        scrollbar-color: $border-blurred;
        scrollbar-background: $background;
        & > .option-list--option-highlighted { background: $background; color: $foreground; text-style: none; }
        &:focus {
            border: round $border; border-title-color: $foreground; border-title-style: bold;
            background-tint: $foreground 0%;
            & > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: none; }
        }
    }
    """

    def __init__(self, status: str = "", *, id: str | None = None) -> None:
        """`status`: whose chapters are shown as cards; "" = all of them, as rows."""
        super().__init__(id=id, markup=False)
        self.status = status
        self._cards: list[Card] = []
        self._writing = ""
        self._width = 0

    @property
    def cards(self) -> Sequence[Card]:
        """Those that are listed."""
        return self._cards

    @property
    def selected(self) -> Card | None:
        """The highlighted one."""
        at = self.highlighted
        return self._cards[at] if at is not None and at < len(self._cards) else None

    def show(self, cards: Sequence[Card], writing: str) -> None:
        """List them; what is highlighted stays so.

        Args:
            writing: the file that the agent is writing now, or "".
        """
        rows = list(cards)
        width = max(16, self.scrollable_content_region.width - 2)
        if (rows, writing, width) == (self._cards, self._writing, self._width):
            return
        chosen = self.selected
        same = [row.key for row in rows] == [row.key for row in self._cards] and width == self._width
        before, was_writing = self._cards, self._writing
        self._cards, self._writing, self._width = rows, writing, width
        words = sum(row.entry.words for row in rows)
        if self.status:
            self.border_title = Content.assemble((f"{self.status.capitalize()} ", TINTS[self.status]), str(len(rows)))
        else:
            self.border_title = Content("Chapters")
        self.border_subtitle = Content(f"{words:,} words" if words else "")
        if same:
            for at, (old, row) in enumerate(zip(before, rows, strict=True)):
                if old != row or (writing != was_writing and row.entry.file in (writing, was_writing)):
                    self.replace_option_prompt_at_index(at, self._prompt(row))
            return
        self.clear_options()
        self.add_options(Option(self._prompt(row)) for row in rows)
        if rows and not (chosen is not None and self.choose(chosen.key)):
            self.highlighted = 0

    def choose(self, key: str) -> bool:
        """Highlight the chapter of this key; whether it is here."""
        at = next((at for at, card in enumerate(self._cards) if card.key == key), None)
        if at is not None:
            self.highlighted = at
        return at is not None

    def on_resize(self, event: Resize) -> None:
        """Set it anew."""
        self.show(self._cards, self._writing)

    def _prompt(self, card: Card) -> Content:
        writing = card.entry.file != "" and card.entry.file == self._writing
        return (as_card if self.status else as_row)(card, self._width, writing=writing)

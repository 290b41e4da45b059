"""The chapter that is selected on the board: what the outline says of it, and how it was read last."""

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from studio.agent.board import Card
from studio.tui.chapter_looks import TINTS, told_file, told_scores
from studio.tui.fit import one_line
from studio.tui.widgets.page import Page


class ChapterView(Horizontal):
    """Left the plan, right the scores."""

    DEFAULT_CSS = """
    ChapterView {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-subtitle-color: $text-muted;
        background: $background;
        height: 12;
    }
    ChapterView #plan { width: 1fr; padding: 0 1; scrollbar-size-vertical: 1; scrollbar-color: $border-blurred;
        scrollbar-background: $background; }
    ChapterView #plan Page { max-width: 100; }
    ChapterView #scores { width: 54; padding: 0 1; height: 100%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._card: Card | None = None

    def compose(self) -> ComposeResult:
        """Two texts."""
        with VerticalScroll(id="plan", can_focus=False):
            yield Page(id="told")
        yield Static(id="scores", markup=False)

    def show(self, card: Card | None) -> None:
        """Show a chapter; the one that is shown already stays where the author is reading it."""
        is_another = card is None or self._card is None or card.key != self._card.key
        self._card = card
        self._draw()
        if is_another:
            self.query_one("#plan").scroll_home(animate=False)

    def on_resize(self) -> None:
        """Set it anew."""
        self._draw()

    def _draw(self) -> None:
        card = self._card
        told, scores = self.query_one("#told", Page), self.query_one("#scores", Static)
        if card is None:
            self.border_title = self.border_subtitle = Content("")
            told.show("")
            scores.update("")
            return
        number = f"{card.chapter.number}  " if card.chapter.number is not None else ""
        self.border_title = Content.assemble(
            (number, "bold"),
            (one_line(card.chapter.title or card.entry.file), "bold"),
            "  ",
            (card.entry.status, TINTS[card.entry.status]),
        )
        self.border_subtitle = Content.assemble(told_file(card, self.size.width - 8))
        leads = f"→ {card.chapter.cause}" if card.chapter.cause else "The outline says no more of it."
        told.show(card.chapter.text if card.chapter.text.strip() else leads)
        scores.update(told_scores(card, self.query_one("#scores").size.width - 2))

"""The library: every book with its words, its state and when it was last touched; a new one with `n`."""

import asyncio
import time
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from studio.agent.commands import BookCard, Studio
from studio.errors import StudioError
from studio.tui.fit import one_line, pad, shown
from studio.tui.screens.help import HelpScreen
from studio.tui.screens.new_book_dialog import NewBookDialog
from studio.tui.widgets.key_line import KeyLine

WELCOME = """\
There is no book here yet. Press n and say what it should be.

It works at once and without a key: a small model on this machine writes then. That is enough to see how everything \
works, not enough for a good book. For one, put a key into the environment or into a file .env, for example

    MOONSHOT_API_KEY=…      Kimi K2 Thinking and its successors
    OPENROUTER_API_KEY=…    any model there

or name a server of your own with --backend and --base-url. `studio backends` lists what there is, and b on the desk \
changes it in the middle of a book.
"""

WIDEST = 112  # cells
_COLUMNS = (8, 14, 15)  # cells of words, state, touched

_TINTS = {
    "new": "$accent",
    "unfinished": "$secondary",
    "finished": "$success",
    "failed": "$error",
    "unreadable": "$error",
    "open elsewhere": "$warning",
}


class LibraryScreen(Screen[None]):
    """Posts `Opened` with the book the author chose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new book", tooltip="start a book"),
        Binding("enter", "open", "open", key_display="Enter", tooltip="go on with the selected book"),
        Binding("t", "app.next_theme", "theme", tooltip="the next theme"),
        Binding("question_mark", "help", "help", key_display="?", tooltip="this page"),
        Binding("q", "app.quit", "quit", tooltip="quit (Ctrl+C too)"),
        Binding("ctrl+c,ctrl+q", "app.quit", "quit", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    LibraryScreen { background: $background; align: center top; }
    LibraryScreen > Vertical { width: 100%; max-width: 116; height: 1fr; padding: 1 2 0 2; }
    LibraryScreen #heading { padding: 0 2 1 2; }
    LibraryScreen #columns { padding: 0 2; color: $text-muted; }
    LibraryScreen #welcome { padding: 1 2; max-width: 84; height: auto; display: none; }
    LibraryScreen OptionList {
        height: 1fr; border: none; background: $background; padding: 0; scrollbar-size-vertical: 1;
        &:focus { border: none; background-tint: $foreground 0%; }
    }
    LibraryScreen OptionList > .option-list--option { padding: 0 2; }
    """

    class Opened(Message):
        """Go on with this book."""

        def __init__(self, book: str) -> None:
            super().__init__()
            self.book = book

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._cards: list[BookCard] = []

    def compose(self) -> ComposeResult:
        """A heading, the books."""
        with Vertical():
            yield Static(Content.assemble(("studio", "bold $primary"), ("   the books", "$text-muted")), id="heading")
            yield Static("", id="columns", markup=False)
            yield Static(WELCOME, id="welcome", markup=False)
            yield OptionList(id="books", markup=False)
        yield KeyLine(self.BINDINGS)

    def on_screen_resume(self) -> None:
        """The books may have changed."""
        self.look()

    def on_resize(self, event: events.Resize) -> None:
        """Set the columns anew."""
        self._show()

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """List the books."""
        self._cards = await asyncio.to_thread(self._studio.books)
        self.query_one("#welcome").display = not self._cards
        self._show()

    def _show(self) -> None:
        books = self.query_one(OptionList)
        books.display = self.query_one("#columns").display = bool(self._cards)
        kept = books.highlighted
        width = min(self.size.width, WIDEST + 4) - 9
        self.query_one("#columns", Static).update(_columns("title", ("words", "state", "last touched"), width))
        books.clear_options()
        now = time.time()
        books.add_options(Option(_row(card, width, now), id=card.name) for card in self._cards)
        if self._cards:
            books.highlighted = min(kept or 0, len(self._cards) - 1)
            if self.focused is None:
                books.focus()

    def action_open(self) -> None:
        """Enter."""
        books = self.query_one(OptionList)
        if books.highlighted is not None and books.option_count:
            self.post_message(self.Opened(books.get_option_at_index(books.highlighted).id or ""))

    @on(OptionList.OptionSelected, "#books")
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click, on a book."""
        event.stop()
        self.post_message(self.Opened(event.option.id or ""))

    @work(exclusive=True, group="dialog")
    async def action_new(self) -> None:
        """n."""
        asked = await self.app.push_screen_wait(NewBookDialog())
        if asked is None:
            return
        try:
            book = await asyncio.to_thread(self._studio.create, asked.prompt, asked.name, cowrite=asked.cowrite)
        except StudioError as error:
            self.notify(shown(str(error)), severity="error", markup=False, timeout=8)
            return
        self.post_message(self.Opened(book))

    def action_help(self) -> None:
        """?."""
        self.app.push_screen(HelpScreen(self.BINDINGS))


def _columns(title: str, others: tuple[str, str, str], width: int) -> Content:
    words, state, touched = others
    room = max(10, width - sum(_COLUMNS) - 6)
    return Content(f"{pad(title, room)}{words:>{_COLUMNS[0]}}   {state:<{_COLUMNS[1]}} {touched:>{_COLUMNS[2]}}")


def _row(card: BookCard, width: int, now: float) -> Content:
    room = max(10, width - sum(_COLUMNS) - 6)
    title = one_line(card.title or card.name)
    words = f"{card.words:,}" if card.words else "–"
    return Content.assemble(
        (pad(title, room), "bold"),
        f"{words:>{_COLUMNS[0]}}   ",
        (pad(card.state, _COLUMNS[1]), _TINTS.get(card.state, "$text-muted")),
        (f" {ago(now - card.touched):>{_COLUMNS[2]}}", "$text-muted"),
    )


def ago(seconds: float) -> str:
    """How long ago, as one says it."""
    for size, unit in ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"

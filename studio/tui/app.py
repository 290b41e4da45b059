"""The Textual app: knows the screens and what they are handed; they don't know it."""

import asyncio
import gc
import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver

from studio.agent.commands import Session, Studio
from studio.errors import StudioError
from studio.tui.fit import one_line, shown
from studio.tui.screens.desk import DeskScreen
from studio.tui.screens.library import LibraryScreen
from studio.tui.themes import DEFAULT, Themes

log = logging.getLogger(__name__)

INTERRUPTED = 130


class StudioApp(App[int]):
    """The library and the desk. `run` returns the run's exit code; `failure` says what went wrong, if anything."""

    TITLE = "studio"
    ENABLE_COMMAND_PALETTE = False
    PAUSE_GC_ON_SCROLL = True
    BINDINGS: ClassVar[list[BindingType]] = []

    DEFAULT_CSS = """
    Toast { background: $panel; color: $foreground; }
    """

    def __init__(
        self,
        studio: Studio,
        *,
        themes: Themes,
        theme: str | None = None,
        book: str | None = None,
        note: str | None = None,
        go: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the app.

        Args:
            theme: a name in `themes`; None = the first.
            book: straight to this book's desk; None = the library.
            note: said to the agent as soon as the book is open.
            go: whether the talk before the book ends then, after the note.
            clock: seconds since the epoch.

        Raises:
            UsageError: there is no such theme, or its file is broken.
        """
        super().__init__()
        self._studio = studio
        self._themes = themes
        self._book = book
        self._note = note
        self._go = go
        self._clock = clock
        self._is_ending = False
        self.failure = ""  # what to say once the screen is gone
        for one in themes.all():
            self.register_theme(one)
        if theme is not None:
            self.theme = themes.get(theme).name
        elif themes.names:
            self.theme = DEFAULT if DEFAULT in themes.names else themes.names[0]

    def on_mount(self) -> None:
        """Open what was asked for."""
        if sys.platform != "win32":
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._stop_on_signal)
        for problem in self._themes.problems:
            self.notify(shown(problem), severity="warning", markup=False, timeout=10)
        if self._book is None:
            self.push_screen(LibraryScreen(self._studio))
        else:
            self.open_book(self._book)
        self.call_after_refresh(tune_garbage_collection)

    @work(exclusive=True, group="open")
    async def open_book(self, book: str) -> None:
        """Open a book and show its desk until it is left; that ends the app."""
        try:
            session = await self._studio.open(book)
        except StudioError as error:
            if self._book is not None:
                self.failure = str(error)
                self.exit(error.exit_code)
            else:
                self.notify(shown(str(error)), severity="error", markup=False, timeout=10)
            return
        if self._note:
            session.run.answer(self._note)
        if self._go:
            session.run.go()
        desk = DeskScreen(session, self._studio.backends, clock=self._clock)
        code = await self.push_screen_wait(desk)
        self.failure = desk.failure
        self.exit(code, message=None if self.failure else _farewell(session, code))

    def on_library_screen_opened(self, message: LibraryScreen.Opened) -> None:
        """The author chose a book."""
        self.open_book(message.book)

    def action_next_theme(self) -> None:
        """t: the next theme, at once."""
        names = self._themes.names
        if names:
            at = names.index(self.theme) if self.theme in names else -1
            self.theme = names[(at + 1) % len(names)]
            self.notify(f"Theme: {one_line(self.theme)}", markup=False, timeout=2)

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, in a form that outlives the terminal."""
        chosen = super().get_driver_class()
        if sys.platform == "win32":
            return chosen
        from textual.drivers.linux_driver import LinuxDriver

        from studio.tui.driver import LastingDriver

        return LastingDriver if chosen is LinuxDriver else chosen

    def action_hang_up(self) -> None:
        """The terminal is gone."""
        self._stop_on_signal()

    def _stop_on_signal(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self.run_worker(self._end_now(), group="signal")

    async def _end_now(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, DeskScreen):
                await screen.end()
                self.failure = screen.failure
        self.exit(INTERRUPTED)

    def _fatal_error(self) -> None:
        """An error of our own: a sentence for the terminal, the traceback (no variables: they hold keys) to the log."""
        error = self._exception
        lines = [] if error is None else traceback.format_exception(error)
        log.error("the screen failed\n%s", "".join(lines))
        self.failure = (
            f"The screen failed ({type(error).__name__}); what was written is saved, `studio resume` goes on."
        )
        self._close_messages_no_wait()


def _farewell(session: Session, code: int) -> Text | None:
    """What stands in the terminal after the desk is gone; no markup."""
    if session.held_by or code == 0:
        return None
    return Text(f"The run is saved; `studio resume {one_line(session.root.name)}` goes on with it.")


def tune_garbage_collection() -> None:
    """What was imported stays: a full collection of it would be the longest stall of all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

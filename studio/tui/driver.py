"""The terminal driver, for a terminal that may go away: a closed window, a lost connection, a multiplexer that ended.

Textual 8.2.8 writes from a thread that dies at the first error; its queue then fills, and the event loop waits for room
in it for ever, deaf to SIGHUP and SIGTERM, with the book still held.
"""

from collections.abc import Callable
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class Outlet:
    """A terminal to write to; what can't be written any more is dropped, and whoever wants to know is told once."""

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = gone
        self.is_gone = False

    def write(self, text: str) -> int:
        """Write, or drop."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or don't."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """The terminal's file descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it was a terminal."""
        return self._file.isatty()

    def _try(self, action: Callable[[], object]) -> None:
        if self.is_gone:
            return
        try:
            action()
        except (OSError, ValueError):  # an I/O error; a file that was closed
            self.is_gone = True
            self._gone()


class LastingDriver(LinuxDriver):
    """Textual's own, except that a terminal's end ends the app in good order (`action_hang_up`)."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file: Any = Outlet(self._file, self._hung_up)

    def _hung_up(self) -> None:
        self._app.call_later(self._app.run_action, "app.hang_up")

    def run_input_thread(self) -> None:
        """Read keys until the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._hung_up()

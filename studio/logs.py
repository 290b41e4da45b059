"""The log: where tracebacks go instead of the screen, without local variables and without keys."""

import logging
import logging.handlers
import os
import threading
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from studio.printable import printable

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Redacting(logging.Formatter):
    """Takes the secrets out of each record once it is whole, its traceback included; what a server said acts on nobody
    who looks into the log."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(_FORMAT)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._redact(super().format(record)))


class _Private(logging.handlers.RotatingFileHandler):
    """A log that is its owner's alone: tracebacks can quote a book."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if hasattr(os, "fchmod") and os.fstat(handle).st_mode & 0o077:
            os.fchmod(handle, 0o600)
        return open(handle, "a", encoding="utf-8", errors="backslashreplace")


def start_log(folder: Path, redact: Callable[[str], str]) -> Path | None:
    """Send the studio's log to a file in `folder`; returns its path, or None when it can't be written.

    What a thread of ours raises goes there too, instead of to stderr.
    """
    file = folder / "studio.log"
    root = logging.getLogger()
    root.handlers.clear()
    threading.excepthook = _log_thread
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = _Private(file, maxBytes=2_000_000, backupCount=2, encoding="utf-8", delay=True)
    except OSError:
        root.addHandler(logging.NullHandler())
        return None
    handler.setFormatter(_Redacting(redact))
    # A log that can't be written is no reason to write on the author's screen.
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    return file


def _log_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_value is not None:
        logging.getLogger("studio").error("a thread failed", exc_info=raised.exc_value)

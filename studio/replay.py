"""How a book was written, shown again from its journal."""

import time
from pathlib import Path
from typing import IO

from studio import events as ev
from studio.book.journal import Journal
from studio.headless import TextPrinter, json_printer

_LONGEST_WAIT = 5.0  # seconds between two events, however long the author was away


def replay(root: Path, out: IO[bytes], *, json: bool, speed: float) -> int:
    """Print every event of the book's journal; returns the exit code.

    Args:
        speed: 1 = as it happened, 10 = ten times as fast, 0 = at once.

    Raises:
        BookError: there is no journal, or it can't be read.
    """
    show: ev.Reader = json_printer(out) if json else TextPrinter(out)
    before = 0.0
    for event in Journal.open_readonly(root).read():
        if speed > 0 and before:
            time.sleep(min(_LONGEST_WAIT, max(0.0, event.at - before) / speed))
        before = event.at
        show(event)
    return 0

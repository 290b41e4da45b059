"""What the library says of a book."""

import contextlib
from pathlib import Path

from studio import events as ev
from studio.agent.commands import BookCard
from studio.book import layout
from studio.book.files import Folder
from studio.book.journal import peek
from studio.book.names import is_chapter
from studio.book.words import count_words
from studio.errors import BookError, UsageError


def book_card(root: Path) -> BookCard:
    """What the library says of a book, without opening it for work."""
    seen = peek(root)
    words, touched = 0, seen.touched
    folder = Folder(root)
    names: list[str] = []
    with contextlib.suppress(BookError):  # just removed, or closed to us
        names = folder.names()
    for name in names:
        found = folder.stat(name)
        touched = max(touched, found.st_mtime if found is not None else 0.0)
        if is_chapter(name):
            with contextlib.suppress(BookError):  # as above
                words += count_words((folder.read_bytes(name) or b"").decode("utf-8", "replace"))
    if not touched:
        with contextlib.suppress(OSError):
            touched = root.stat().st_mtime
    state = "unfinished"
    if not seen.readable:
        state = "unreadable"
    elif seen.held:
        state = "open elsewhere"
    elif seen.last is None:
        state = "new"
    elif isinstance(seen.last, ev.RunFinished):
        state = "finished"
    elif isinstance(seen.last, ev.RunFailed):
        state = "failed"
    return BookCard(name=root.name, title=seen.title or _title(root), words=words, state=state, touched=touched)


def _title(root: Path) -> str:
    try:
        return layout.load_settings(root).title or root.name
    except UsageError:
        return root.name

"""A book's texts for whoever only looks through them: what can't be read is left alone."""

from collections.abc import Iterator

from studio.book.files import Folder
from studio.errors import BookError, BookUnsaved


def texts(folder: Folder) -> Iterator[tuple[str, str | None]]:
    """Every file of the book with its text; None for one that is no UTF-8 text or can't be read: it is left alone.

    Raises:
        BookError: the folder itself can't be read.
        BookUnsaved: it is gone.
    """
    for name in folder.names():
        try:
            text = folder.read(name)
        except BookUnsaved:
            raise
        except BookError:
            yield name, None
        else:
            if text is not None:  # else it went since it was listed
                yield name, text


def readable(folder: Folder, name: str) -> str:
    """A file's text; "" when there is none, or none that can be read. Raises `BookUnsaved`: the book is gone."""
    try:
        return folder.read(name) or ""
    except BookUnsaved:
        raise
    except BookError:  # no UTF-8: left alone
        return ""

"""The author's saves as events: what was put on disk, kept as a version, with the difference it made."""

import difflib

from studio import events as ev
from studio.book.journal import sha256_of
from studio.book.words import count_words


def diff_of(file: str, before: str, after: str) -> str:
    """A unified diff of two texts of a file, one line of context; "" when no line differs."""
    # Only line ends part lines here: other separators of Unicode stand inside a writer's paragraph.
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), file, file, lineterm="", n=1)
    return "\n".join(lines)


def record_author(
    record: ev.Record, file: str, text: str | None, before: str, *, id: str = "", saved_at: float = 0.0
) -> ev.AuthorEdited:
    """Record what the author's editor put on disk (None: the file is gone), the text as a version.

    Args:
        id: of the write that put it there, when the studio did at the author's wish.
        saved_at: seconds since the epoch, as the file says; 0 = not known.
    """
    sha256, words = ("", 0) if text is None else (sha256_of(text), count_words(text))
    diff = diff_of(file, before, text or "")
    made_from = sha256_of(before) if before else ""
    edited = ev.AuthorEdited(
        file=file, sha256=sha256, words=words, diff=diff, id=id, saved_at=saved_at, before=made_from
    )
    stamped = record(edited, *([] if text is None else [text]))
    return stamped if isinstance(stamped, ev.AuthorEdited) else edited

"""Which of the files that lie in a book's folder are the book's."""

import contextlib
import os
import unicodedata
from collections.abc import Iterator

from studio.book.leavings import copied_from, is_leaving, is_utf8

CLOSED = {"exports"}  # folders of the book that are not the agent's
DEEPEST = 4  # parts of a name


def markdown(entries: list[os.DirEntry[str]], prefix: str, depth: int, copies: list[str]) -> Iterator[str]:
    """Every Markdown file among these entries of a folder and below; no links, no leavings.

    Args:
        prefix: the folder's name inside the book with a slash after it; "" for the book's own.
        depth: of the folder, from 1.
        copies: the second versions that sync programs left are added to it.
    """
    for entry in entries:
        if not is_leaving(entry.name) and is_utf8(entry.name):
            # Just removed, closed to us, or stale on a network, where a folder tells no types: the others are there.
            with contextlib.suppress(OSError):
                yield from _of_entry(entry, prefix, depth, copies)


def _of_entry(entry: os.DirEntry[str], prefix: str, depth: int, copies: list[str]) -> Iterator[str]:
    if entry.is_symlink():
        return
    is_folder = entry.is_dir(follow_symlinks=False)
    if copied_from(entry.name):
        if is_folder or entry.name.lower().endswith(".md"):
            copies.append(prefix + entry.name)
    elif is_folder:
        if depth < DEEPEST and not (depth == 1 and folded(entry.name) in CLOSED):
            yield from markdown(list(os.scandir(entry.path)), f"{prefix}{entry.name}/", depth + 1, copies)
    elif entry.name.lower().endswith(".md") and entry.is_file(follow_symlinks=False):
        yield prefix + entry.name


def folded(name: str) -> str:
    """A name as file systems that know no case and no composed letters take it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

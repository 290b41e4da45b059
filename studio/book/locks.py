"""What the author locked: whole files, named in book.yaml, and passages between two marks in a file's own text."""

import logging
import re
from fnmatch import fnmatchcase
from pathlib import Path

from studio.book.layout import SETTINGS, load_settings, update_settings
from studio.book.walk import folded
from studio.errors import BookError, UsageError

log = logging.getLogger(__name__)

OPENS, CLOSES = "<!-- lock -->", "<!-- /lock -->"

_OPENS = re.compile(r"<!--[ \t]*lock(?:ed)?[ \t]*-->", re.IGNORECASE)
_CLOSES = re.compile(r"<!--[ \t]*(?:/[ \t]*lock(?:ed)?|unlock)[ \t]*-->", re.IGNORECASE)
_SHOWN = 240  # characters of a passage that a refusal quotes


class Locked(BookError):
    """The author locked it; the message tells the agent what it can do instead."""


class Locks:
    """The files that are locked, as book.yaml says it now: the author may change that at any time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: tuple[int, int, int] | None = None
        self._patterns: tuple[str, ...] = ()

    def patterns(self) -> tuple[str, ...]:
        """Names and patterns (`bible/*`) as they stand there; what can't be read leaves them as they were."""
        try:
            status = (self._root / SETTINGS).stat()
        except OSError:
            return self._patterns
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        if mark != self._seen:
            try:
                self._patterns = tuple(load_settings(self._root).locks())
            except UsageError as error:
                log.warning("%s (the locks stay as they were)", error)
            self._seen = mark
        return self._patterns

    def covers(self, file: str) -> bool:
        """Whether this file is locked as a whole."""
        return any(_matches(file, pattern) for pattern in self.patterns())

    def check(self, file: str) -> None:
        """Raises `Locked` when the agent may not write this file."""
        if self.covers(file):
            raise Locked(
                f"The author locked {file}: it stays as it is, and nothing was written. Go on with the other files; "
                "if the book needs a change there, ask_author."
            )

    def turn(self, file: str, *, locked: bool) -> None:
        """Lock a file, or unlock it.

        Raises:
            UsageError: book.yaml can't be read, or a pattern in it locks the file.
            BookError: it can't be written.
        """
        others = [name for name in load_settings(self._root).locks() if folded(name) != folded(file)]
        if not locked and (pattern := next((one for one in others if _matches(file, one)), "")):
            raise UsageError(
                f"{file} is locked by the pattern `{pattern}` in {SETTINGS}; change that line to unlock it."
            )
        update_settings(self._root, locked=[*others, file] if locked else others)


def _matches(file: str, pattern: str) -> bool:
    """Whether a line of book.yaml means this file: by its name, with `.md` or without, by a pattern, by its folder."""
    name, wanted = folded(file), folded(pattern.strip().removeprefix("./").rstrip("/"))
    if name in (wanted, f"{wanted}.md"):  # a name may hold what would be a pattern's own signs
        return True
    return any(fnmatchcase(name, one) for one in (wanted, f"{wanted}.md", f"{wanted}/*") if wanted)


def passages(text: str) -> list[str]:
    """The locked passages of a text, in order, with their marks; one that is not closed goes to the end."""
    found = []
    at = 0
    while opened := _OPENS.search(text, at):
        closed = _CLOSES.search(text, opened.end())
        at = closed.end() if closed else len(text)
        found.append(text[opened.start() : at])
    return found


def with_passages(file: str, text: str, disk: str) -> str:
    """`text` with the marks put back around the locked passages of the file that it holds word for word.

    Raises:
        Locked: it lacks one of them, or changes it, or has the words where they need not be the locked ones.
    """
    at = 0
    for block in passages(disk):
        place = text.find(block, at)
        end = place + len(block)
        if place < 0:
            inner = _bare(block)
            place = text.find(inner, at) if inner and disk.count(inner) == text.count(inner) == 1 else -1
            end = place + len(inner)
            if place < 0 or _within_word(text, place) or _within_word(text, end):
                raise Locked(_refusal(file, block))
            if (mark := _OPENS.search(text, at, place)) and not text[mark.end() : place].strip():
                place = mark.start()
            if (mark := _CLOSES.search(text, end)) and not text[end : mark.start()].strip():
                end = mark.end()
        text = text[:place] + block + text[end:]
        at = place + len(block)
    return text


def check_passages(file: str, before: str, after: str) -> None:
    """Raises `Locked` unless both texts hold the same locked passages, word for word."""
    kept, now = passages(before), passages(after)
    if kept == now:
        return
    if len(now) > len(kept) and all(block in now for block in kept):
        raise Locked(
            f"Only the author locks passages; nothing was written to {file}. Send the text again without "
            f"{OPENS} and {CLOSES}."
        )
    raise Locked(_refusal(file, next((block for block in kept if block not in now), kept[-1] if kept else now[-1])))


def _within_word(text: str, at: int) -> bool:
    return text[max(0, at - 1) : at].isalnum() and text[at : at + 1].isalnum()


def _bare(block: str) -> str:
    return _CLOSES.sub("", _OPENS.sub("", block)).strip()


def _refusal(file: str, block: str) -> str:
    inner = _bare(block)
    shown = inner if len(inner) <= _SHOWN else inner[:_SHOWN] + "…"
    return (
        f"The author locked a passage of {file}: «{shown}». It must stay word for word, between {OPENS} and {CLOSES}, "
        "so nothing was written. Send the text again with that passage as it is (read_file shows it), or change other "
        "passages with edit_file."
    )

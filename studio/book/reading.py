"""What can be read of a book's record, by its writer, by those who follow and by the library: no lock, no writing."""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from studio import events as ev
from studio.book.layout import STUDIO, refuse_odd_file
from studio.book.lock import BookLock
from studio.book.recovery import connect, event_of, is_newer, schema_of, tells_damage, unpack, written_by_newer
from studio.book.room import Space
from studio.errors import BookError, BookUnsaved

FILE = "journal.db"
LOCK = "lock"


def sha256_of(text: str) -> str:
    """The name of a version: SHA-256 of its UTF-8 bytes, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def tag(kind: type[ev.Event]) -> str:
    """The name of an event in the record."""
    return str(kind.__struct_config__.tag)


def size_of(record: Path) -> int:
    """Bytes of a record on the disk, its log included."""
    total = 0
    for ending in ("", "-wal"):
        with contextlib.suppress(OSError):
            total += Path(f"{record}{ending}").stat().st_size
    return total


class JournalReader:
    """What can be read of a journal, by its writer and by those who only follow."""

    def __init__(self, root: Path) -> None:
        self._file = root / STUDIO / FILE

    def read(self, after: int = 0) -> Iterator[ev.AnyEvent]:
        """Every committed event with a seq greater than `after`, in order. Raises `BookError`."""
        for (body,) in self._select("SELECT body FROM events WHERE seq > ? ORDER BY seq", after):
            yield self._decoded(body)

    def of(self, *kinds: type[ev.Event]) -> Iterator[ev.AnyEvent]:
        """Every committed event of these kinds, in order. Raises `BookError`."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT body FROM events WHERE kind IN ({marks}) ORDER BY seq"
        for (body,) in self._select(query, *[tag(kind) for kind in kinds]):
            yield self._decoded(body)

    def last(self, *kinds: type[ev.Event]) -> ev.AnyEvent | None:
        """The last committed event of any of these kinds (none named: of all), or None. Raises `BookError`."""
        where = f"WHERE kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        rows = list(
            self._select(f"SELECT body FROM events {where} ORDER BY seq DESC LIMIT 1", *[tag(kind) for kind in kinds])
        )
        return self._decoded(rows[0][0]) if rows else None

    def text(self, sha256: str) -> str:
        """The version of that name. Raises `BookError` when there is none that can be read."""
        rows = list(self._select("SELECT body FROM versions WHERE sha256 = ?", sha256))
        if not rows:
            raise BookError(f"The record has no version {sha256[:12]}; `studio history` shows those it has.")
        try:
            text = unpack(rows[0][0])
            if sha256_of(text) != sha256:
                raise zlib.error("another text under this name")
        except (zlib.error, UnicodeDecodeError, TypeError) as error:
            raise BookError(f"The version {sha256[:12]} is damaged; `studio history` shows the others.") from error
        return text

    def has_text(self, sha256: str) -> bool:
        """Whether there is a version of that name. Raises `BookError`."""
        return bool(list(self._select("SELECT 1 FROM versions WHERE sha256 = ?", sha256)))

    def names(self) -> set[str]:
        """SHA-256 of every version there is. Raises `BookError`."""
        return {name for (name,) in self._select("SELECT sha256 FROM versions")}

    def space(self) -> "Space":
        """What the record takes. Raises `BookError`."""
        ((versions, size),) = list(self._select("SELECT count(*), coalesce(sum(length(body)), 0) FROM versions")) or [
            (0, 0)
        ]
        return Space(versions=versions, size=size, record=size_of(self._file))

    async def close(self) -> None:
        """Nothing is held between two reads."""

    def _select(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            # SQLite removes the log of an empty file, which may be all there is left of a damaged one.
            if not refuse_odd_file(self._file) or self._file.stat().st_size == 0:
                return
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            with closing(connect(self._file, read_only=True)) as connection:
                if schema_of(connection) is not None:  # else another studio is making it now
                    yield from connection.execute(query, values)
        except sqlite3.OperationalError as error:
            if tells_damage(error):
                raise self._unreadable(error) from error
            raise BookUnsaved(f"The record {self._file} can't be read now ({error}).") from error
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _decoded(self, body: bytes) -> ev.AnyEvent:
        try:
            return event_of(body)
        except msgspec.DecodeError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> BookError:
        if is_newer(self._file):
            return BookError(written_by_newer(self._file))
        return BookError(f"The record {self._file} can't be read ({error}); the chapters are files of their own.")


class Peek(msgspec.Struct, kw_only=True):
    """What can be said of a book without opening it."""

    title: str = ""
    last: ev.AnyEvent | None = None  # the last event that changed the state of the run
    touched: float = 0.0  # seconds since the epoch, of the last event
    held: bool = False  # a studio is writing it now
    readable: bool = True


_STATES = (ev.RunStarted, ev.StepStarted, ev.Paused, ev.RunFinished, ev.RunFailed, ev.QuestionAsked)


def peek(book: Path) -> Peek:
    """Look at a book's record without a lock and without writing; one that can't be read is told as such."""
    file = book / STUDIO / FILE
    held = BookLock.is_held(book / STUDIO / LOCK)
    try:
        if not refuse_odd_file(file):
            return Peek(held=held)
        touched = file.stat().st_mtime
    except OSError:
        return Peek(held=held, readable=False)
    journal = JournalReader(book)
    try:
        named, last, newest = journal.last(ev.TitleGiven), journal.last(*_STATES), journal.last()
    except BookError:
        return Peek(held=held, readable=False, touched=touched)
    return Peek(
        title=named.title if isinstance(named, ev.TitleGiven) else "",
        last=last,
        touched=newest.at if newest is not None else 0.0,
        held=held,
    )

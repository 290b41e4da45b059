"""What the disk of a book refuses, put down elsewhere meanwhile: a crash must not take it along."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from studio.book.layout import sync_folder
from studio.book.recovery import EventRow, VersionRow, add_rows

log = logging.getLogger(__name__)


class Spilt(msgspec.Struct, frozen=True):
    """Rows of the record that are not in it yet, in order."""

    events: list[EventRow]
    versions: list[VersionRow]
    place: str = ""  # of the book
    before: str = ""  # the event of the record that these follow, as `_name` has it; "" = an older studio did not say


_NONE = "none"  # `before`, where these are the first


class Spill:
    """One file for one book, in the first of some folders on other disks that takes it."""

    def __init__(self, folders: Iterable[Path], book: Path) -> None:
        self._folders = list(folders)
        self._place = os.fsencode(book.resolve()).hex()
        place = sha256(os.fsencode(book.resolve())).hexdigest()[:16]
        self._files = [folder / f"unsaved-{place}.msgpack" for folder in self._folders]

    def keep(self, events: Sequence[EventRow], versions: Sequence[VersionRow], *, before: bytes = b"") -> Path | None:
        """Put them down, in the place of what was put down before; None where no folder takes them.

        Args:
            before: the body of the last event in the record; empty where there is none.
        """
        body = msgspec.msgpack.encode(Spilt(list(events), list(versions), self._place, _name(before)))
        for file in self._files:
            try:
                _write(file, body)
            except OSError as error:
                log.warning("what could not be saved can't be kept in %s either (%s)", file.parent, error)
            else:
                return file
        return None

    def read(self) -> Spilt:
        """What was put down and never taken back; damaged or unreadable files hold nothing."""
        return next(filter(None, map(_read, self._files)), Spilt([], []))

    def of_moved(self) -> Iterator[Spilt]:
        """What was put down for books that are not where they were: this one may have been one of them."""
        for folder in self._folders:
            for file in sorted(folder.glob("unsaved-*.msgpack")):
                spilt = None if file in self._files else _read(file)
                if spilt is not None and spilt.place and not Path(os.fsdecode(bytes.fromhex(spilt.place))).exists():
                    yield spilt

    def clear(self) -> None:
        """It is in the record now."""
        for file in self._files:
            with contextlib.suppress(OSError):  # what is in the record is taken in only once
                file.unlink(missing_ok=True)

    def set_aside(self) -> Path | None:
        """Keep the file under another name: it does not fit the record any more."""
        for file in self._files:
            if file.exists():
                aside = file.with_name(f"{file.stem}-{os.getpid()}-{file.stat().st_mtime_ns}.kept")
                with contextlib.suppress(OSError):
                    file.replace(aside)
                    return aside
        return None


def take_back(connection: sqlite3.Connection, spill: Spill, book: str, *, mended: bool = False) -> str:
    """Bring into the record what an earlier studio could not write; returns what to tell the author.

    Args:
        mended: the record was damaged, and the event that these followed may be gone.
    """
    taken = 0
    spilt = spill.read()
    if spilt.events:
        if not _fits(connection, spilt, may_lack=mended):
            aside = spill.set_aside()
            return (
                f"What could not be written into the record of {book} does not fit it any more; it is kept as {aside}."
            )
        taken += _add(connection, spilt)
        spill.clear()
    for moved in spill.of_moved():
        if moved.before not in ("", _NONE) and _fits(connection, moved):
            # It stays: its book may only be on a disk that is not there now, and this a copy. It is taken in only once.
            taken += _add(connection, moved)
    return f"{taken:,} events that {book} could not take before are in its record now." if taken else ""


def _fits(connection: sqlite3.Connection, spilt: Spilt, *, may_lack: bool = False) -> bool:
    """Whether the record is the one these belong to, and has not gone on without them."""

    def body(seq: int) -> bytes | None:
        row = connection.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else row[0]

    first = spilt.events[0][0]
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    before = body(first - 1)
    is_of_it = spilt.before in ("", _name(before or b"")) or (before is None and may_lack)
    return is_of_it and all(body(row[0]) == row[3] for row in spilt.events if row[0] <= last)


def _add(connection: sqlite3.Connection, spilt: Spilt) -> int:
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    with connection:
        add_rows(connection, spilt.events, spilt.versions)
    return sum(row[0] > last for row in spilt.events)


def _name(body: bytes) -> str:
    """What an event is known by: its number and its time are in it."""
    return sha256(body).hexdigest() if body else _NONE


def _read(file: Path) -> Spilt | None:
    """What is in a file that was put down; None where it is not there, damaged or not readable."""
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=Spilt)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s can't be read (%s)", file, error)
        return None


def _write(file: Path, body: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        sync_folder(file.parent)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise

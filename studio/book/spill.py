"""What the disk of a book refuses, put down elsewhere meanwhile: a crash must not take it along."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
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


class Spill:
    """One file for one book, in the first of some folders on other disks that takes it."""

    def __init__(self, folders: Iterable[Path], book: Path) -> None:
        place = sha256(os.fsencode(book.resolve())).hexdigest()[:16]
        self._files = [folder / f"unsaved-{place}.msgpack" for folder in folders]

    def keep(self, events: Sequence[EventRow], versions: Sequence[VersionRow]) -> Path | None:
        """Put them down, in the place of what was put down before; None where no folder takes them."""
        body = msgspec.msgpack.encode(Spilt(list(events), list(versions)))
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
        for file in self._files:
            try:
                return msgspec.msgpack.decode(file.read_bytes(), type=Spilt)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError) as error:
                log.warning("%s can't be read (%s)", file, error)
        return Spilt([], [])

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


def take_back(connection: sqlite3.Connection, spill: Spill, book: str) -> str:
    """Bring into the record what an earlier studio could not write; returns what to tell the author."""
    spilt = spill.read()
    if not spilt.events:
        return ""
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    new = [row for row in spilt.events if row[0] > last]
    fits = True
    for seq, _, _, body in spilt.events[: len(spilt.events) - len(new)]:
        fits = fits and connection.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone() == (body,)
    if not fits:
        aside = spill.set_aside()
        return f"What could not be written into the record of {book} does not fit it any more; it is kept as {aside}."
    with connection:
        add_rows(connection, new, spilt.versions)
    spill.clear()
    return f"{len(new):,} events that {book} could not take before are in its record now." if new else ""


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

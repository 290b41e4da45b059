"""The database under the journal: how it is opened, whether it is sound, and what can be saved of one that is not."""

import hashlib
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec

from studio import events as ev
from studio.book.layout import sync_folder
from studio.book.names import leads_outside
from studio.book.salvage import Value, is_cut_off, rows
from studio.errors import BookError

# Raised whenever an older studio could not read what this one writes: new tables, new kinds of events.
SCHEMA_VERSION = 5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER
);
CREATE TABLE IF NOT EXISTS versions (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, seq);
"""
_REBUILT = "journal.recovered.db"  # complete and flushed, on its way into the place of a broken one
_LATEST = 1e11  # seconds since the epoch that every system can tell the day of
_PROGRAMS = "SELECT name FROM sqlite_master WHERE type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'"
_META = "SELECT 1 FROM sqlite_master WHERE name = 'meta' AND sql LIKE 'CREATE TABLE%'"
_ALWAYS = 64 * 2**20  # bytes of a version that are unpacked whatever they are
_GROWTH = 32  # times as many bytes as it takes in the record
_MOST_EVENTS = 2**53  # far below what an integer of SQLite holds


EventRow = tuple[int, float, str, bytes]  # seq, at, kind, body
VersionRow = tuple[str, int, bytes]  # sha256, size, body

_ADD_EVENT = "INSERT OR IGNORE INTO events (seq, at, kind, body, crc) VALUES (?, ?, ?, ?, ?)"


def add_rows(connection: sqlite3.Connection, events: Iterable[EventRow], versions: Iterable[VersionRow]) -> None:
    """Put rows into the record; those under a number or a name that is there already stay out. Raises `sqlite3.Error`.

    Events carry a checksum: a disk that turns a bit gives back something that still looks like an event.
    """
    connection.executemany("INSERT OR IGNORE INTO versions VALUES (?, ?, ?)", versions)
    connection.executemany(_ADD_EVENT, ((*row, zlib.crc32(row[3])) for row in events))


def pack(text: str) -> tuple[str, int, bytes]:
    """A version as it is stored: (its name, UTF-8 bytes, compressed)."""
    body = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(body).hexdigest(), len(body), zlib.compress(body, 6)


def unpack(body: bytes) -> str:
    """The text of a stored version. Raises `zlib.error`, `UnicodeDecodeError`, `TypeError` where it is no bytes.

    Prose is a third of its size when packed; what grows a thousandfold is made to fill the memory. Half a character,
    which no file can hold, is none of ours either.
    """
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(body, max(_ALWAYS, _GROWTH * len(body)))
    if not unpacking.eof:
        raise zlib.error("cut short, or larger than any text")
    return text.decode("utf-8")


def event_of(body: object) -> ev.AnyEvent:
    """An event as it stands in a record, which anyone may have made. Raises `msgspec.DecodeError`."""
    if not isinstance(body, bytes):
        raise msgspec.DecodeError("an event of the wrong type")
    event = ev.decode(body)
    if not 0 < event.seq <= _MOST_EVENTS:
        raise msgspec.DecodeError(f"there is no event {event.seq}")
    if not 0 <= event.at <= _LATEST:
        raise msgspec.DecodeError(f"event {event.seq} is of no time there is")
    if leads_outside(event):
        raise msgspec.DecodeError(f"event {event.seq} names a file outside of the book")
    return event


def connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the database, made if it is not there (unless `read_only`). Raises `sqlite3.Error`, `BookError`."""
    if read_only:
        # A log that nobody writes can't be made in a folder closed to us, and need not be.
        fixed = not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()
        mode = "mode=ro&immutable=1" if fixed else "mode=ro"
        place = f"{file.absolute().as_uri()}?{mode}"
        connection = sqlite3.connect(place, uri=True, timeout=5, check_same_thread=False)
        try:
            _refuse_programs(connection, file)
        except BaseException:
            connection.close()
            raise
        return connection
    connection = sqlite3.connect(file, timeout=5, check_same_thread=False)
    try:
        # First of all: a newer studio's tables may be others, and are neither damaged nor ours to change.
        version = schema_of(connection)
        if version is not None and version > SCHEMA_VERSION:
            raise BookError(written_by_newer(file))
        _refuse_programs(connection, file)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        if version is None:
            with connection:
                connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
        elif version < SCHEMA_VERSION:
            with connection:
                connection.execute("BEGIN")
                if version < 2:
                    connection.execute("ALTER TABLE events ADD COLUMN crc INTEGER")
                connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (SCHEMA_VERSION,))
    except BaseException:
        connection.close()
        raise
    return connection


def schema_of(connection: sqlite3.Connection) -> int | None:
    """The schema of the record, None where nothing was written yet. Raises `sqlite3.Error`."""
    if connection.execute(_META).fetchone() is None:
        return None
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is not None and not isinstance(row[0], int):
        raise sqlite3.DatabaseError("malformed schema version")
    return None if row is None else int(row[0])


def is_newer(file: Path) -> bool:
    """Whether a newer studio wrote this record; one that can't be asked did not."""
    try:
        if file.stat().st_size == 0:
            return False
        with closing(connect(file, read_only=True)) as connection:
            version = schema_of(connection)
    except BookError:
        return True
    except (sqlite3.Error, OSError):
        return False
    return version is not None and version > SCHEMA_VERSION


def written_by_newer(file: Path) -> str:
    """What to tell the author of such a record."""
    return f"{file.parent.parent.name} was written by a newer studio; upgrade this one to open it."


def _refuse_programs(connection: sqlite3.Connection, file: Path) -> None:
    """Raises `sqlite3.DatabaseError` for a record with more than tables in it, `BookError` for a newer studio's.

    A trigger runs when we write, and can drop what we were told is on disk; a view runs when we read, for ever if its
    maker wants it; see "Defense Against The Dark Arts" in SQLite's documentation.
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    if (found := connection.execute(_PROGRAMS).fetchone()) is not None:
        if (schema_of(connection) or 0) > SCHEMA_VERSION:
            raise BookError(written_by_newer(file))
        raise sqlite3.DatabaseError(f"it holds more than tables: {found[0]}")


def is_sound(file: Path) -> bool:
    """Whether the record can be read from end to end, or is not there yet.

    Raises:
        BookError: a newer studio wrote it.
        sqlite3.Error: it can't be opened for another reason than damage: no room, no permission.
    """
    if is_cut_off(file):  # before SQLite sees it, which would remove such a log
        if is_newer(file):
            raise BookError(written_by_newer(file))
        return False
    if not file.exists():
        return True
    connection = None
    try:
        connection = connect(file)
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            return False
        connection.execute("SELECT sha256, size, body FROM versions LIMIT 1")
        for seq, body, crc in connection.execute("SELECT seq, body, crc FROM events ORDER BY seq"):
            event = event_of(body)
            if event.seq != seq or (crc is not None and crc != zlib.crc32(body)):
                return False
    except (sqlite3.DatabaseError, msgspec.DecodeError, TypeError) as error:
        if isinstance(error, sqlite3.OperationalError) and not tells_damage(error):
            raise
        return False
    finally:
        if connection is not None:
            connection.close()
    return True


def tells_damage(error: sqlite3.Error) -> bool:
    """Whether the database itself is broken, not the disk under it or our way to it."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return True
    # A table or column that is not as we made it is told as a plain error, a text that is none by Python alone.
    return name == "SQLITE_ERROR" or any(word in str(error) for word in ("malformed", "Could not decode"))


def set_aside_and_recover(file: Path) -> str:
    """Keep a broken record under another name and put what can be read of it in its place.

    Returns:
        What to tell the author.

    Raises:
        sqlite3.Error, OSError: there is no room for it; the broken one is as it was.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = next(
        name
        for n in range(1000)
        if not (name := file.with_name(f"journal.corrupt-{stamp}{f'.{n}' * bool(n)}.db")).exists()
    )
    rebuilt = file.with_name("journal.rebuilt.db")
    _remove(rebuilt)
    try:
        for ending in ("", "-wal", "-shm"):
            if Path(f"{file}{ending}").exists():
                shutil.copy2(f"{file}{ending}", f"{aside}{ending}")
                _flush(Path(f"{aside}{ending}"))
        sync_folder(file.parent)  # before anything of the broken one goes
        with closing(connect(rebuilt)) as new:
            _copy_readable(aside, new)
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (sqlite3.Error, OSError):  # each try would leave another half copy on a disk that is full
        _remove(rebuilt)
        _remove(aside)
        raise
    rebuilt.replace(file.with_name(_REBUILT))
    sync_folder(file.parent)
    return finish_recovery(file)


def finish_recovery(file: Path) -> str:
    """Put a record that was rebuilt in the place of the broken one, also where an earlier studio did not get to it.

    Returns:
        What to tell the author; "" where there is nothing to put in its place.

    Raises:
        sqlite3.Error, OSError: it can't be put there; the next time goes on from here.
    """
    rebuilt = file.with_name(_REBUILT)
    if not rebuilt.exists():
        return ""
    with closing(connect(rebuilt, read_only=True)) as connection:
        ((events, versions),) = connection.execute(
            "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM versions)"
        )
    # The old log must be gone before the new file is there: SQLite would play it into that one. From here on the old
    # file may look sound and lack what was in its log: that a rebuilt one is there is what counts.
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
        Path(f"{rebuilt}{ending}").unlink(missing_ok=True)
    sync_folder(file.parent)
    rebuilt.replace(file)
    sync_folder(file.parent)
    aside = max(path.name for path in file.parent.glob("journal.corrupt-*.db"))
    return (
        f"The record of {file.parent.parent.name} was damaged: it is kept as {aside}, {events:,} events and "
        f"{versions:,} versions could be read from it, and the chapters are untouched."
    )


def _flush(file: Path) -> None:
    handle = os.open(file, os.O_RDWR)  # some systems flush only what may be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _copy_readable(aside: Path, new: sqlite3.Connection) -> None:
    """Copy every event and version that can be read and is what it says it is. Raises `sqlite3.Error`, `OSError`."""
    events: dict[int, EventRow] = {}
    versions: dict[str, VersionRow] = {}
    for number, values in rows(aside):
        # In a log that was gone on with after a crash, what was never acknowledged comes last.
        if (event := _event_of(number, values)) is not None:
            events.setdefault(number, event)
        elif (version := _version_of(values)) is not None:
            versions.setdefault(version[0], version)
    with new:
        add_rows(new, [events[number] for number in sorted(events)], versions.values())


def _event_of(number: int, values: list[Value]) -> EventRow | None:
    """The event in a row of a broken record; None where it is none, or not what it was."""
    match values:
        case [None, _, _, bytes(body), *rest]:
            try:
                event = event_of(body)
            except msgspec.DecodeError:
                return None
            crc = rest[0] if rest else None
            if event.seq == number and crc in (None, zlib.crc32(body)):
                return number, event.at, str(type(event).__struct_config__.tag), body
    return None


def _version_of(values: list[Value]) -> VersionRow | None:
    """The version in a row, under the name that its text has; None where it is none."""
    match values:
        case [_, _, bytes(body)]:
            try:
                text = unpack(body)
            except (zlib.error, UnicodeDecodeError):
                return None
            name, size, _ = pack(text)
            return name, size, body
    return None

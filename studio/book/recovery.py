"""The database under the journal: how it is opened, whether it is sound, and what can be saved of one that is not."""

import contextlib
import sqlite3
import time
from pathlib import Path

import msgspec

from studio import events as ev
from studio.errors import BookError

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS versions (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, seq);
"""


def connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the database, made if it is not there (unless `read_only`). Raises `sqlite3.Error`, `BookError`."""
    if read_only:
        return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5, check_same_thread=False)
    connection = sqlite3.connect(file, timeout=5, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if row is None:
            with connection:
                connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
        elif row[0] > SCHEMA_VERSION:
            raise BookError(f"{file.parent.parent.name} was written by a newer studio; upgrade this one to open it.")
    except BaseException:
        connection.close()
        raise
    return connection


def is_sound(file: Path) -> bool:
    """Whether the database can be read from end to end, or is not there yet. Raises `BookError` for a newer schema."""
    if not file.exists():
        return True
    try:
        connection = connect(file)
    except sqlite3.DatabaseError as error:
        if (
            isinstance(error, sqlite3.OperationalError)
            and "malformed" not in str(error)
            and "not a database" not in str(error)
        ):
            raise  # locked, full, not permitted: not broken
        return False
    try:
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            return False
        last = connection.execute("SELECT body FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        if last is not None:
            ev.decode(last[0])
    except (sqlite3.DatabaseError, msgspec.DecodeError):
        return False
    finally:
        connection.close()
    return True


def set_aside_and_recover(file: Path) -> str:
    """Move a broken database aside and copy what can be read of it into a new one; returns what to tell the author."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = file.with_name(f"{file.stem}.corrupt-{stamp}{file.suffix}")
    file.replace(aside)
    for ending in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{file}{ending}").replace(f"{aside}{ending}")
    new = connect(file)
    try:
        events, versions = _copy_readable(aside, new)
    finally:
        new.close()
    return (
        f"The record of {file.parent.parent.name} was damaged: it is kept as {aside.name}, {events:,} events and "
        f"{versions:,} versions could be read from it, and the chapters are untouched."
    )


def _copy_readable(aside: Path, new: sqlite3.Connection) -> tuple[int, int]:
    counts = [0, 0]
    try:
        old = sqlite3.connect(aside)
    except sqlite3.Error:
        return 0, 0
    try:
        tables = (("events", "seq", 4), ("versions", "rowid", 3))
        for number, (table, key, columns) in enumerate(tables):
            marks = ", ".join("?" * columns)
            for row in _rows(old, table, key):
                if table == "events" and not _is_event(row[3]):
                    continue
                with new:
                    new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
                counts[number] += 1
    finally:
        old.close()
    return counts[0], counts[1]


def _rows(old: sqlite3.Connection, table: str, key: str) -> list[tuple[object, ...]]:
    """Every row that can be read: as a whole if possible, else one by one past the damage."""
    rows: list[tuple[object, ...]] = []
    try:
        for row in old.execute(f"SELECT * FROM {table} ORDER BY {key}"):
            rows.append(row)
        return rows
    except sqlite3.DatabaseError:
        rows.clear()
    last = 0
    misses = 0
    while misses < 2000:
        last += 1
        try:
            row = old.execute(f"SELECT * FROM {table} WHERE {key} = ?", (last,)).fetchone()
        except sqlite3.DatabaseError:
            row = None
        if row is None:
            misses += 1
        else:
            misses = 0
            rows.append(row)
    return rows


def _is_event(body: object) -> bool:
    try:
        ev.decode(body if isinstance(body, bytes) else b"")
    except msgspec.DecodeError:
        return False
    return True

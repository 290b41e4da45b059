"""The one thread that writes a book's record, in order, and what becomes of it when the disk refuses."""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from studio import events as ev
from studio.book.lock import BEAT, BookLock
from studio.book.reading import LOCK, tag
from studio.book.recovery import EventRow, VersionRow, add_rows, connect, pack, tells_damage
from studio.book.spill import Spill
from studio.errors import BookError, BookGone, BookHeld, BookUnsaved


class Record(msgspec.Struct):
    """One transaction's worth: an event and the texts it is about."""

    event: ev.Event
    body: bytes  # the event encoded: what can't be encoded is refused where it was published
    texts: tuple[str, ...] = ()


class Flush(msgspec.Struct):
    """Asks the writer to say when everything before it is committed."""

    done: Callable[[BookError | None], object]


class Writer(threading.Thread):
    """The one thread that writes. What could not be written is kept in order and tried again at the next flush."""

    def __init__(
        self,
        file: Path,
        connection: sqlite3.Connection,
        lock: BookLock,
        spill: Spill,
        todo: "queue.SimpleQueue[Record | Flush | None]",
        committed: Callable[[list[Record]], None],
        refused: Callable[[BookError], None],
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self._file = file
        self._connection: sqlite3.Connection | None = connection
        self._opened = file.stat()  # the file of the connection
        self._lock = lock
        self._spill = spill
        self._todo = todo
        self._committed = committed
        self._refused = refused
        self._held: list[Record] = []
        self._rows: list[EventRow] = []  # what is held, as it is stored
        self._versions: list[VersionRow] = []
        row = connection.execute("SELECT body FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        self._before: bytes = row[0] if row is not None else b""  # the last event before what is held
        self._failed = False
        self._lost: BookHeld | None = None  # the book is another studio's now: nothing is ever written again

    def run(self) -> None:
        """Commit until told to end, with a heartbeat now and then."""
        while True:
            items = self._next()
            flushes = [item for item in items if isinstance(item, Flush)]
            records = [item for item in items if isinstance(item, Record)]
            self._hold(records)
            error = None
            # After a failure only a flush tries again: somebody is there then to be told how it went.
            if self._held and (flushes or None in items or not self._failed):
                error = self._commit()
                if error is not None and not self._failed:
                    self._refused(error)
                self._failed = error is not None
            elif records:
                self._put_down()  # the next try may be seconds away, and a crash is not
            for flush in flushes:
                flush.done(error)
            if None in items:
                self._close()
                return

    def _next(self) -> "list[Record | Flush | None]":
        """What has come since, waiting for the first of it; nothing when a heartbeat was due meanwhile."""
        items: list[Record | Flush | None] = []
        try:
            items.append(self._todo.get(timeout=BEAT))
            while True:
                items.append(self._todo.get_nowait())
        except queue.Empty:
            pass
        try:
            self._lock.beat()
        except BookHeld as lost:
            self._lost = lost
        return items

    def _hold(self, records: list[Record]) -> None:
        self._held += records
        for record in records:
            event = record.event
            self._rows.append((event.seq, event.at, tag(type(event)), record.body))
            self._versions += [pack(text) for text in record.texts]

    def _put_down(self) -> Path | None:
        return self._spill.keep(self._rows, self._versions, before=self._before)

    def _commit(self) -> BookError | None:
        try:
            self._check_ours()
            # A connection that failed to flush may believe that it did: a new one starts from what is on the disk.
            if self._connection is None:
                self._connection = connect(self._file)
                self._opened = self._file.stat()
            with self._connection:
                # What a commit that seemed to fail did write is there already, under the same number.
                add_rows(self._connection, self._rows, self._versions)
        except BookHeld as lost:
            self._lost = lost
            self._close()
            self._put_down()
            return lost
        except (sqlite3.Error, BookError, OSError) as error:
            if not isinstance(error, BookGone):  # else it has all there was, and may come back
                self._close()
            kept = self._put_down()
            where = f"in memory and in {kept}" if kept is not None else "in memory"
            if isinstance(error, sqlite3.DatabaseError) and tells_damage(error):
                return BookUnsaved(
                    f"The record {self._file} is damaged ({error}). What came since is held {where}: close the studio "
                    "and open the book again, and the record is mended."
                )
            then = "it is back" if isinstance(error, BookGone) else "there is room"
            return BookUnsaved(
                f"The record {self._file} can't be written ({error}). What came since is held {where}, and the run "
                f"goes on by itself when {then}."
            )
        if self._failed:
            self._spill.clear()
        done, self._held = self._held, []
        self._rows, self._versions, self._before = [], [], done[-1].body
        self._committed(done)
        return None

    def _check_ours(self) -> None:
        """Raises `BookHeld`; `BookGone` where what is written would not be found again by who opens the book."""
        if self._lost is not None:
            raise self._lost
        self._lock.check()
        is_here = self._lock.is_at(self._file.with_name(LOCK))
        if self._connection is None and not is_here:
            raise BookGone("its folder is not where it was")
        if self._lock.is_removed() or (self._connection is not None and is_here and not self._is_the_same()):
            raise BookGone("it was removed, or another file put in its place")

    def _is_the_same(self) -> bool:
        """SQLite writes on into a file that has no name any more, and calls it done."""
        try:
            return os.path.samestat(self._file.stat(), self._opened)
        except OSError:
            return False

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

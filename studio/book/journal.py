"""The record of a book: every event in order and every version of every file, in one SQLite database.

`append` never waits for the disk; a writer thread commits, and `durable` waits for it. Deltas are grouped: neighbours of
one kind become one record, at the latest 250 ms after the first of them.
"""

import asyncio
import hashlib
import queue
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from studio import events as ev
from studio.book.layout import STUDIO, make_studio_folder
from studio.book.lock import BookLock
from studio.book.recovery import SCHEMA_VERSION, connect, is_sound, set_aside_and_recover
from studio.errors import BookError, BookUnsaved

GROUPED = 0.25  # seconds a delta may wait for its neighbours

FILE = "journal.db"


def sha256_of(text: str) -> str:
    """The name of a version: SHA-256 of its UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Record(msgspec.Struct):
    """One transaction's worth: an event and the texts it is about."""

    event: ev.Event
    body: bytes  # the event encoded: what can't be encoded is refused where it was published
    texts: tuple[str, ...] = ()


class _Flush(msgspec.Struct):
    """Asks the writer to say when everything before it is committed."""

    done: Callable[[BookUnsaved | None], object]


class JournalReader:
    """What can be read of a journal, by its writer and by those who only follow."""

    def __init__(self, root: Path) -> None:
        self._file = root / STUDIO / FILE

    def read(self, after: int = 0) -> Iterator[ev.AnyEvent]:
        """Every committed event with a seq greater than `after`, in order. Raises `BookError`."""
        try:
            connection = connect(self._file, read_only=True)
        except sqlite3.Error as error:
            raise BookError(
                f"The record {self._file} can't be read ({error}); the chapters are files of their own."
            ) from error
        try:
            rows = connection.execute("SELECT body FROM events WHERE seq > ? ORDER BY seq", (after,))
            for (body,) in rows:
                yield ev.decode(body)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise BookError(
                f"The record {self._file} can't be read ({error}); the chapters are files of their own."
            ) from error
        finally:
            connection.close()

    def text(self, sha256: str) -> str:
        """The version of that name. Raises `BookError` when there is none."""
        connection = connect(self._file, read_only=True)
        try:
            row = connection.execute("SELECT body FROM versions WHERE sha256 = ?", (sha256,)).fetchone()
        finally:
            connection.close()
        if row is None:
            raise BookError(f"The record has no version {sha256[:12]}; `studio history` shows those it has.")
        return zlib.decompress(row[0]).decode("utf-8")

    async def close(self) -> None:
        """Nothing is held between two reads."""


class Journal(JournalReader):
    """The one writer of a book's record."""

    def __init__(self, root: Path, lock: BookLock, *, clock: Callable[[], float], recovered: str) -> None:
        super().__init__(root)
        self.recovered = recovered  # what was found broken and mended, for the author; "" normally
        self._lock = lock
        self._clock = clock
        self._readers: list[ev.Reader] = []
        self._group: list[str] = []
        self._group_of: ev.Delta | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsaved: dict[str, str] = {}  # versions queued, not committed yet
        self._queue: queue.SimpleQueue[_Record | _Flush | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        connection = connect(self._file)
        self._seq: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        self._writer = _Writer(self._file, connection, self._queue, self._committed)
        self._writer.start()

    @classmethod
    def open(cls, root: Path, *, clock: Callable[[], float] = time.time) -> "Journal":
        """Take the book: its lock, its record, mended if it is broken.

        Raises:
            BookHeld: another studio is writing it.
            BookError: the folder can't be written, or a newer studio made the record.
        """
        try:
            make_studio_folder(root)
        except OSError as error:
            raise BookError(
                f"{root} can't be written ({error.strerror}); mend its permissions or free some room."
            ) from error
        lock = BookLock.take(root / STUDIO / "lock")
        file = root / STUDIO / FILE
        try:
            recovered = "" if is_sound(file) else set_aside_and_recover(file)
            return cls(root, lock, clock=clock, recovered=recovered)
        except (sqlite3.Error, OSError) as error:
            lock.release()
            raise BookError(
                f"The record {file} can't be opened ({error}); free some room or mend its permissions."
            ) from error
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def open_readonly(root: Path) -> JournalReader:
        """Read a record that another studio may be writing."""
        return JournalReader(root)

    # --- writing --------------------------------------------------------------------------------------------------

    def append(self, event: ev.Event, *texts: str) -> ev.Event:
        """Take an event in, with the texts it is about as versions, as one transaction; returns it stamped.

        A delta is grouped with its neighbours and comes back unstamped. Call it in the loop's thread.
        """
        if isinstance(event, ev.DELTAS):
            self._append_delta(event)
            return event
        self._close_group()
        stamped = self._stamp(event)
        for text in texts:
            self._unsaved[sha256_of(text)] = text
        self._queue.put(_Record(stamped, ev.encode(stamped), texts))
        return stamped

    def _append_delta(self, event: ev.Delta) -> None:
        kind = self._group_of
        if kind is not None and (
            type(kind) is not type(event) or getattr(kind, "file", "") != getattr(event, "file", "")
        ):
            self._close_group()
            kind = None
        if kind is None:
            self._group_of = event
            self._timer = self._running_loop().call_later(GROUPED, self._close_group)
        self._group.append(event.text)

    def _close_group(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group_of is not None:
            whole = self._stamp(msgspec.structs.replace(self._group_of, text="".join(self._group)))
            self._group_of = None
            self._group.clear()
            self._queue.put(_Record(whole, ev.encode(whole)))

    def _stamp(self, event: ev.Event) -> ev.Event:
        self._seq += 1
        return msgspec.structs.replace(event, seq=self._seq, at=round(self._clock(), 3))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def durable(self) -> None:
        """Wait until everything appended so far is on disk.

        Raises:
            BookUnsaved: the disk could not take it. It is held in memory; the next call tries again.
        """
        self._close_group()
        loop = self._running_loop()
        waiting: asyncio.Future[None] = loop.create_future()

        def settle(error: BookUnsaved | None) -> None:
            if waiting.done():
                return
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)

        self._queue.put(_Flush(lambda error: loop.call_soon_threadsafe(settle, error)))
        await waiting

    def on_committed(self, reader: ev.Reader) -> None:
        """Call `reader` in the loop's thread with every event once it is on disk, in order."""
        self._running_loop()
        self._readers.append(reader)

    def _committed(self, records: list[_Record]) -> None:
        """Called in the writer's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, records)

    def _tell(self, records: list[_Record]) -> None:
        for record in records:
            for text in record.texts:
                self._unsaved.pop(sha256_of(text), None)
            for reader in self._readers:
                reader(record.event)

    def text(self, sha256: str) -> str:
        """The version of that name, also one not committed yet. Raises `BookError` when there is none."""
        text = self._unsaved.get(sha256)
        return super().text(sha256) if text is None else text

    async def close(self) -> None:
        """Commit what is held, end the writer, let go of the book. Raises `BookUnsaved`."""
        try:
            await self.durable()
            await asyncio.sleep(0)  # the readers hear of the last commit
        finally:
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            self._lock.release()


class _Writer(threading.Thread):
    """The one thread that writes. What could not be written is kept in order and tried again at the next flush."""

    def __init__(
        self,
        file: Path,
        connection: sqlite3.Connection,
        todo: "queue.SimpleQueue[_Record | _Flush | None]",
        committed: Callable[[list[_Record]], None],
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self._file = file
        self._connection: sqlite3.Connection | None = connection
        self._todo = todo
        self._committed = committed
        self._held: list[_Record] = []

    def run(self) -> None:
        """Commit until told to end."""
        while True:
            items = [self._todo.get()]
            while not self._todo.empty():
                items.append(self._todo.get())
            error = None
            flushes = [item for item in items if isinstance(item, _Flush)]
            self._held.extend(item for item in items if isinstance(item, _Record))
            if self._held:
                error = self._commit()
            for flush in flushes:
                flush.done(error)
            if None in items:
                self._close()
                return

    def _commit(self) -> BookUnsaved | None:
        rows = [
            (record.event.seq, record.event.at, type(record.event).__struct_config__.tag, record.body)
            for record in self._held
        ]
        versions = [
            (sha256_of(text), len(body), zlib.compress(body, 6))
            for record in self._held
            for text in record.texts
            for body in [text.encode("utf-8", "replace")]
        ]
        try:
            # A connection that failed to flush may believe that it did: a new one starts from what is on the disk.
            if self._connection is None:
                self._connection = connect(self._file)
            with self._connection:
                self._connection.executemany("INSERT OR IGNORE INTO versions VALUES (?, ?, ?)", versions)
                self._connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._close()
            return BookUnsaved(
                f"The record {self._file} can't be written ({error}). What came since is held in memory: free some room, "
                "then resume."
            )
        done, self._held = self._held, []
        self._committed(done)
        return None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Peek(msgspec.Struct, kw_only=True):
    """What can be said of a book without opening it."""

    title: str = ""
    last: ev.AnyEvent | None = None  # the last event that changed the state of the run
    touched: float = 0.0  # seconds since the epoch, of the last event
    held: bool = False  # a studio is writing it now
    readable: bool = True


_STATES = ("run_started", "step_started", "paused", "run_finished", "run_failed", "question_asked")


def peek(root: Path) -> Peek:
    """Look at a book's record without a lock and without writing; a broken one is told as such."""
    file = root / STUDIO / FILE
    if not file.exists():
        return Peek()
    held = BookLock.is_held(root / STUDIO / "lock")
    try:
        connection = connect(file, read_only=True)
        try:
            title = connection.execute(
                "SELECT body FROM events WHERE kind = 'title_given' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            marks = ", ".join("?" * len(_STATES))
            last = connection.execute(
                f"SELECT body FROM events WHERE kind IN ({marks}) ORDER BY seq DESC LIMIT 1", _STATES
            ).fetchone()
            touched = connection.execute("SELECT at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        finally:
            connection.close()
        named = ev.decode(title[0]) if title else None
        return Peek(
            title=named.title if isinstance(named, ev.TitleGiven) else "",
            last=ev.decode(last[0]) if last else None,
            touched=touched[0] if touched else 0.0,
            held=held,
        )
    except (sqlite3.Error, msgspec.DecodeError):
        return Peek(held=held, readable=False, touched=file.stat().st_mtime)


__all__ = ["SCHEMA_VERSION", "Journal", "JournalReader", "Peek", "peek", "sha256_of"]

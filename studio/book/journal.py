"""The record of a book: every event in order and every version of every file, in one SQLite database.

`append` never waits for the disk; a writer thread commits, and `durable` waits for it. Deltas are grouped: neighbours
of one kind become one record, at the latest 250 ms after the first of them.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from studio import events as ev
from studio.book.committing import Flush, Record, Writer
from studio.book.layout import STUDIO, make_studio_folder, refuse_odd_file
from studio.book.lock import BookLock
from studio.book.pruning import KEEP, LIMIT, Pruned, prunable, remove_versions
from studio.book.pruning import KINDS as PRUNING_KINDS
from studio.book.reading import FILE, LOCK, JournalReader, Peek, peek, sha256_of, size_of
from studio.book.recovery import connect, finish_recovery, is_sound, set_aside_and_recover
from studio.book.spill import Spill, take_back
from studio.errors import BookError, BookGone

log = logging.getLogger(__name__)

GROUPED = 0.25  # seconds a delta may wait for its neighbours

__all__ = ["Journal", "JournalReader", "Peek", "peek", "sha256_of"]


def _is_emptied(book: Path) -> bool:
    """Whether the record of a book that has files already holds nothing at all, and no log stands beside it."""
    file = book / STUDIO / FILE
    try:
        is_empty = file.stat().st_size == 0
    except OSError:
        return False
    return is_empty and not Path(f"{file}-wal").exists() and any(book.glob("*.md"))


def _make_private(file: Path, *, new: bool) -> None:
    """SQLite follows links, and makes a file that others may read. Raises `OSError`."""
    if refuse_odd_file(file):
        if file.stat().st_mode & 0o077:
            with contextlib.suppress(PermissionError):  # another's, or a file system that has no modes
                file.chmod(0o600)
    elif new:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


class Journal(JournalReader):
    """The one writer of a book's record."""

    def __init__(
        self, root: Path, lock: BookLock, *, clock: Callable[[], float], recovered: str, spill: Spill, limit: int
    ) -> None:
        super().__init__(root)
        self._limit = limit
        self._lock = lock
        self._clock = clock
        self._readers: list[ev.Reader] = []
        self._group: list[str] = []
        self._group_of: ev.Delta | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsaved: dict[str, str] = {}  # versions queued, not committed yet
        self._queue: queue.SimpleQueue[Record | Flush | None] = queue.SimpleQueue()
        self._committed: deque[Record] = deque()  # on disk, and the readers not told yet
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._on_refused: Callable[[BookError], None] | None = None
        connection = connect(self._file)
        taken_back = take_back(connection, spill, root.name, mended=bool(recovered))
        self.recovered = " ".join(part for part in (recovered, taken_back) if part)
        self._seq: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        self._writer = Writer(self._file, connection, lock, spill, self._queue, self._on_commit, self._on_refusal)
        self._writer.start()

    @classmethod
    def open(
        cls,
        book: Path,
        *,
        clock: Callable[[], float] = time.time,
        spill_folders: Iterable[Path] = (),
        limit: int = LIMIT,
    ) -> "Journal":
        """Take the book: its lock, its record, mended if it is broken. `recovered` says what was, for the author.

        Args:
            spill_folders: on other disks, for what this one refuses; with what an earlier studio left there.
            limit: bytes of versions from which the record is pruned when it is closed.

        Raises:
            BookHeld: another studio is writing it.
            BookError: the folder can't be written, or a newer studio made the record.
        """
        emptied = _is_emptied(book)
        try:
            make_studio_folder(book)
            refuse_odd_file(book / STUDIO / "lock")
            for ending in ("", "-wal", "-shm"):
                _make_private(book / STUDIO / f"{FILE}{ending}", new=not ending)
        except OSError as error:
            raise BookError(
                f"{book} can't be written ({error.strerror}); mend its permissions or free some room."
            ) from error
        lock = BookLock.take(book / STUDIO / LOCK)
        file = book / STUDIO / FILE
        try:
            recovered = finish_recovery(file) or ("" if is_sound(file) else set_aside_and_recover(file))
            if emptied and not recovered:
                recovered = (
                    f"The record of {book.name} was empty: its history begins anew, and the chapters are untouched. "
                    "If there is a copy of .studio/journal.db somewhere, put it back while no studio is open."
                )
            return cls(book, lock, clock=clock, recovered=recovered, spill=Spill(spill_folders, book), limit=limit)
        except (sqlite3.Error, OSError) as error:
            lock.release()
            raise BookError(
                f"The record {file} can't be opened ({error}); free some room or mend its permissions."
            ) from error
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def open_readonly(book: Path) -> JournalReader:
        """Read a record that another studio may be writing."""
        return JournalReader(book)

    # --- writing --------------------------------------------------------------------------------------------------

    def append(self, event: ev.Event, *texts: str) -> ev.Event:
        """Take an event in, with the texts it is about as versions, as one transaction; returns it stamped.

        A delta is grouped with its neighbours and has no `seq` yet; the first of a group has its `at`. Call it in the
        loop's thread.

        Raises:
            BookError: the journal is closed.
        """
        if self._closed:
            raise BookError(f"The record {self._file} is closed; nothing more can be written into it.")
        if isinstance(event, ev.DELTAS):
            return self._append_delta(event)
        self._close_group()
        return self._take_in(event, texts)

    def _take_in(self, event: ev.Event, texts: tuple[str, ...] = ()) -> ev.Event:
        self._find_loop()
        stamped = msgspec.structs.replace(event, seq=self._seq + 1, at=self._now())
        try:
            body = ev.encode(stamped)
        except UnicodeEncodeError:  # half a character, as a terminal or a file name can bring it
            stamped = msgspec.convert(_whole_characters(msgspec.to_builtins(stamped)), type(stamped))
            body = ev.encode(stamped)
        self._seq += 1
        for text in texts:
            self._unsaved[sha256_of(text)] = text
        self._queue.put(Record(stamped, body, texts))
        return stamped

    def _append_delta(self, event: ev.Delta) -> ev.Delta:
        kind = self._group_of
        if kind is not None and (
            type(kind) is not type(event) or getattr(kind, "file", "") != getattr(event, "file", "")
        ):
            self._close_group()
            kind = None
        if kind is None:
            self._group_of = event = msgspec.structs.replace(event, at=self._now())
            self._timer = asyncio.get_running_loop().call_later(GROUPED, self._close_group)
        self._group.append(event.text)
        return event

    def _now(self) -> float:
        return round(self._clock(), 3)

    def _close_group(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group_of is not None:
            whole = msgspec.structs.replace(self._group_of, text="".join(self._group))
            self._group_of = None
            self._group.clear()
            self._take_in(whole)

    def _find_loop(self) -> None:
        if self._loop is None:
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # appended before the loop runs: the readers are told at the first `durable`

    async def durable(self) -> None:
        """Wait until everything appended so far is on disk, and the readers of `on_committed` know.

        Raises:
            BookUnsaved: the disk could not take it. It is held in memory; the next call tries again.
            BookHeld: another studio took the book over; nothing more is written.
        """
        self._close_group()
        loop = self._loop = asyncio.get_running_loop()
        if self._closed:
            return
        waiting: asyncio.Future[BookError | None] = loop.create_future()

        def settle(error: BookError | None) -> None:
            try:
                self._tell()
            finally:
                if not waiting.done():
                    waiting.set_result(error)

        self._queue.put(Flush(lambda error: self._in_loop(settle, error)))
        error = await waiting
        if error is not None:
            raise error

    def on_committed(self, reader: ev.Reader) -> None:
        """Call `reader` in the loop's thread with every event once it is on disk, in order."""
        self._readers.append(reader)

    def on_refused(self, reader: Callable[[BookError], None]) -> None:
        """Call `reader` in the loop's thread when the disk begins to refuse what is appended."""
        self._on_refused = reader

    def _on_refusal(self, error: BookError) -> None:
        """Called in the writer's thread."""
        if self._on_refused is not None:
            self._in_loop(self._on_refused, error)

    def _on_commit(self, records: list[Record]) -> None:
        """Called in the writer's thread."""
        self._committed.extend(records)
        self._in_loop(self._tell)

    def _in_loop(self, call: Callable[..., object], *arguments: object) -> None:
        """From the writer's thread into the loop's; a loop that has ended hears no more."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    def _tell(self) -> None:
        while self._committed:
            record = self._committed.popleft()
            for text in record.texts:
                self._unsaved.pop(sha256_of(text), None)
            for reader in self._readers:
                reader(record.event)

    def text(self, sha256: str) -> str:
        """The version of that name, also one not committed yet. Raises `BookError` when there is none."""
        text = self._unsaved.get(sha256)
        return super().text(sha256) if text is None else text

    def has_text(self, sha256: str) -> bool:
        """Whether there is a version of that name, also one not committed yet. Raises `BookError`."""
        return sha256 in self._unsaved or super().has_text(sha256)

    def _select(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        if not self._closed and not self._lock.is_at(self._file.with_name(LOCK)):
            raise BookGone(f"The book's folder {self._file.parent.parent} is not where it was; put it back.")
        return super()._select(query, *values)

    async def close(self) -> None:
        """Commit what is held, end the writer, let go of the book; a second time does nothing. Raises `BookUnsaved`."""
        if self._closed:
            return
        is_saved = False
        try:
            await self.durable()
            is_saved = True
        finally:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            self._tell()
            if is_saved:
                await asyncio.to_thread(self._prune_large)
            self._lock.release()

    # --- room -----------------------------------------------------------------------------------------------------

    def names(self) -> set[str]:
        """SHA-256 of every version there is, also one not committed yet. Raises `BookError`."""
        return super().names() | set(self._unsaved)

    async def prune(self, keep: int = KEEP) -> Pruned:
        """Take out old versions of the agent's that nobody needs; see `prunable`. No write may be under way.

        Raises:
            BookError: the disk refused; nothing is gone.
        """
        await self.durable()
        return await asyncio.to_thread(self._prune, keep)

    def _prune(self, keep: int) -> Pruned:
        return remove_versions(self._file, prunable(self.of(*PRUNING_KINDS), keep=keep))

    def _prune_large(self) -> None:
        """Everything is saved, and the book is ours still: the time when it does no harm."""
        try:
            self._lock.check()
            is_here = self._lock.is_at(self._file.with_name(LOCK))
            if is_here and size_of(self._file) > self._limit and self.space().size > self._limit:
                pruned = self._prune(KEEP)
                log.info("%d old versions pruned, %d bytes freed", pruned.versions, pruned.freed)
        except BookError as error:
            log.warning("%s", error)


def _whole_characters(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case list() | tuple():
            return [_whole_characters(item) for item in value]
        case dict():
            return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
        case _:
            return value

"""The author's saves: found by content, whatever way an editor saves, and never mistaken for the agent's writes."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from itertools import pairwise

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import sha256_of
from studio.book.leavings import copied_from
from studio.book.ledger import Ledger
from studio.book.locks import Locks
from studio.book.saves import diff_of, record_author
from studio.errors import BookError

__all__ = ["Watcher", "diff_of"]

log = logging.getLogger(__name__)

RESCAN = 2.0  # seconds between two scans of our own: events of the system can be lost in silence
REHASH = 60.0  # seconds between two scans that trust no time stamp
SETTLED = 0.1  # seconds after which an empty or missing file is believed: editors truncate, then write
FRESH = 2.0  # seconds a time stamp is not trusted: two saves within its grain look the same

_Mark = tuple[int, int, int, int]  # mtime and ctime in ns, size, inode; a program can set back only the first


class Watcher:
    """Compares the folder with the ledger. File events are hints to look, nothing more."""

    def __init__(
        self,
        folder: Folder,
        ledger: Ledger,
        text_of: Callable[[str], str],
        record: ev.Record,
        *,
        rescan: float = RESCAN,
        rehash: float = REHASH,
        hints: bool = True,
        locks: Locks | None = None,
    ) -> None:
        """`rescan`, `rehash` in seconds; `hints` False: only our own scans, as where the system has no file events."""
        self._folder = folder
        self._ledger = ledger
        self._text_of = text_of
        self._record = record
        self._locks = locks or Locks(folder.root)
        self._rescan = rescan
        self._rehash = rehash
        self._use_hints = hints
        self._seen: dict[str, _Mark] = {}
        self._blank: dict[str, _Mark | None] = {}  # files found empty or missing in this scan, as they were then
        self._scanning = asyncio.Lock()

    async def scan(self, full: bool = False) -> list[ev.AuthorEdited]:
        """Look at every file once; returns what the author changed.

        Args:
            full: read every file, also those whose times, size and inode are as they were.

        Raises:
            BookError: the book's folder can't be read.
        """
        async with self._scanning:
            found, copies = await asyncio.to_thread(self._news, self._ledger.files(), full)
            if any(not text for text in found.values()):
                await asyncio.sleep(SETTLED)
            self._note_locks()
            self._note_copies(copies)
            found = self._without_renamed(found)
            # Between the look and here an agent's write may have come: what counts is the file as it is now.
            return [edited for file in found if (edited := self._take(file)) is not None]

    def _note_locks(self) -> None:
        """Record what the author locked or unlocked in book.yaml."""
        locked = self._locks.patterns()
        if locked != self._ledger.locked:
            self._record(ev.LocksChanged(files=locked))

    def _note_copies(self, copies: list[str]) -> None:
        """Record once each second version that a sync program left."""
        for file in copies:
            if not self._ledger.is_told_copy(file):
                folder, slash, last = file.rpartition("/")
                self._record(ev.ConflictCopyFound(file=file, of=folder + slash + copied_from(last)))

    def _without_renamed(self, found: dict[str, str | None]) -> dict[str, str | None]:
        """`found` less the files that only got another name, which is recorded: one gone, one new with its text.

        Also where that name was another's, which got a new one, too, and so on: chapters that make room for one more.
        """
        gone = [file for file, text in found.items() if text is None and self._is_gone(file)]
        names: dict[str, list[str]] = {}
        for file, text in found.items() if gone else ():
            if text:
                names.setdefault(sha256_of(text), []).append(file)
        for file in gone:
            chain = [file]
            while (sha256 := self._ledger.disk(chain[-1])) and len(to := names.get(sha256, [])) == 1:
                if to[0] in chain or self._folder.stat(to[0]) is None:
                    break
                chain.append(to[0])
            if not sha256:  # the last name was nobody's
                for old, new in reversed(list(pairwise(chain))):
                    self._record(ev.AuthorRenamed(file=old, to=new))
                found = {name: text for name, text in found.items() if name not in chain}
                names = {text: [name for name in those if name not in chain] for text, those in names.items()}
        return found

    def _is_gone(self, file: str) -> bool:
        return self._ledger.disk(file) != "" and self._folder.stat(file) is None

    def _news(self, known: list[str], full: bool) -> tuple[dict[str, str | None], list[str]]:
        """Files that hold something we don't know, and what; and sync programs' copies.

        In a thread: the ledger may be a moment old.
        """
        self._blank.clear()
        names, copies = self._folder.listing()
        news: dict[str, str | None] = {}
        for file in names:
            mark = self._mark(file)
            if full or mark is None or self._seen.get(file) != mark:
                self._look(file, mark, news)
        for file in sorted({*known} - {*names} - {*copies}):
            self._look(file, None, news)
        return news, copies

    def _look(self, file: str, mark: _Mark | None, news: dict[str, str | None]) -> None:
        self._seen.pop(file, None)
        try:
            text = self._folder.read(file)
        except BookError:
            text_known = True  # not UTF-8, or no plain file: left alone
        else:
            sha256 = "" if text is None else sha256_of(text)
            text_known = sha256 == self._ledger.disk(file)
            if not text_known and sha256 not in self._ledger.expected(file):
                news[file] = text
                if not text:
                    self._blank[file] = mark
        if text_known and mark is not None and time.time() - max(mark[:2]) / 1e9 > FRESH:
            self._seen[file] = mark

    def _mark(self, file: str) -> _Mark | None:
        status = self._folder.stat(file)
        return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino) if status else None

    def _take(self, file: str) -> ev.AuthorEdited | None:
        """Record the file as it is now, unless it turned out to be what we know."""
        try:
            text = self._folder.read(file)
        except BookError:
            return None
        if not text and self._blank.get(file, ()) != self._mark(file):
            return None  # an editor that truncates and is about to write; the next scan looks again
        sha256, known = "" if text is None else sha256_of(text), self._ledger.disk(file)
        if sha256 == known or sha256 in self._ledger.expected(file):
            return None
        saved_at = self._folder.saved_at(self._folder.root / file)
        return record_author(self._record, file, text, self._before(known), saved_at=saved_at)

    def _before(self, sha256: str) -> str:
        try:
            return self._text_of(sha256) if sha256 else ""
        except BookError as error:  # a damaged record has lost it: the whole text is the difference
            log.warning("%s", error)
            return ""

    async def watch(self) -> None:
        """Scan now and then whenever something may have changed, until cancelled."""
        changed = asyncio.Event()
        hints = asyncio.create_task(self._hints(changed)) if self._use_hints else None
        rehashed = time.monotonic()
        try:
            while True:
                full = time.monotonic() - rehashed > self._rehash
                if full:
                    rehashed = time.monotonic()
                try:
                    await self.scan(full=full)
                except BookError as error:
                    log.warning("%s", error)
                await wait_up_to(self._rescan, changed)
                changed.clear()
        finally:
            if hints is not None:
                hints.cancel()
                await asyncio.wait([hints])

    async def _hints(self, changed: asyncio.Event) -> None:
        """Set `changed` at every file event; without them (no inotify left, the folder moved) the scans go on."""
        while True:
            try:
                moved = asyncio.Event()
                watching = asyncio.create_task(self._stop_when_moved(moved))
                try:
                    await self._hint_until(moved, changed)
                finally:
                    watching.cancel()
                    await asyncio.wait([watching])
            except (OSError, RuntimeError) as error:
                log.warning("file events are not to be had (%s); looking every %g s instead", error, self._rescan)
            await asyncio.sleep(self._rescan)

    async def _hint_until(self, moved: asyncio.Event, changed: asyncio.Event) -> None:
        from watchfiles import awatch

        studio = os.path.join(self._folder.root.absolute(), ".studio")  # noqa: PTH118
        async for _ in awatch(
            self._folder.root,
            step=20,
            debounce=100,
            stop_event=moved,
            watch_filter=lambda _, path: not path.startswith(studio),
            ignore_permission_denied=True,
        ):
            changed.set()

    async def _stop_when_moved(self, moved: asyncio.Event) -> None:
        """A folder renamed and made again is another one to the system, which says nothing about it."""
        first = self._root_inode()
        while True:
            await asyncio.sleep(self._rescan)
            if self._root_inode() != first:
                moved.set()
                return

    def _root_inode(self) -> int:
        try:
            return self._folder.root.stat().st_ino
        except OSError:
            return 0


async def wait_up_to(seconds: float, event: asyncio.Event) -> None:
    """Wait for the event, at most so long.

    Not `asyncio.wait_for`: in Python 3.11 it swallows a cancellation that comes together with the event, and a studio
    that is closed while the author saves would never end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

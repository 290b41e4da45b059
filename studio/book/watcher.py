"""The author's saves: found by content, whatever way an editor saves, and never mistaken for the agent's writes."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import sha256_of
from studio.book.ledger import Ledger
from studio.book.manuscript import record_author
from studio.errors import BookError

log = logging.getLogger(__name__)

RESCAN = 2.0  # seconds between two scans of our own: events of the system can be lost in silence
REHASH = 60.0  # seconds between two scans that trust no time stamp
SETTLED = 0.1  # seconds after which an empty or missing file is believed: editors truncate, then write

_Mark = tuple[int, int, int]  # mtime in ns, size, inode


class Watcher:
    """Compares the folder with the ledger. File events are hints to look, nothing more."""

    def __init__(self, folder: Folder, ledger: Ledger, text_of: Callable[[str], str], record: ev.Record) -> None:
        self._folder = folder
        self._ledger = ledger
        self._text_of = text_of
        self._record = record
        self._seen: dict[str, _Mark] = {}
        self._scanning = asyncio.Lock()

    async def scan(self, *, full: bool = False) -> int:
        """Look at every file once; returns how many the author changed.

        Args:
            full: read every file, also those whose time, size and inode are as they were.
        """
        async with self._scanning:
            changed = [file for file in await asyncio.to_thread(self._candidates, full) if not self._is_known(file)]
            if not changed:
                return 0
            doubtful = [file for file in changed if not self._read(file)]
            if doubtful:
                await asyncio.sleep(SETTLED)
            return sum(self._take(file) for file in changed)

    def _candidates(self, full: bool) -> list[str]:
        """Files that may have changed since we looked."""
        found = []
        names = self._folder.names()
        for file in names:
            status = self._folder.stat(file)
            mark = (status.st_mtime_ns, status.st_size, status.st_ino) if status else None
            if full or mark is None or self._seen.get(file) != mark:
                found.append(file)
            if mark is not None:
                self._seen[file] = mark
        gone = set(self._ledger.files()) - set(names)
        for file in gone:
            self._seen.pop(file, None)
        return [*found, *sorted(gone)]

    def _read(self, file: str) -> str | None:
        try:
            return self._folder.read(file)
        except BookError as error:
            log.warning("%s", error)
            return None

    def _is_known(self, file: str) -> bool:
        try:
            text = self._folder.read(file)
        except BookError:
            return True  # not UTF-8, or not readable: left alone
        sha256 = "" if text is None else sha256_of(text)
        return sha256 == self._ledger.disk(file) or sha256 in self._ledger.expected(file)

    def _take(self, file: str) -> bool:
        """Record the file as it is now, unless it turned out to be what we know."""
        if self._is_known(file):
            return False
        known = self._ledger.disk(file)
        before = self._text_of(known) if known else ""
        record_author(self._record, file, self._folder.read(file), before)
        return True

    async def watch(self) -> None:
        """Scan now and then whenever something may have changed, until cancelled."""
        changed = asyncio.Event()
        hints = asyncio.create_task(self._hints(changed))
        rehashed = time.monotonic()
        try:
            while True:
                full = time.monotonic() - rehashed > REHASH
                if full:
                    rehashed = time.monotonic()
                try:
                    await self.scan(full=full)
                except (BookError, OSError) as error:
                    log.warning("the book's folder could not be read: %s", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), RESCAN)
                changed.clear()
        finally:
            hints.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hints

    async def _hints(self, changed: asyncio.Event) -> None:
        """Set `changed` at every file event; without them (no inotify left, the folder moved) the scans go on."""
        from watchfiles import awatch

        studio = str(self._folder.root / ".studio")
        while True:
            try:
                async for _ in awatch(
                    self._folder.root,
                    step=20,
                    debounce=100,
                    watch_filter=lambda _, path: not path.startswith(studio),
                    ignore_permission_denied=True,
                ):
                    changed.set()
            except (OSError, RuntimeError) as error:
                log.warning("file events are not to be had (%s); looking every %.0f s instead", error, RESCAN)
            await asyncio.sleep(RESCAN)

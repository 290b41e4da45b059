"""A disk that refuses: the run is told at once, stands still at its next gate, and goes on when there is room."""

import asyncio

from studio import events as ev
from studio.agent.controls import Controls
from studio.book.files import Folder
from studio.book.journal import Journal
from studio.errors import BookError, BookHeld

FIRST, LONGEST = 1.0, 15.0  # seconds between two looks whether there is room again


class DiskWatch:
    """Pauses the run for the disk's sake, and ends that pause. Nothing is lost meanwhile: it is held in memory."""

    def __init__(self, journal: Journal, folder: Folder, controls: Controls, record: ev.Record) -> None:
        self._journal = journal
        self._folder = folder
        self._controls = controls
        self._record = record
        self._looking: asyncio.Task[None] | None = None
        self._delay = FIRST
        journal.on_refused(self.refused)

    def refused(self, error: BookError) -> None:
        """The disk refused something: say so, and begin to look whether it takes it now."""
        if isinstance(error, BookHeld):  # there is nothing to wait for; `durable` says it
            return
        self._controls.pause(str(error), by="disk")
        if self._looking is None or self._looking.done():
            self._record(ev.DiskFault(error=str(error)))
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def worked(self) -> None:
        """The disk takes what it is given: the next refusal is a new one."""
        self._delay = FIRST

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, LONGEST)
            try:
                await self._journal.durable()
                await asyncio.to_thread(self._folder.probe)
            except BookHeld:
                break
            except BookError:
                continue
            self._record(ev.DiskBack())
            break
        self._controls.end_pause("disk")

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

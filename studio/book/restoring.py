"""Putting files back as they were: begun durably, carried on after a crash, and the author's act to everyone."""

import asyncio
from collections.abc import Mapping

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal, sha256_of
from studio.book.manuscript import Manuscript
from studio.errors import BookError, BookUnsaved


class Restoring:
    """Feed it every event in order; it knows which restore is unfinished. One at a time."""

    def __init__(self, folder: Folder, journal: Journal, manuscript: Manuscript, record: ev.Record) -> None:
        self._folder = folder
        self._journal = journal
        self._manuscript = manuscript
        self._record = record
        self._open: ev.RestoreBegun | None = None
        self._done: set[str] = set()  # ids of the writes of the open one that are on disk
        self._lock = asyncio.Lock()

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.RestoreBegun():
                self._open, self._done = event, set()
            case ev.AuthorEdited(id=id_) if id_:
                self._done.add(id_)
            case ev.RestoreFinished():
                self._open = None
            case _:
                pass

    async def restore(self, files: Mapping[str, str], why: str, *texts: str) -> None:
        """Put these files back; what is on disk becomes a version first, so that this can be taken back, too.

        Args:
            files: file -> SHA-256 of the version it gets; "" = it goes.
            why: what the author asked for, as a clause.
            texts: versions among them that are not in the record yet.

        Raises:
            BookError: some files could not be put back; the others were.
            BookUnsaved: the disk refused; the files that were not put back by then stay as they are.
        """
        if missing := [sha256 for sha256 in files.values() if sha256 and not self._is_there(sha256, texts)]:
            self._journal.text(missing[0])  # raises with the reason, before anything is touched
        async with self._lock:
            self._record(ev.RestoreBegun(files=dict(files), why=why), *texts)
            try:
                await self._carry_on()
            except BookUnsaved as error:
                # The book goes on, and what is written meanwhile is not to go when there is room some day.
                self._record(ev.RestoreFinished())
                raise type(error)(f"{error} Not every file was put back; ask for it again then.") from error

    def _is_there(self, sha256: str, texts: tuple[str, ...]) -> bool:
        return any(sha256_of(text) == sha256 for text in texts) or self._journal.has_text(sha256)

    async def settle(self) -> None:
        """After a crash, and after the manuscript has settled its writes: finish what was begun."""
        async with self._lock:
            await self._carry_on()

    async def _carry_on(self) -> None:
        begun = self._open
        if begun is None:
            return
        await self._journal.durable()
        refused: list[str] = []
        # What goes goes first: a file may come back under a name that differs from another's in case alone.
        for file, sha256 in sorted(begun.files.items(), key=lambda item: (item[1] != "", item[0])):
            id = f"restore.{begun.seq}.{file}"
            if id in self._done:
                continue  # the author may have changed it since
            try:
                text = self._journal.text(sha256) if sha256 else None
                await self._manuscript.put_back(id, self._folder.name(file, is_authors=True), text)
            except BookUnsaved:
                raise
            except BookError as error:
                refused.append(str(error))
        self._record(ev.RestoreFinished())
        await self._journal.durable()
        if refused:
            raise BookError(" ".join(refused))

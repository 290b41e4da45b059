"""A book opened, as the front ends see it: to work on, or to follow while another studio writes it."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from studio import events as ev
from studio.agent.board import KINDS, Board
from studio.agent.board_reading import known_from, known_of, read_board
from studio.agent.commands import Commands, Versions
from studio.agent.cowriting.stage import Cowriting
from studio.agent.open_book import OpenBook
from studio.agent.past import BookVersions, PastVersions
from studio.agent.run import STOPPED, Run
from studio.backends.backend import BackendChoice
from studio.book.files import Folder
from studio.book.journal import Journal
from studio.errors import BookError, BookHeld, BookUnsaved

log = logging.getLogger(__name__)

EMBEDDED_HINT = (
    "Writing with the embedded model, a small one on this machine: it shows what the studio does, not how well a book "
    "can be written. For a better one see `studio backends`."
)


class BookSession:
    """A book opened for writing."""

    held_by = ""

    def __init__(self, book: OpenBook, run: Run) -> None:
        self._book = book
        self._run = run
        self._versions = BookVersions(book)

    @property
    def root(self) -> Path:
        """The book's folder."""
        return self._book.root

    @property
    def run(self) -> Commands:
        """What the author can ask."""
        return self._run

    @property
    def versions(self) -> BookVersions:
        """The book's past."""
        return self._versions

    @property
    def recovered(self) -> str:
        """What was found wrong with the journal and mended, for the author; "" normally."""
        return self._book.journal.recovered

    @property
    def hint(self) -> str:
        """How to choose a better model, when this one is the embedded one; "" otherwise."""
        return EMBEDDED_HINT if self._run.backend_name == "embedded" else ""

    @property
    def failure(self) -> str:
        """Why the run failed, also when the record could not take it; "" otherwise."""
        return self._run.failure

    @property
    def question(self) -> str:
        """The oldest open question to the author, or ""."""
        return self._book.steering.questions.oldest

    async def board(self) -> Board:
        """The chapters as planned and as they stand now, and the bible."""
        known = known_of(self._book.ledger, self._book.chapters)
        return await asyncio.to_thread(read_board, self._book.folder, known)

    @property
    def cowriting(self) -> Cowriting:
        """Where the talk before the book stands."""
        return self._book.progress.cowriting

    def history(self) -> Iterator[ev.Event]:
        """Every event so far."""
        return iter(self._book.journal.read())

    def subscribe(self, reader: ev.Reader) -> None:
        """Every event from now on, as it happens."""
        self._book.stream.subscribe(reader)

    def subscribe_durable(self, reader: ev.Reader) -> None:
        """Every event from now on, once it is on disk."""
        self._book.journal.on_committed(reader)

    async def lock(self, file: str, *, locked: bool) -> None:
        """Lock a file against the agent, or unlock it."""
        await asyncio.to_thread(self._book.locks.turn, file, locked=locked)
        await self._book.watcher.scan()

    async def work(self) -> int:
        """Run until the book is finished, failed or stopped."""
        return await self._run.work()

    async def close(self) -> None:
        """Let go of the book."""
        await self._book.close()


class FollowingSession:
    """A book that another studio writes: its events as they reach the disk, and no commands."""

    recovered = ""

    def __init__(self, root: Path, held_by: str) -> None:
        self.root = root
        self.held_by = held_by
        self.run: Commands = _NoCommands()
        self._journal = Journal.open_readonly(root)
        self.versions: Versions = PastVersions(self._journal, held_by)
        self._readers: list[ev.Reader] = []
        self._seen = 0

    async def board(self) -> Board:
        """The chapters as planned and as they stand now, and the bible."""
        return await asyncio.to_thread(lambda: read_board(Folder(self.root), known_from(self._journal.of(*KINDS))))

    def history(self) -> Iterable[ev.Event]:
        """Every event so far; what can't be read now comes with those from now on."""
        try:
            for event in self._journal.read():
                self._seen = event.seq
                yield event
        except BookUnsaved as error:
            log.warning("%s", error)

    def subscribe(self, reader: ev.Reader) -> None:
        """Every event from now on, once the other studio has written it."""
        self._readers.append(reader)

    async def lock(self, file: str, *, locked: bool) -> None:
        """The other studio's to do."""
        raise BookHeld(self.held_by)

    async def work(self, every: float = 0.3) -> int:
        """Follow until cancelled or closed, also past a moment when the record can't be read: locked, moved, mended."""
        readable = True
        while self._readers:
            try:
                new = await asyncio.to_thread(lambda: list(self._journal.read(self._seen)))
            except BookError as error:
                if readable:
                    log.warning("%s", error)
                new, readable = [], False
            else:
                readable = True
            for event in new:
                self._seen = event.seq
                for reader in self._readers:
                    reader(event)
            await asyncio.sleep(every)
        return STOPPED

    async def close(self) -> None:
        """Stop following."""
        self._readers.clear()
        await self._journal.close()


class _NoCommands:
    """The commands of a book we only follow: each does nothing."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def interrupt(self) -> None: ...
    def note(self, text: str) -> None: ...
    def answer(self, text: str, id: str = "") -> None: ...
    def author_left(self) -> None: ...
    def retry(self) -> None: ...
    def switch(self, choice: BackendChoice, *, cut: bool = False) -> None: ...
    def gate(self, gate: ev.Gate) -> None: ...

    def go(self) -> None: ...
    def stop(self) -> None: ...

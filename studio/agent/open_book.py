"""A book opened for work: its files and journal, and the folds of everything that ever happened to it."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from studio import events as ev
from studio.agent.conversation import Conversation
from studio.agent.facts.watch import FactWatch
from studio.agent.gates import Gates
from studio.agent.guided.past import GuidedPast
from studio.agent.limits.loops import Loops
from studio.agent.limits.spending import Spending
from studio.agent.memory.decisions import Decisions
from studio.agent.progress import Progress
from studio.agent.reviews.chapters import Chapters
from studio.agent.steering import Steering
from studio.agent.stream import EventStream
from studio.book.files import Folder
from studio.book.history import History
from studio.book.journal import Journal
from studio.book.layout import BookSettings, load_settings
from studio.book.ledger import Ledger
from studio.book.locks import Locks
from studio.book.manuscript import Manuscript
from studio.book.restoring import Restoring
from studio.book.texts import texts
from studio.book.watcher import Watcher


class Fold(Protocol):
    """What is known of a book in one respect, from its events alone."""

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""


class OpenBook:
    """Opening, resuming and recovering are one path: replay the journal, then subscribe."""

    def __init__(
        self, root: Path, journal: Journal, settings: BookSettings, redact: Callable[[str], str] | None = None
    ) -> None:
        self.root = root
        self.journal = journal
        self.settings = settings
        self.stream = EventStream(journal, redact)
        self.record: ev.Record = self.stream.record
        self.folder = Folder(root)
        self.ledger = Ledger()
        self.conversation = Conversation()
        self.steering = Steering()
        self.facts = FactWatch(self.steering, self.record, journal.text, self.texts)
        self.progress = Progress()
        self.decisions = Decisions()
        self.spending = Spending()
        self.loops = Loops()
        self.gates = Gates()
        self.history = History()
        self.chapters = Chapters()
        self.guided = GuidedPast()
        self.locks = Locks(root)
        self.manuscript = Manuscript(self.folder, journal, self.ledger, self.record, locks=self.locks)
        self.restoring = Restoring(self.folder, journal, self.manuscript, self.record)
        self._of_all: tuple[Fold, ...] = (
            self.ledger,
            self.conversation,
            self.steering,
            self.facts,
            self.progress,
            self.decisions,
            self.spending,
            self.loops,
            self.gates,
            self.history,
            self.chapters,
            self.guided,
            self.restoring,
        )
        # Deltas come by the thousand, and to the others they say nothing.
        self._of_deltas: tuple[Fold, ...] = (self.conversation, self.progress, self.spending, self.loops)
        for event in journal.read():
            self._fold(event)
        self.stream.subscribe(self._fold)
        self.watcher = Watcher(self.folder, self.ledger, journal.text, self.record, locks=self.locks)

    @classmethod
    def open(
        cls, root: Path, redact: Callable[[str], str] | None = None, *, spill_folders: Iterable[Path] = ()
    ) -> "OpenBook":
        """Take the book's journal and fold it.

        Args:
            redact: takes the keys out of what is told of errors; None = there are none.
            spill_folders: as for `Journal.open`.

        Raises:
            BookHeld: another studio is writing it.
            BookError: the folder can't be used.
            UsageError: book.yaml can't be read.
        """
        settings = load_settings(root)
        return cls(root, Journal.open(root, spill_folders=spill_folders), settings, redact)

    def _fold(self, event: ev.Event) -> None:
        for fold in self._of_deltas if isinstance(event, ev.DELTAS) else self._of_all:
            fold.apply(event)

    def texts(self) -> list[tuple[str, str]]:
        """(name, text) of every file, as it is now. Raises `BookError`."""
        return [(name, text) for name, text in texts(self.folder) if text]

    async def watch(self) -> None:
        """Record what the author does, and what it changes elsewhere, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watcher.watch())
            tasks.create_task(self.facts.watch())

    async def close(self) -> None:
        """Look once more at what was displaced, write what is still held, let go of the book."""
        await self.manuscript.close()
        await self.journal.close()

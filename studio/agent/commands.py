"""What a front end can ask of a run and of the studio: the desk and the headless printer know nothing else of us."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from studio.agent.board import Board
from studio.backends.backend import BackendChoice as BackendChoice  # front ends take it from here
from studio.book.history import Revision
from studio.book.provenance import Sentence
from studio.book.room import Space
from studio.events import Event, Gate, Reader


class Commands(Protocol):
    """Every call returns at once; what came of it is told by an event."""

    def pause(self) -> None:
        """After the reply in flight, before any tool or call; `paused` says when."""

    def resume(self) -> None:
        """Go on; also takes back a pause not reached yet."""

    def interrupt(self) -> None:
        """Cut the stream now; what arrived is kept. The run is paused then."""

    def note(self, text: str) -> None:
        """Tell the agent something before its next call. Blank text is ignored."""

    def answer(self, text: str, id: str = "") -> None:
        """Answer the open question of this id, "" for what the run waits for or else the oldest; a note, if none is."""

    def author_left(self) -> None:
        """Nobody is there to answer any more: what is asked and open is the agent's to decide."""

    def retry(self) -> None:
        """Make the call that waits for its next try now; after a fault that paused the run, go on."""

    def switch(self, choice: BackendChoice, *, cut: bool = False) -> None:
        """Answer from another backend from the next call on; `backend_fault` says it if that can't be.

        Args:
            cut: once the other is ready, cut the reply in flight (what arrived is kept) instead of awaiting its end.
        """

    def gate(self, gate: Gate) -> None:
        """Stop by itself there from now on; `gate_chosen` says so, unless it does already."""

    def go(self) -> None:
        """End the talk before the book: what was settled is put into files, and the book is written. Else nothing."""

    def stop(self) -> None:
        """End the run now, resumable; the run's `work()` returns once all is saved."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did."""

    why: str  # what was asked for, as a clause
    files: tuple[str, ...]  # that changed; none: they were so already
    before: int  # restoring this revision takes it back
    in_editor: tuple[str, ...] = ()  # of these, the ones that an editor has open with the text of before

    def warning(self) -> str:
        """What the author should do about the editors, as a sentence; "" when nothing."""
        if not self.in_editor:
            return ""
        are = "is" if len(self.in_editor) == 1 else "are"
        return f"{', '.join(self.in_editor)} {are} open in your editor: load it anew before you save."


class Versions(Protocol):
    """A book's past. What changes files is the author's act; it raises `BookHeld` where another studio has the book."""

    def revisions(self) -> Sequence[Revision]:
        """Every revision, in order. Raises `BookError`."""

    def text(self, sha256: str) -> str:
        """The text of a version. Raises `BookError`, which says so when it was pruned."""

    def missing(self) -> set[int]:
        """Numbers of the revisions whose text was pruned. Raises `BookError`."""

    def words_changed(self, revision: Revision) -> tuple[int, int]:
        """(words put in, words taken out); from the counts alone where a text was pruned."""

    def provenance(self, file: str, number: int | None = None) -> list[Sentence]:
        """Whose each sentence of a file is, right after a revision and by its name then; None = as it is now."""

    def space(self) -> Space:
        """The room that the record takes."""

    async def restore(self, file: str, number: int) -> Restored:
        """Put a file back as it was right after a revision. Raises `BookError`."""

    async def restore_book(self, number: int) -> Restored:
        """Put all files back as they were right after a revision; 0 = before the first. Raises `BookError`."""

    async def undo_agent(self, number: int, file: str | None = None) -> Restored:
        """Undo what the agent did after a revision; the author's sentences stay. Raises `BookError`."""


class Session(Protocol):
    """An opened book. Show `history()` first, then subscribe; nothing happens in between (one event loop)."""

    @property
    def root(self) -> Path:
        """The book's folder; its name is the book's name."""

    @property
    def held_by(self) -> str:
        """Who else is writing this book, as a phrase for the header; "" when we are. Commands do nothing then."""

    @property
    def recovered(self) -> str:
        """What was found wrong with the record and mended, for the author; "" normally."""

    @property
    def run(self) -> Commands:
        """What the author can ask."""

    @property
    def versions(self) -> Versions:
        """The book's past."""

    async def board(self) -> Board:
        """The chapters as planned and as they stand now, and the bible. Raises `StudioError`."""

    def history(self) -> Iterable[Event]:
        """Every event of the journal so far, in order."""

    def subscribe(self, reader: Reader) -> None:
        """Call `reader` with every event from now on, in the event loop's thread."""

    async def lock(self, file: str, *, locked: bool) -> None:
        """Lock a file against the agent, or unlock it; `locks_changed` says so. Raises `StudioError`."""

    async def work(self) -> int:
        """Run until the book is finished, failed or stopped; returns the exit code. Never raises for the run's sake."""

    async def close(self) -> None:
        """Stop what is left, let go of the book. Raises `BookError`: what could not be saved, and where it is."""


class BookCard(msgspec.Struct, frozen=True, kw_only=True):
    """A book as the library lists it."""

    name: str  # the folder
    title: str
    words: int
    state: str  # new | unfinished | finished | failed | open elsewhere | unreadable
    touched: float  # seconds since the epoch


class BackendCard(msgspec.Struct, frozen=True, kw_only=True):
    """A backend as the switch dialog lists it."""

    name: str
    summary: str  # one line: models, or what is missing to use it
    ready: bool  # a key is there, or none is needed
    needs_base_url: bool = False


class Studio(Protocol):
    """The library and what can be opened from it."""

    def books(self) -> list[BookCard]:
        """Every book of the projects folder, the one touched last first. May take milliseconds a book: use a thread."""

    def backends(self) -> list[BackendCard]:
        """Every preset."""

    def create(self, prompt: str, name: str | None = None, *, cowrite: bool = False) -> str:
        """Start a book, talked over first if `cowrite`; returns its name.

        Raises:
            StudioError: the prompt is empty, the name taken, the folder can't be written.
        """

    async def open(self, book: str) -> Session:
        """Open a book, read-only if another studio holds it. Raises `StudioError`."""

"""A book opened without a run: folder, journal, ledger and manuscript wired as the agent wires them."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal
from studio.book.ledger import Ledger
from studio.book.manuscript import Manuscript, Written
from studio.book.restoring import Restoring
from studio.book.watcher import Watcher


class Book:
    """What a run has in its hands."""

    def __init__(self, root: Path, *, look_again: float = 10.0, folder: Folder | None = None) -> None:
        self.root = root
        self.folder = folder or Folder(root)
        self.journal = Journal.open(root)
        self.ledger = Ledger()
        self.events: list[ev.Event] = []
        for event in self.journal.read():
            self.ledger.apply(event)
            self.events.append(event)
        self.manuscript = Manuscript(self.folder, self.journal, self.ledger, self.record, look_again=look_again)
        self.restoring = Restoring(self.folder, self.journal, self.manuscript, self.record)
        for event in self.events:
            self.restoring.apply(event)

    def record(self, event: ev.Event, /, *texts: str) -> ev.Event:
        stamped = self.journal.append(event, *texts)
        self.ledger.apply(stamped)
        self.restoring.apply(stamped)
        self.events.append(stamped)
        return stamped

    def watcher(self, *, hints: bool = True, rescan: float = 0.5, **settings: Any) -> Watcher:
        return Watcher(self.folder, self.ledger, self.journal.text, self.record, hints=hints, rescan=rescan, **settings)

    def named(self, *kinds: type[ev.Event]) -> list[ev.Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    async def write(self, file: str, text: str, mode: str = "create", id: str = "1.0") -> Written:
        return await self.manuscript.write(id, file, text, mode, lambda written: f"{written.words} words")  # type: ignore[arg-type]

    async def edit(self, file: str, old: str, new: str, id: str = "1.0") -> Written:
        return await self.manuscript.edit(id, file, old, new, lambda written: f"{written.words} words")

    async def read_by_agent(self, file: str) -> str:
        text = await self.manuscript.read(file)
        assert text is not None
        self.record(ev.FileRead(file=file, sha256=self.ledger.disk(file)))
        return text

    async def close(self) -> None:
        await self.manuscript.close()
        await self.journal.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "salt"
    folder.mkdir()
    return folder


@pytest.fixture
async def open_book(root: Path) -> AsyncIterator[Callable[..., Book]]:
    """`open_book()` opens the book in `root`; what is left open is closed."""
    opened: list[Book] = []

    def open(**settings: Any) -> Book:
        opened.append(Book(root, **settings))
        return opened[-1]

    yield open
    for book in opened:
        await book.close()


@pytest.fixture
async def book(open_book: Callable[..., Book]) -> Book:
    return open_book()


@pytest.fixture
def run_child(root: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`run_child(code, *arguments)` runs Python with this book's root as its first argument."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str, place: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(place or root), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def until() -> Callable[..., object]:
    """`await until(condition)` waits for something another task does; it gives up after 20 seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.005)

    return wait

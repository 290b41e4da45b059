"""A book's session played by hand: the Protocols of `studio.agent.commands` with real events and no run behind them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest
from textual.pilot import Pilot

from studio import events as ev
from studio.agent.board import Board
from studio.agent.board_reading import known_from, read_board
from studio.agent.commands import BackendCard, BackendChoice, BookCard, Versions
from studio.agent.open_book import OpenBook
from studio.agent.past import BookVersions, PastVersions
from studio.book import layout
from studio.book.files import Folder
from studio.book.journal import Journal
from studio.book.manuscript import Mode
from studio.book.room import Space
from studio.errors import StudioError, UsageError
from studio.tui.app import StudioApp
from studio.tui.themes import Themes, load_themes

THEMES = Path(__file__).parent.parent.parent / "themes"

PROSE = (
    "# The Salt Road\n\n"
    "The tide had gone out further than anyone alive had seen it go, and on the floor of the bay, where there should "
    "have been eleven fathoms, stood a circus tent.\n\n"
    "Maren counted the guy-ropes twice. “Forty,” she said, to nobody — the gulls had left in the night. The canvas "
    "was the grey of old rope and it moved, though there was no wind, as the side of a sleeping animal moves.\n\n"
)


class Commanded:
    """The commands of a session: each is noted down."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        self.stopped = asyncio.Event()

    def pause(self) -> None:
        self.calls.append(("pause", None))

    def resume(self) -> None:
        self.calls.append(("resume", None))

    def interrupt(self) -> None:
        self.calls.append(("interrupt", None))

    def note(self, text: str) -> None:
        self.calls.append(("note", text))

    def answer(self, text: str, id: str = "") -> None:
        self.calls.append(("answer", f"{id}: {text}" if id else text))

    def author_left(self) -> None:
        self.calls.append(("author left", None))

    def retry(self) -> None:
        self.calls.append(("retry", None))

    def switch(self, choice: BackendChoice, *, cut: bool = False) -> None:
        self.calls.append(("cut over" if cut else "switch", choice))

    def gate(self, gate: ev.Gate) -> None:
        self.calls.append(("gate", gate))

    def go(self) -> None:
        self.calls.append(("go", None))

    def stop(self) -> None:
        self.calls.append(("stop", None))
        self.stopped.set()


class PlayedSession:
    """A session whose events the test tells."""

    def __init__(self, root: Path, history: Iterable[ev.Event] = (), *, held_by: str = "") -> None:
        self.root = root
        self.held_by = held_by
        self.recovered = ""
        self.run = Commanded()
        self.versions: Versions = PastVersions(Journal.open_readonly(root), held_by)
        self.code = 3
        self.closed = False
        self.working = False
        self.locked: set[str] = set()
        self._history = list(history)
        self._since: list[ev.Event] = []
        self._readers: list[ev.Reader] = []

    def history(self) -> Iterable[ev.Event]:
        return iter(self._history)

    async def board(self) -> Board:
        return await asyncio.to_thread(read_board, Folder(self.root), known_from(self._history + self._since))

    def subscribe(self, reader: ev.Reader) -> None:
        self._readers.append(reader)

    def tell(self, *events: ev.Event) -> None:
        self._since += events
        for event in events:
            for reader in self._readers:
                reader(event)

    async def lock(self, file: str, *, locked: bool) -> None:
        if self.held_by:
            raise StudioError(self.held_by)
        self.locked = {*self.locked, file} if locked else self.locked - {file}
        self.tell(ev.LocksChanged(files=tuple(sorted(self.locked))))

    async def work(self) -> int:
        self.working = True
        await self.run.stopped.wait()
        return self.code

    def finish(self, code: int) -> None:
        self.code = code
        self.run.stopped.set()

    async def close(self) -> None:
        self.closed = True


class PlayedStudio:
    """A library of played sessions."""

    def __init__(self, *sessions: PlayedSession, cards: list[BookCard] | None = None) -> None:
        self.sessions = {session.root.name: session for session in sessions}
        self.cards = cards or []
        self.created: list[tuple[str, str | None]] = []
        self.cowritten: list[str] = []  # prompts of those that are talked over first

    def books(self) -> list[BookCard]:
        return self.cards

    def backends(self) -> list[BackendCard]:
        return [
            BackendCard(name="embedded", summary="A small model on this machine; no key needed.", ready=True),
            BackendCard(name="moonshot", summary="Kimi K2 Thinking. Needs MOONSHOT_API_KEY.", ready=False),
            BackendCard(name="openai", summary="Any compatible endpoint.", ready=True, needs_base_url=True),
        ]

    def create(self, prompt: str, name: str | None = None, *, cowrite: bool = False) -> str:
        if name == "taken":
            raise UsageError("There is a book [taken] already; take another name.")
        self.created.append((prompt, name))
        self.cowritten += [prompt] if cowrite else []
        return next(iter(self.sessions))

    async def open(self, book: str) -> PlayedSession:
        if book not in self.sessions:
            raise StudioError(f"There is no book “{book}”; [/] the library shows them.")
        return self.sessions[book]


def opening_events() -> list[ev.Event]:
    """A book in the middle of its third chapter."""
    at = 1_790_000_000.0
    told: list[ev.Event] = [
        ev.RunStarted(book="salt", backend="moonshot", model="kimi-k3", context=200_000),
        ev.TitleGiven(title="The Salt Circus"),
        ev.StepStarted(step=1, limit=300, at=at),
        ev.ReasoningDelta(text="The author wants a circus that follows the tide. An outline first: twelve chapters."),
        ev.ToolArriving(index=0, name="write_file"),
        ev.ToolStarted(id="a", name="write_file"),
        ev.FileWritten(file="outline.md", sha256="1", words=812, mode="create"),
        ev.ToolFinished(id="a", name="write_file", ok=True, result="wrote outline.md: 812 words"),
        ev.StepFinished(step=1, usage=ev.Usage(prompt_tokens=900), context_tokens=9_800, cost=0.02),
    ]
    for number, words in ((1, 3104), (2, 2940)):
        file, step = f"chapter_0{number}.md", number + 1
        told += [
            ev.StepStarted(step=step, limit=300, at=at + step),
            ev.ReasoningDelta(text=f"Now chapter {number}. Open on the beach; keep the tent for the last page."),
            ev.ProseDelta(file=file, text=PROSE),
            ev.ReplyFinished(),
            ev.ToolStarted(id=file, name="write_file"),
            ev.FileWritten(file=file, sha256=file, words=words, mode="create"),
            ev.ToolFinished(
                id=file,
                name="write_file",
                ok=True,
                result=f"wrote {file}: {words:,} words; the outline asks 3,000-4,000",
            ),
            ev.StepFinished(step=step, usage=ev.Usage(), context_tokens=20_000 * number, cost=0.05),
        ]
    return [
        *told,
        ev.AuthorEdited(file="chapter_01.md", sha256="2", words=3_110, diff=""),
        ev.NoteGiven(text="Let Maren keep the whistle."),
        ev.StepStarted(step=4, limit=300, at=at + 10),
        ev.ReasoningDelta(text="The author changed the colour of the tent in chapter 1; I keep to grey."),
        ev.ToolArriving(index=0, name="write_file"),
        ev.ProseDelta(file="chapter_03.md", text=PROSE.replace("The Salt Road", "Low Water")),
    ]


def library_cards() -> list[BookCard]:
    now = time.time()
    return [
        BookCard(name="salt", title="The Salt Circus", words=9_412, state="unfinished", touched=now - 3 * 3600 - 60),
        BookCard(
            name="light", title="The Keeper of Small Lights", words=84_120, state="finished", touched=now - 90_000
        ),
        BookCard(name="bad", title="bad", words=0, state="unreadable", touched=now - 40 * 86_400),
    ]


@pytest.fixture
def themes() -> Themes:
    return load_themes([THEMES])


@pytest.fixture
def salt(tmp_path: Path) -> PlayedSession:
    """A book in the middle of its third chapter, with its files on disk."""
    root = tmp_path / "salt"
    root.mkdir()
    for name in ("outline.md", "chapter_01.md", "chapter_02.md"):
        (root / name).write_text(f"# {name}\n\n" + PROSE * 12, encoding="utf-8")
    return PlayedSession(root, opening_events())


class MeasuredVersions(BookVersions):
    """Versions in a record that always takes the same room."""

    def space(self) -> Space:
        return Space(versions=5, size=917, record=196_608)


@pytest.fixture
def utc() -> Iterator[None]:
    """The clock on the wall is Greenwich's."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    del os.environ["TZ"]
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


NOON = 1_790_000_000.0


@pytest.fixture
async def written(tmp_path: Path) -> AsyncIterator[PlayedSession]:
    """A session of a real book: five revisions of two chapters, the author's among them, a minute apart."""
    root = layout.create_book(tmp_path, "A circus that follows the tide", "circus")
    minutes = count()
    journal = Journal.open(root, clock=lambda: NOON + 60 * next(minutes))
    book = OpenBook(root, journal, layout.load_settings(root))

    async def write(step: int, file: str, text: str, mode: Mode) -> None:
        book.record(ev.StepStarted(step=step, limit=300))
        if mode == "overwrite":
            book.record(ev.FileRead(file=file, sha256=book.ledger.disk(file)))
        await book.manuscript.write(f"{step}.0", file, text, mode, lambda _: "ok")

    await write(1, "chapter_01.md", PROSE, "create")
    mine = PROSE.replace("stood a circus tent", "stood a circus tent, striped [red] and 白")
    (root / "chapter_01.md").write_text(mine, encoding="utf-8")
    await book.watcher.scan(full=True)
    await write(2, "chapter_01.md", mine.replace("“Forty,” she said", "“Forty-one,” she whispered"), "overwrite")
    await write(3, "chapter_02.md", "# Low Water\n\nThe road was wet.\n", "create")
    await write(4, "chapter_02.md", "\nNobody came.\n", "append")
    session = PlayedSession(root, journal.read())
    session.versions = MeasuredVersions(book)
    yield session
    await book.close()


@pytest.fixture
def new_session(tmp_path: Path) -> Callable[..., PlayedSession]:
    """Makes a session of a book with the history given."""

    def make(*history: ev.Event, held_by: str = "") -> PlayedSession:
        root = tmp_path / "salt"
        root.mkdir(exist_ok=True)
        return PlayedSession(root, history, held_by=held_by)

    return make


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., PlayedSession]:
    """Makes a session of a book half written, with an outline of thirty chapters and a bible."""

    from board_book import TITLES, board_book  # the desks of child processes take this file without tests/support

    def make(titles: tuple[str, ...] = TITLES, *, held_by: str = "") -> PlayedSession:
        root = tmp_path / "salt"
        return PlayedSession(root, board_book(root, titles), held_by=held_by)

    return make


@pytest.fixture
def desk_of(themes: Themes) -> Callable[..., StudioApp]:
    """Makes the app, straight at the desk of a session."""

    def make(session: PlayedSession, theme: str = "ink", clock: Callable[[], float] = time.time) -> StudioApp:
        return StudioApp(PlayedStudio(session), themes=themes, theme=theme, book=session.root.name, clock=clock)

    return make


@pytest.fixture
def library_of(themes: Themes) -> Callable[..., StudioApp]:
    """Makes the app at the library of some sessions."""

    def make(*sessions: PlayedSession, cards: list[BookCard] | None = None) -> StudioApp:
        return StudioApp(PlayedStudio(*sessions, cards=cards), themes=themes, theme="ink")

    return make


@pytest.fixture
def played_studio() -> type[PlayedStudio]:
    return PlayedStudio


@pytest.fixture
def shelf() -> list[BookCard]:
    return library_cards()


@pytest.fixture
def prose() -> str:
    return PROSE


class Glass:
    """What is on the screen, and waiting until it is."""

    @staticmethod
    def text(app: StudioApp) -> str:
        """The screen as the reader sees it."""
        return "\n".join(strip.text for strip in app.screen._compositor.render_strips(app.size))

    @classmethod
    async def until(cls, pilot: Pilot[int], happened: Callable[[], object]) -> None:
        """Wait for something to happen; the desk paints when its own timer says so."""
        for _ in range(600):
            if happened():
                return
            await pilot.pause(0.01)
        raise AssertionError(f"it did not happen; the screen:\n{cls.text(pilot.app)}")  # type: ignore[arg-type]

    @classmethod
    async def shows(cls, pilot: Pilot[int], *texts: str) -> None:
        """Wait until all of these are to be read."""
        app = pilot.app
        assert isinstance(app, StudioApp)
        await cls.until(pilot, lambda: all(text in cls.text(app) for text in texts))

    @classmethod
    async def hides(cls, pilot: Pilot[int], text: str) -> None:
        """Wait until this is no longer to be read."""
        app = pilot.app
        assert isinstance(app, StudioApp)
        await cls.until(pilot, lambda: text not in cls.text(app))


@pytest.fixture
def glass() -> type[Glass]:
    return Glass

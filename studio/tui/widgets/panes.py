"""The panes of the desk: all at once on a large screen, one at a time on a small one."""

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from studio.book.files import Folder
from studio.errors import BookError
from studio.tui.feed import Feed
from studio.tui.fit import shown
from studio.tui.talk_feed import TITLE as TALK
from studio.tui.widgets.file_list import FileList, Listed
from studio.tui.widgets.text_pane import TextPane, new_text
from studio.tui.wrapped import Anchor, Wrapped

TITLES = {"prose": "Prose", "reasoning": "Reasoning", "tools": "Tools", "files": "Book", "steering": "Steering"}
MEASURE = 76  # cells of a line of prose, at most


class Panes(Horizontal):
    """Reasoning and tools | prose | files and steering."""

    DEFAULT_CSS = """
    Panes { height: 1fr; }
    Panes #left { width: 2fr; min-width: 34; }
    Panes #prose { width: 3fr; }
    Panes #right { width: 38; }
    Panes #reasoning { height: 3fr; }
    Panes #tools { height: 2fr; }
    Panes #files { height: 3fr; }
    Panes #steering { height: 2fr; }
    Panes.narrow #left, Panes.narrow #right { width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.files = FileList(id="files")
        self._texts = {name: TextPane(TITLES[name], id=name) for name in ("reasoning", "tools", "steering")}
        self.prose = TextPane(TITLES["prose"], measure=MEASURE, id="prose")
        self._live = self.prose.text
        self._live_place: Anchor | None = None
        self.reading = ""  # the file of the book in the prose pane; "" = the live stream
        self.chosen = "prose"  # the one pane of a small screen
        self.feed = Feed(prose=_Live(self._live), **self._texts)

    def compose(self) -> ComposeResult:
        """Three columns."""
        with Vertical(id="left"):
            yield self._texts["reasoning"]
            yield self._texts["tools"]
        yield self.prose
        with Vertical(id="right"):
            yield self.files
            yield self._texts["steering"]

    def lay_out(self, *, narrow: bool) -> None:
        """Show all panes, or only the chosen one."""
        self.set_class(narrow, "narrow")
        for name in TITLES:
            self.pane(name).display = not narrow or name == self.chosen
        self.query_one("#left").display = not narrow or self.chosen in ("reasoning", "tools")
        self.query_one("#right").display = not narrow or self.chosen in ("files", "steering")

    def pane(self, name: str) -> TextPane | FileList:
        """A pane by its name in `TITLES`."""
        if name == "files":
            return self.files
        return self.prose if name == "prose" else self._texts[name]

    def flush_stream(self) -> None:
        """Draw what was added to the panes that stream."""
        self._texts["reasoning"].flush()
        self.prose.flush()

    def flush_rest(self, files: list[Listed]) -> None:
        """Draw the other panes."""
        self._texts["tools"].flush()
        self._texts["steering"].flush()
        if self.feed.live:
            self.prose.retitle(f"{self.reading} · on disk" if self.reading else f"{self.feed.live} · live")
        else:
            self.prose.retitle(f"{self.reading} · on disk" if self.reading else self.feed.wrote or self._title())
        self.files.show(files)

    def _title(self) -> str:
        return TALK if self.feed.talk.is_on else TITLES["prose"]

    # --- a file of the book in the prose pane ---------------------------------------------------------------------

    def read(self, root: Path, file: str) -> None:
        """Show a file as it is on disk. Raises `BookError` when it can't be read, or is none of the book's."""
        folder = Folder(root)
        raw = folder.read_bytes(file) if file in folder.names() else None
        if raw is None:
            raise BookError(f"{file} can't be read: it is no file of the book any more.")
        text: Wrapped = new_text()
        text.append(shown(raw.decode("utf-8-sig", "replace").replace("\r\n", "\n")), "plain")
        place: Anchor | None = Anchor(0, 0)
        if not self.reading:
            self._live_place = self.prose.place
        elif self.reading == file:
            place = self.prose.place or self.prose.text.anchor(self.prose.scroll_offset.y)
        self.reading = file
        self.prose.show(text, place)

    def read_live(self) -> None:
        """Back to the stream, where the reader left it."""
        if self.reading:
            self.reading = ""
            self.prose.show(self._live, self._live_place)


class _Live:
    """The live stream as a place to add to, also while the pane shows a file."""

    def __init__(self, text: Wrapped) -> None:
        self._text = text

    def append(self, text: str, style: str = "plain") -> None:
        self._text.append(shown(text), style)

    def line(self, text: str, style: str = "plain") -> None:
        self._text.line(shown(text), style)

    def tail(self, text: str, style: str = "dim") -> None:
        self._text.tail(shown(text), style)

"""The board: every chapter by how far it is, what the outline and the last reading say of it, and the bible."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Static

from studio import events as ev
from studio.agent.board import KINDS, Board, Card
from studio.agent.progress import Progress
from studio.book.names import OUTLINE
from studio.errors import StudioError
from studio.tui.chapter_looks import heading_line
from studio.tui.editor import edit_book_file, edit_in_terminal
from studio.tui.fit import one_line, shown
from studio.tui.screens.help import HelpScreen
from studio.tui.sheet_looks import title_of_sheet
from studio.tui.widgets.chapter_board import ChapterBoard
from studio.tui.widgets.chapter_view import ChapterView
from studio.tui.widgets.key_line import KeyLine
from studio.tui.widgets.pane_tabs import PaneTabs
from studio.tui.widgets.sheet_view import SheetView

WIDE, TALL = 110, 28  # from this size on, the chapters stand in columns
CHAPTERS = "chapters"  # the first tab

HELP = [
    (
        "Where the book stands",
        "Each chapter as outline.md plans it and as it is on disk: planned, drafted, reviewed, finished. The bar is "
        "its words against its target, yellow while it is too short; ★ is the mean of the last review, and its round.",
    ),
    (
        "Change the plan",
        "Press o, or open outline.md in any editor: titles, targets, «Status: finished», what leads to the next. The "
        "agent is told of it before its next step, and the board follows.",
    ),
]

_NO_OUTLINE = (
    "There is no outline yet",
    "The agent writes outline.md in its first steps; the board fills as it does.\n"
    "Press o to begin one yourself: a line “## Chapter 1: Its title” for each chapter,\n"
    "with “Target: 3,000 words” and “Leads to: …” below it.",
)
_NO_CHAPTERS = (
    "outline.md names no chapters",
    "Press o to change it. Any of these is read as a chapter:\n"
    "“## Chapter 1: Its title”, “1. Its title”, “第一章 …”, a row of a table.",
)


class BoardScreen(Screen[str]):
    """Dismissed with a file of the book that is to be read on the desk, or ""."""

    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "read", "read", key_display="Enter", tooltip="read the chapter on the desk"),
        Binding("e", "edit", "edit", tooltip="open the chapter in $VISUAL or $EDITOR"),
        Binding("o", "outline", "outline", tooltip="open the outline there"),
        Binding("r", "report", "review", tooltip="read the report of the last review on the desk"),
        Binding("v", "view", "view", tooltip="columns by status, or one list by chapter"),
        Binding("tab", "tab(1)", "bible", key_display="Tab", priority=True, tooltip="chapters, then the bible"),
        Binding("shift+tab", "tab(-1)", "tab before", show=False, priority=True),
        Binding("left", "column(-1)", "column", show=False, key_display="← →", tooltip="another column"),
        Binding("right", "column(1)", "column", show=False),
        Binding("pagedown", "page(1)", "page", show=False, priority=True, key_display="PgUp PgDn", tooltip="scroll"),
        Binding("pageup", "page(-1)", "page", show=False, priority=True),
        Binding("t", "app.next_theme", "theme", show=False, tooltip="the next theme"),
        Binding("question_mark", "help", "help", key_display="?", tooltip="this page"),
        Binding("escape,q,B,ctrl+c", "leave", "back", key_display="Esc", tooltip="back to the desk"),
        *(Binding(str(number), f"choose_tab({number})", "tab", show=False) for number in range(1, 10)),
    ]

    DEFAULT_CSS = """
    BoardScreen { background: $background; }
    BoardScreen #heading { height: 1; padding: 0 2; background: $surface; }
    BoardScreen PaneTabs { display: block; }
    BoardScreen SheetView { height: 1fr; }
    BoardScreen #empty { height: 1fr; content-align: center middle; text-align: center; }
    BoardScreen.narrow ChapterView #scores { width: 36; }
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Board]],
        root: Path,
        *,
        progress: Progress,
        writing: Callable[[], str],
        told: Signal[Sequence[ev.Event]],
    ) -> None:
        """Show a book's board for as long as it is open.

        Args:
            read: the board as it is now.
            root: the book's folder.
            progress: where the run stands; it is kept up to date by who gave it.
            writing: the file that the agent is writing now, or "".
            told: tells what has happened.
        """
        super().__init__()
        self._read_board = read
        self._root = root
        self._progress = progress
        self._writing = writing
        self._told = told
        self._board: Board | None = None
        self._marked = ""  # the file that is shown as being written
        self._tab = CHAPTERS
        self._as_rows = False
        self._is_looking = self._is_stale = False

    def compose(self) -> ComposeResult:
        """Heading, tabs, columns or rows or a sheet, the chapter, keys."""
        yield Static(id="heading", markup=False)
        yield PaneTabs({CHAPTERS: "Chapters"})
        yield ChapterBoard(id="chapters")
        yield SheetView(id="sheet")
        yield Static(id="empty", markup=False)
        yield ChapterView(id="chapter")
        yield KeyLine(self.BINDINGS)

    def on_mount(self) -> None:
        """Read what there is, and again when something happens."""
        self._told.subscribe(self, self._hear)
        self.query_one(PaneTabs).show(self._tab)
        self._lay_out()
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        """Columns, or rows where there is no room for them."""
        is_narrow = event.size.width < WIDE or event.size.height < TALL
        self.set_class(is_narrow, "narrow")
        self.query_one(ChapterBoard).turn(is_rows=is_narrow or self._as_rows)
        self._show_heading()

    # --- what there is --------------------------------------------------------------------------------------------

    def _hear(self, came: Sequence[ev.Event]) -> None:
        if any(isinstance(event, (*KINDS, ev.StepFinished)) for event in came):
            self._look()
        elif self._writing() != self._marked:
            self._show_chapters()

    @work(group="look")
    async def _look(self) -> None:
        """Read the board; what happens meanwhile is looked at right after."""
        self._is_stale = True
        if self._is_looking:
            return
        self._is_looking = True
        try:
            while self._is_stale:
                self._is_stale = False
                try:
                    board = await self._read_board()
                except StudioError as error:
                    self._complain(error)
                    continue
                if board != self._board:
                    await self._show(board)
                else:
                    self._show_heading()
        finally:
            self._is_looking = False

    async def _show(self, board: Board) -> None:
        self._board = board
        titles = {sheet.name: title_of_sheet(sheet.name) for sheet in board.sheets[:8]}
        if self._tab not in titles:
            self._tab = CHAPTERS
        tabs = self.query_one(PaneTabs)
        tabs.retitle({CHAPTERS: "Chapters", **titles})
        self._show_heading()
        head, told = _NO_CHAPTERS if board.has_outline else _NO_OUTLINE
        self.query_one("#empty", Static).update(Content.assemble((head, "bold"), "\n\n", (told, "$text-muted")))
        self._show_chapters()
        await self._show_tab()

    def _show_heading(self) -> None:
        ahead = self._progress.pace.ahead()
        title = self._progress.title or self._root.name
        self.query_one("#heading", Static).update(
            heading_line(self._board or Board(), title, ahead.words() if ahead else "", self.size.width - 4)
        )

    def _show_chapters(self) -> None:
        if self._board is not None:
            self._marked = self._writing()
            self.query_one(ChapterBoard).show(self._board.cards, self._marked)

    def _lay_out(self) -> None:
        """Show what belongs to the tab, give it the keys, and only then hide the rest: the keys go nowhere else."""
        is_bible = self._tab != CHAPTERS
        is_empty = not is_bible and self._board is not None and not self._board.cards
        chapters, sheet = self.query_one(ChapterBoard), self.query_one(SheetView)
        shown = (
            [sheet] if is_bible else [self.query_one("#empty")] if is_empty else [chapters, self.query_one(ChapterView)]
        )
        for place in shown:
            place.display = True
        if is_bible:
            self.set_focus(sheet)
        elif is_empty:
            self.set_focus(None)
        else:
            chapters.take_keys()
        for place in self.query("ChapterBoard, ChapterView, SheetView, #empty"):
            place.display = place in shown

    # --- moving ---------------------------------------------------------------------------------------------------

    @property
    def _selected(self) -> Card | None:
        return self.query_one(ChapterBoard).selected if self._tab == CHAPTERS else None

    def on_chapter_board_selected(self, message: ChapterBoard.Selected) -> None:
        """Another chapter."""
        self.query_one(ChapterView).show(message.card)

    def on_chapter_board_entered(self) -> None:
        """Enter, or a click."""
        self.action_read()

    def action_column(self, step: int) -> None:
        """← →: the next column that has chapters."""
        if self._tab == CHAPTERS:
            self.query_one(ChapterBoard).step(step)

    def action_view(self) -> None:
        """v."""
        if self.has_class("narrow"):
            self.notify("There is room for the columns in a larger window only.", markup=False, timeout=3)
            return
        self._as_rows = not self._as_rows
        self.query_one(ChapterBoard).turn(is_rows=self._as_rows)

    def action_tab(self, step: int) -> None:
        """Tab."""
        names = self._tabs
        at = names.index(self._tab) if self._tab in names else 0  # its file may just have gone
        self._go_to(names[(at + step) % len(names)])

    def action_choose_tab(self, number: int) -> None:
        """1-9."""
        if number <= len(self._tabs):
            self._go_to(self._tabs[number - 1])

    def on_pane_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        """A click on a tab."""
        self._go_to(message.name)

    def _go_to(self, tab: str) -> None:
        self._tab = tab
        self.run_worker(self._show_tab(), exclusive=True, group="tab")

    @property
    def _tabs(self) -> list[str]:
        return [CHAPTERS, *(sheet.name for sheet in (self._board.sheets[:8] if self._board else ()))]

    async def _show_tab(self) -> None:
        self.query_one(PaneTabs).show(self._tab)
        sheet = next((one for one in (self._board.sheets if self._board else ()) if one.name == self._tab), None)
        if sheet is not None:
            await self.query_one(SheetView).show(sheet)
        self._lay_out()

    def action_page(self, step: int) -> None:
        """PgUp, PgDn: the lists have the arrows."""
        target = self.query_one(SheetView) if self._tab != CHAPTERS else self.query_one("#plan")
        if step > 0:
            target.scroll_page_down(animate=False)
        else:
            target.scroll_page_up(animate=False)

    # --- doing ----------------------------------------------------------------------------------------------------

    def action_read(self) -> None:
        """Enter."""
        if (card := self._selected) is None:
            return
        if card.entry.file:
            self.dismiss(card.entry.file)
        else:
            self._say_unwritten(card)

    def action_report(self) -> None:
        """r."""
        if (card := self._selected) is None:
            return
        if card.last is not None:
            self.dismiss(card.last.report)
        else:
            self.notify("This chapter was not reviewed yet.", markup=False, timeout=3)

    def action_leave(self) -> None:
        """Esc."""
        self.dismiss("")

    @work(exclusive=True, group="editor")
    async def action_edit(self) -> None:
        """e: the chapter, or the file of the bible that is shown."""
        if self._tab != CHAPTERS:
            await self._edit(self._tab)
        elif (card := self._selected) is not None:
            if card.entry.file:
                await self._edit(card.entry.file)
            else:
                self._say_unwritten(card)

    @work(exclusive=True, group="editor")
    async def action_outline(self) -> None:
        """o: also where there is none yet."""
        path = self._root / OUTLINE
        if self._board is not None and not self._board.has_outline and not path.is_symlink() and not path.exists():
            try:
                await edit_in_terminal(self.app, path)
            except StudioError as error:
                self._complain(error)
            self._look()
        else:
            await self._edit(OUTLINE)

    async def _edit(self, file: str) -> None:
        try:
            await edit_book_file(self.app, self._root, file)
        except StudioError as error:
            self._complain(error)
        self._look()

    def _say_unwritten(self, card: Card) -> None:
        name = f"Chapter {card.chapter.number}" if card.chapter.number is not None else one_line(card.chapter.title)
        self.notify(shown(f"{name} is not written yet."), markup=False, timeout=3)

    def _complain(self, error: StudioError) -> None:
        self.app.notify(shown(str(error)), severity="warning", markup=False, timeout=8)

    def action_help(self) -> None:
        """?."""
        keys = [("↑ ↓ Home End", "another chapter"), ("1 – 9", "chapters, or a file of the bible, by its number")]
        marks = [("✎", "you touched the chapter last"), ("…", "the agent is writing it now")]
        self.app.push_screen(HelpScreen(self.BINDINGS, [*keys, *marks], title="The board", told=HELP))

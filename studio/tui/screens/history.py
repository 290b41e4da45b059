"""The history: every revision of every file, what each changed, and what puts it back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static

from studio.agent.commands import Restored, Versions
from studio.book.history import AUTHOR, Revision, file_at, files_of, name_now, of_file, state_at, words_over_time
from studio.book.room import in_words
from studio.book.word_diff import word_diff
from studio.errors import StudioError
from studio.tui.fit import one_line, shown
from studio.tui.screens.confirm_dialog import ConfirmDialog
from studio.tui.screens.help import HelpScreen
from studio.tui.widgets.key_line import KeyLine
from studio.tui.widgets.revision_view import VIEWS, RevisionView, View, told_changes, told_text, told_whose
from studio.tui.widgets.timeline import Entry, Timeline, sparkline

LOOK = 2.0  # seconds between two looks for new revisions
AT_ONCE = 40  # revisions whose words are counted before the list is painted again
WIDE = 110  # cells from which list and text stand side by side

HELP = [
    (
        "Nothing is lost",
        "Every text that the agent or you ever put into a file is here. What you put back counts as an edit of yours: "
        "the agent is told of it, and what stood there stays in this list.",
    ),
    (
        "Undo the agent",
        "On a revision, u takes out of the book what the agent did after it. Sentences you wrote since then stay, and "
        "what you renamed or removed stays so.",
    ),
    (
        "Whose is it",
        "Tab shows which sentences are yours: those you wrote or changed last, whoever wrote around them.",
    ),
]


class HistoryScreen(Screen[None]):
    """Left the revisions, right the one that is selected. Everything it does to files is done by `Versions`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "restore", tooltip="put this file back as it was then"),
        Binding("R", "restore_book", "restore book", tooltip="put the whole book back as it was then"),
        Binding("u", "undo_agent", "undo agent", tooltip="undo what the agent did since; your sentences stay"),
        Binding("m", "mark", "mark", tooltip="compare the others with this revision; again: with the one before each"),
        Binding("f", "filter", "file", tooltip="only the revisions of this file; again: of all"),
        Binding("tab", "view(1)", "view", key_display="Tab", priority=True, tooltip="changes, the text, whose it is"),
        Binding("shift+tab", "view(-1)", "view before", show=False, priority=True),
        Binding("pagedown", "page(1)", "page", show=False, priority=True, key_display="PgUp PgDn", tooltip="scroll"),
        Binding("pageup", "page(-1)", "page", show=False, priority=True),
        Binding("t", "app.next_theme", "theme", show=False, tooltip="the next theme"),
        Binding("question_mark", "help", "help", key_display="?", tooltip="this page"),
        Binding("escape,q,h,ctrl+c", "dismiss", "back", key_display="Esc", tooltip="back to the desk"),
    ]

    DEFAULT_CSS = """
    HistoryScreen { background: $background; }
    HistoryScreen #heading { height: 1; padding: 0 2; background: $surface; }
    HistoryScreen #columns { height: 1fr; layout: horizontal; }
    HistoryScreen Timeline { width: 2fr; max-width: 76; height: 100%; }
    HistoryScreen RevisionView { width: 3fr; height: 100%; }
    HistoryScreen.narrow #columns { layout: vertical; }
    HistoryScreen.narrow Timeline { width: 100%; max-width: 100%; height: 2fr; }
    HistoryScreen.narrow RevisionView { width: 100%; height: 3fr; }
    """

    def __init__(self, versions: Versions, book: str, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._versions = versions
        self._book = book
        self._clock = clock
        self._revisions: Sequence[Revision] = ()
        self._counted: dict[int, tuple[int, int]] = {}
        self._missing: set[int] = set()
        self._room = ""
        self._file: str | None = None  # only this file's revisions
        self._marked = 0
        self._view: View = "changes"

    def compose(self) -> ComposeResult:
        """Heading, the list and the text, keys."""
        yield Static(id="heading", markup=False)
        with Container(id="columns"):
            yield Timeline(id="timeline")
            yield RevisionView(id="view")
        yield KeyLine(self.BINDINGS)

    def on_mount(self) -> None:
        """Read what there is, and look now and then for what came since."""
        self.query_one(Timeline).focus()
        self.set_interval(LOOK, self._look)
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        """Side by side, or one above the other."""
        self.set_class(event.size.width < WIDE, "narrow")
        self._show_heading()

    # --- what there is --------------------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        try:
            revisions = await asyncio.to_thread(lambda: list(self._versions.revisions()))
            if len(revisions) == len(self._revisions) and self._room:
                return
            self._missing = await asyncio.to_thread(self._versions.missing)
            space = await asyncio.to_thread(self._versions.space)
        except StudioError as error:
            self._complain(error)
            return
        self._room = f"{in_words(space.size)} of versions in {in_words(space.record)}"
        self._revisions = revisions
        self._show_heading()
        self._show_list()
        self._count()

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        """The words of each change, the newest first: the events alone know no more than how many more there are."""
        todo = [one for one in reversed(self._revisions) if one.number not in self._counted]
        for at in range(0, len(todo), AT_ONCE):
            some = todo[at : at + AT_ONCE]
            try:
                self._counted.update(await asyncio.to_thread(self._words_of, some))
            except StudioError as error:  # the disk, or the folder, is away: the list stays as it is
                self._complain(error)
                return
            self._show_list()

    def _words_of(self, some: Sequence[Revision]) -> dict[int, tuple[int, int]]:
        return {one.number: self._versions.words_changed(one) for one in some}

    def _listed(self) -> Sequence[Revision]:
        return of_file(self._revisions, self._file) if self._file else self._revisions

    def _show_list(self) -> None:
        entries = [
            Entry(
                one,
                *self._counted.get(one.number, (one.words_added, one.words_removed)),
                is_gone=one.number in self._missing,
            )
            for one in self._listed()
        ]
        timeline = self.query_one(Timeline)
        timeline.border_title = Content(one_line(self._file or "All files"))
        timeline.border_subtitle = Content(
            f"◆ {self._marked} is what the others are compared with" * bool(self._marked)
        )
        timeline.show(entries, marked=self._marked, now=self._clock())
        if not entries:
            self._show_nothing()

    def _show_heading(self) -> None:
        words = list(words_over_time(self._revisions))
        files = len(files_of(self._revisions))
        told = f"{len(self._revisions):,} revisions of {files:,} files" if self._revisions else "no revision yet"
        told += f" · {words[-1]:,} words" if words else ""
        rest = self.size.width - 4 - len(f"{one_line(self._book)}  history   {told}   {self._room}")
        room = self._room if rest > 0 else ""
        bars = sparkline(words, min(40, self.size.width - 8 - len(f"{one_line(self._book)}  history {told} {room}")))
        self.query_one("#heading", Static).update(
            Content.assemble(
                (one_line(self._book), "bold $primary"),
                ("  history   ", "$text-muted"),
                (bars, "$success"),
                f"  {told}   ",
                (room, "$text-muted"),
            )
        )

    def _show_nothing(self) -> None:
        told = "Nothing has been written yet: each change of a file will be listed here."
        self.query_one(RevisionView).show(self._view, Content.assemble((told, "$text-muted")))

    # --- the one selected -----------------------------------------------------------------------------------------

    @property
    def _selected(self) -> Revision | None:
        number = self.query_one(Timeline).selected
        return self._revisions[number - 1] if 0 < number <= len(self._revisions) else None

    @on(OptionList.OptionHighlighted)
    def chosen(self) -> None:
        """Another revision."""
        self._show_view()

    @work(exclusive=True, group="view")
    async def _show_view(self) -> None:
        one = self._selected
        if one is None:
            return
        try:
            told, subtitle = await asyncio.to_thread(self._told, one)
        except StudioError as error:
            told, subtitle = Content.assemble((shown(str(error)), "$text-muted")), one.file
        self.query_one(RevisionView).show(self._view, told, subtitle=subtitle)

    def _told(self, one: Revision) -> tuple[Content, str]:
        """The text of the view, and what it is of. In a thread."""
        versions = self._versions
        if self._view != "changes" and not one.sha256:
            return Content.assemble(("The file goes here: there is no text of it.", "$text-muted")), one.file
        if self._view == "text":
            return told_text(versions.text(one.sha256)), f"{one.file} at revision {one.number}"
        if self._view == "whose":
            return told_whose(versions.provenance(one.file, one.number)), f"{one.file} at revision {one.number}"
        if self._marked and self._marked != one.number:
            first, last = sorted((self._marked, one.number))
            file = name_now(self._revisions, one.number)
            texts = [versions.text(file_at(self._revisions, file, number)) for number in (first, last)]
            return told_changes(word_diff(*texts)), f"{one.file} from revision {first} to {last}"
        note = f"renamed from {one.renamed_from}" if one.renamed_from else one.why
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
        subtitle = " · ".join(part for part in (one.file, moment, one.who, note) if part)
        if one.renamed_from:
            return Content.assemble(("Another name, the same text.", "$text-muted")), subtitle
        return told_changes(word_diff(versions.text(one.before), versions.text(one.sha256))), subtitle

    def action_view(self, step: int) -> None:
        """Tab."""
        self._view = VIEWS[(VIEWS.index(self._view) + step) % len(VIEWS)]
        self._show_view()

    def action_page(self, step: int) -> None:
        """PgUp, PgDn: the list has the arrows."""
        view = self.query_one(RevisionView)
        if step > 0:
            view.scroll_page_down(animate=False)
        else:
            view.scroll_page_up(animate=False)

    def action_mark(self) -> None:
        """m."""
        if (one := self._selected) is not None:
            self._marked = 0 if self._marked == one.number else one.number
            self._show_list()
            self._show_view()

    def action_filter(self) -> None:
        """f."""
        if (one := self._selected) is not None:
            self._file = name_now(self._revisions, one.number) if self._file is None else None
            self._show_list()

    # --- putting back ---------------------------------------------------------------------------------------------

    @work(exclusive=True, group="dialog")
    async def action_restore(self) -> None:
        """r."""
        if (one := self._selected) is None:
            return
        file = name_now(self._revisions, one.number)
        told = (
            f"{file} gets the text it had at revision {one.number}, with {one.words:,} words."
            if one.sha256
            else f"{file} goes: at revision {one.number} it was not there."
        )
        if await self._ask(f"Restore {one_line(file)}", told):
            self._carry_out(lambda: self._versions.restore(file, one.number))

    @work(exclusive=True, group="dialog")
    async def action_restore_book(self) -> None:
        """R."""
        if (one := self._selected) is None:
            return
        then, now = state_at(self._revisions, one.number), state_at(self._revisions, len(self._revisions))
        changed = sum(now.get(file, sha256) != sha256 for file, sha256 in then.items())
        counts = [(changed, "get an older text"), (len(then.keys() - now), "come back"), (len(now.keys() - then), "go")]
        told = ", ".join(f"{count} {what}" for count, what in counts if count)
        if not told:
            self.notify("The whole book is as it was then.", markup=False, timeout=3)
        elif await self._ask("Restore the whole book", f"As of revision {one.number}; of the files, {told}."):
            self._carry_out(lambda: self._versions.restore_book(one.number))

    @work(exclusive=True, group="dialog")
    async def action_undo_agent(self) -> None:
        """u."""
        if (one := self._selected) is None:
            return
        file = self._file
        since = [r for r in self._listed() if r.number > one.number and r.who != AUTHOR]
        if not since:
            self.notify(f"The agent has done nothing since revision {one.number:,}.", markup=False, timeout=3)
            return
        files = len({r.file for r in since})
        where = file or f"{files:,} file{'s' * (files != 1)}"
        told = (
            f"What the agent did after revision {one.number} is undone: {len(since):,} "
            f"change{'s' * (len(since) != 1)} of {where}. What you wrote since stays; a file that only the agent made "
            "goes."
        )
        if await self._ask("Undo what the agent did since", told):
            self._carry_out(lambda: self._versions.undo_agent(one.number, file))

    async def _ask(self, title: str, told: str) -> bool:
        told += "\n\nWhat stands there now stays in this history, so this can be taken back."
        answer = await self.app.push_screen_wait(ConfirmDialog(title, told))
        return answer is True

    def _carry_out(self, do: Callable[[], Awaitable[Restored]]) -> None:
        """The app's work, not the screen's: to leave the screen is no wish to stop half-way."""
        self.app.run_worker(self._tell(do), group="restore")

    async def _tell(self, do: Callable[[], Awaitable[Restored]]) -> None:
        try:
            done = await do()
        except StudioError as error:
            self._complain(error)
            return
        if done.files:
            one = len(done.files) == 1
            files, key = (done.files[0], "r") if one else (f"{len(done.files)} files", "R")
            said = f"{files} changed: {done.why}. {key} on revision {done.before} takes it back. {done.warning()}"
        else:
            said = f"Nothing to do: {done.why} is what stands there now."
        self.app.notify(shown(said.strip()), markup=False, timeout=8)
        if self.is_attached:
            self.query_one(Timeline).highlighted = 0  # and stays at the newest, which this is about to be
            self._look()

    def _complain(self, error: StudioError) -> None:
        self.app.notify(shown(str(error)), severity="warning", markup=False, timeout=8)

    def action_help(self) -> None:
        """?."""
        keys = [("↑ ↓ Home End", "another revision")]
        self.app.push_screen(HelpScreen(self.BINDINGS, keys, title="The history", told=HELP))

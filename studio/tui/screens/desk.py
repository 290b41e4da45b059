"""The desk: reasoning, prose, tools, the book's files, the steering; it draws events and sends commands."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import OptionList, Static
from textual.worker import Worker, WorkerCancelled, WorkerState

from studio import events as ev
from studio.agent.commands import BackendCard, Session
from studio.agent.cowriting.stage import is_go
from studio.agent.gates import WORDS
from studio.agent.progress import Progress
from studio.errors import BookError, StudioError
from studio.tui.asked import Asked, asked_words, is_over, next_gate, waits_for_retry
from studio.tui.book_files import BookFiles
from studio.tui.countdown import seconds_left
from studio.tui.desk_keys import GO, KEYS, READING
from studio.tui.editor import edit_book_file
from studio.tui.feed import joined
from studio.tui.fit import one_line, shown
from studio.tui.live import Live
from studio.tui.screens.backend_dialog import BackendDialog
from studio.tui.screens.board import BoardScreen
from studio.tui.screens.help import HelpScreen
from studio.tui.screens.history import HistoryScreen
from studio.tui.screens.line_dialog import LineDialog
from studio.tui.widgets.banner import Banner
from studio.tui.widgets.gauge import Gauge
from studio.tui.widgets.header import DeskHeader
from studio.tui.widgets.key_line import KeyLine
from studio.tui.widgets.pane_tabs import PaneTabs
from studio.tui.widgets.panes import TITLES, Panes
from studio.tui.widgets.steering_line import SteeringLine
from studio.tui.widgets.text_pane import TextPane

FRAME = 1 / 20  # seconds between two paintings
AFTER_KEY = 0.12  # seconds a painting waits after a key, so that the key's own echo comes first
COUNTS = 0.3  # seconds between two paintings of what only counts along: words, tokens, speed
LONGEST = 0.25  # seconds it waits at most

WIDE, TALL = 110, 28  # from this size on, all panes are shown at once
SMALLEST = (60, 16)


class DeskScreen(Screen[int]):
    """Dismissed with the run's exit code."""

    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = KEYS

    DEFAULT_CSS = """
    DeskScreen { background: $background; }
    DeskScreen #small { display: none; width: 100%; height: 100%; content-align: center middle; text-align: center; }
    DeskScreen.narrow PaneTabs { display: block; }
    DeskScreen.tiny > * { display: none; }
    DeskScreen.tiny #small { display: block; }
    """

    def __init__(
        self, session: Session, backends: Callable[[], list[BackendCard]], *, clock: Callable[[], float]
    ) -> None:
        """Show a session that was opened; it is worked on from the first paint and closed when the desk is left.

        Args:
            backends: what can be switched to.
            clock: seconds since the epoch, as the events have it.
        """
        super().__init__()
        self._clock = clock
        self._session = session
        self._backends = backends
        self._progress = Progress()
        self._live = Live()
        self._files = BookFiles()
        self._inbox: list[ev.Event] = []
        self._told: Signal[Sequence[ev.Event]] = Signal(self, "told")  # what came, once the desk's folds have it
        self._panes = Panes(id="panes")
        self._asked = Asked.NOTHING
        self._last_key = 0.0
        self._last_flush = 0.0
        self._last_counts = 0.0
        self._left = 0  # seconds until a call that failed is made again, as painted
        self._dirty = True
        self._sought = ""
        self._shows_go = False  # the line of keys has that of the talk
        self._code = 0
        self.failure = ""  # what could not be saved at the end, and where it is
        self._ended = False
        self._leaving = False
        self._work: Worker[int] | None = None

    def compose(self) -> ComposeResult:
        """Header, panes, gauge, steering line, keys."""
        yield Static("", id="small", markup=False)
        yield DeskHeader(self._session.root.name)
        yield PaneTabs(TITLES)
        yield self._panes
        yield Banner(held_by=self._session.held_by)
        yield Gauge()
        yield SteeringLine(id="say")
        yield KeyLine(self.BINDINGS)

    def on_mount(self) -> None:
        """Fill the panes from the record, then begin to work."""
        for event in joined(self._session.history()):
            self._take(event)
        self._session.subscribe(self._inbox.append)
        self.set_interval(FRAME, self._frame)
        self._panes.prose.focus()
        if self._session.recovered:
            self.notify(shown(self._session.recovered), severity="warning", markup=False, timeout=60)
        self._work = self.run_worker(self._session.work(), name="work", group="work")

    @on(Worker.StateChanged)
    def work_changed(self, event: Worker.StateChanged) -> None:
        """The run has ended: the desk stays for reading."""
        if event.worker is self._work and event.state in (WorkerState.SUCCESS, WorkerState.CANCELLED):
            self._code = event.worker.result or 0
            self._ended = True
            self._asked = Asked.NOTHING
            self._dirty = True

    # --- drawing --------------------------------------------------------------------------------------------------

    def _take(self, event: ev.Event) -> None:
        self._progress.apply(event)
        self._live.apply(event)
        self._panes.feed.apply(event)
        self._files.apply(event)
        if is_over(self._asked, event, self._progress):
            self._asked = Asked.NOTHING

    def _frame(self) -> None:
        """The one timer of the screen: drains what came, paints what changed."""
        now = time.monotonic()
        if now - self._last_key < AFTER_KEY and now - self._last_flush < LONGEST:
            return
        if (left := seconds_left(self._progress, self._clock())) != self._left:
            self._left, self._dirty = left, True
        if not self._inbox and not self._dirty and now - self._last_flush < 1:
            return
        came, self._inbox[:] = list(self._inbox), []
        # Counts that run along with the stream are read a few times a second; every other news is shown at once.
        all_of_it = self._dirty or now - self._last_counts >= COUNTS or any(not isinstance(e, ev.DELTAS) for e in came)
        self._last_flush = now
        self._dirty = False
        for event in joined(came):
            self._take(event)
        if came:
            self._told.publish(came)
        reading = self._panes.reading
        if reading and any(isinstance(e, ev.FileWritten | ev.AuthorEdited) and e.file == reading for e in came):
            self._read(reading)
        self._panes.flush_stream()
        if all_of_it:
            self._last_counts = now
            feed = self._panes.feed
            self._panes.flush_rest(self._files.listed(feed.live, feed.live_words))
            self._show_state(self._live.tick(now))

    def _show_state(self, speed: float) -> None:
        progress, asked = self._progress, asked_words(self._asked, self._progress)
        left = self._left = seconds_left(progress, self._clock())
        self.query_one(DeskHeader).show(progress, asked=asked, left=left)
        self.query_one(Gauge).show(progress, estimate=self._live.tokens, speed=speed, asked=asked, left=left)
        line = self.query_one(SteeringLine)
        line.ask(progress.questions.open, is_turn=progress.state == "turn")
        answering = line.has_focus and line.answers is not None
        if progress.cowriting.is_open != self._shows_go:
            self._show_keys()
        self.query_one(Banner).show(progress, asked=asked, left=left, ended=self._ended, answering=answering)

    def on_key(self, event: events.Key) -> None:
        """A key's echo comes before the next painting."""
        self._last_key = time.monotonic()

    def on_input_changed(self) -> None:
        """So does what is typed."""
        self._last_key = time.monotonic()

    def on_resize(self, event: events.Resize) -> None:
        """All panes at once, or one at a time, or too small for either."""
        width, height = event.size
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "tiny")
        self.query_one("#small", Static).update(
            Content(
                f"This terminal is too small: {width}×{height}.\nThe desk needs {SMALLEST[0]}×{SMALLEST[1]}.\n\n"
                "The run goes on."
            )
        )
        self.set_class(width < WIDE or height < TALL, "narrow")
        self._arrange()

    def _arrange(self) -> None:
        self._panes.lay_out(narrow=self.has_class("narrow"))
        self.query_one(PaneTabs).show(self._panes.chosen)
        if self.has_class("narrow") and not isinstance(self.focused, SteeringLine):
            self._panes.pane(self._panes.chosen).focus()
        self._dirty = True

    # --- commands -------------------------------------------------------------------------------------------------

    def _may_command(self) -> bool:
        if self._session.held_by:
            self.notify(shown(self._session.held_by), markup=False, severity="warning", timeout=4)
            return False
        if self._ended:
            self.notify("The run has ended; open the book again to go on with it.", markup=False, timeout=4)
            return False
        return not self._leaving

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is typed into the steering line is text, also where it is a key of the desk."""
        return not (action in ("say", "search") and isinstance(self.focused, SteeringLine))

    def action_pause(self) -> None:
        """Space."""
        if not self._may_command():
            return
        if self._progress.state == "paused" or self._asked is Asked.PAUSE:
            self._asked = Asked.NOTHING if self._asked is Asked.PAUSE else self._asked
            self._session.run.resume()
        elif self._asked is not Asked.CUT:
            self._asked = Asked.PAUSE
            self._session.run.pause()
        self._dirty = True

    def action_interrupt(self) -> None:
        """Esc."""
        if self._may_command() and self._progress.state != "paused":
            self._asked = Asked.CUT
            self._session.run.interrupt()
            self._dirty = True

    def action_retry(self) -> None:
        """r."""
        if not self._may_command():
            return
        if not waits_for_retry(self._progress):
            self.notify("There is nothing to try again now.", markup=False, timeout=3)
        elif self._asked is not Asked.RETRY:
            if self._asked is Asked.NOTHING:
                self._asked = Asked.RETRY
            self._session.run.retry()
            self._dirty = True

    def action_gate(self) -> None:
        """g."""
        if self._may_command():
            gate = next_gate(self._progress, self._inbox)
            self._session.run.gate(gate)
            self.notify(shown(f"The run stops {WORDS[gate]}."), markup=False, timeout=3)

    def action_say(self) -> None:
        """i."""
        if self._may_command():
            # Not `focus()`: that comes a message later, and the first letters of the note would be taken for keys.
            self.set_focus(self.query_one(SteeringLine))

    def on_steering_line_said(self, message: SteeringLine.Said) -> None:
        """The author said something."""
        if not self._may_command():
            return
        if self._progress.cowriting.is_open and is_go(message.text):
            self._session.run.go()
        elif message.answers is not None:
            self._session.run.answer(message.text, message.answers.id)
        else:
            self._session.run.note(message.text)
        self._dirty = True

    def on_steering_line_turned(self) -> None:
        """What is typed is a note now, or an answer."""
        if isinstance(self.focused, SteeringLine):
            self._show_keys()
            self._dirty = True

    def action_go(self) -> None:
        """G."""
        if not self._may_command():
            return
        if self._progress.cowriting.is_open:
            self._session.run.go()
        else:
            self.notify("There is no talk to end: the book is being written.", markup=False, timeout=3)
        self._dirty = True

    def on_steering_line_left(self) -> None:
        """The keys are the desk's again."""
        self.set_focus(self._panes.pane(self._panes.chosen))

    @work(exclusive=True, group="dialog")
    async def action_backend(self) -> None:
        """b."""
        if not self._may_command():
            return
        cards = await asyncio.to_thread(self._backends)
        switch = await self.app.push_screen_wait(BackendDialog(cards, self._progress.backend))
        if switch is not None and self._may_command():
            self._asked = Asked.CUT_OVER if switch.cut else Asked.SWITCH
            self._session.run.switch(switch.choice, cut=switch.cut)
            self._dirty = True

    @work(group="leave")
    async def action_leave(self) -> None:
        """q: stop, save, go. Once more while that takes long: cut it short."""
        if self._leaving:
            if self._work is not None:
                self._work.cancel()
            return
        self._asked = Asked.SAVE
        self._dirty = True
        await self.end()
        self.dismiss(self._code)

    async def end(self) -> None:
        """Stop the run and let go of the book."""
        self._leaving = True
        self._session.run.stop()
        if self._work is not None:
            if self._session.held_by:
                self._work.cancel()
            try:
                self._code = await self._work.wait()
            except WorkerCancelled:
                self._code = 0
        try:
            await self._session.close()
        except BookError as error:
            self.failure, self._code = str(error), error.exit_code

    # --- reading --------------------------------------------------------------------------------------------------

    def action_pane(self, name: str) -> None:
        """1-5."""
        self._panes.chosen = name
        self._arrange()
        self._panes.pane(name).focus()

    def action_next_pane(self, step: int) -> None:
        """Tab."""
        names = list(TITLES)
        focused = self.focused.id if self.focused is not None else None
        current = focused if focused in names else self._panes.chosen
        self.action_pane(names[(names.index(current) + step) % len(names)])

    def on_pane_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        """A click on a tab."""
        self.action_pane(message.name)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane that has the keys is the one a small screen shows."""
        if event.widget.id in TITLES:
            self._panes.chosen = event.widget.id
        self._show_keys()
        self._dirty = True

    def _show_keys(self) -> None:
        """The keys of what has them: the steering line, or the desk."""
        self._shows_go = self._progress.cowriting.is_open
        desk = [GO, *self.BINDINGS] if self._shows_go else self.BINDINGS
        self.query_one(KeyLine).show(self.focused.keys if isinstance(self.focused, SteeringLine) else desk)

    @on(OptionList.OptionSelected, "#files")
    def choose_file(self, event: OptionList.OptionSelected) -> None:
        """Enter on a file: read it; on the live one: back to the stream."""
        file = event.option.id or ""
        if file == self._panes.feed.live or file not in self._files:
            self.action_live()
        else:
            self._read(file)
        if self.has_class("narrow"):
            self.action_pane("prose")

    def _read(self, file: str) -> None:
        try:
            self._panes.read(self._session.root, file)
        except BookError as error:
            self.notify(shown(str(error)), severity="warning", markup=False)
        self._dirty = True

    def action_live(self) -> None:
        """l."""
        self._panes.read_live()
        self._dirty = True

    @work(exclusive=True, group="editor")
    async def action_edit(self) -> None:
        """e: the file that is read, the one chosen in the list, or the one whose prose came last."""
        panes = self._panes
        in_list = panes.files.selected()
        file = panes.reading or (in_list if panes.files.has_focus else panes.feed.wrote) or in_list
        if file not in self._files:
            missing = f"{one_line(file)} is not on disk yet." if file else "The book has no file to edit yet."
            self.notify(missing, markup=False)
            return
        try:
            await edit_book_file(self.app, self._session.root, file)
        except StudioError as error:
            self.notify(shown(str(error)), severity="warning", markup=False, timeout=8)
        self._dirty = True

    @work(exclusive=True, group="lock")
    async def action_lock(self) -> None:
        """L: the file that is read, or the one chosen in the list."""
        file = self._panes.reading or self._panes.files.selected()
        if file not in self._files:
            self.notify("The book has no file to lock yet.", markup=False, timeout=3)
            return
        locked = not self._files.is_locked(file)
        try:
            await self._session.lock(file, locked=locked)
        except StudioError as error:
            self.notify(shown(str(error)), severity="warning", markup=False, timeout=8)
            return
        said = "is locked: the agent can't change it." if locked else "is unlocked."
        self.notify(f"{one_line(file)} {said}", markup=False, timeout=3)
        self._dirty = True

    def action_history(self) -> None:
        """h."""
        self.app.push_screen(HistoryScreen(self._session.versions, self._session.root.name, clock=self._clock))

    def action_board(self) -> None:
        """B."""
        session, feed = self._session, self._panes.feed
        board = BoardScreen(
            session.board, session.root, progress=self._progress, writing=lambda: feed.live, told=self._told
        )
        self.app.push_screen(board, self._read_from_board)

    def _read_from_board(self, file: str | None) -> None:
        if file and file == self._panes.feed.live:
            self.action_live()
        elif file:
            self._read(file)
        if file and self.has_class("narrow"):
            self.action_pane("prose")

    def action_search(self) -> None:
        """/."""

        def search(wanted: str | None) -> None:
            if wanted is not None:
                self._sought = wanted
                self.action_search_on()

        self.app.push_screen(LineDialog("Search in this pane", self._sought), search)

    def action_search_on(self) -> None:
        """n."""
        pane = self.focused if isinstance(self.focused, TextPane) else self._panes.prose
        if not pane.search(self._sought):
            self.notify(f"“{one_line(self._sought)}” is not in this pane.", markup=False, timeout=3)

    def action_help(self) -> None:
        """?."""
        self.app.push_screen(HelpScreen(self.BINDINGS, READING))

"""All chapters of a book, in columns by status, or in rows where there is no room for them; one is selected."""

from collections.abc import Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widgets import OptionList

from studio.agent.board import Card
from studio.book.plan import STATUSES
from studio.tui.widgets.chapter_list import ChapterList


class ChapterBoard(Container):
    """Posts `Selected` for another chapter, `Entered` for Enter or a click on it."""

    DEFAULT_CSS = """
    ChapterBoard { height: 1fr; }
    ChapterBoard #columns ChapterList { width: 1fr; }
    """

    class Selected(Message):
        """Another chapter is selected, or none."""

        def __init__(self, card: Card | None) -> None:
            super().__init__()
            self.card = card

    class Entered(Message):
        """The author wants to read the selected one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = [ChapterList(status, id=status) for status in STATUSES]
        self._rows = ChapterList(id="rows")
        self._column = self._columns[0]  # the one that has the keys, or had them last
        self._is_untouched = True  # nothing was selected yet
        self.is_rows = False

    def compose(self) -> ComposeResult:
        """Both; one of them is shown."""
        with Horizontal(id="columns"):
            yield from self._columns
        yield self._rows

    def on_mount(self) -> None:
        """Columns."""
        self._rows.display = False

    @property
    def list(self) -> ChapterList:
        """The list whose chapter is the selected one."""
        return self._rows if self.is_rows else self._column

    @property
    def selected(self) -> Card | None:
        """The selected chapter; None when there are none."""
        return self.list.selected

    def show(self, cards: Sequence[Card], writing: str) -> None:
        """List them; the chapter that is selected stays so, in whichever column it stands now.

        Args:
            writing: the file that the agent is writing now, or "".
        """
        selected = None if self._is_untouched else self.selected
        for one in (*self._columns, self._rows):
            one.show([card for card in cards if one.status in ("", card.entry.status)], writing)
        if selected is not None:
            self._choose(selected.key)
        if self._is_untouched or not self._column.cards:  # first where the work is
            drafted_first = [*reversed(self._columns[:2]), *self._columns[2:]]
            self._column = next((one for one in drafted_first if one.cards), self._column)
        self._is_untouched = self._is_untouched and not cards
        self._keep_keys()
        self.post_message(self.Selected(self.selected))

    def turn(self, *, is_rows: bool) -> None:
        """Columns or rows; the chapter that is selected stays so."""
        selected, had_keys = self.selected, self.has_focus_within
        self.is_rows = is_rows
        if selected is not None:
            self._choose(selected.key)
        # What has the keys is never hidden: they would go to any other widget.
        shown, hidden = (self._rows, "#columns") if is_rows else (self.query_one("#columns"), "#rows")
        shown.display = True
        if had_keys:
            self._keep_keys(force=True)
        self.query_one(hidden).display = False
        self.post_message(self.Selected(self.selected))

    def take_keys(self) -> None:
        """The keys are the selected chapter's."""
        self._keep_keys(force=True)

    def step(self, step: int) -> None:
        """The next column that has chapters, in columns."""
        at = self._columns.index(self._column)
        for other in self._columns[at + 1 :] if step > 0 else reversed(self._columns[:at]):
            if other.cards and not self.is_rows:
                self._column = other
                self._keep_keys(force=True)
                self.post_message(self.Selected(self.selected))
                return

    def _choose(self, key: str) -> None:
        for one in (*self._columns, self._rows):
            if one.choose(key) and one.status:
                self._column = one

    def _keep_keys(self, *, force: bool = False) -> None:
        if (force or self.has_focus_within) and self.screen.focused is not self.list:
            self.screen.set_focus(self.list)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A column that has the keys, also by a click."""
        if isinstance(event.widget, ChapterList) and event.widget.status and event.widget.cards:
            self._column = event.widget
            self.post_message(self.Selected(self.selected))

    @on(OptionList.OptionHighlighted)
    def highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another chapter."""
        event.stop()
        if event.option_list is self.list:
            self.post_message(self.Selected(self.selected))

    @on(OptionList.OptionSelected)
    def entered(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        self.post_message(self.Entered())

"""The revisions of a book as a list, the newest first: when, who, which file, words put in and taken out."""

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from studio.book.history import AGENT, AUTHOR, MERGE, Revision
from studio.tui.fit import pad

TINTS = {AUTHOR: "$secondary", AGENT: "$primary", MERGE: "$accent"}
_MARK = "◆"
_SHADES = "▁▂▃▄▅▆▇█"


class Entry(NamedTuple):
    """A revision as the list shows it."""

    revision: Revision
    added: int
    removed: int
    is_gone: bool = False  # its text was pruned


class Timeline(OptionList):
    """Posts `OptionHighlighted`; `selected` is the number of the highlighted revision."""

    DEFAULT_CSS = """
    Timeline {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-title-style: none;
        background: $background;
        padding: 0;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        &:focus {
            border: round $border; border-title-color: $foreground; border-title-style: bold;
            background-tint: $foreground 0%;
        }
    }
    """

    BORDER_TITLE: ClassVar[str] = "Revisions"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._entries: list[Entry] = []
        self._marked = 0
        self._now = 0.0
        self._width = 0

    @property
    def selected(self) -> int:
        """The number of the highlighted revision; 0 = there is none."""
        at = self.highlighted
        return self._entries[at].revision.number if at is not None and at < len(self._entries) else 0

    def show(self, entries: Sequence[Entry], *, marked: int, now: float) -> None:
        """List the entries, given oldest first; what is highlighted stays so, the newest if it was that.

        Args:
            marked: number of the revision that the others are compared with; 0 = none.
            now: seconds since the epoch; a revision of today is told by its hour, an older one by its day.
        """
        chosen, was_newest = self.selected, self.highlighted in (None, 0)
        rows = list(reversed(entries))
        same = [row.revision.number for row in rows] == [row.revision.number for row in self._entries]
        width = max(24, self.scrollable_content_region.width - 2)
        if same and (rows, marked, width) == (self._entries, self._marked, self._width):
            return
        before, self._entries = self._entries, rows
        all_of_them = marked != self._marked or width != self._width
        self._marked, self._now, self._width = marked, now, width
        if same:
            for at, (old, row) in enumerate(zip(before, rows, strict=True)):
                if all_of_them or old != row:
                    self.replace_option_prompt_at_index(at, self._prompt(row))
            return
        self.clear_options()
        self.add_options(Option(self._prompt(row), id=str(row.revision.number)) for row in rows)
        numbers = [row.revision.number for row in rows]
        if rows:
            self.highlighted = numbers.index(chosen) if chosen in numbers and not was_newest else 0

    def on_resize(self, event: Resize) -> None:
        """Set the columns anew."""
        self.show(list(reversed(self._entries)), marked=self._marked, now=self._now)

    def _prompt(self, row: Entry) -> Content:
        one = row.revision
        wide = self._width >= 55
        step = f"{f'step {one.step}' if one.step else '':<9}" if wide else ""
        words = " ".join(f"{sign}{count:,}" for sign, count in (("+", row.added), ("−", row.removed)) if count)
        told = "gone" if row.is_gone else "removed" if not one.sha256 else words or "±0"
        head = f"{one.number:>4} {when(one.at, self._now):>6} "
        file = pad(one.file, max(8, self._width - len(head) - 7 - len(step) - len(told) - 2))
        return Content.assemble(
            (_MARK if one.number == self._marked else " ", "bold $warning"),
            (head, "$text-muted"),
            (f"{one.who:<7}", TINTS.get(one.who, "")),
            (step, "$text-muted"),
            file,
            " ",
            (told, "$text-muted" if row.is_gone else ""),
        )


def when(at: float, now: float) -> str:
    """A moment in six cells: the hour if it is today's, the day of the month, or the month of another year."""
    then, today = time.localtime(at), time.localtime(now)
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M", then)
    return time.strftime("%d %b" if then.tm_year == today.tm_year else "%b %y", then)


def sparkline(values: Iterable[int], cells: int) -> str:
    """Figures over time as a row of bars, the last one at the end."""
    every = list(values)
    if not every or cells < 1:
        return ""
    cells = min(cells, len(every))
    picked = [every[(number + 1) * len(every) // cells - 1] for number in range(cells)]
    top = max(*picked, 1)
    return "".join(_SHADES[min(len(_SHADES) - 1, value * len(_SHADES) // (top + 1))] for value in picked)

"""The files of the book: names, words, and who touched each last."""

import re
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from studio.tui.fit import fit

AUTHOR, AGENT = "author", "agent"

_NUMBER = re.compile(r"(\d+)")
_OPENS = ("prolog", "preface", "foreword", "introduction")


class Listed(NamedTuple):
    """A file as the list shows it."""

    name: str
    words: int
    by: str  # who touched it last: AUTHOR, AGENT or ""
    live: bool = False  # being written right now
    locked: bool = False  # by the author: the agent may not change it


class FileList(OptionList):
    """Posts `OptionSelected` with the file's name as the option's id."""

    DEFAULT_CSS = """
    FileList {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-title-style: none;
        background: $background;
        padding: 0;
        scrollbar-size-vertical: 1;
        &:focus {
            border: round $border; border-title-color: $foreground; border-title-style: bold;
            background-tint: $foreground 0%;
        }
    }
    """

    BORDER_TITLE: ClassVar[str] = "Book"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._listed: list[Listed] = []
        self._width = 0

    def show(self, files: Iterable[Listed]) -> None:
        """List the files; what is highlighted stays highlighted."""
        rows = sorted(files, key=lambda row: _reading_place(row.name))
        width = max(12, self.scrollable_content_region.width - 1)
        if rows == self._listed and width == self._width:
            return
        same = [row.name for row in rows] == [row.name for row in self._listed]
        before, self._listed = self._listed, rows
        if same and width == self._width:
            for number, (old, row) in enumerate(zip(before, rows, strict=True)):
                if old != row:
                    self.replace_option_prompt_at_index(number, _prompt(row, width))
            return
        self._width = width
        chosen = self.selected(before)
        self.clear_options()
        self.add_options(Option(_prompt(row, width), id=row.name) for row in rows)
        names = [row.name for row in rows]
        if rows:
            self.highlighted = names.index(chosen) if chosen in names else 0

    def on_resize(self, event: Resize) -> None:
        """Set the columns anew."""
        self.show(self._listed)

    def selected(self, among: list[Listed] | None = None) -> str:
        """The highlighted file, or ""."""
        rows = self._listed if among is None else among
        number = self.highlighted
        return rows[number].name if number is not None and number < len(rows) else ""


def _reading_place(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """As a reader meets them: the outline, what opens the book, the chapters by their numbers, the folders."""
    parts = [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in _NUMBER.split(name.casefold()) if p]
    if name == "outline.md":
        return 0, parts
    if "/" in name:
        return 4, parts
    if name.casefold().startswith(_OPENS):
        return 1, parts
    return 2 if _NUMBER.search(name) else 3, parts


def _prompt(row: Listed, width: int) -> Content:
    count = f"{row.words:,}"
    mark = "…" if row.live else "⊘" if row.locked else "✎" if row.by == AUTHOR else " "
    name = fit(row.name, max(4, width - len(count) - 5))
    gap = " " * max(1, width - cell_len(name) - len(count) - 4)
    tint = "$success" if row.live else "$secondary" if row.by == AUTHOR else "$text-muted"
    return Content.assemble(("▸ " if row.live else "  ", tint), name, gap, (count, "$text-muted"), " ", (mark, tint))

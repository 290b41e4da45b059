"""A long text wrapped to a width: lines are added at its end, and only the last row is ever wrapped again. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

from rich.cells import get_character_cell_size

# Whatever is not surely one cell wide: a text without any is as wide as it is long.
_ODD = re.compile(
    "[^ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u0530\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"
    "\u2190-\u2319\u2400-\u25fc]"
)
_WIDE = re.compile("[\u3041-\u3096\u30a1-\u30fa\u3001-\u3003\u3008-\u3011\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*")
_EMOJI_STYLE = "\ufe0f"  # makes the character before it two cells wide
_CACHED = 512  # lines whose rows are remembered
HANG = 2  # cells by which the later rows of a hanging line are set in


class Row(NamedTuple):
    """What one row of the screen shows."""

    text: str
    style: str
    line: int  # which line it belongs to; -1 outside the text
    first: bool  # the line begins here


class Anchor(NamedTuple):
    """A place in the text that does not move when the text is wrapped anew."""

    line: int
    character: int


def row_starts(text: str, width: int, start: int = 0, hang: int = 0) -> list[int]:
    """Where each row of a line begins, greedily wrapped at blanks; words wider than a row are broken.

    Args:
        text: one line, without newline.
        width: cells a row may take, at least 1.
        start: where a row is known to begin; only the rows from there on are answered.
        hang: cells by which every row but the line's first is narrower.
    """
    starts, at, length = [start], start, len(text)
    plain = text.isascii() or not _ODD.search(text, start)
    while True:
        room = width - hang if at else width
        if length - at <= room and plain:
            return starts
        end = at + room if plain else _end_of_odd_row(text, at, room)
        if end >= length:
            return starts
        blank = text.rfind(" ", at, end + 1)
        at = blank + 1 if blank > at else end
        starts.append(at)


def _end_of_odd_row(text: str, at: int, room: int) -> int:
    """The first character that has no room in the row; at least one character has."""
    if not _ODD.search(text, at, at + room + 1):
        return at + room
    run = _WIDE.match(text, at, at + room // 2)
    end = run.end() if run is not None else at
    cells = 2 * (end - at)
    while end < len(text):
        size = 1 if text[end] == _EMOJI_STYLE else get_character_cell_size(text[end])
        if cells + size > room and size and end > at:
            # What changes the character before it can't be parted from it.
            return end - 1 if text[end] == _EMOJI_STYLE and end - 1 > at else end
        cells += size
        end += 1
    return end


class Wrapped:
    """Lines with a style each, as rows of at most `width` cells."""

    def __init__(self, width: int = 80, *, hanging: Collection[str] = (), sections: Collection[str] = ()) -> None:
        """Make an empty text.

        Args:
            hanging: styles whose lines begin with a mark; their later rows are set in below it.
            sections: styles whose lines begin a section, for `section`.
        """
        self.width = width
        self.changed: int | None = None  # the first row that may look different since the reader set this to None
        self._hanging = hanging
        self._section_styles = sections
        self._lines: list[str] = []
        self._styles: list[str] = []
        self._first: list[int] = []  # the row each line begins at
        self._last: list[int] = []  # the rows of the last line, as offsets into it
        self._sections: list[int] = []  # the lines that begin a section
        self._cache: OrderedDict[int, list[int]] = OrderedDict()
        self._has_tail = False

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._first[-1] + len(self._last) if self._lines else 0

    # --- adding ---------------------------------------------------------------------------------------------------

    def append(self, text: str, style: str = "") -> None:
        """Add text at the end; it goes on in the last line if that has the same style."""
        self.drop_tail()
        first, *others = text.split("\n")
        if self._lines and self._styles[-1] == style:
            self._grow(first)
        elif first or others:
            self._new_line(first, style)
        for line in others:
            self._new_line(line, style)

    def line(self, text: str, style: str = "") -> None:
        """Add whole lines, never joined to what was there."""
        self.drop_tail()
        for line in text.split("\n"):
            self._new_line(line, style)

    def tail(self, text: str, style: str = "") -> None:
        """Show a last line that the next addition takes away."""
        self.drop_tail()
        self._new_line(text.replace("\n", " "), style)
        self._has_tail = True

    def drop_tail(self) -> None:
        """Take the passing last line away."""
        if not self._has_tail:
            return
        self._has_tail = False
        self._touch(self._first[-1])
        for part in (self._lines, self._styles, self._first):
            part.pop()
        if self._sections and self._sections[-1] == len(self._lines):
            self._sections.pop()
        self._last = self._starts(len(self._lines) - 1) if self._lines else []

    def _grow(self, text: str) -> None:
        if text:
            self._touch(self.rows - 1)
            whole = self._lines[-1]
            self._lines[-1] = ""  # the only reference left is `whole`: CPython then grows it in place
            whole += text
            self._lines[-1] = whole
            self._last[-1:] = row_starts(whole, self.width, self._last[-1], self._hang(self._styles[-1]))

    def _new_line(self, text: str, style: str) -> None:
        self._touch(self.rows)
        if style in self._section_styles:
            self._sections.append(len(self._lines))
        self._first.append(self.rows)
        self._lines.append(text)
        self._styles.append(style)
        self._last = row_starts(text, self.width, 0, self._hang(style))

    def _touch(self, row: int) -> None:
        self.changed = row if self.changed is None else min(row, self.changed)

    def _hang(self, style: str) -> int:
        return HANG if style in self._hanging and self.width > 2 * HANG else 0

    # --- wrapping -------------------------------------------------------------------------------------------------

    def resize(self, width: int) -> None:
        """Wrap everything again."""
        width = max(1, width)
        if width == self.width:
            return
        self.width = width
        self.changed = 0
        self._cache.clear()
        row, short, styles = 0, width // 2, self._styles
        for number, line in enumerate(self._lines):
            self._first[number] = row
            # No character is wider than two cells.
            row += 1 if len(line) <= short else len(row_starts(line, width, 0, self._hang(styles[number])))
        if self._lines:
            self._last = self._starts(len(self._lines) - 1)

    def _starts(self, line: int) -> list[int]:
        return row_starts(self._lines[line], self.width, 0, self._hang(self._styles[line]))

    def _rows_of(self, line: int) -> list[int]:
        if line == len(self._lines) - 1:
            return self._last  # the only one that changes
        starts = self._cache.get(line)
        if starts is None:
            starts = self._cache[line] = self._starts(line)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return starts

    # --- reading --------------------------------------------------------------------------------------------------

    def row(self, row: int) -> Row:
        """What a row shows; an empty one outside the text."""
        if not 0 <= row < self.rows:
            return Row("", "", -1, False)
        line = bisect_right(self._first, row) - 1
        starts = self._rows_of(line)
        inside = row - self._first[line]
        end = starts[inside + 1] if inside + 1 < len(starts) else len(self._lines[line])
        text = self._lines[line][starts[inside] : end].rstrip(" ")
        style = self._styles[line]
        return Row(" " * self._hang(style) + text if inside else text, style, line, not inside)

    def begins_with(self, line: int, mark: str) -> bool:
        """Whether a line begins so."""
        return self._lines[line].startswith(mark)

    def anchor(self, row: int) -> Anchor:
        """The place in the text at which a row begins."""
        if not self._lines:
            return Anchor(0, 0)
        row = min(max(0, row), self.rows - 1)
        line = bisect_right(self._first, row) - 1
        return Anchor(line, self._rows_of(line)[row - self._first[line]])

    def row_at(self, place: Anchor) -> int:
        """The row that shows a place; the last row past the end."""
        if place.line >= len(self._lines):
            return max(0, self.rows - 1)
        return self._first[place.line] + max(0, bisect_right(self._rows_of(place.line), place.character) - 1)

    def section(self, row: int, step: int) -> int | None:
        """The row at which the next section after `row` begins (step 1), or the one before it (step -1)."""
        rows = [self._first[line] for line in self._sections]
        number = bisect_right(rows, row) if step > 0 else bisect_left(rows, row) - 1
        return rows[number] if 0 <= number < len(rows) else None

    def find(self, wanted: str, after: int) -> int | None:
        """The first row below row `after` that holds the words (upper and lower case alike), round the end."""
        if not wanted or not self._lines:
            return None
        pattern = re.compile(re.escape(wanted), re.IGNORECASE)
        start = self.anchor(after + 1) if after + 1 < self.rows else Anchor(0, 0)
        match = pattern.search(self._lines[start.line], start.character)
        if match:
            return self.row_at(Anchor(start.line, match.start()))
        for line in [*range(start.line + 1, len(self._lines)), *range(start.line + 1)]:
            match = pattern.search(self._lines[line])
            if match:
                return self.row_at(Anchor(line, match.start()))
        return None

    def between(self, first: tuple[int, int], last: tuple[int, int]) -> str:
        """The text from one (row, column) up to another, columns in characters; rows of one line are joined again."""
        pieces: list[str] = []
        for number in range(max(0, first[0]), min(last[0], self.rows - 1) + 1):
            row = self.row(number)
            text = row.text[: max(0, last[1])] if number == last[0] else row.text
            text = text[max(0, first[1]) :] if number == first[0] else text
            if pieces:
                pieces.append("\n" if row.first else " ")
            pieces.append(text if row.first or number == first[0] else text.lstrip(" "))
        return "".join(pieces)

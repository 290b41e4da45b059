"""A pane of streaming text: one widget that draws its own rows, however long the text."""

import re
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from studio.tui.fit import one_line, shown
from studio.tui.wrapped import Anchor, Row, Wrapped

MARKED = frozenset({"good", "bad", "accent", "author", "note"})  # lines that begin with a mark in their colour
SECTIONS = frozenset({"rule", "centred"})


def new_text() -> Wrapped:
    """An empty text of the kind that panes show."""
    return Wrapped(hanging=MARKED, sections=SECTIONS)


class TextPane(ScrollView, can_focus=True):
    """Shows a `Wrapped` text. It follows the stream until the reader scrolls up, and again from the end on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False),
        Binding("down", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end", "follow", "Follow", show=False),
        Binding("left_square_bracket", "section(-1)", "Step before", show=False),
        Binding("right_square_bracket", "section(1)", "Step after", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pane--plain",
        "pane--dim",
        "pane--rule",
        "pane--accent",
        "pane--good",
        "pane--bad",
        "pane--author",
        "pane--note",
        "pane--heading",
        "pane--centred",
        "pane--found",
    }

    DEFAULT_CSS = """
    TextPane {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-title-style: none;
        border-subtitle-color: $warning;
        padding: 0 1;
        background: $background;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-color: $border-blurred;
        scrollbar-color-hover: $border;
        scrollbar-color-active: $border;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        &:focus {
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;
        }
        & > .pane--plain { color: $foreground; }
        & > .pane--dim { color: $text-muted; }
        & > .pane--rule { color: $text-muted; }
        & > .pane--accent { color: $accent; }
        & > .pane--good { color: $success; }
        & > .pane--bad { color: $error; }
        & > .pane--author { color: $secondary; }
        & > .pane--note { color: $text-muted; }
        & > .pane--centred { color: $text-muted; }
        & > .pane--heading { color: $primary; text-style: bold; }
        & > .pane--found { color: $background; background: $warning; }
    }
    """

    following = reactive(True, repaint=False)

    def __init__(self, title: str, *, measure: int | None = None, id: str | None = None) -> None:
        """Make an empty pane.

        Args:
            title: shown in the border.
            measure: the widest a row of text may be, in cells; it is centred then.
        """
        super().__init__(id=id)
        self._measure = measure
        self._title = ""
        self.text = new_text()
        self._stale = True  # another text, or another size
        self._seen_rows = 0
        self._found: re.Pattern[str] | None = None
        self._found_row = -1
        self.retitle(title)

    # --- text -----------------------------------------------------------------------------------------------------

    def retitle(self, title: str) -> None:
        """Another title in the border."""
        if title != self._title:
            self._title = title
            self.border_title = Content(one_line(title))

    def append(self, text: str, style: str = "plain") -> None:
        """Add streamed text. Nothing is drawn before `flush`."""
        self.text.append(shown(text), style)

    def line(self, text: str, style: str = "plain") -> None:
        """Add whole lines."""
        self.text.line(shown(text), style)

    def tail(self, text: str, style: str = "dim") -> None:
        """Show a last line that the next addition takes away."""
        self.text.tail(shown(text), style)

    @property
    def place(self) -> Anchor | None:
        """Where the reader is: what the pane's first row shows; None = at the end, following."""
        return None if self.following else self.text.anchor(self.scroll_offset.y)

    def show(self, text: Wrapped, place: Anchor | None) -> None:
        """Show another text instead, from a `place` on."""
        text.resize(self._text_width)
        self.text = text
        self._stale = True
        self.following = place is None
        self._seen_rows = text.rows
        self.flush()
        if place is not None:
            self._scroll_to_row(text.row_at(place))

    def flush(self) -> None:
        """Draw what was added since. Called by the screen's one timer."""
        text, changed = self.text, self.text.changed
        if changed is None and not self._stale:
            return
        text.changed = None
        rows = text.rows
        if self._stale or rows != self.virtual_size.height:
            # Growing is no reason to lay the screen out again.
            size = Size(self.container_size.width, rows)
            self.set_reactive(ScrollView.virtual_size, size)
            self._scroll_update(size)
        if self.following:
            self.set_reactive(ScrollView.scroll_target_y, float(self.max_scroll_y))
            self.scroll_y = float(self.max_scroll_y)
            self._seen_rows = rows
        if self._stale or changed is None:
            self._stale = False
            self.refresh()
        else:
            top = self.scroll_offset.y
            first, last = max(changed, top), top + self.size.height
            if first < last:
                self.refresh_lines(first, last - first)
        self._tell_unseen()

    def _tell_unseen(self) -> None:
        unseen = 0 if self.following else self.text.rows - self._seen_rows
        hint = f"▼ {unseen:,} new line{'' if unseen == 1 else 's'} · End follows" if unseen > 0 else ""
        if hint != str(self.border_subtitle or ""):
            self.border_subtitle = Content(hint)

    # --- drawing --------------------------------------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        width = max(1, self.scrollable_content_region.width)
        return min(width, self._measure) if self._measure else width

    @property
    def _margin(self) -> int:
        return (self.scrollable_content_region.width - self._text_width) // 2 if self._measure else 0

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again, and keep what the pane's first row showed there."""
        place = self.place
        seen = self.text.anchor(self._seen_rows - 1)
        self.text.resize(self._text_width)
        self._seen_rows = self.text.row_at(seen) + 1 if self.text.rows else 0
        self._stale = True
        self.flush()
        if place is not None:
            self._scroll_to_row(self.text.row_at(place))

    def render_line(self, y: int) -> Strip:
        """One row of the pane."""
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        row = self.text.row(number)
        margin = self._margin
        segments = self._painted(row)
        if margin:
            segments.insert(0, Segment(" " * margin, segments[0].style))
        if self._found is not None and row.text:
            found = self.get_component_rich_style("pane--found")
            for match in self._found.finditer(row.text):
                segments = _restyled(segments, margin + match.start(), margin + match.end(), found)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            style = self.screen.get_component_rich_style("screen--selection")
            segments = _restyled(segments, start, margin + len(row.text) if end < 0 else end, style)
        return Strip(segments).adjust_cell_length(width, segments[0].style).apply_offsets(0, number)

    def _painted(self, row: Row) -> list[Segment]:
        style = self._style(row.style or "plain")
        if row.style == "rule" and row.first:
            return [Segment(f"── {row.text} ".ljust(self._text_width, "─"), style)]
        if row.style == "centred":
            return [Segment(row.text.center(self._text_width).rstrip(), style)]
        if row.style == "plain" and row.text and self.text.begins_with(row.line, "#"):
            style = self._style("heading")
        if row.style not in MARKED:
            return [Segment(row.text, style)]
        plain = self._style("dim" if row.style == "note" else "plain")
        return [Segment(row.text[:1], style), Segment(row.text[1:], plain)] if row.first else [Segment(row.text, plain)]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"pane--{name}")

    # --- reading --------------------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up ends following; coming back to the end begins it again."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if new_value < old_value and not at_end:
            self.following = False
        elif at_end and new_value > old_value:
            self.following = True
        self._seen_rows = max(self._seen_rows, min(self.text.rows, int(new_value) + self.size.height))
        self._tell_unseen()

    def action_follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self._stale = True
        self.flush()

    def action_section(self, step: int) -> None:
        """To where the next step begins, or the one before."""
        row = self.text.section(self.scroll_offset.y, step)
        if row is not None:
            self._scroll_to_row(row)

    def search(self, wanted: str) -> bool:
        """Show the next place that holds the words; False when there is none. "" ends the search."""
        again = self._found is not None and self._found.pattern == re.escape(wanted)
        self._found = re.compile(re.escape(wanted), re.IGNORECASE) if wanted else None
        self.refresh()
        if not wanted:
            return True
        row = self.text.find(wanted, self._found_row if again else self.scroll_offset.y - 1)
        if row is None:
            return False
        self._found_row = row
        self._scroll_to_row(row - 2)
        return True

    def _scroll_to_row(self, row: int) -> None:
        self.scroll_to(y=max(0, row), animate=False)
        self.following = False  # also at the end: the reader came to read this place

    # --- selecting ------------------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse selected, its wrapped rows joined again."""
        margin = self._margin
        start, end = selection.start, selection.end
        first = (start.y, start.x - margin) if start is not None else (0, 0)
        last = (end.y, end.x - margin) if end is not None else (self.text.rows, 0)
        return self.text.between(first, last), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse selected something else."""
        self.refresh()


def _restyled(segments: list[Segment], start: int, end: int, style: Style) -> list[Segment]:
    """The segments with `style` laid over the characters from `start` to `end`."""
    painted: list[Segment] = []
    at = 0
    for text, own, _ in segments:
        here, to = max(0, start - at), max(0, end - at)
        parts = ((text[:here], own), (text[here:to], own + style if own else style), (text[max(here, to) :], own))
        painted += [Segment(part, look) for part, look in parts if part]
        at += len(text)
    return painted or segments

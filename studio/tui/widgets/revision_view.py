"""One revision to be read: what it changed word by word, its text, or whose its sentences are."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from studio.book.history import AUTHOR
from studio.book.provenance import Sentence
from studio.book.word_diff import Piece, lines_of
from studio.book.words import count_words
from studio.tui.fit import one_line, shown

View = Literal["changes", "text", "whose"]
VIEWS: tuple[View, ...] = ("changes", "text", "whose")

_LOOKS = {"-": "strike $error", "+": "$success", "=": ""}
_MOST = 200_000  # characters shown at once, five times a long chapter; a million would hold the desk for seconds


class RevisionView(VerticalScroll):
    """Shows a `Content` that one of the functions below made."""

    DEFAULT_CSS = """
    RevisionView {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    RevisionView Static { width: 100%; max-width: 96; height: auto; }
    """

    can_focus: ClassVar[bool] = False  # type: ignore[misc]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[View, str, str] | None = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="told", markup=False)

    def show(self, view: View, told: Content, *, subtitle: str = "") -> None:
        """Show it, from its beginning; what is shown already stays where the author is reading it."""
        if self._shown == (asked := (view, subtitle, told.plain)):
            return
        self._shown = asked
        # The three views, the one that is shown set off.
        parts = [(name, "bold $foreground" if name == view else "$text-muted") for name in VIEWS]
        self.border_title = Content("  ").join([Content.assemble(part) for part in parts])
        self.border_subtitle = Content(one_line(subtitle))
        self.query_one("#told", Static).update(told)
        self.scroll_home(animate=False)


def told_changes(pieces: Sequence[Piece]) -> Content:
    """A difference, with a line of what is around it."""
    lines = lines_of(pieces)
    if not lines:
        return Content.assemble(("Not one word differs.", "$text-muted"))
    parts: list[tuple[str, str]] = []
    for line in lines:
        parts += [("⋮", "$text-muted")] if line is None else [(text, _LOOKS[kind]) for kind, text in line]
        parts.append(("\n", ""))
    return _told(parts)


def told_text(text: str) -> Content:
    """The whole text."""
    return _told([(text, "")])


def told_whose(found: Iterable[Sentence]) -> Content:
    """The text, the author's sentences set off; a line above says how many words are whose."""
    runs = list(found)
    words = {by: sum(count_words(one.text) for one in runs if one.by == by) for by in {one.by for one in runs}}
    total, authors = sum(words.values()), words.get(AUTHOR, 0)
    share = f" ({authors * 100 / total:.0f} %)" if total else ""
    head = [(f"{authors:,} of {total:,} words are the author's{share}", "bold $secondary"), ("\n\n", "")]
    return _told([*head, *[(one.text, "$secondary" if one.by == AUTHOR else "") for one in runs]])


def _told(parts: Iterable[tuple[str, str]]) -> Content:
    """Texts and their looks, as much as can be shown, and how much more there is."""
    room, left = _MOST, 0
    some: list[tuple[str, str]] = []
    for text, look in parts:
        if room:
            some.append((shown(text[:room]), look))
        room, left = max(0, room - len(text)), left + max(0, len(text) - room)
    more = [(f"\n… and {left:,} more characters", "$text-muted")] if left else []
    return Content.assemble(*some, *more)

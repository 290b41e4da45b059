"""The board of a book as values: its chapters as planned, as they stand and as they were read, and its bible.

`board_reading` makes one.
"""

import msgspec

from studio import events as ev
from studio.book.plan import Chapter, Entry, Target

KINDS: tuple[type[ev.Event], ...] = (ev.FileWritten, ev.AuthorEdited, ev.AuthorRenamed, ev.ChapterReviewed)
"""The events that a board is made of, and that change it."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a chapter by the rubric."""

    round: int
    mean: float | None  # of what counts; None when nothing does
    scores: dict[str, float]  # criterion -> 0..10
    report: str  # where it lies
    is_current: bool  # the chapter has not changed since


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter of the board."""

    entry: Entry
    target: Target | None  # as the outline asks, else the book
    by: str = ""  # author | agent: who touched its file last; "" when there is none
    readings: tuple[Reading, ...] = ()

    @property
    def chapter(self) -> Chapter:
        """As the outline has it."""
        return self.entry.chapter

    @property
    def last(self) -> Reading | None:
        """How it was read last."""
        return self.readings[-1] if self.readings else None

    @property
    def key(self) -> str:
        """What stays the same while the chapter goes from one status to the next."""
        number = self.chapter.number
        return str(number) if number is not None else self.chapter.title or self.entry.file


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the bible."""

    name: str
    text: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What the board shows."""

    cards: tuple[Card, ...] = ()  # in the order of the plan, then what is on disk alone
    sheets: tuple[Sheet, ...] = ()
    has_outline: bool = False

    @property
    def written(self) -> int:
        """Chapters that have words."""
        return sum(card.entry.words > 0 for card in self.cards)

    @property
    def words(self) -> int:
        """Words of all chapters."""
        return sum(card.entry.words for card in self.cards)

    @property
    def words_asked(self) -> int:
        """Words the whole book is to have; a chapter of which nothing is said is taken to be like the others."""
        middles = [card.target.middle for card in self.cards if card.target is not None]
        return round(sum(middles) / len(middles) * len(self.cards)) if middles else 0

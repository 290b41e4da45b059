"""The plan of a book as values: a chapter as it is planned, how long it is to be, and how far it is.

Nothing is read here: whoever only shows a plan needs none of the many patterns that `outline` reads one by.
"""

import msgspec

PLANNED, DRAFTED, REVIEWED, FINISHED = "planned", "drafted", "reviewed", "finished"
STATUSES = (PLANNED, DRAFTED, REVIEWED, FINISHED)  # in the order a chapter goes through them

SHORT = 0.8  # of the least that was asked for: below it a chapter is too short


class Target(msgspec.Struct, frozen=True):
    """Words a chapter should have, from the least to the most; both the same for one figure."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,}-{self.high:,}"

    @property
    def middle(self) -> int:
        """One figure for both."""
        return (self.low + self.high) // 2

    def is_missed_by(self, words: int) -> bool:
        """Whether a chapter of so many words is too short."""
        return words < SHORT * self.low


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter as the outline plans it."""

    number: int | None  # None: a prologue, an epilogue
    title: str = ""
    target: Target | None = None
    status: str = ""  # one of `STATUSES`, or "" where the outline says nothing
    cause: str = ""  # why the next chapter follows from this one
    file: str = ""  # where the outline names it
    line: int = 0  # of the outline less its front matter, from 0
    text: str = ""  # the lines below its headline, as they stand there


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter of the board: as planned, and as it stands on disk."""

    chapter: Chapter
    file: str  # "" = there is none yet
    words: int
    status: str  # one of `STATUSES`

"""How a board is made, of the outline, the files and what the record says of them. `read_board` alone sees the disk."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from studio import events as ev
from studio.agent.board import Board, Card, Reading, Sheet
from studio.agent.reviews.chapters import Chapters
from studio.agent.reviews.scores import mean
from studio.book.files import Folder
from studio.book.layout import BookSettings, load_settings, reading_order
from studio.book.ledger import Ledger
from studio.book.names import OUTLINE, is_chapter
from studio.book.outline import board, chapter_of, chapters
from studio.book.plan import Entry, Target
from studio.book.targets import plain_target
from studio.book.texts import readable
from studio.book.words import count_words

BIBLE = "bible/"

_FIRST = ("characters", "people", "timeline", "threads", "world", "style")  # of the bible, as it is looked up
_LONGEST = 40_000  # characters of a file that are shown


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the record says of a file."""

    words: int
    sha256: str
    by: str  # author | agent: who touched it last
    rounds: tuple[ev.ChapterReviewed, ...] = ()  # how it was read by the rubric, in order


def board_of(
    outline: str | None,
    files: Sequence[str],
    known: Mapping[str, Known],
    settings: BookSettings,
    text_of: Callable[[str], str],
    sheets: Iterable[Sheet] = (),
) -> Board:
    """The board of a book.

    Args:
        outline: None when there is none.
        files: those of the book that are on disk.
        known: what the record says of them.
        text_of: reads one of them; asked only of chapters that the record does not know, or whose names say nothing.
    """
    plan = chapters(outline or "")
    parts = reading_order(filter(is_chapter, files), settings.order)
    words = {name: known[name].words if name in known else count_words(text_of(name)) for name in parts}
    unnamed = {name: text_of(name) for name in parts if plan and chapter_of(plan, name) is None}
    reviewed = [name for name in parts if name in known and known[name].rounds]
    usual = plain_target(settings.words_per_chapter)
    return Board(
        cards=tuple(
            _card(entry, entry.chapter.target or usual, known.get(entry.file))
            for entry in board(plan, words, reviewed, unnamed)
        ),
        sheets=tuple(sheets),
        has_outline=outline is not None,
    )


def _card(entry: Entry, target: Target | None, known: Known | None) -> Card:
    if known is None:
        return Card(entry=entry, target=target)
    readings = [
        Reading(
            round=one.round,
            mean=mean(one.scores),
            scores=one.scores,
            report=one.report,
            is_current=one.sha256 == known.sha256,
        )
        for one in known.rounds
    ]
    return Card(entry=entry, target=target, by=known.by, readings=tuple(readings))


def known_of(ledger: Ledger, reviews: Chapters) -> dict[str, Known]:
    """What two folds say of every file, as a value of its own: a thread may look at it while they go on."""
    return {
        name: Known(
            words=ledger.words(name),
            sha256=ledger.disk(name),
            by=ledger.touched_by(name),
            rounds=tuple(reviews.rounds(name)),
        )
        for name in ledger.files()
    }


def known_from(events: Iterable[ev.Event]) -> dict[str, Known]:
    """What a record says of every file."""
    ledger, reviews = Ledger(), Chapters()
    for event in events:
        ledger.apply(event)
        reviews.apply(event)
    return known_of(ledger, reviews)


def read_board(folder: Folder, known: Mapping[str, Known]) -> Board:
    """The board of a book as it is on disk; may take milliseconds: use a thread.

    Raises:
        BookError: the folder can't be read.
        UsageError: book.yaml can't.
    """
    files = folder.names()
    bible = sorted((name for name in files if name.startswith(BIBLE)), key=_place)
    sheets = [Sheet(name=name, text=_beginning(readable(folder, name))) for name in bible]
    outline = readable(folder, OUTLINE) if OUTLINE in files else None
    return board_of(outline, files, known, load_settings(folder.root), lambda name: readable(folder, name), sheets)


def _place(name: str) -> tuple[int, str]:
    stem = name.removeprefix(BIBLE).removesuffix(".md").casefold()
    return _FIRST.index(stem) if stem in _FIRST else len(_FIRST), name


def _beginning(text: str) -> str:
    """A page is set in one go, and must not take long: what is beyond it is read in an editor."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n\n… {len(text) - _LONGEST:,} more characters: e opens the file.\n"

"""Which chapters a book is to have, as its outline or its author says, and which of them are not written. Pure."""

import re
from collections.abc import Collection, Iterable

from studio.book.files import Folder
from studio.book.layout import BookSettings
from studio.errors import BookError

_MOST = 400  # chapters; a longer list is none

_CHAPTER = re.compile(
    r"^[\s>|*_#+-]*(?:chapter|kapitel|chapitre|cap[ií]tulo|capitolo|hoofdstuk|глава|rozdział)\s+(\d{1,3})\b"
    r"|^[\s>|*_#+-]*第\s*(\d{1,3})\s*[章回]",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED = re.compile(r"^[\s>|*_#+-]*(\d{1,3})\s*[.):|–—-]\s*\S", re.MULTILINE)
_NUMBER = re.compile(r"\d+")


def is_chapter(name: str) -> bool:
    """Whether a file of the book is part of the story itself, by its name."""
    return "/" not in name and name != "outline.md"


def chapters_in(outline: str) -> list[int]:
    """The numbers of the chapters an outline names, in order: 1, 2, 3 …; [] when it has no such list.

    Lines that say "chapter 3" are the list; else the longest one of numbered lines, for an outline numbers its people
    and its themes as well.
    """
    named = [int(one or other) for one, other in _CHAPTER.findall(outline)]
    return _run(named) or max(_runs(map(int, _NUMBERED.findall(outline))), key=len, default=[])


def _run(numbers: Collection[int]) -> list[int]:
    """1, 2, 3 … as far as all are among `numbers`, which may name a chapter more than once."""
    there, found = set(numbers), 0
    while found + 1 in there and found < _MOST:
        found += 1
    return list(range(1, found + 1))


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """The lists 1, 2, 3 … that stand one after the other."""
    runs: list[list[int]] = []
    for number in numbers:
        if number == 1:
            runs.append([1])
        elif runs and number == len(runs[-1]) + 1:
            runs[-1].append(number)
    return runs


def planned(outline: str, chapters: int | None) -> list[int]:
    """The numbers of the chapters the book is to have; those of the outline count, else as many as the author asks."""
    return chapters_in(outline) or list(range(1, min(chapters or 0, _MOST) + 1))


def missing(numbers: Iterable[int], files: Iterable[str], removed: Iterable[str] = ()) -> list[int]:
    """Which of the planned chapters have no file.

    Args:
        numbers: those that are planned.
        files: the book's files.
        removed: files that the author took away: their chapters are wanted no more.
    """
    wanted, parts = list(numbers), [name for name in files if is_chapter(name)]
    if len(parts) >= len(wanted):
        return []  # as many as are planned, whatever they are called
    there = {int(number) for name in (*parts, *removed) for number in _NUMBER.findall(name)}
    return [number for number in wanted if number not in there]


def words_asked(asked: str | int) -> int:
    """Words of a chapter out of what stands in book.yaml: the middle of "3,000-4,000"; 0 = nothing is asked."""
    found = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", str(asked))][:2]
    return sum(found) // len(found) if found else 0


def plan_of(folder: Folder, settings: BookSettings) -> list[int]:
    """The planned chapters of a book as it stands on disk."""
    try:
        outline = folder.read("outline.md") or ""
    except BookError:
        outline = ""  # it is told where it is read for its own sake
    return planned(outline, settings.chapters)


def aims(folder: Folder, settings: BookSettings) -> dict[str, int]:
    """What a finished step tells of the plan: `planned` and `planned_words` of `StepFinished`."""
    return {"planned": len(plan_of(folder, settings)), "planned_words": words_asked(settings.words_per_chapter)}


def listed(numbers: Iterable[int]) -> str:
    """`3, 5-9, 12`."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)

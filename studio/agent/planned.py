"""What the outline plans, against what is on disk: for what tools tell the agent, and what a finished step tells.

`book/outline.py` reads the outline; nothing here does.
"""

from collections.abc import Iterable, Sequence

from studio.book.files import Folder
from studio.book.layout import BookSettings
from studio.book.names import OUTLINE, is_chapter
from studio.book.outline import chapter_of, chapters, number_of
from studio.book.plan import Chapter, Entry, Target
from studio.book.targets import plain_target
from studio.book.texts import readable
from studio.errors import BookUnsaved

_SHOWN = 6  # chapters still to write that are named
_MOST = 400  # chapters of a plan; a longer list is none


def plan_of(folder: Folder) -> list[Chapter]:
    """The chapters of outline.md as it stands; none when there is none. Raises `BookUnsaved`."""
    return chapters(readable(folder, OUTLINE))


def wanted(plan: Sequence[Chapter], count: int | None) -> list[Chapter]:
    """The chapters the book is to have: those of the outline, else as many as the author asks in book.yaml."""
    return list(plan[:_MOST]) or [Chapter(number=number) for number in range(1, min(count or 0, _MOST) + 1)]


def wanted_of(folder: Folder, settings: BookSettings) -> list[Chapter]:
    """The chapters that a book is to have as it stands on disk. Raises `BookUnsaved`."""
    return wanted(plan_of(folder), settings.chapters)


def missing(plan: Sequence[Chapter], files: Iterable[str], removed: Iterable[str] = ()) -> list[Chapter]:
    """Which of the planned chapters have no file.

    Args:
        files: the book's files.
        removed: files that the author took away: their chapters are wanted no more.
    """
    parts = [name for name in files if is_chapter(name)]
    if len(parts) >= len(plan):
        return []  # as many as are planned, whatever they are called
    names = [*parts, *filter(is_chapter, removed)]
    numbers = {number_of(name) for name in names}
    held = [chapter_of(plan, name) for name in names]
    return [one for one in plan if one not in held and (one.number is None or one.number not in numbers)]


def words_asked(plan: Sequence[Chapter], asked: str | int) -> int:
    """Words of a chapter, in the middle of what is asked for and over all of the plan; 0 = nothing is asked.

    Args:
        asked: what stands in book.yaml, for chapters of which the outline says nothing.
    """
    usual = plain_target(asked)
    of_each = [one.target or usual for one in plan] or [usual]
    targets = [target for target in of_each if target is not None]
    return sum(target.low + target.high for target in targets) // (2 * len(targets)) if targets else 0


def aims(folder: Folder, settings: BookSettings) -> dict[str, int]:
    """What a finished step tells of the plan: `planned` and `planned_words` of `StepFinished`."""
    try:
        plan = wanted_of(folder, settings)
    except BookUnsaved:
        plan = wanted([], settings.chapters)  # it is told where the outline is read for its own sake
    return {"planned": len(plan), "planned_words": words_asked(plan, settings.words_per_chapter)}


def asked_of(plan: Sequence[Chapter], settings: BookSettings, file: str, text: str) -> tuple[str, Target | None]:
    """(who asks, for how many words) of a chapter's file: the outline, else book.yaml, else nobody."""
    if not is_chapter(file):
        return "", None
    planned = chapter_of(plan, file, text)
    if planned is not None and planned.target is not None:
        return "the outline asks", planned.target
    return "the book asks", plain_target(settings.words_per_chapter)


def unwritten(entries: Sequence[Entry]) -> str:
    """The planned chapters that have no words yet, as a sentence; "" when there are none."""
    left = [one.chapter for one in entries if not one.words]
    if not left:
        return ""
    named = "; ".join(_name(chapter) for chapter in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    return f"Planned and not written yet: {named}{more}."


def _name(chapter: Chapter) -> str:
    parts = [str(chapter.number) if chapter.number is not None else "", f"“{chapter.title}”" if chapter.title else ""]
    target = f" ({chapter.target} words)" if chapter.target else ""
    return " ".join(part for part in parts if part) + target


def name_of(chapter: Chapter) -> str:
    """A chapter as one speaks of it: `chapter 3`, `“Epilogue”`."""
    return f"chapter {chapter.number}" if chapter.number is not None else f"“{chapter.title}”"


def listed(lacking: Sequence[Chapter]) -> str:
    """`3, 5-9, 12, “Epilogue”`."""
    spans: list[tuple[int, int]] = []
    for number in [one.number for one in lacking if one.number is not None]:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    told = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    return ", ".join(told + [name_of(one) for one in lacking if one.number is None])

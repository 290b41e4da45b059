"""What the outline plans, against what is on disk: for what tools tell the agent."""

from collections.abc import Sequence

from studio.agent.progress import is_chapter
from studio.book.files import Folder
from studio.book.layout import BookSettings
from studio.book.outline import OUTLINE, Chapter, Entry, chapter_of, chapters
from studio.book.targets import Target, plain_target
from studio.errors import BookError, BookUnsaved

_SHOWN = 6  # chapters still to write that are named


def plan_of(folder: Folder) -> list[Chapter]:
    """The chapters of outline.md as it stands; none when there is none. Raises `BookUnsaved`."""
    try:
        return chapters(folder.read(OUTLINE) or "")
    except BookUnsaved:
        raise
    except BookError:  # no UTF-8: left alone
        return []


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

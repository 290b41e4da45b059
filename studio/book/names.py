"""Names of a book's files: which are the story, and which of a record's can't be the book's, for a record may come from
anywhere. Pure.
"""

from collections.abc import Callable, Iterable

from studio import events as ev

OUTLINE = "outline.md"

# Whatever is read, written or removed because an event names it.
_NAMED: dict[type[ev.Event], Callable[..., Iterable[str]]] = {
    ev.FileWritten: lambda event: (event.file,),
    ev.FileRead: lambda event: (event.file,),
    ev.AuthorEdited: lambda event: (event.file,),
    ev.AuthorRenamed: lambda event: (event.file, event.to),
    ev.WriteIntended: lambda event: (event.file, f"tmp/{event.temp}"),
    ev.RestoreBegun: lambda event: event.files,
    ev.ChapterReviewed: lambda event: (event.file, event.report),
}


def is_chapter(name: str) -> bool:
    """Whether a file of the book is part of the story itself, by its name."""
    return "/" not in name and name != OUTLINE


def stays_inside(name: str) -> bool:
    """Whether a name stays in the folder it is taken in, and touches nothing hidden there."""
    return "\0" not in name and not any(part == "" or part.startswith(".") for part in name.split("/"))


def leads_outside(event: ev.Event) -> bool:
    """Whether an event names a file that can't be the book's. No studio writes such an event."""
    named = _NAMED.get(type(event))
    return named is not None and not all(stays_inside(name) for name in named(event))

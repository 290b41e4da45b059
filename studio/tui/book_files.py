"""The files of the book as the desk lists them: a fold of events."""

from fnmatch import fnmatchcase

from studio import events as ev
from studio.tui.widgets.file_list import AGENT, AUTHOR, Listed


class BookFiles:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self._files: dict[str, Listed] = {}
        self._locked: tuple[str, ...] = ()

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.FileWritten(file=file, words=words):
                self._files[file] = Listed(file, words, AGENT)
            case ev.AuthorEdited(file=file, sha256=""):
                self._files.pop(file, None)
            case ev.AuthorEdited(file=file, words=words):
                self._files[file] = Listed(file, words, AUTHOR)
            case ev.AuthorRenamed(file=file, to=to):
                before = self._files.pop(file, Listed(to, 0, AUTHOR))
                self._files[to] = before._replace(name=to, by=AUTHOR)
            case ev.LocksChanged(files=files):
                self._locked = files
            case _:
                pass

    def __contains__(self, file: str) -> bool:
        return file in self._files

    def is_locked(self, file: str) -> bool:
        """Whether the author locked it."""
        return any(fnmatchcase(file, pattern) for pattern in self._locked)

    def listed(self, live: str, live_words: int) -> list[Listed]:
        """Every file; `live` is the one that is being written, or ""."""
        files = dict(self._files)
        if live:
            files[live] = files.get(live, Listed(live, live_words, AGENT))._replace(live=True)
        return [one._replace(locked=self.is_locked(one.name)) for one in files.values()]

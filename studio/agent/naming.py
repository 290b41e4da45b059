"""Prose that streams in, under the name that its file will have in the book."""

from studio import events as ev
from studio.book.files import Folder
from studio.errors import BookError


class Naming:
    """Records what a backend tells, with a model's spelling of a file's name made the book's."""

    def __init__(self, folder: Folder, record: ev.Record) -> None:
        self._folder = folder
        self._record = record
        self._names: dict[str, str] = {}  # a file as the model wrote it -> its name in the book

    def __call__(self, event: ev.Event) -> None:
        """Record one event."""
        if isinstance(event, ev.ProseDelta) and event.file and (name := self._canonical(event.file)) != event.file:
            event = ev.ProseDelta(file=name, text=event.text)
        self._record(event)

    def _canonical(self, raw: str) -> str:
        if raw not in self._names:
            try:
                self._names[raw] = self._folder.name(raw)
            except BookError:
                self._names[raw] = raw  # the tool will refuse it with the reason
        return self._names[raw]

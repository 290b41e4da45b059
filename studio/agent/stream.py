"""The one stream of events: stamps through the journal, then tells every reader. No state but the list of readers."""

import logging
from typing import Protocol

from studio.events import Event, Reader

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """What takes events in first: the journal."""

    def append(self, event: Event, *texts: str) -> Event:
        """Stamp the event and queue it, with the texts it is about, as one transaction."""


class EventStream:
    """`record` is handed to whoever publishes; `subscribe` to whoever reads."""

    def __init__(self, journal: Recorder) -> None:
        self._journal = journal
        self._readers: list[Reader] = []

    def subscribe(self, reader: Reader) -> None:
        """Tell `reader` every event from now on."""
        self._readers.append(reader)

    def record(self, event: Event, /, *texts: str) -> Event:
        """Journal the event and the texts, tell the readers, return it stamped.

        A reader that raises is reported in the log and dropped: what reads can never stop what writes.
        """
        stamped = self._journal.append(event, *texts)
        broken: list[Reader] = []
        for reader in self._readers:
            try:
                reader(stamped)
            except Exception:
                log.exception("a reader of events failed and was dropped")
                broken.append(reader)
        for reader in broken:
            self._readers.remove(reader)
        return stamped

    def emit(self, event: Event) -> None:
        """`record` without the answer, as the backends want it."""
        self.record(event)

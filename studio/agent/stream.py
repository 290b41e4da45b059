"""The one stream of events: stamps through the journal, then tells every reader. No state but the list of readers."""

import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from studio import events as ev
from studio.events import Event, Reader

log = logging.getLogger(__name__)

# Where the words of a server, of the network or of the system get into an event.
_TOLD: dict[type[Event], tuple[str, ...]] = {
    ev.RunStarted: ("model", "base_url"),
    ev.BackendPreparing: ("text",),
    ev.BackendSwitched: ("model", "base_url", "changes"),
    ev.BackendFault: ("error",),
    ev.ReplyCut: ("why",),
    ev.ToolFinished: ("result",),
    ev.LoopSuspected: ("diagnosis",),
    ev.Paused: ("why",),
    ev.RunFailed: ("error",),
}


class Recorder(Protocol):
    """What takes events in first: the journal."""

    def append(self, event: Event, *texts: str) -> Event:
        """Stamp the event and queue it, with the texts it is about, as one transaction."""


class EventStream:
    """`record` is handed to whoever publishes; `subscribe` to whoever reads."""

    def __init__(self, journal: Recorder, redact: Callable[[str], str] | None = None) -> None:
        """`redact` takes the keys out of what is told of errors; None = there are none."""
        self._journal = journal
        self._redact = redact
        self._readers: list[Reader] = []

    def subscribe(self, reader: Reader) -> None:
        """Tell `reader` every event from now on."""
        self._readers.append(reader)

    def record(self, event: Event, /, *texts: str) -> Event:
        """Journal the event and the texts, tell the readers, return it stamped.

        A reader that raises is reported in the log and dropped: what reads can never stop what writes.
        """
        if self._redact is not None and (fields := _TOLD.get(type(event))):
            event = _without_secrets(event, fields, self._redact)
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


def _without_secrets(event: Event, fields: tuple[str, ...], redact: Callable[[str], str]) -> Event:
    if isinstance(event, ev.ToolFinished) and event.ok:
        return event  # a text of the book is nobody's error, and the model gets it to the letter
    told = {field: getattr(event, field) for field in fields}
    clean = {field: redact(text) if isinstance(text, str) else tuple(map(redact, text)) for field, text in told.items()}
    return event if clean == told else msgspec.structs.replace(event, **clean)

"""Tells the author what an edit leaves standing elsewhere: looks at each edit once the saving is over, in a thread."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from studio import events as ev
from studio.agent.facts.changed import Standing, still_standing
from studio.agent.steering import Steering
from studio.agent.telling import fact, how_many, with_texts
from studio.errors import BookError

log = logging.getLogger(__name__)

QUIET = 0.5  # seconds without a save after which a change of many files counts as made


class FactWatch:
    """Feed it every event in order, after the steering. Whoever records an `author_edited`, and however: it is seen.

    An edit that no step has told is looked at again when the book is opened anew, and a fact of it that was recorded is
    not recorded twice: so a crash at any instant leaves each told once.
    """

    def __init__(
        self,
        steering: Steering,
        record: ev.Record,
        text_of: Callable[[str], str],
        texts: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        """`texts` gives every file of the book as it is now; it and `text_of` are called in a thread."""
        self._steering = steering
        self._record = record
        self._text_of = text_of
        self._texts = texts
        self._newest = 0  # seq of the last author_edited
        self._looked = 0  # of the last one that was looked at
        self._said: set[tuple[str, str]] = set()  # (old, new) of the edits that no step has told
        self._is_restoring = False
        self._changed = asyncio.Event()
        self._looking = asyncio.Lock()

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.AuthorEdited():
                self._newest = event.seq
                self._changed.set()
            case ev.FactChanged():
                self._said.add((event.old, event.new))
            case ev.StepStarted(told=told) if told and not self._steering.edits():
                self._said.clear()
            case ev.RestoreBegun():
                self._is_restoring = True
            case ev.RestoreFinished():
                self._is_restoring = False
                self._changed.set()
            case _:
                pass

    async def look(self) -> None:
        """Record what the edits not looked at yet leave standing. A book that can't be read now is looked at later."""
        async with self._looking:
            newest, edits = self._newest, self._steering.edits()
            if newest <= self._looked or not edits:
                return
            try:
                standing = await asyncio.to_thread(
                    lambda: still_standing(with_texts(edits, self._text_of), self._texts())
                )
            except BookError as error:
                log.warning("%s (what the edit changes elsewhere is not known)", error)
                return
            self._looked = newest
            for one in standing:
                if (one.old, one.new) not in self._said:
                    self._record(_event(one))

    async def watch(self) -> None:
        """Look whenever the author has saved and has not saved again for a moment, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(QUIET)
            if not self._changed.is_set() and not self._is_restoring:
                await self.look()


def _event(one: Standing) -> ev.FactChanged:
    return ev.FactChanged(file=one.file, old=one.old, new=one.new, places=one.count, files=tuple(one.places))


def told_author(event: ev.FactChanged) -> str:
    """`Luis → Luca: 12 places in 4 files`."""
    return f"{fact(event.old, event.new)}: {how_many(event.places, len(event.files))}"

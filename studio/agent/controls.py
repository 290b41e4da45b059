"""Pause, resume, interrupt, stop: what the author asked for, and the places in the run where it takes hold."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from studio.events import Paused, Record, Resumed

T = TypeVar("T")


class Interrupted(Exception):
    """The author cut what was under way; the text says how."""


class Stopped(Exception):
    """The author stopped the run."""


class Controls:
    """A key asks, the loop answers: the methods only note the wish; `gate` and `cuttable` carry it out."""

    def __init__(self, record: Record, ahead: Callable[[], str] = lambda: "") -> None:
        """`ahead`: what the rest of the book is likely to take, for whoever meets the pause."""
        self._record = record
        self._ahead = ahead
        self._pause: Paused | None = None
        self._stop = False
        self._cut = False
        self._cut_why = ""
        self._hurry = False
        self._under_way: asyncio.Task[Any] | None = None
        self._changed = asyncio.Event()
        self.paused = False

    @property
    def paused_by(self) -> str:
        """Who has to do something before the run goes on; "" when it is not paused."""
        return self._pause.by if self.paused and self._pause is not None else ""

    def pause(self, why: str, by: str = "author") -> None:
        """Stand still at the next gate."""
        # The disk's pause ends by itself; one that the author asks for meanwhile must not end with it.
        if self._pause is None or (self._pause.by == "disk" and by != "disk"):
            self._pause = Paused(why=why, by=by)
        self._changed.set()

    def resume(self) -> None:
        """Go on, or take back a pause that was not reached yet."""
        self._pause = None
        self._changed.set()

    def end_pause(self, by: str) -> None:
        """Go on, if it is for this reason that the run stands still or is about to."""
        if self._pause is not None and self._pause.by == by:
            self.resume()

    def interrupt(self) -> None:
        """Cut what is under way, then stand still."""
        self.pause("the author interrupted")
        self._cut_now("the author interrupted")

    def cut(self, why: str) -> None:
        """Cut what is under way, then go on."""
        self._cut_now(why)
        self.hurry()

    def hurry(self) -> None:
        """End the wait before the next try."""
        self._hurry = True
        self._changed.set()

    def stop(self) -> None:
        """Cut what is under way, then end."""
        self._stop = True
        self._changed.set()
        self._cut_now("the author stopped the run")

    def wake(self) -> None:
        """Let a wait end early: something changed that it should look at."""
        self._changed.set()

    def _cut_now(self, why: str) -> None:
        if self._under_way is not None:
            self._cut, self._cut_why = True, why
            self._under_way.cancel()

    async def gate(self) -> None:
        """Pass at once, or stand still until the author resumes. Raises `Stopped`."""
        if self._stop:
            raise Stopped
        if self._pause is None:
            return
        told: Paused | None = None
        while self._pause is not None:
            if self._stop:
                raise Stopped
            self._changed.clear()
            if self._pause is not told:
                told = self._pause
                self.paused = True
                self._record(msgspec.structs.replace(told, ahead=self._ahead()))
            await self._changed.wait()
        self.paused = False
        if self._stop:
            raise Stopped
        self._record(Resumed())

    async def cuttable(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, unless the author cuts it. Raises `Interrupted` then, with the work's clean-up awaited."""
        self._cut = False
        if self._stop:
            work.close()
            raise Interrupted("the author stopped the run")
        task = asyncio.create_task(work)
        self._under_way = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._cut and task.cancelled():
                raise Interrupted(self._cut_why) from None
            raise
        finally:
            self._under_way = None

    async def wait(self) -> None:
        """Wait until something changes: a pause, a stop, a `wake`."""
        self._changed.clear()
        if not self._stop and self._pause is None:
            await self._changed.wait()

    async def wait_out(self, seconds: float) -> None:
        """Wait for this long, whatever else changes; only a pause, a stop or `hurry` ends it early."""
        self._hurry = False
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self._hurry or self._stop or self._pause is not None):
                    self._changed.clear()
                    await self._changed.wait()

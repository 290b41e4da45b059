"""When a call that failed is made again, and when that is left to the author. Pure: clock and chance are passed in."""

import random
import time
from collections.abc import Callable

import msgspec

from studio.errors import BackendError, StreamCut


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a run is."""

    first: float = 1.0  # seconds before the second try; doubled before each further one
    longest: float = 300.0  # seconds between two tries
    jitter: float = 0.25  # share by which a wait may be shorter or longer, so that clients don't come back together
    outage: float = 12 * 3600.0  # seconds a server that has worked in this run may be gone
    overload: float = 600.0  # seconds a server that has not may answer with errors
    unanswered: int = 4  # further tries at a server that has never answered: it may be the wrong address
    cuts: int = 8  # replies in a row, cut or empty, before the author is asked: each was paid for


class Retries:
    """Counts the failures in a row."""

    def __init__(
        self,
        schedule: Schedule | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`clock` in seconds, `chance` evenly in [0, 1)."""
        self._schedule = schedule or Schedule()
        self._clock = clock
        self._chance = chance
        self._proven = False  # the server has given a whole reply in this run
        self.begin_anew()

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._tries > 0

    def begin_anew(self) -> None:
        """Forget the failures: the author said so, or another backend answers."""
        self._tries = 0
        self._cuts = 0
        self._since: float | None = None  # when the first failure of the row came

    def switched(self) -> None:
        """Another server answers from now on."""
        self._proven = False
        self.begin_anew()

    def succeeded(self) -> None:
        """A whole reply came."""
        self._proven = True
        self.begin_anew()

    def next_wait(self, error: BackendError) -> float | None:
        """Seconds to wait before the call is made again; None: not without the author.

        A server's own Retry-After counts, with a little added so that not everybody it told comes at once.
        """
        now = self._clock()
        self._since = now if self._since is None else self._since
        self._tries += 1
        self._cuts += isinstance(error, StreamCut) or error.is_reply
        if not error.retryable or not self._may_go_on(error, now - self._since):
            return None
        schedule = self._schedule
        if error.retry_after is not None:
            if error.retry_after > schedule.outage:
                return None
            # A server that says 0 each time is not asked more and more often.
            return error.retry_after + self._chance() * min(schedule.longest, schedule.first * 0.5 * self._tries)
        wait = min(schedule.longest, schedule.first * 2.0 ** min(self._tries - 1, 30))
        return wait * (1 + schedule.jitter * (2 * self._chance() - 1))

    def _may_go_on(self, error: BackendError, lasting: float) -> bool:
        schedule = self._schedule
        if self._cuts > schedule.cuts:
            return False
        if self._proven:
            return lasting < schedule.outage
        if error.answered:
            return lasting < schedule.overload
        return self._tries <= schedule.unanswered

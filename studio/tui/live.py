"""What the gauge can only estimate while a reply streams: tokens since the last report, and tokens a second. Pure."""

from collections import deque

from studio import events as ev

CHARACTERS_A_TOKEN = 4.2
_WINDOW = 5.0  # seconds the speed is taken over


class Live:
    """Feed it every event in order, and the clock at every painting."""

    def __init__(self) -> None:
        self._characters = 0  # streamed since a server last counted the conversation
        self._arrived = 0  # streamed since the last `tick`
        self._ticks: deque[tuple[float, int]] = deque()  # (seconds, characters that came until then)

    @property
    def tokens(self) -> int:
        """About how many tokens came since the conversation was last counted."""
        return round(self._characters / CHARACTERS_A_TOKEN)

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.ReasoningDelta(text=text) | ev.ReplyDelta(text=text) | ev.ProseDelta(text=text):
                self._characters += len(text)
                self._arrived += len(text)
            case ev.StepStarted() | ev.StepFinished() | ev.ContextCompressed():
                self._characters = 0
            case _:
                pass

    def tick(self, now: float) -> float:
        """Tokens a second over the last seconds; 0 when nothing came.

        Args:
            now: seconds on any clock that only goes forward.
        """
        if self._arrived or self._ticks:
            self._ticks.append((now, self._arrived))
        self._arrived = 0
        while self._ticks and self._ticks[0][0] < now - _WINDOW:
            self._ticks.popleft()
        came = sum(count for _, count in self._ticks)
        if not came:
            self._ticks.clear()
            return 0.0
        # What came at the first tick came before it.
        span = now - self._ticks[0][0]
        return (came - self._ticks[0][1]) / CHARACTERS_A_TOKEN / span if span >= 1 else 0.0

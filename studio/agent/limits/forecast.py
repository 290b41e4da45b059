"""What the rest of a book will take, from the book's own history: a fold, and a reckoning with a range. Pure.

A chapter counts from the moment its file is there to the moment the next one's is: planning before the first and
polishing after the last are no chapter's work and are left out.
"""

import math
from collections.abc import Sequence

import msgspec

from studio import events as ev
from studio.book.names import is_chapter

_RANGE = 1.28  # standard deviations to either side: four books of five end within it
_FEW = 0.35  # share of the mean that a chapter is taken to vary by at least while few are written


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of what is to come."""

    low: float
    likely: float
    high: float


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """From here to the end of the last chapter that is planned."""

    steps: Estimate
    tokens: Estimate  # prompt and completion of every call
    seconds: Estimate
    cost: Estimate | None  # US dollars; None when a price is unknown
    book_words: Estimate  # of the whole book then

    def words(self) -> str:
        """`≈ 120 more steps, $3-5, 2-3 h`."""
        parts = [f"≈ {rounded(self.steps.likely):,} more steps"]
        if self.cost is not None and self.cost.high > 0:
            parts.append(money_range(self.cost))
        parts.append(time_range(self.seconds))
        return ", ".join(parts)

    def figures(self) -> dict[str, tuple[float, float, float]]:
        """By name (low, likely, high), as an event tells them; of the cost none where a price is unknown."""
        to_end = {"steps": self.steps, "tokens": self.tokens, "seconds": self.seconds, "cost": self.cost}
        return {
            name: (round(one.low, 4), round(one.likely, 4), round(one.high, 4))
            for name, one in to_end.items()
            if one is not None
        }


class _Mark(msgspec.Struct, frozen=True):
    """What had been spent at one moment."""

    steps: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0
    cost: float = 0.0
    words: float = 0.0  # of the chapters

    def since(self, other: "_Mark") -> "_Mark":
        return _Mark(**{name: getattr(self, name) - getattr(other, name) for name in self.__struct_fields__})


class Pace:
    """Feed it every event but the deltas, in order."""

    def __init__(self) -> None:
        self._now = _Mark()
        self._marks: list[_Mark] = []  # where each chapter's file came
        self._known: set[str] = set()
        self._words: dict[str, int] = {}
        self._is_priced = True
        self._since: float | None = None
        self.planned = 0  # chapters of the plan; 0 = not known
        self.chapter_words = 0  # that the plan asks of a chapter; 0 = not known

    @property
    def written(self) -> int:
        """Chapters that have a file."""
        return len(self._words)

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.StepStarted(at=at):
                self._since = at
            case ev.StepFinished():
                took = max(0.0, event.at - self._since) if self._since is not None else 0.0
                self._since = None
                self.planned = int(_sane(event.planned, 10_000))
                self.chapter_words = int(_sane(event.planned_words))
                self._spend(event.usage, event.cost, steps=1, seconds=took)
            case ev.CallAccounted():
                self._spend(event.usage, event.cost)
            case ev.Paused() | ev.QuestionAsked(waits=True):
                self._since = None  # the step is longer than its work
            case ev.FileWritten(file=file) if is_chapter(file):
                if file not in self._known:
                    self._known.add(file)
                    self._marks.append(self._counted())
                self._words[file] = int(_sane(event.words))
            case ev.AuthorEdited(file=file) if file in self._words:
                if event.sha256:
                    self._words[file] = int(_sane(event.words))
                else:
                    del self._words[file]
            case ev.AuthorRenamed(file=file, to=to) if file in self._words:
                self._known.add(to)
                self._words[to] = self._words.pop(file)
            case _:
                pass

    def _spend(self, usage: ev.Usage, cost: float | None, *, steps: int = 0, seconds: float = 0.0) -> None:
        self._is_priced = self._is_priced and cost is not None
        self._now = _Mark(
            steps=self._now.steps + steps,
            tokens=self._now.tokens + _sane(usage.prompt_tokens, 1e12) + _sane(usage.completion_tokens, 1e12),
            seconds=self._now.seconds + _sane(seconds),
            cost=self._now.cost + _sane(cost or 0.0),
        )

    def _counted(self) -> _Mark:
        return msgspec.structs.replace(self._now, words=float(sum(self._words.values())))

    def ahead(self) -> Forecast | None:
        """What is to come; None while the plan is not known, before the second chapter, and when all are written."""
        to_write = self.planned - self.written
        if to_write <= 0 or len(self._marks) < 2:
            return None
        now = self._counted()
        spans = [later.since(earlier) for earlier, later in zip(self._marks, self._marks[1:], strict=False)]
        begun = now.since(self._marks[-1])

        def to_end(name: str) -> Estimate:
            return _to_end([getattr(span, name) for span in spans], to_write, getattr(begun, name))

        words = _to_end([span.words for span in spans], to_write, begun.words)
        asked = self.chapter_words * to_write
        return Forecast(
            steps=to_end("steps"),
            tokens=to_end("tokens"),
            seconds=to_end("seconds"),
            cost=to_end("cost") if self._is_priced else None,
            book_words=Estimate(
                low=now.words + (min(words.low, asked) if asked else words.low),
                likely=now.words + words.likely,
                high=now.words + max(words.high, asked),
            ),
        )


def _to_end(spans: Sequence[float], to_write: int, begun: float) -> Estimate:
    """What `to_write` chapters and the rest of the one under way take.

    The range holds how much chapters differ, how little the mean is known by, and where the later half is going: a
    conversation that grows makes each chapter dearer than the one before.

    Args:
        spans: what each finished chapter took.
        to_write: chapters that have no file yet.
        begun: what the one under way has taken.
    """
    count = len(spans)
    mean = sum(spans) / count
    late = spans[count // 2 :]
    lately = sum(late) / len(late)
    likely = (mean + lately) / 2
    spread = math.sqrt(sum((span - mean) ** 2 for span in spans) / max(1, count - 1))
    spread = max(spread, _FEW * mean / math.sqrt(count))
    off = _RANGE * spread * math.sqrt(to_write + to_write**2 / count)
    rest = max(0.0, likely - begun)
    return Estimate(
        low=max(0.0, to_write * min(mean, lately) + rest - off),
        likely=to_write * likely + rest,
        high=to_write * max(mean, lately) + rest + off,
    )


def _sane(figure: float, most: float = 1e9) -> float:
    """Figures of a server, or of a record that anyone made, within what can be reckoned with."""
    return float(min(max(figure, 0), most))


def rounded(number: float) -> int:
    """To two figures: more would be a lie."""
    if number < 100:
        return round(number)
    unit = int(10 ** (math.floor(math.log10(number)) - 1))
    return round(number / unit) * unit


def money_range(cost: Estimate) -> str:
    """`$3-5`, `$0.40-0.70`."""
    low, high = cost.low, cost.high
    figures = 0 if high >= 10 else 1 if high >= 2 else 2
    first, last = f"{low:.{figures}f}", f"{high:.{figures}f}"
    return f"${last}" if first == last else f"${first}-{last}"


def time_range(seconds: Estimate) -> str:
    """`2-3 h`, `20-45 min`."""
    unit, size = ("h", 3600.0) if seconds.high >= 5400 else ("min", 60.0)
    low, high = seconds.low / size, seconds.high / size
    figures = 1 if unit == "h" and high < 3 else 0
    first, last = f"{low:.{figures}f}", f"{max(high, 1.0):.{figures}f}"
    return f"{last} {unit}" if first == last else f"{first}-{last} {unit}"


def describe_pause(paused: ev.Paused) -> str:
    """What the author reads: `the author paused (≈ 120 more steps, $3-5, 2-3 h to the end)`."""
    return f"{paused.why} ({paused.ahead} to the end)" if paused.ahead else paused.why

"""What a run has used up of its time, and which limits it was warned of: a fold of events.

Steps and money stand in the conversation and in the progress already.
"""

from studio import events as ev

LONGEST_SILENCE = 1800.0  # seconds between two events that count as work; longer, and the machine slept

# What only a run at work tells. What is found when a book is opened (edits, what a crash left) is none of it.
_WORK = (
    *ev.DELTAS,
    ev.StepStarted,
    ev.ToolArriving,
    ev.ReplyFinished,
    ev.ToolStarted,
    ev.ToolFinished,
    ev.StepFinished,
    ev.CallAccounted,
    ev.ContextCompressed,
)


class Spending:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self.seconds = 0.0  # worked: no pauses, no questions, no outages, no time in which no studio was there
        self.warned: dict[str, float] = {}  # what came near -> the limit it was warned of last
        self._since: float | None = None  # up to when it is counted; None = it stands still
        self._is_authors_turn = False  # in a talk: nothing is done until the agent's next step, whoever opens the book

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        if not event.at:
            return  # of the deltas as they stream, the first of each group alone has its time
        if isinstance(event, ev.TurnEnded | ev.StepStarted):
            self._is_authors_turn = isinstance(event, ev.TurnEnded)
        if isinstance(event, _WORK):
            self._count(event.at)
            self._since = event.at
        elif isinstance(event, ev.Paused | ev.TurnEnded) or (isinstance(event, ev.QuestionAsked) and event.waits):
            self._count(event.at)
            self._since = None
        elif not self._is_authors_turn and (
            isinstance(event, ev.RunStarted | ev.Resumed) or (isinstance(event, ev.AnswerGiven) and not event.id)
        ):
            self._since = event.at
        elif isinstance(event, ev.BackendFault):
            self._count(event.at)
            # The call is made again without a word when the wait is over.
            self._since = None if event.retry_in is None else event.at + event.retry_in
        elif isinstance(event, ev.LimitNear):
            self.warned[event.what] = event.limit
        elif isinstance(event, ev.RunFinished | ev.RunFailed):
            self._since = None

    def _count(self, until: float) -> None:
        if self._since is not None:
            self.seconds += min(max(0.0, until - self._since), LONGEST_SILENCE)

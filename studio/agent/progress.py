"""Where a run stands, as a fold of its events: what the gauge, the headers and the library show."""

from studio import events as ev
from studio.agent.cowriting.stage import Cowriting
from studio.agent.limits.forecast import Pace, describe_pause
from studio.agent.questions import Questions
from studio.book.names import is_chapter

# A backend to switch to is prepared beside the run; one that stands still does so until it says otherwise.
_STANDING = ("paused", "asking", "turn", "retrying")


class Progress:
    """Feed it every event in order; read the attributes at any time. No event is kept."""

    def __init__(self) -> None:
        self.title = ""
        self.backend = ""
        self.model = ""
        self.base_url = ""  # "" for the preset's own
        self.reasoning_field = ""  # under which this backend sent its last thought
        self.context = 0  # tokens the conversation may take
        self.context_tokens = 0  # tokens it takes
        self.memory: float | None = None  # 0..1: of what was known before the last compression; None = there was none
        self.step = 0
        self.limit = 0
        self.cost: float | None = 0.0  # US dollars so far; None once a step's price was unknown
        self.paid = 0.0  # US dollars of the steps whose price was known
        # new | preparing | thinking | writing | working | paused | asking | turn | retrying | finished | failed
        self.state = "new"
        self.detail = ""  # why it is paused, what failed, which question, what is being prepared
        self.paused_by = ""  # author | gate | limit | fault | disk: who has to do something; holds while `paused`
        self.words: dict[str, int] = {}  # words of each file, as last reported
        self.streamed_characters = 0  # since the step began
        self.step_began = 0.0
        self.questions = Questions()
        self.disk_fault = ""  # what the disk refuses now; "" when it takes what it is given
        self.retry_at = 0.0  # seconds since the epoch when the failed call is made again; holds while `retrying`
        self.gate = "free"  # where it stops by itself: free | chapter | step
        self.pace = Pace()  # what the chapters took so far
        self.cowriting = Cowriting()  # whose turn it is in the talk before the book

    @property
    def total_words(self) -> int:
        """Words of all chapters: every file but the outline, the bible, the notes."""
        return sum(n for name, n in self.words.items() if is_chapter(name))

    @property
    def question(self) -> str:
        """The oldest open question to the author; "" = none is."""
        return self.questions.oldest

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.ReasoningDelta(text=text):
                self.state = "thinking"
                self.streamed_characters += len(text)
            case ev.ReplyDelta(text=text) | ev.ProseDelta(text=text):
                self.state = "writing"
                self.streamed_characters += len(text)
            case _:
                self.pace.apply(event)
                self.cowriting.apply(event)
                self.questions.apply(event)
                self._apply(event)

    def _apply(self, event: ev.Event) -> None:
        match event:
            case ev.RunStarted():
                self._use(event)
                self.disk_fault = ""
                self.gate = event.gate or self.gate
                self._go_on()
            case ev.GateChosen(gate=gate):
                self.gate = gate
            case ev.BackendSwitched():
                self._use(event)
                if event.context_tokens is not None:
                    self.context_tokens = event.context_tokens
                if self.state == "retrying":  # the fault was the other backend's
                    self.state, self.detail = "working", ""
            case ev.BackendPreparing():
                if self.state not in _STANDING:
                    self.state, self.detail = "preparing", event.text
            case ev.TitleGiven(title=title):
                self.title = title
            case ev.ReplyFinished(reasoning_field=field) if field:
                self.reasoning_field = field
            case ev.StepStarted():
                self.step, self.limit = event.step, event.limit
                self.state, self.detail = "thinking", ""
                self.streamed_characters, self.step_began = 0, event.at
            case ev.ToolStarted(name=name):
                self.state, self.detail = "working", name
            case ev.StepFinished():
                self.context_tokens = event.context_tokens
                self._pay(event.cost)
            case ev.CallAccounted():
                self._pay(event.cost)
            case ev.ContextCompressed(after=after):
                self.context_tokens = after
            case ev.MemoryChecked(known=known, reachable=reachable):
                self.memory = reachable / known if known else 1.0
            case ev.FileWritten() | ev.AuthorEdited():
                if event.sha256:
                    self.words[event.file] = event.words
                else:
                    self.words.pop(event.file, None)
            case ev.AuthorRenamed(file=file, to=to):
                self.words[to] = self.words.pop(file, 0)
            case ev.DiskFault(error=error):
                self.disk_fault = error
            case ev.DiskBack():
                self.disk_fault = ""
            case ev.Paused(by=by):
                self.state, self.detail, self.paused_by = "paused", describe_pause(event), by
            case ev.Resumed() | ev.TurnEnded():
                self._go_on()
            case ev.NoteGiven() if self.state == "turn":
                self._go_on()
            case ev.CowritingEnded() if self.state in ("turn", "asking"):
                self._go_on()
            case ev.QuestionAsked(text=text, waits=True):
                self.state, self.detail = "asking", text
            case ev.AnswerGiven(id="") if self.state == "asking":  # one that is paused goes on when it is resumed
                self._go_on()
            case ev.BackendFault(retry_in=float(wait)):
                self.state, self.detail, self.retry_at = "retrying", event.error, event.at + wait
            case ev.RunFinished(reason=reason):
                self.state, self.detail = "finished", reason
            case ev.RunFailed(error=error):
                self.state, self.detail = "failed", error
            case _:
                pass

    def _go_on(self) -> None:
        if self.questions.waiting:
            self.state, self.detail = "asking", self.questions.waiting.text
        else:
            self.state, self.detail = "turn" if self.cowriting.is_authors_turn else "working", ""

    def _use(self, event: ev.RunStarted | ev.BackendSwitched) -> None:
        if (event.backend, event.base_url) != (self.backend, self.base_url):
            self.reasoning_field = ""
        self.backend, self.model, self.base_url = event.backend, event.model, event.base_url
        self.context = event.context

    def _pay(self, cost: float | None) -> None:
        self.cost = None if cost is None or self.cost is None else self.cost + cost
        self.paid += cost or 0.0

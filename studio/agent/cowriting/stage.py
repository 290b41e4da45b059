"""Co-writing: before the book is written its author and the agent talk it over, in turns, until the author says go.

Where the talk stands, as a fold of events; what a run does of it is in `talk`.
"""

import re
from enum import Enum, auto

from studio import events as ev

_GO = re.compile(r"/?go\s*[.!]?", re.IGNORECASE)

YOUR_TURN = (
    'It is your turn in the talk about the book: `studio resume BOOK` goes on with it, --note "…" says something, '
    "--go has the book written."
)
RECORD_ID = "cowriting"  # of the write that keeps the talk as a file


class Stage(Enum):
    """Whose turn it is."""

    OFF = auto()  # the book is written without a talk, or the talk has not begun
    AGENT = auto()
    AUTHOR = auto()
    GO = auto()  # the author has said go, and the agent has not been told yet
    OVER = auto()


_BEFORE_GO = (Stage.OFF, Stage.AGENT, Stage.AUTHOR)


def is_go(text: str) -> bool:
    """Whether what the author typed is nothing but the word go."""
    return _GO.fullmatch(text.strip()) is not None


class Cowriting:
    """Feed it every event in order; it needs no deltas."""

    def __init__(self) -> None:
        self.stage = Stage.OFF
        self.has_replied = False  # a step has ended with no tool called, and no turn with it yet
        self.remarks = 0  # how often the author spoke before saying go
        self.heard = 0  # of these, to how many a whole reply of the talk has come
        self.told_in = 0  # the step that told the agent to go
        self.kept = ""  # the file that the talk is kept in
        self._called = False  # the finished reply of this step has tool calls
        self._told = 0  # remarks that the reply under way is told of, or was before
        self._unheard: set[int] = set()  # seqs of what the author said in the talk and no step has told
        self._go = 0  # seq of cowriting_ended

    @property
    def is_on(self) -> bool:
        """Whether a reply is part of the talk: so it is until the agent has been told to go."""
        return self.stage in (Stage.AGENT, Stage.AUTHOR, Stage.GO)

    @property
    def is_authors_turn(self) -> bool:
        """Whether nothing goes on until the author has said something."""
        return self.stage is Stage.AUTHOR

    @property
    def is_open(self) -> bool:
        """Whether the author can still say go."""
        return self.stage in (Stage.AGENT, Stage.AUTHOR)

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.CowritingStarted() if self.stage is Stage.OFF:
                self.stage = Stage.AGENT
            case ev.CowritingEnded(seq=seq) if self.is_open:
                self.stage, self._go = Stage.GO, seq
            case ev.NoteGiven(seq=seq) | ev.AnswerGiven(seq=seq) if self.stage in _BEFORE_GO:
                self.remarks += 1
                self._unheard.add(seq)
                if self.stage is Stage.AUTHOR:
                    self.stage = Stage.AGENT
            case ev.StepStarted(step=step, told=told):
                self.has_replied = self._called = False
                self._unheard.difference_update(told)
                self._told = self.remarks - len(self._unheard)
                if self.stage is Stage.GO and self._go in told:
                    self.stage, self.told_in = Stage.OVER, step
            case ev.ReplyFinished(tool_calls=calls):
                self._called = bool(calls)
                self.heard = self._told if self.is_on else self.heard
            case ev.StepFinished():
                self.has_replied = self.is_on and not self._called
            case ev.TurnEnded():
                self.has_replied = False
                # Who spoke while the agent did has had a turn already.
                if self.stage is Stage.AGENT and not self._unheard:
                    self.stage = Stage.AUTHOR
            case ev.FileWritten(id=id_, file=file) if id_ == RECORD_ID:
                self.kept = file
            case _:
                pass

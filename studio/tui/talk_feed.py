"""The talk before the book, in the pane where its prose will stand: the agent's words, the author's set apart."""

from typing import Protocol

from studio import events as ev
from studio.agent.cowriting.stage import Cowriting, Stage

TITLE = "The talk"

_AGENT, _YOU = "the agent", "you"


class Sink(Protocol):
    """The pane, as far as the talk is concerned."""

    def append(self, text: str, style: str = "plain") -> None:
        """Add streamed text."""

    def line(self, text: str, style: str = "plain") -> None:
        """Add whole lines."""


class TalkFeed:
    """Feed it every event in order."""

    def __init__(self, pane: Sink) -> None:
        self._pane = pane
        self._talk = Cowriting()
        self._speaker = ""  # whose words stand last
        self._is_whole = False  # the agent's last reply came to its end: the next one begins a paragraph

    @property
    def is_on(self) -> bool:
        """Whether the agent's words are part of the talk."""
        return self._talk.is_on

    def apply(self, event: ev.Event) -> None:
        """Show what is said."""
        if isinstance(event, ev.DELTAS):
            if self.is_on and isinstance(event, ev.ReplyDelta):
                self._say(event.text)
            return
        before = self._talk.stage
        self._talk.apply(event)
        match event:
            case ev.NoteGiven(text=text) | ev.AnswerGiven(text=text) if before in (Stage.AGENT, Stage.AUTHOR):
                self._gap()
                self._speaker = _YOU
                self._pane.line("› " + text.replace("\n", "\n  "), "author")
            case ev.ReplyFinished():
                self._is_whole = True
            case ev.ThoughtRecognised() if self.is_on:
                self._gap()
                self._pane.line("(That was a thought of the agent's, not its turn.)", "dim")
            case ev.StepStarted() if before is Stage.GO and self._talk.stage is Stage.OVER and self._speaker:
                self._gap()
                self._pane.line("› go", "author")

    def _say(self, text: str) -> None:
        if self._speaker != _AGENT:
            self._speaker = _AGENT
            self._gap()
            self._pane.line(f"·  ·  ·  {_AGENT}  ·  ·  ·", "centred")
            self._gap()
        elif self._is_whole:
            self._gap()
        self._is_whole = False
        self._pane.append(text)

    def _gap(self) -> None:
        self._pane.line("", "dim")  # not plain: what is added in the same style goes on in the line

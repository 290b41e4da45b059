"""The talk before the book, in the pane where its prose will stand: the agent's words, the author's set apart."""

from typing import Protocol

from studio import events as ev
from studio.agent.cowriting import Cowriting, Stage

TITLE = "The talk"


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

    @property
    def is_on(self) -> bool:
        """Whether the agent's words are part of the talk."""
        return self._talk.is_on

    def apply(self, event: ev.Event) -> None:
        """Show what is said."""
        if isinstance(event, ev.ReplyDelta):
            if self.is_on:
                self._turn_to("the agent")
                self._pane.append(event.text)
            return
        if isinstance(event, ev.DELTAS):
            return
        before = self._talk.stage
        self._talk.apply(event)
        match event:
            case ev.NoteGiven(text=text) | ev.AnswerGiven(text=text) if before in (Stage.AGENT, Stage.AUTHOR):
                self._turn_to("you")
                self._pane.line(text, "author")
            case ev.ReplyFinished() | ev.ReplyCut() if self.is_on and self._speaker == "the agent":
                self._pane.line("", "plain")
            case ev.ThoughtRecognised() if self.is_on:
                self._pane.line("(This was a thought of the agent's, not its turn.)", "dim")
            case ev.StepStarted() if before is Stage.GO and self._talk.stage is Stage.OVER:
                self._turn_to("the book")

    def _turn_to(self, speaker: str) -> None:
        """A heading, where another one speaks than before."""
        if speaker != self._speaker:
            if self._speaker:
                self._pane.line("", "plain")
            self._speaker = speaker
            self._pane.line(f"·  ·  ·  {speaker}  ·  ·  ·", "centred")
            self._pane.line("", "plain")

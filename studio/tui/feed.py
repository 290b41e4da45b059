"""What each event adds to which pane of the desk: a fold with text panes as its state."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from studio import events as ev
from studio.agent.facts.watch import told_author
from studio.agent.gates import WORDS
from studio.agent.limits.allowance import describe_near
from studio.agent.limits.forecast import describe_pause
from studio.agent.reviews.scores import told_review
from studio.tui.countdown import countdown
from studio.tui.talk_feed import TalkFeed

_GIST = 120  # characters of a result that the tools pane shows


class Sink(Protocol):
    """A pane, as far as the feed is concerned."""

    def append(self, text: str, style: str = "plain") -> None:
        """Add streamed text."""

    def line(self, text: str, style: str = "plain") -> None:
        """Add whole lines."""

    def tail(self, text: str, style: str = "dim") -> None:
        """Show a last line that the next addition takes away."""


def joined(events: Iterable[ev.Event]) -> Iterator[ev.Event]:
    """The events with neighbouring deltas of one kind as one: painting costs a piece, not a character."""
    held: ev.Delta | None = None
    pieces: list[str] = []

    def release() -> Iterator[ev.Event]:
        if held is not None:
            yield _with_text(held, "".join(pieces))

    for event in events:
        if isinstance(event, ev.ReasoningDelta | ev.ReplyDelta | ev.ProseDelta):
            same = type(event) is type(held) and _file(event) == _file(held)
            if not same:
                yield from release()
                held, pieces = event, []
            pieces.append(event.text)
        else:
            yield from release()
            held = None
            yield event
    yield from release()


def _file(event: ev.Event | None) -> str:
    return event.file if isinstance(event, ev.ProseDelta) else ""


def _with_text(event: ev.Delta, text: str) -> ev.Event:
    if isinstance(event, ev.ProseDelta):
        return ev.ProseDelta(seq=event.seq, at=event.at, file=event.file, text=text)
    return type(event)(seq=event.seq, at=event.at, text=text)


class Feed:
    """Feed it every event in order."""

    def __init__(self, *, reasoning: Sink, prose: Sink, tools: Sink, steering: Sink) -> None:
        self._reasoning = reasoning
        self._prose = prose
        self._tools = tools
        self._steering = steering
        self.talk = TalkFeed(prose)
        self.live = ""  # the file that is being written, or ""
        self.live_words = 0  # of what arrived of it
        self.wrote = ""  # the file whose prose came last
        self._fault = ""  # the last one told
        self._unnamed = ""  # prose that came before its file's name
        self._stream = ""  # which stream the reasoning pane stands in
        self._whole = True  # the last piece of prose was not cut: what comes next begins a line
        self._calling = ""  # the tool call that is arriving

    def apply(self, event: ev.Event) -> None:
        """Show one event."""
        self.talk.apply(event)
        match event:
            case ev.ReasoningDelta(text=text):
                self._think("reasoning", text, "dim")
            case ev.ReplyDelta() if self.talk.is_on:
                pass
            case ev.ReplyDelta(text=text):
                self._think("reply", text, "plain")
            case ev.ProseDelta(file=file, text=text):
                self._write(file, text)
            case ev.StepStarted(step=step):
                self._fault = ""
                self._end_prose()
                if self._stream:
                    self._reasoning.line("", "plain")
                self._stream = ""
                self._reasoning.line(f"step {step}", "rule")
            case ev.ToolArriving(name=name, size=0):
                self._end_prose()
                self._calling = name
                self._tools.tail(f"… {name}", "accent")
            case ev.ReplyCut(why=why):
                self._end_prose()
                self._whole = False
                self._tools.line(f"✂ reply cut: {why}", "bad")
            case ev.ReplyFinished():
                self._end_prose()
                self._whole = True
            case ev.ToolStarted(name=name):
                self._tools.tail(f"… {name}", "accent")
            case ev.ToolFinished():
                self._tools.line(_gist(event), "good" if event.ok else "bad")
            case ev.BackendPreparing():
                share = f" {event.done:.0%}" if event.done is not None else ""
                self._tools.tail(f"… {event.text}{share}", "accent")
            case _:
                self._steer(event)

    def _steer(self, event: ev.Event) -> None:
        def line(text: str, style: str) -> None:
            self._steering.line(" ".join(text.split()), style)

        match event:
            case ev.BackendSwitched():
                line(f"⇄ now {event.model} @ {event.backend}", "accent")
                for change in event.changes:
                    line(f"· {change}", "note")
            case ev.BackendFault():
                again = f" Again in {countdown(round(event.retry_in))}." if event.retry_in is not None else ""
                if event.error != self._fault:  # an outage of hours is told once; the banner counts
                    line(f"! {event.error}{again}", "bad")
                self._fault = event.error
            case ev.DiskFault(error=error):
                line(f"! {error}", "bad")
            case ev.DiskBack():
                line("■ the disk takes it again; nothing was lost", "good")
            case ev.RestoreBegun(why=why):
                line(f"↺ you put back {why}", "author")
            case ev.AuthorEdited(file=file, sha256=""):
                line(f"✎ you removed {file}", "author")
            case ev.AuthorEdited(file=file, words=words):
                line(f"✎ you edited {file}: {words:,} words", "author")
            case ev.FactChanged():
                line(f"≈ {told_author(event)}", "author")
            case ev.FileWritten(open_in_editor=True):
                line(f"✎ {event.file} is open in your editor and was written: load it anew before you save", "author")
            case ev.AuthorRenamed():
                line(f"✎ you renamed {event.file} to {event.to}", "author")
            case ev.ConflictCopyFound(of=of):
                line(
                    f"≠ a sync program left a second version of {of}: {event.file}; compare them and remove one", "bad"
                )
            case ev.LocksChanged(files=files):
                line(f"⊘ locked: {', '.join(files)}" if files else "⊘ nothing is locked any more", "author")
            case ev.NoteGiven(text=text) | ev.AnswerGiven(text=text):
                line(f"› {text}", "author")
            case ev.TurnEnded():
                line("› it is your turn", "accent")
            case ev.CowritingEnded():
                line("› go", "author")
            case ev.QuestionAsked(text=text):
                line(f"? {text}", "accent")
            case ev.MergeConflict(file=file):
                line(f"≠ {file}: you both changed the same sentence; yours stays", "author")
            case ev.PartialKept():
                line(f"✂ kept {event.words:,} words of {event.file or 'prose'} from a cut reply", "note")
            case ev.ContextCompressed():
                line(f"■ conversation compressed: {event.before:,} → {event.after:,} tokens", "note")
            case ev.SummaryKept(step=step):
                line(f"■ a summary was kept after step {step}", "note")
            case ev.MemoryChecked(known=known, reachable=reachable) if known:
                line(
                    f"■ memory {reachable / known:.0%}: {len(event.missing):,} of {known:,} facts put back as an index",
                    "note",
                )
            case ev.ChapterReviewed():
                line(f"★ {told_review(event)}", "accent")
            case ev.LimitNear():
                line(f"! near a limit: {describe_near(event)}", "note")
            case ev.LoopSuspected(diagnosis=diagnosis):
                line(f"⟳ may be going round in circles: {diagnosis}", "note")
            case ev.Paused():
                line(f"‖ paused: {describe_pause(event)}", "note")
            case ev.GateChosen(gate=gate):
                line(f"‖ stops {WORDS.get(gate, gate)}", "note")
            case ev.Resumed():
                line("▶ going on", "note")
            case ev.RunFinished(reason=reason):
                line(f"■ finished: {reason}", "good")
            case ev.RunFailed(error=error):
                line(f"! {error}", "bad")
            case _:
                pass

    def _think(self, stream: str, text: str, style: str) -> None:
        if self._stream != stream and self._stream:
            self._reasoning.line("", "plain")
        self._stream = stream
        self._reasoning.append(text, style)

    def _write(self, file: str, text: str) -> None:
        if not file:
            self._unnamed += text
            self._prose.append(text)
            return
        if file != self.live:
            self.live_words = len(self._unnamed.split())
            if not self._unnamed:
                self._begin_prose(file)
            self.live, self.wrote, self._unnamed = file, file, ""
        self.live_words += len(text.split())  # about: a word cut in two by the stream counts twice
        self._prose.append(text)
        self._tools.tail(f"… {self._calling or 'writing'} {file}: {self.live_words:,} words", "accent")

    def _begin_prose(self, file: str) -> None:
        if file != self.wrote:
            if self.wrote:
                self._prose.line("", "dim")
            self._prose.line(f"·  ·  ·  {file}  ·  ·  ·", "centred")
            self._prose.line("", "dim")
        elif self._whole:
            self._prose.line("", "plain")

    def _end_prose(self) -> None:
        self.live, self._unnamed = "", ""


def _gist(event: ev.ToolFinished) -> str:
    """`✓ write_file chapter_03.md: 3,104 words`: the tool, and the first clause of its result."""
    first = next((line for line in event.result.splitlines() if line.strip()), "done").strip()
    if event.ok:
        first = first.partition("; ")[0].removeprefix("wrote ")
    short = first if len(first) <= _GIST else first[: _GIST - 1] + "…"
    return f"{'✓' if event.ok else '✗'} {event.name} {short}"

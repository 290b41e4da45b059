"""The studio without a screen: prints events, reads commands. No logic of the run."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import IO, Protocol, TextIO

import msgspec

from studio import events as ev
from studio.agent import gates
from studio.agent.commands import Commands
from studio.agent.cowriting.stage import YOUR_TURN, Cowriting
from studio.agent.facts.watch import told_author
from studio.agent.limits.allowance import describe_near
from studio.agent.limits.forecast import describe_pause
from studio.agent.reviews.scores import told_review
from studio.backends.backend import BackendChoice
from studio.errors import BookError
from studio.printable import printable

INTERRUPTED = 130


class DurableSession(Protocol):
    """An opened book whose events can be had once they are on disk."""

    @property
    def run(self) -> Commands:
        """What the author can ask."""

    @property
    def failure(self) -> str:
        """Why `work` returned 1; "" otherwise."""

    @property
    def cowriting(self) -> Cowriting:
        """Where the talk before the book stands."""

    def subscribe(self, reader: ev.Reader) -> None:
        """Call `reader` with every event as it happens, on disk or not."""

    def subscribe_durable(self, reader: ev.Reader) -> None:
        """Call `reader` with every event once it is committed, deltas in groups."""

    async def work(self) -> int:
        """Run until finished, failed or stopped; returns the exit code."""

    async def close(self) -> None:
        """Let go of the book; every event has been handed to the readers then."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line on stdin."""

    command: str
    text: str = ""
    id: str = ""
    backend: str = ""
    model: str | None = None
    base_url: str | None = None
    context: int | None = None
    cut: bool = False
    gate: ev.Gate | None = None


async def run_headless(
    session: DurableSession,
    *,
    json: bool,
    out: IO[bytes],
    complain: Callable[[str], None],
    commands: TextIO | None,
) -> int:
    """Work on the book until it ends, printing what happens; returns the exit code.

    Args:
        json: one event a line on `out`, as JSON; else readable text.
        complain: says a sentence on stderr.
        commands: where commands come from, one JSON object a line; None = nobody can answer or resume.
    """
    waiting = _Waiting(session.run, session.cowriting, attended=commands is not None)
    printer = json_printer(out) if json else TextPrinter(out)
    gone = _StopWhenUnread(printer, session.run)
    session.subscribe_durable(gone)
    session.subscribe_durable(waiting)
    session.subscribe(lambda event: _tell_disk(event, complain))
    signalled = _stop_on_signals(session.run)
    if commands is not None:
        _read_commands(commands, session.run, waiting, complain)
    waiting.begin()
    code = await session.work()
    if session.cowriting.is_authors_turn:
        complain(YOUR_TURN)
    failure = session.failure
    try:
        await session.close()
    except BookError as error:
        failure, code = str(error), error.exit_code
    if failure:
        complain(failure)
    if gone.broken:
        # Python would complain about the closed pipe once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INTERRUPTED if signalled() else code


def json_printer(out: IO[bytes]) -> ev.Reader:
    """Prints one event a line."""

    def show(event: ev.Event) -> None:
        out.write(ev.encode(event) + b"\n")
        out.flush()

    return show


class TextPrinter:
    """Prints events as something to read: prose as it is, everything else on lines of its own."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._stream = ""  # which stream the cursor stands in
        self._column = 0

    def __call__(self, event: ev.Event) -> None:
        """Show one event."""
        match event:
            case ev.ReasoningDelta(text=text):
                self._flow("· reasoning", text)
            case ev.ReplyDelta(text=text):
                self._flow("· reply", text)
            case ev.ProseDelta(file=file, text=text):
                self._flow(f"✎ {file or 'writing'}", text)
            case _:
                line = describe(event)
                if line:
                    self._line(line)
        self._out.flush()

    def _flow(self, heading: str, text: str) -> None:
        if self._stream != heading:
            self._line(heading)
            self._stream = heading
        self._write(text)

    def _line(self, text: str) -> None:
        self._stream = ""
        self._write(("\n" if self._column else "") + text + "\n")

    def _write(self, text: str) -> None:
        text = printable(text)
        if not text:
            return
        self._out.write(text.encode("utf-8", "replace"))
        self._column = len(text) - text.rfind("\n") - 1


def describe(event: ev.Event) -> str:
    """One line for an event that is not a delta; "" for those a reader needs not see."""
    match event:
        case ev.RunStarted():
            return f"■ {event.book}: {event.model} @ {event.backend}, a window of {event.context:,} tokens"
        case ev.TitleGiven(title=title):
            return f"■ “{title}”"
        case ev.BackendPreparing():
            return f"… {event.text}" + (f" ({event.done:.0%})" if event.done is not None else "")
        case ev.BackendSwitched():
            window = "" if any("window" in one for one in event.changes) else f"a window of {event.context:,} tokens"
            return "; ".join(
                part for part in [f"■ now {event.model} @ {event.backend}", window, *event.changes] if part
            )
        case ev.BackendFault():
            again = f"; trying again in {event.retry_in:.0f} s" if event.retry_in is not None else ""
            return f"! {event.error.rstrip('.')}{again}."
        case ev.StepStarted():
            return f"── step {event.step}/{event.limit} " + "─" * 40
        case ev.ReplyCut(why=why):
            return f"! the reply was cut ({why}); what arrived is kept"
        case ev.ToolFinished():
            first = event.result.strip().splitlines()
            return f"{'✓' if event.ok else '✗'} {event.name}: {first[0] if first else 'done'}"
        case ev.RestoreBegun(why=why):
            return f"↺ you put back {why}"
        case ev.AuthorEdited():
            return (
                f"✎ you edited {event.file}: {event.words:,} words" if event.sha256 else f"✎ you removed {event.file}"
            )
        case ev.FactChanged():
            return f"≈ {told_author(event)}"
        case ev.FileWritten(open_in_editor=True):
            return f"✎ {event.file} is open in your editor and was written: load it anew before you save"
        case ev.AuthorRenamed():
            return f"✎ you renamed {event.file} to {event.to}"
        case ev.ConflictCopyFound():
            return f"≠ a sync program left a second version of {event.of}: {event.file}; compare them and remove one"
        case ev.LocksChanged(files=files):
            return f"⊘ locked: {', '.join(files)}" if files else "⊘ nothing is locked any more"
        case ev.NoteGiven(text=text):
            return f"› {text}"
        case ev.AnswerGiven(text=text):
            return f"› {text}"
        case ev.MergeConflict(file=file):
            return f"≠ {file}: you and the agent changed the same sentence; yours stays"
        case ev.StepFinished():
            cost = "" if event.cost is None else f", ${event.cost:.4f}"
            return f"  {event.context_tokens:,} tokens in the conversation{cost}"
        case ev.ContextCompressed():
            return f"■ the conversation was compressed: {event.before:,} → {event.after:,} tokens"
        case ev.SummaryKept(step=step):
            return f"■ a summary was kept after step {step}"
        case ev.MemoryChecked(known=known, reachable=reachable) if known:
            return f"■ memory {reachable / known:.0%}: {len(event.missing):,} of {known:,} facts put back as an index"
        case ev.ChapterReviewed():
            return f"★ {told_review(event)}"
        case ev.LimitNear():
            return f"! near a limit: {describe_near(event)}"
        case ev.LoopSuspected(diagnosis=diagnosis):
            return f"⟳ the agent may be going round in circles: {diagnosis}"
        case ev.DiskFault(error=error):
            return f"! {error}"
        case ev.Paused(by=by):
            return f"‖ paused: {describe_pause(event)}" + ("; `studio resume` goes on" if by == "gate" else "")
        case ev.GateChosen(gate=gate):
            return f"‖ stops {gates.WORDS.get(gate, gate)}"
        case ev.Resumed():
            return "▶ going on"
        case ev.QuestionAsked(text=text):
            return f"? {text}"
        case ev.CowritingStarted():
            return "■ the book is talked over first; nothing is written before you say go"
        case ev.TurnEnded():
            return "› it is your turn"
        case ev.CowritingEnded():
            return "› go"
        case ev.RunFinished(reason=reason):
            return f"■ finished: {reason}"
        case _:
            return ""


def _tell_disk(event: ev.Event, complain: Callable[[str], None]) -> None:
    """What the disk refuses can't wait until it is on disk."""
    match event:
        case ev.DiskFault(error=error):
            complain(error)
        case ev.DiskBack():
            complain("The disk takes it again; nothing was lost, and the run goes on.")
        case _:
            pass


class _Waiting:
    """Ends a run that waits for an author who can't be there."""

    def __init__(self, run: Commands, talk: Cowriting, *, attended: bool) -> None:
        self._run = run
        self._talk = talk
        self._attended = attended
        self._is_paused = self._is_asked = False

    def begin(self) -> None:
        """A talk that stands at the author's turn may need no event to wait."""
        if self._talk.is_authors_turn and not self._attended:
            self._run.stop()

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.TurnEnded():
                self.begin()
            case ev.Paused(by="disk"):
                pass  # on disk, it is over
            case ev.Paused(by=by):
                # A limit or a fault is for whoever reads the exit code; what the author wished waits for `resume`.
                self._is_paused = True
                if by not in ("author", "gate") or not self._attended:
                    self._run.stop()
            case ev.QuestionAsked(waits=True):
                self._is_asked = True
                if not self._attended:
                    self._run.stop()
            case ev.Resumed():
                self._is_paused = False
            case ev.AnswerGiven(id="") | ev.CowritingEnded():
                self._is_asked = False
            case _:
                pass

    def author_left(self) -> None:
        """No command can come any more."""
        self._attended = False
        self._run.author_left()
        if self._is_paused or self._is_asked or self._talk.is_authors_turn:
            self._run.stop()


class _StopWhenUnread:
    """Stops the run when nobody reads its output any more."""

    def __init__(self, show: ev.Reader, run: Commands) -> None:
        self._show = show
        self._run = run
        self.broken = False

    def __call__(self, event: ev.Event) -> None:
        if self.broken:
            return
        try:
            self._show(event)
        except BrokenPipeError:
            self.broken = True
            self._run.stop()


def _stop_on_signals(run: Commands) -> Callable[[], bool]:
    """Ctrl+C, SIGTERM and SIGHUP stop the run with everything saved; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def stop(number: int) -> None:
        if seen:
            os._exit(INTERRUPTED)
        seen.append(number)
        run.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    return lambda: bool(seen)


def _read_commands(lines: TextIO, run: Commands, waiting: _Waiting, complain: Callable[[str], None]) -> None:
    """Carry out each line, in the loop's thread; the reading thread may block for as long as it likes."""
    loop = asyncio.get_running_loop()

    def call(what: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the loop is closed: the run is over

    def read() -> None:
        for line in lines:
            if line.strip():
                call(lambda line=line: _obey(line, run, complain))  # type: ignore[misc]
        call(waiting.author_left)

    threading.Thread(target=read, name="commands", daemon=True).start()


def _obey(line: str, run: Commands, complain: Callable[[str], None]) -> None:
    try:
        asked = msgspec.json.decode(line, type=Command)
        match asked.command:
            case "pause":
                run.pause()
            case "resume":
                run.resume()
            case "interrupt":
                run.interrupt()
            case "stop":
                run.stop()
            case "retry":
                run.retry()
            case "note":
                run.note(asked.text)
            case "answer":
                run.answer(asked.text, asked.id)
            case "gate" if asked.gate:
                run.gate(asked.gate)
            case "gate":
                raise msgspec.ValidationError(f"`gate` needs a `gate`: {', '.join(ev.GATES)}")
            case "go":
                run.go()
            case "switch" if asked.backend:
                choice = BackendChoice(
                    backend=asked.backend, model=asked.model, base_url=asked.base_url, context=asked.context
                )
                run.switch(choice, cut=asked.cut)
            case "switch":
                raise msgspec.ValidationError("`switch` needs a `backend`")
            case unknown:
                raise msgspec.ValidationError(f"there is no command `{unknown}`")
    except msgspec.DecodeError as error:
        known = "pause, resume, retry, interrupt, note, answer, go, gate, switch, stop"
        complain(f'That is no command ({error}); write {{"command":"…"}} with {known}.')

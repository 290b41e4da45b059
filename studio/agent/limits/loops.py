"""Whether the agent gets anywhere: a fold of events that tells work from going round in circles.

What is seen is told to the agent first (`nudge`), and if two more steps bring nothing new the run pauses with it
(`diagnosis`). Reading counts as work as long as it is of something not read since words last came to the disk.
"""

import json
from collections import Counter
from collections.abc import Iterator

import msgspec

from studio import events as ev
from studio.agent.conversation import Conversation
from studio.agent.gist import gist
from studio.agent.limits.bounds import MOST_CALLS
from studio.agent.prompts import prompt
from studio.book.journal import sha256_of

SAME = 3  # replies in a row with the same calls
BACK_AND_FORTH = 4  # replies between the same two
BARREN = 12  # steps without new words on disk, and nothing new read either
WORDLESS = 100  # steps without new words on disk, whatever was read: longer than the longest novel has chapters
FAILING = 3  # steps in which every call failed
EMPTY = 1  # replies with neither words nor a call
CROWDED = 3  # replies with more calls than are carried out
ENDLESS = 1  # replies cut because they went on and on, no new words between them; the cut tells the model itself
TROUBLED = 5  # replies in a row of any of these kinds, whichever they are
DRIP = 6  # words that an append brings at least, to be called new words
FURTHER = 2  # steps that a nudge is given to help

_ENDLESS = ("endless_thought", "endless_text", "endless_calls")
_LOOKS = ("review_chapter", "search_files")  # tools that bring something new with new arguments
_QUOTED = 160  # characters of a call or an answer that a diagnosis shows


class Call(msgspec.Struct, frozen=True):
    """One call as far as it can be told from another."""

    name: str
    arguments: str = msgspec.field(default="")  # as shown, cut to a gist
    sha256: str = ""  # of all of them, whatever the order of their keys

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})"


class Loops:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self._step = 0
        self._calls: list[Call] = []  # of the reply
        self._raw = ""  # their arguments
        self._spoke = False
        self._results: list[bool] = []
        self._news = self._looked = False  # in this step: new words on disk; something new was read
        self._had: dict[str, set[str]] = {}  # file -> every text it ever had
        self._words: dict[str, int] = {}  # of each file
        self._is_titled = False
        self._forget()

    def _forget(self) -> None:
        """The author spoke, or another model came: what was before says nothing about what comes."""
        self._past: list[tuple[Call, ...]] = []
        self._barren: list[str] = []  # the calls of the barren steps
        self._wordless = 0
        self._read: set[tuple[str, str]] = set()  # what was looked at since words last came to the disk
        self._may_read_again = True
        self._made: set[Call] = set()  # calls since words last came to the disk
        self._troubles: list[str] = []  # what was wrong with each of the last replies
        self._failing = self._empty = self._crowded = self._endless = 0
        self._answer = ""  # of the last call that failed
        self._cut = ""  # why the last endless reply was cut

    # --- the fold -------------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.ReplyDelta(text=text):
                self._spoke = self._spoke or bool(text.strip())
            case ev.ReasoningDelta() | ev.ProseDelta():
                pass
            case ev.StepStarted(step=step):
                self._spoke = False
                if step != self._step:
                    self._step, self._results, self._news, self._looked = step, [], False, False
            case ev.ReplyCut(advice=advice, why=why) if advice in _ENDLESS:
                self._endless, self._cut = self._endless + 1, why
                self._troubles.append("went on and on")
            case ev.ReplyFinished(tool_calls=calls):
                self._calls = [_call(call) for call in calls]
                self._raw = " ".join(call.arguments for call in calls)
            case ev.ToolFinished():
                self._finish_call(event)
            case ev.TitleGiven():
                self._news = self._news or not self._is_titled
                self._is_titled = True
            case ev.FileWritten():
                self._write(event)
            case ev.FileRead(file=file, sha256=sha256):
                self._look(file, sha256)
            case ev.ContextCompressed() if self._may_read_again:
                # What a summary took is rightly read again; compress, read, compress, read is no work.
                self._read.clear()
                self._made.clear()
                self._may_read_again = False
            case ev.AuthorEdited(file=file, sha256=sha256, words=words):
                self._had.setdefault(file, set()).add(sha256)
                self._words[file] = words
                if file in self._raw:
                    self._past.clear()
                    self._made.clear()
            case ev.StepFinished():
                self._finish_step()
            case ev.NoteGiven() | ev.AnswerGiven() | ev.Resumed() | ev.BackendSwitched():
                self._forget()
            case ev.TurnEnded() | ev.CowritingEnded():  # the agent has had its say, and that is all it is to do
                self._forget()
            case _:
                pass

    def _write(self, event: ev.FileWritten) -> None:
        had = self._had.setdefault(event.file, set())
        is_drip = event.mode == "append" and event.words - self._words.get(event.file, 0) < DRIP
        self._news = self._news or (event.sha256 not in had and not is_drip)
        had.add(event.sha256)
        self._words[event.file] = event.words

    def _finish_call(self, event: ev.ToolFinished) -> None:
        place = len(self._results)
        self._results.append(event.ok)
        if not event.ok:
            self._answer = event.result
        elif event.name in _LOOKS and place < len(self._calls):
            self._look(event.name, self._calls[place].sha256)

    def _look(self, what: str, version: str) -> None:
        if (what, version) not in self._read:
            self._read.add((what, version))
            self._looked = True

    def _finish_step(self) -> None:
        self._empty = self._empty + 1 if not self._calls and not self._spoke else 0
        self._crowded = self._crowded + 1 if len(self._calls) > MOST_CALLS else 0
        carried_out = self._results[:MOST_CALLS]
        self._failing = self._failing + 1 if carried_out and not any(carried_out) else 0
        self._judge()
        if self._calls:
            self._past = [*self._past[-7:], tuple(dict.fromkeys(self._calls))]
        else:
            self._past.clear()
        if self._news:
            self._barren, self._may_read_again = [], True
            self._read.clear()
            self._made.clear()
            self._wordless = self._endless = 0
            return
        self._wordless += 1
        if not self._looked or self._crowded:  # a hundred searches at once are no looking
            self._barren.append(", ".join(call.name for call in self._calls) or "no call")

    def _judge(self) -> None:
        """Whether this reply was of any use by itself; what was wrong with the last ones is counted together."""
        trouble = (
            "held nothing"
            if self._empty
            else "held too many calls"
            if self._crowded
            else "had no call that succeeded"
            if self._failing
            else "made calls that had been made"
            if self._calls and self._made.issuperset(self._calls) and not self._only_reads()
            else ""
        )
        self._made.update(self._calls)
        if trouble and not self._news:
            self._troubles.append(trouble)
        else:
            self._troubles.clear()

    def _only_reads(self) -> bool:
        """A book is read through more than once by whoever cares; the barren steps are counted anyway."""
        return all(call.name == "read_file" for call in self._calls)

    # --- what is seen ---------------------------------------------------------------------------------------------

    @property
    def nudge(self) -> str:
        """What was seen, as a sentence, in the step in which the agent is to be told; else ""."""
        # The first empty reply and the first endless one are told by what follows on such a reply anyway.
        told = (seen for count, from_, seen in self._seen() if count == from_ > 1)
        return "" if self.diagnosis else next(told, "")

    def warnings(self) -> list[ev.LoopSuspected]:
        """What the author is told when the agent is."""
        return [ev.LoopSuspected(diagnosis=self.nudge)] if self.nudge else []

    @property
    def diagnosis(self) -> str:
        """What was seen, as a sentence, once telling the agent has not helped; else ""."""
        return next((seen for count, from_, seen in self._seen() if count >= from_ + FURTHER), "")

    def _seen(self) -> Iterator[tuple[int, int, str]]:
        """(how often, how often before it is told, what) of everything that was seen."""
        same, turns = _repeats(self._past, 1), _repeats(self._past, 2)
        if self._endless:
            seen = f"The reply was cut {self._endless} times, with no new words on disk between"
            yield self._endless, ENDLESS, f"{seen}: {self._cut}."
        if self._empty:
            yield self._empty, EMPTY, f"Replies with neither words nor a tool call came {self._empty} times in a row."
        if same >= SAME:
            yield same, SAME, f"The last {same} replies made the same call: {self._past[-1][0]}."
        elif turns >= BACK_AND_FORTH:
            one, other = self._past[-2][0], self._past[-1][0]
            yield turns, BACK_AND_FORTH, f"The last {turns} replies went back and forth between {one} and {other}."
        if self._crowded:
            yield (
                self._crowded,
                CROWDED,
                f"The last {self._crowded} replies held more than {MOST_CALLS} calls each (now {len(self._calls)}).",
            )
        if self._failing:
            answer = f"the last answer was: «{gist(self._answer, _QUOTED)}»"
            yield self._failing, FAILING, f"Every tool call of the last {self._failing} steps failed; {answer}."
        if len(self._troubles) >= TROUBLED:
            kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(self._troubles).most_common())
            yield len(self._troubles), TROUBLED, f"Of the last {len(self._troubles)} replies none was of use: {kinds}."
        if self._barren:
            often = ", ".join(f"{name} ×{count}" for name, count in Counter(self._barren).most_common(4))
            yield (
                len(self._barren),
                BARREN,
                f"{len(self._barren)} steps have brought no new words to the disk, nor read anything new ({often}).",
            )
        if self._wordless:
            yield self._wordless, WORDLESS, f"{self._wordless} steps have brought no new words to the disk."


def nudge(conversation: Conversation, loops: Loops) -> str:
    """What the model is told when its last step brought nothing; "" when it did, or is not over."""
    if not conversation.step_finished:
        return ""
    if loops.nudge:
        return prompt("loop", seen=loops.nudge)
    if conversation.idle_replies:
        return prompt("nudge_length" if conversation.finish_reason == "length" else "nudge")
    return ""


def _repeats(past: list[tuple[Call, ...]], period: int) -> int:
    """How many of the last replies repeat with this period; those of a period of two that are all the same do not."""
    tail = past[-period:]
    if len(tail) < period or len(set(tail)) < period:
        return 0
    count = 0
    while count < len(past) and past[-1 - count] == tail[-1 - count % period]:
        count += 1
    return count


def _call(call: ev.ToolCall) -> Call:
    try:
        arguments = json.loads(call.arguments, strict=False)
        same = json.dumps(arguments, sort_keys=True)
    except (ValueError, RecursionError):
        arguments, same = None, call.arguments
    if isinstance(arguments, dict):
        shown = ", ".join(f"{name}={gist(str(value), 40)}" for name, value in sorted(arguments.items()))
    else:
        shown = call.arguments
    return Call(call.name, gist(shown, _QUOTED), sha256_of(same))

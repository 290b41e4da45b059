"""Where a run stops by itself to be looked at, and whether it is due to: a fold of events.

With `step` it stops after each finished step; with `chapter` after the one in which a chapter became done. A chapter is
one that the agent began by `write_file`; what the author alone wrote is none. It is done, once and for good whatever
is revised in it later, with the first finished step

- that begins another chapter; or
- after which it stands at its length (not short of what the outline, or else the book, asks for), and no reading of it
  is to come. In guided mode the studio knows that: its next work is for another chapter, or for none. Else one is to
  come while it was read less often than the chapter begun before it, or read and not revised since; none after the last
  round that the book allows, nor after a reading that was refused. So an agent that has its chapters read is not
  stopped between the draft and what comes of the readings, from the second chapter on, and one that does not is not
  waited for in vain.

What became done is said by `step_finished`, so that a replay need not judge anew. The stop is owed from there until a
pause that is the gate's (or a limit's: the run stands as well), or until the next step has begun.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from studio import events as ev
from studio.agent.gist import gist
from studio.agent.planned import asked_of, plan_of
from studio.book.files import Folder
from studio.book.layout import BookSettings
from studio.book.names import is_chapter
from studio.book.words import count_words
from studio.errors import BookError, BookUnsaved

WORDS = {"free": "nowhere by itself", "chapter": "after each chapter", "step": "after each step"}

_BEGINS = ("create", "overwrite", "append")  # modes of a write; an edit is made in what another hand began
_NUMBER = re.compile(r"\d+")
_GIST = 90  # characters of a question that the end of the book shows
_SHOWN = 3  # questions of which it does


class _Draft(msgspec.Struct):
    """A chapter that the agent has begun and that is not done."""

    before: str  # the chapter begun before it; "" = none
    readings: int = 0
    is_revised: bool = False  # written since the last reading
    is_read_out: bool = False  # no further reading can come
    is_left: bool = False  # another one was begun since


class Gates:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self.configured: ev.Gate = "free"  # what book.yaml or else the configuration says; no event of the book's
        self.chosen: str = ""  # by the author, in this run or one before; "" = not
        self.stands_at_end = False  # paused at the end of the book, for the questions that are open
        self._drafts: dict[str, _Draft] = {}
        self._done: set[str] = set()
        self._readings: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._last = ""  # the chapter begun last
        self._step = 0  # the finished step that a stop is owed for; 0 = none is
        self._owed: list[str] = []  # chapters that became done in it
        self._is_finished = self._has_passed_end = False

    @property
    def now(self) -> str:
        """Where the run stops: free, chapter or step."""
        return self.chosen or self.configured

    @property
    def has_drafts(self) -> bool:
        """Whether any chapter is under way."""
        return bool(self._drafts)

    # --- the fold -------------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.FileWritten(file=file) if is_chapter(file):
                self._words[file] = event.words
                self._write(file, event.mode)
            case ev.AuthorEdited(file=file) if is_chapter(file):
                self._words[file] = event.words
                if not event.sha256:  # should it be written again, it is a new one
                    self._drafts.pop(file, None)
                    self._done.discard(file)
            case ev.AuthorRenamed(file=file, to=to):
                self._rename(file, to)
            case ev.ChapterReviewed(file=file):
                self._readings[file] = self._readings.get(file, 0) + 1
                if draft := self._drafts.get(file):
                    draft.readings, draft.is_revised = draft.readings + 1, False
                    draft.is_read_out = 0 < event.rounds <= event.round
            case ev.ToolFinished(name="review_chapter", ok=False):
                for draft in self._drafts.values():
                    draft.is_read_out = True
            case ev.ToolFinished(name="finish", ok=True):
                self._is_finished, self._has_passed_end = True, False
            case ev.NoteGiven() | ev.AnswerGiven():
                self._is_finished = False
            case ev.StepStarted():
                self._step, self._owed = 0, []
            case ev.StepFinished(step=step, done=done):
                self._step, self._owed = step, list(done)
                # A record from before this was said has the chapters left behind alone.
                for file in [*done, *(file for file, draft in self._drafts.items() if draft.is_left)]:
                    self._drafts.pop(file, None)
                    self._done.add(file)
            case ev.Paused(by="gate" | "limit"):
                self._step, self._owed = 0, []
                self.stands_at_end = self._is_finished and event.by == "gate"
            case ev.Resumed() | ev.RunFinished():
                self._has_passed_end = self.stands_at_end
                self.stands_at_end = False
            case ev.GateChosen(gate=gate):
                self.chosen = gate
            case _:
                pass

    def _write(self, file: str, mode: str) -> None:
        if draft := self._drafts.get(file):
            draft.is_revised = True
        elif file not in self._done and mode in _BEGINS:
            for other in self._drafts.values():
                other.is_left = True
            self._drafts[file] = _Draft(before=self._last)
            self._last = file

    def _rename(self, file: str, to: str) -> None:
        self._owed = [to if one == file else one for one in self._owed]
        self._last = to if self._last == file else self._last
        for known in (self._words, self._readings):
            if file in known:
                known[to] = known.pop(file)
        if file in self._done:
            self._done.remove(file)
            self._done.add(to)
        draft = self._drafts.pop(file, None)
        if draft is not None and is_chapter(to):
            self._drafts[to] = draft
        for other in self._drafts.values():
            other.before = to if other.before == file else other.before

    # --- what is due ----------------------------------------------------------------------------------------------

    def becomes_done(self, is_short: Callable[[str], bool], *, is_planned: bool = False) -> tuple[str, ...]:
        """The chapters that are done now that a step finishes, in the order they were begun.

        Args:
            is_short: whether more of a chapter's text is to come.
            is_planned: the studio orders the work, and `is_short` knows of the readings to come as well.
        """
        return tuple(
            file
            for file, draft in self._drafts.items()
            if draft.is_left
            or draft.is_read_out
            or not ((not is_planned and self._awaits_reading(draft)) or is_short(file))
        )

    def _awaits_reading(self, draft: _Draft) -> bool:
        before = self._readings.get(draft.before, 0)
        if not draft.readings:
            return before > 0
        return not (draft.is_revised and draft.readings >= before > 0)

    def due(self) -> str:
        """Why the run stops before another call; "" = it does not."""
        if not self._step or self.now == "free":
            return ""
        done = [file for file in self._owed if file in self._done]
        said = [f"step {self._step} is done"] if self.now == "step" else []
        if len(done) == 1:
            said.append(f"{_named(done[0])} is done: {self._told(done[0])}")
        elif done:
            said.append(f"{len(done)} chapters are done: " + "; ".join(map(self._told, done)))
        return "; ".join(said)

    def _told(self, file: str) -> str:
        return f"{file}, {self._words.get(file, 0):,} words"

    def due_at_end(self, questions: Sequence[str]) -> str:
        """Why a finished book is not ended yet: questions to the author are open, once; "" = it is."""
        if not (self._is_finished and questions) or self._has_passed_end:
            return ""
        these = f"{len(questions)} questions to you are" if len(questions) > 1 else "a question to you is"
        shown = ", ".join(f"«{gist(question, _GIST)}»" for question in questions[:_SHOWN])
        shown += f", and {len(questions) - _SHOWN} more" if len(questions) > _SHOWN else ""
        return f"the book is done and ends when you go on; {these} open: {shown}"


def is_short(folder: Folder, settings: BookSettings, file: str) -> bool:
    """Whether a chapter is shorter than the outline, or else the book, asks. Raises `BookUnsaved`."""
    try:
        text = folder.read(file) or ""
    except BookUnsaved:
        raise
    except BookError:  # no UTF-8: left alone
        return False
    _, target = asked_of(plan_of(folder), settings, file, text)
    return target is not None and target.is_missed_by(count_words(text))


def _named(file: str) -> str:
    numbers = _NUMBER.findall(file)
    return f"chapter {int(numbers[0])}" if len(numbers) == 1 else file.removesuffix(".md")

"""What the author did that the agent has not been told yet: a fold of events."""

import msgspec

from studio import events as ev
from studio.agent.questions import Questions


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What the author made of a file, in one save or in several, with no write of the agent's between them."""

    file: str
    before: str  # SHA-256 of the text it was made from; "" = there was no such file
    after: str  # of what the author made of it; "" = it is gone


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """What the next step tells, as it stood at one moment; what comes after that is for the step after."""

    told: tuple[int, ...] = ()  # seq of each event in it
    events: tuple[ev.Event, ...] = ()
    edits: tuple[Edit, ...] = ()
    words: dict[str, int] = {}  # file -> how many it has now
    questions: dict[int, str] = {}  # seq of an answer_given -> the question it is to, where the agent went on beside it


class Steering:
    """Feed it every event in order. What a `step_started` carried is told; it stays in the conversation."""

    def __init__(self) -> None:
        self.untold: list[ev.Event] = []  # author_edited, note_given, answer_given and so on, in order
        self.notes: list[str] = []  # everything the author ever said, word for word
        self.edited: list[ev.AuthorEdited] = []  # every edit of the author's, in order, by the file's name of now
        self.questions = Questions()
        self._asked: dict[int, str] = {}  # seq of an untold answer_given -> its question
        self._disk: dict[str, str] = {}
        self._words: dict[str, int] = {}
        self._before: dict[int, str] = {}  # seq of an untold author_edited -> SHA-256 of the text it was made from

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.FileWritten(file=file):
                self._disk[file], self._words[file] = event.sha256, event.words
            case ev.AuthorEdited(file=file):
                # A save found late was made from another text than the one it meets on the disk.
                self._before[event.seq] = event.before or self._disk.get(file, "")
                self._disk[file], self._words[file] = event.sha256, event.words
                self.edited.append(event)
                self.untold.append(event)
            case ev.AuthorRenamed(file=file, to=to):
                self.edited = [msgspec.structs.replace(e, file=to) if e.file == file else e for e in self.edited]
                self._disk[to] = self._disk.pop(file, "")
                self._words[to] = self._words.pop(file, 0)
                self.untold.append(event)
            case ev.LocksChanged() | ev.CowritingEnded():
                self.untold.append(event)
            case ev.NoteGiven(text=text):
                self.notes.append(text)
                self.untold.append(event)
            case ev.AnswerGiven(text=text):
                question = self.questions.text_for(event)
                self.notes.append(f"(asked: {question}) {text}")
                if event.id:
                    self._asked[event.seq] = question
                self.untold.append(event)
            case ev.ToolFinished(name="ask_author"):
                # Of a question that the tool waited for, its result carries the answer.
                self.untold = [one for one in self.untold if not (isinstance(one, ev.AnswerGiven) and not one.id)]
            case ev.StepStarted(told=told) if told:
                self.untold = [event for event in self.untold if event.seq not in told]
                for seq in told:
                    self._before.pop(seq, None)
                    self._asked.pop(seq, None)
            case _:
                pass
        self.questions.apply(event)

    def edits(self) -> list[Edit]:
        """The author's untold edits, saves that follow each other as one; what the agent wrote between is in none."""
        found: list[Edit] = []
        last: dict[str, int] = {}
        for event in self.untold:
            if isinstance(event, ev.AuthorEdited):
                file, before = event.file, self._before[event.seq]
                at = last.get(file)
                if at is not None and found[at].after == before:
                    found[at] = Edit(file=file, before=found[at].before, after=event.sha256)
                else:
                    last[file] = len(found)
                    found.append(Edit(file=file, before=before, after=event.sha256))
        return [edit for edit in found if edit.before != edit.after]  # else changed and changed back

    def told(self) -> tuple[int, ...]:
        """The seqs that the next `step_started` carries."""
        return tuple(event.seq for event in self.untold)

    def now(self, *, is_author_there: bool = True) -> Untold:
        """What the next `step_started` has to say, and its seqs; that nobody will answer, where nobody is there."""
        unanswered = () if is_author_there else tuple(self.questions.queued)
        edits = tuple(self.edits())
        words = {edit.file: self._words.get(edit.file, 0) for edit in edits}
        return Untold(
            told=(*self.told(), *(question.seq for question in unanswered)),
            events=(*self.untold, *unanswered),
            edits=edits,
            words=words,
            questions=dict(self._asked),
        )

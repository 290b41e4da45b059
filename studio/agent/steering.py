"""What the author did that the agent has not been told yet: a fold of events, and the words it is told in."""

import difflib
import re
from collections.abc import Callable, Iterable

import msgspec

from studio import events as ev
from studio.agent.prompts import prompt

MAX_DIFF_LINES = 400
_WORD = re.compile(r"\w[\w'’-]*")


class Steering:
    """Feed it every event in order. What a `step_started` carried is told; it stays in the conversation."""

    def __init__(self) -> None:
        self.untold: list[ev.Event] = []  # author_edited, note_given and answer_given, in order
        self.notes: list[str] = []  # everything the author ever said, word for word
        self.edited: list[ev.AuthorEdited] = []  # every edit of the author's, in order, by the file's name of now
        self.question = ""  # the open question
        self.answer: str | None = None  # its answer, once given
        self._disk: dict[str, str] = {}
        self._before: dict[int, str] = {}  # seq of an author_edited -> sha256 of the text before it

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.FileWritten(file=file, sha256=sha256):
                self._disk[file] = sha256
            case ev.AuthorEdited(file=file, sha256=sha256):
                self._before[event.seq] = self._disk.get(file, "")
                self._disk[file] = sha256
                self.edited.append(event)
                self.untold.append(event)
            case ev.AuthorRenamed(file=file, to=to):
                self.edited = [msgspec.structs.replace(e, file=to) if e.file == file else e for e in self.edited]
                self._disk[to] = self._disk.pop(file, "")
                self.untold.append(event)
            case ev.LocksChanged():
                self.untold.append(event)
            case ev.NoteGiven(text=text):
                self.notes.append(text)
                self.untold.append(event)
            case ev.QuestionAsked(text=text):
                self.question, self.answer = text, None
            case ev.AnswerGiven(text=text):
                self.notes.append(f"(asked: {self.question}) {text}")
                self.answer = text
                self.untold.append(event)
            case ev.ToolFinished(name="ask_author"):
                # The tool's result carries the answer.
                self.question, self.answer = "", None
                self.untold = [event for event in self.untold if not isinstance(event, ev.AnswerGiven)]
            case ev.StepStarted(told=told) if told:
                self.untold = [event for event in self.untold if event.seq not in told]
            case _:
                pass

    def edits(self) -> dict[str, tuple[str, ev.AuthorEdited]]:
        """For each file with untold edits: the sha256 of the text before the first of them, and the last of them."""
        found: dict[str, tuple[str, ev.AuthorEdited]] = {}
        for event in self.untold:
            if isinstance(event, ev.AuthorEdited):
                before = found[event.file][0] if event.file in found else self._before[event.seq]
                found[event.file] = (before, event)
        return found

    def told(self) -> tuple[int, ...]:
        """The seqs that the next `step_started` carries."""
        return tuple(event.seq for event in self.untold)

    def message(self, text_of: Callable[[str], str], others: Callable[[str], Iterable[tuple[str, str]]]) -> str:
        """What the agent is told before its next call; "" when there is nothing.

        Args:
            text_of: the text of a version, by its SHA-256.
            others: (name, text) of every file of the book but the named one.
        """
        parts = []
        for event in self.untold:
            if isinstance(event, ev.NoteGiven):
                parts.append(prompt("noted", text=event.text))
            elif isinstance(event, ev.AnswerGiven):
                parts.append(prompt("answered", text=event.text))
            elif isinstance(event, ev.AuthorRenamed):
                parts.append(prompt("renamed", file=event.file, to=event.to))
        if locked := [event for event in self.untold if isinstance(event, ev.LocksChanged)]:
            files = ", ".join(locked[-1].files)
            parts.append(prompt("locked", files=files) if files else prompt("unlocked"))
        for file, (before_sha, event) in self.edits().items():
            if event.sha256 == before_sha:
                continue  # changed and changed back
            if not event.sha256:
                parts.append(prompt("removed", file=file))
                continue
            before = text_of(before_sha) if before_sha else ""
            after = text_of(event.sha256)
            parts.append(prompt("edited", file=file, diff=shown_diff(file, before, after), words=f"{event.words:,}"))
            places = where_else(replaced_words(before, after), others(file))
            if places:
                parts.append(prompt("elsewhere", places="; ".join(places)))
        return "\n\n".join(parts)


def shown_diff(file: str, before: str, after: str) -> str:
    """A unified diff without its two header lines' noise, at most `MAX_DIFF_LINES` lines."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="", n=1))
    if len(lines) > MAX_DIFF_LINES:
        left = len(lines) - MAX_DIFF_LINES
        lines = [*lines[:MAX_DIFF_LINES], f"… and {left:,} more lines; read_file gives you the whole text"]
    return "\n".join(lines)


def replaced_words(before: str, after: str) -> list[str]:
    """The names and figures an edit took out: words with a capital or a digit that `after` no longer holds."""
    kept = {word.group() for word in _WORD.finditer(after)}
    gone: dict[str, None] = {}
    for match in _WORD.finditer(before):
        word = match.group()
        if word not in kept and word.lower() not in kept and (word[0].isupper() or any(c.isdigit() for c in word)):
            gone[word] = None
    return list(gone)[:20]


def where_else(words: Iterable[str], others: Iterable[tuple[str, str]]) -> list[str]:
    """Where these words still stand, e.g. `«Mara» in outline.md (3), chapter_02.md (1)`."""
    texts = list(others)
    places = []
    for word in words:
        # A capital at the start of a sentence makes no name: one must stand within a sentence somewhere.
        inside = re.compile(rf"[\w,;] {re.escape(word)}(?!\w)")
        if word[0].isupper() and not any(inside.search(text) for _, text in texts):
            continue
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        found = [f"{name} ({count})" for name, text in texts if (count := len(pattern.findall(text)))]
        if found:
            places.append(f"«{word}» in {', '.join(found)}")
    return places

"""The revisions of a book: a fold of its events, without their texts. Nothing here reads a disk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from studio import events as ev

AUTHOR, AGENT, MERGE = "author", "agent", "merge"

KINDS: tuple[type[ev.Event], ...] = (ev.StepStarted, ev.FileWritten, ev.AuthorEdited, ev.AuthorRenamed, ev.RestoreBegun)
"""The events that make a history: a reader needs no others."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One file, changed once. A SHA-256 of "" means: no such file."""

    number: int  # from 1, over the whole book, in the order of events; it never changes
    seq: int  # of the event
    at: float  # seconds since the epoch
    step: int  # of the agent's steps, the last one begun by then; 0 = before the first
    who: str  # author | agent | merge: the agent's write with the author's changes brought in
    file: str
    sha256: str  # of the text from here on
    before: str  # of the text until then
    words: int
    words_before: int
    why: str = ""  # create, append, overwrite, edit; removed, renamed, or what a restore was to do
    renamed_from: str = ""  # the name until then
    restored: bool = False  # put there by the studio at the author's wish: older words, not new ones

    @property
    def words_added(self) -> int:
        """Words there are more than before; exact figures want the texts (`words_changed`)."""
        return max(0, self.words - self.words_before)

    @property
    def words_removed(self) -> int:
        """Words there are fewer than before."""
        return max(0, self.words_before - self.words)


class History:
    """Feed it every event in order."""

    def __init__(self, events: Iterable[ev.Event] = ()) -> None:
        self.revisions: list[Revision] = []
        self._now: dict[str, tuple[str, int]] = {}  # file -> its text, its words
        self._step = 0
        self._restoring = ""
        for event in events:
            self.apply(event)

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.StepStarted(step=step):
                self._step = step
            case ev.FileWritten():
                who = MERGE if event.merged else AGENT
                self._add(event, who, event.file, event.sha256, event.words, event.mode)
            case ev.AuthorEdited():
                restored = event.id != ""
                why = self._restoring if restored else "" if event.sha256 else "removed"
                self._add(event, AUTHOR, event.file, event.sha256, event.words, why, restored=restored)
            case ev.AuthorRenamed(file=file, to=to):
                sha256, words = self._now.pop(file, ("", 0))
                if sha256:  # else nothing is known of it
                    self._now[to] = sha256, words
                    self._append(event, AUTHOR, to, (sha256, words), (sha256, words), "renamed", renamed_from=file)
            case ev.RestoreBegun(why=why):
                self._restoring = why
            case _:
                pass

    def _add(
        self, event: ev.Event, who: str, file: str, sha256: str, words: int, why: str, *, restored: bool = False
    ) -> None:
        before = self._now.get(file, ("", 0))
        if before[0] != sha256:  # a write of what stood there already changes nothing
            self._now[file] = sha256, words
            self._append(event, who, file, (sha256, words), before, why, restored=restored)

    def _append(
        self,
        event: ev.Event,
        who: str,
        file: str,
        after: tuple[str, int],
        before: tuple[str, int],
        why: str,
        *,
        renamed_from: str = "",
        restored: bool = False,
    ) -> None:
        self.revisions.append(
            Revision(
                number=len(self.revisions) + 1,
                seq=event.seq,
                at=event.at,
                step=self._step,
                who=who,
                file=file,
                sha256=after[0],
                before=before[0],
                words=after[1],
                words_before=before[1],
                why=why,
                renamed_from=renamed_from,
                restored=restored,
            )
        )


def state_at(revisions: Sequence[Revision], number: int) -> dict[str, str]:
    """The book as it was right after a revision (0: before the first): file -> SHA-256 of its text."""
    files: dict[str, str] = {}
    for revision in revisions[:number]:
        files.pop(revision.renamed_from, None)
        if revision.sha256:
            files[revision.file] = revision.sha256
        else:
            files.pop(revision.file, None)
    return files


def of_file(revisions: Sequence[Revision], file: str) -> list[Revision]:
    """The revisions of the file that has this name now (or had it last), also under the names it had before."""
    found: list[Revision] = []
    name = file
    for revision in reversed(revisions):
        if revision.file == name:
            found.append(revision)
            name = revision.renamed_from or name
        elif revision.renamed_from == name:
            if found:  # a new file took the name that this one left
                break
            found.append(revision)
    return found[::-1]


def file_at(revisions: Sequence[Revision], file: str, number: int) -> str:
    """SHA-256 of the text that the file of this name had right after a revision, whatever its name was then."""
    if 0 < number <= len(revisions) and name_now(revisions, number) == file:
        return revisions[number - 1].sha256  # also of a file that was removed, and whose name another got since
    return next((one.sha256 for one in reversed(of_file(revisions, file)) if one.number <= number), "")


def name_now(revisions: Sequence[Revision], number: int) -> str:
    """The name that the file of a revision has by now (or had last)."""
    name = revisions[number - 1].file
    for later in revisions[number:]:
        if later.renamed_from == name:
            name = later.file
    return name


def number_at(revisions: Sequence[Revision], moment: float) -> int:
    """The number of the last revision up to a moment, in seconds since the epoch; 0 = there was none yet."""
    return max((revision.number for revision in revisions if revision.at <= moment), default=0)


def files_of(revisions: Iterable[Revision]) -> list[str]:
    """Every name a file of the book has, or had, in the order they came."""
    return list(dict.fromkeys(revision.file for revision in revisions))


def words_over_time(revisions: Iterable[Revision]) -> Iterator[int]:
    """Words of all files together after each revision."""
    words: dict[str, int] = {}
    total = 0
    for revision in revisions:
        total -= words.pop(revision.renamed_from, 0) + words.pop(revision.file, 0)
        words[revision.file] = revision.words
        total += revision.words
        yield total


def same_files(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """What has to be put where for a book in state `one` to be in state `other`: file -> SHA-256, "" = it goes."""
    files = sorted({*one, *other})
    return {file: other.get(file, "") for file in files if one.get(file, "") != other.get(file, "")}

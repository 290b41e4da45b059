"""Who knows what of every file: a fold of the book's events."""

from typing import Any

from studio import events as ev

LATE = "late."  # begins the ids of writes that merge a save found in a displaced file


class Ledger:
    """Feed it every event in order. A SHA-256 of "" means: no such file."""

    def __init__(self) -> None:
        self._disk: dict[str, str] = {}
        self._agent: dict[str, str] = {}
        self._words: dict[str, int] = {}
        self._touched: dict[str, str] = {}
        self._partials: dict[str, list[ev.PartialKept]] = {}
        self._intents: dict[str, ev.WriteIntended] = {}  # by file: writes of one file come one after the other
        self._expected: dict[str, set[str]] = {}
        self._saved: dict[str, float] = {}  # when the author's newest text of a file was saved
        self._renamed: dict[str, str] = {}  # a name the author gave up -> the one that came instead
        self._renamed_at: dict[str, int] = {}  # such a name -> the seq of that
        self._taken: dict[str, int] = {}  # a file the author removed -> the seq of that
        self._spoken = 0  # the seq of the author's last word to the agent
        self.locked: tuple[str, ...] = ()  # what the author locked, as last recorded
        self._temps: dict[str, ev.WriteIntended] = {}
        self._copies: set[str] = set()  # second versions of sync programs that were told

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.WriteIntended(file=file):
                self._intents[file] = event
                self._temps[event.temp] = event
                self._expected.setdefault(file, set()).add(event.sha256)
                if event.id.startswith(LATE):  # the save it merges is told before the merge is on disk
                    self._expected[file].add(event.before)
            case ev.FileWritten(file=file):
                self._intents.pop(file, None)
                self._expected.pop(file, None)
                self._taken.pop(file, None)
                self._renamed.pop(file, None)
                if event.mode != "edit":  # a passage replaced elsewhere ends no cut reply
                    self._partials.pop(file, None)
                self._disk[file], self._words[file] = event.sha256, event.words
                self._agent[file] = event.agent_sha256 or event.sha256
                self._touched[file] = "agent"
            case ev.WriteDropped(file=file):
                self._intents.pop(file, None)
                self._expected.pop(file, None)
            case ev.AuthorEdited(file=file):
                if event.id:  # a restore: a write of ours like any other
                    self._intents.pop(file, None)
                    self._expected.pop(file, None)
                self._disk[file], self._words[file] = event.sha256, event.words
                self._touched[file] = "author"
                self._saved[file] = max(self._saved.get(file, 0.0), event.saved_at or event.at)
                if event.sha256:
                    self._taken.pop(file, None)
                    self._renamed.pop(file, None)
                else:
                    self._taken[file] = event.seq
            case ev.RestoreFinished():  # what of it the disk refused is not made again
                for file in [file for file, intent in self._intents.items() if intent.mode == "restore"]:
                    del self._intents[file]
                    self._expected.pop(file, None)
            case ev.AuthorRenamed():
                self._rename(event)
            case ev.ConflictCopyFound(file=file):
                self._copies.add(file)
                self._disk.pop(file, None)  # an earlier studio took it for a file of the book
            case ev.NoteGiven() | ev.AnswerGiven():
                self._spoken = event.seq
            case ev.LocksChanged(files=files):
                self.locked = files
            case ev.FileRead(file=file, sha256=sha256):
                self._agent[file] = sha256
            case ev.PartialKept(file=file):
                self._partials.setdefault(file, []).append(event)
            case _:
                pass

    def _rename(self, event: ev.AuthorRenamed) -> None:
        """What is known of a file goes with it to its new name."""
        facts: list[dict[str, Any]] = [self._disk, self._agent, self._words, self._partials]
        for known in facts:
            if event.file in known:
                known[event.to] = known.pop(event.file)
        self._touched.pop(event.file, None)
        self._touched[event.to] = "author"
        self._taken.pop(event.to, None)
        self._renamed.pop(event.to, None)
        self._renamed[event.file] = event.to
        self._renamed_at[event.file] = event.seq

    def renamed_to(self, file: str) -> str:
        """The name the author gave to what was this file; "" when it was not renamed."""
        seen = {file}
        name = self._renamed.get(file, "")
        while (later := self._renamed.get(name, "")) and later not in seen:
            seen.add(name)
            name = later
        return name

    def has_spoken_since_renamed(self, file: str) -> bool:
        """Whether the author has said a word to the agent since this name was given up."""
        return self._spoken > self._renamed_at.get(file, 0)

    def is_taken_away(self, file: str) -> bool:
        """Whether the author removed this file and has not said a word to the agent since."""
        return self._taken.get(file, 0) > self._spoken

    def disk(self, file: str) -> str:
        """SHA-256 of the file as we last knew it on disk."""
        return self._disk.get(file, "")

    def agent_view(self, file: str) -> str:
        """SHA-256 of the text the agent believes the file to have: what it wrote or read last."""
        return self._agent.get(file, "")

    def files(self) -> list[str]:
        """Every file we know to be on disk."""
        return [file for file, sha256 in self._disk.items() if sha256]

    def words(self, file: str) -> int:
        """Words of the file as we last knew it."""
        return self._words.get(file, 0)

    def touched_by(self, file: str) -> str:
        """Who changed the file last: "author", "agent", or "" if nobody we know of."""
        return self._touched.get(file, "")

    def saved_at(self, file: str) -> float:
        """When the newest of the author's texts of a file was saved, in seconds since the epoch; 0.0 for none."""
        return self._saved.get(file, 0.0)

    def removed_by_author(self) -> list[str]:
        """Files the author took away."""
        return [file for file, sha256 in self._disk.items() if not sha256]

    def taken_by_author(self) -> list[str]:
        """Names of the author's that are no longer used: of files removed, and of files renamed."""
        return [*self.removed_by_author(), *self._renamed]

    def expected(self, file: str) -> set[str]:
        """What a write of ours that is under way may find or leave on disk: not news to the watcher."""
        return set(self._expected.get(file, ()))

    def partial(self, file: str) -> ev.PartialKept | None:
        """The last prose kept of a cut reply, which waits to be gone on from."""
        pieces = self._partials.get(file)
        return pieces[-1] if pieces else None

    def pieces(self, file: str) -> list[ev.PartialKept]:
        """All prose kept since the file was last written: more than one when the reply that went on was cut, too."""
        return list(self._partials.get(file, ()))

    def partials(self) -> list[ev.PartialKept]:
        """What `partial` says, for every file that has one."""
        return [pieces[-1] for pieces in self._partials.values()]

    def unsettled(self) -> list[ev.WriteIntended]:
        """Writes that were intended and not recorded as done: at most the last of each file."""
        return list(self._intents.values())

    def is_told_copy(self, file: str) -> bool:
        """Whether this second version, left by a sync program, was recorded."""
        return file in self._copies

    def intent_of(self, temp: str) -> ev.WriteIntended | None:
        """The write that a temporary file was made for."""
        return self._temps.get(temp)

"""Who knows what of every file: a fold of the book's events."""

from studio import events as ev


class Ledger:
    """Feed it every event in order. A SHA-256 of "" means: no such file."""

    def __init__(self) -> None:
        self._disk: dict[str, str] = {}
        self._agent: dict[str, str] = {}
        self._words: dict[str, int] = {}
        self._touched: dict[str, str] = {}
        self._partials: dict[str, ev.PartialKept] = {}
        self._intents: dict[str, ev.WriteIntended] = {}

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.WriteIntended():
                self._intents[event.id] = event
            case ev.FileWritten(file=file):
                self._intents.pop(event.id, None)
                self._partials.pop(file, None)
                self._disk[file], self._words[file] = event.sha256, event.words
                self._agent[file] = event.agent_sha256 or event.sha256
                self._touched[file] = "agent"
            case ev.AuthorEdited(file=file):
                self._disk[file], self._words[file] = event.sha256, event.words
                self._touched[file] = "author"
            case ev.FileRead(file=file, sha256=sha256):
                self._agent[file] = sha256
            case ev.PartialKept(file=file):
                self._partials[file] = event
            case _:
                pass

    def disk(self, file: str) -> str:
        """SHA-256 of the file as we last knew it on disk."""
        return self._disk.get(file, "")

    def agent_view(self, file: str) -> str:
        """SHA-256 of the text the agent believes the file to have: what it wrote or read last."""
        return self._agent.get(file, "")

    def files(self) -> list[str]:
        """Every file we know to be on disk."""
        return [file for file, sha256 in self._disk.items() if sha256]

    def touched_by(self, file: str) -> str:
        """Who changed the file last: "author", "agent", or "" if nobody we know of."""
        return self._touched.get(file, "")

    def removed_by_author(self) -> list[str]:
        """Files the author took away."""
        return [file for file, sha256 in self._disk.items() if not sha256]

    def expected(self, file: str) -> set[str]:
        """What a write of ours that is under way may put on disk: not news to the watcher."""
        return {intent.sha256 for intent in self._intents.values() if intent.file == file}

    def partial(self, file: str) -> ev.PartialKept | None:
        """Prose of a cut reply that waits to be gone on from."""
        return self._partials.get(file)

    def partials(self) -> list[ev.PartialKept]:
        """All of them."""
        return list(self._partials.values())

    def unsettled(self) -> list[ev.WriteIntended]:
        """Writes that were intended and not recorded as done, the last intent of each."""
        return list(self._intents.values())

"""What was said of each chapter so far, as a fold: how it was read by the rubric, and whether it was too short."""

from studio import events as ev
from studio.agent.prompts import prompt
from studio.agent.reviews.scores import mean

_ASKED = prompt("expand", share="").split("%")[1]


class Chapters:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self._rounds: dict[str, list[ev.ChapterReviewed]] = {}
        self._by_call: dict[str, ev.ChapterReviewed] = {}
        self._edited: dict[str, int] = {}  # seq of the author's last edit of a file
        self._asked: set[str] = set()
        self._asking: dict[str, str] = {}  # id of a write whose answer asks -> its file

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.ChapterReviewed(file=file):
                self._rounds.setdefault(file, []).append(event)
                if event.id:
                    self._by_call[event.id] = event
            case ev.AuthorEdited(file=file):
                self._edited[file] = event.seq
            case ev.WriteIntended(id=id_, file=file, result=result) if _ASKED in result:
                self._asking[id_] = file
            case ev.FileWritten(id=id_) if id_ in self._asking:
                self._asked.add(self._asking.pop(id_))
            case ev.AuthorRenamed(file=file, to=to):
                self._rename(file, to)
            case _:
                pass

    def _rename(self, file: str, to: str) -> None:
        if rounds := self._rounds.pop(file, None):
            self._rounds[to] = rounds
        if seq := self._edited.pop(file, 0):
            self._edited[to] = seq
        if file in self._asked:
            self._asked.remove(file)
            self._asked.add(to)

    def rounds(self, file: str) -> list[ev.ChapterReviewed]:
        """How a chapter was read, in order."""
        return list(self._rounds.get(file, ()))

    def reviewed(self) -> set[str]:
        """The files that were read by the rubric."""
        return set(self._rounds)

    def made_by(self, call: str) -> ev.ChapterReviewed | None:
        """The review that this very call has made, before a crash."""
        return self._by_call.get(call)

    def better_than(self, file: str, review: ev.ChapterReviewed) -> ev.ChapterReviewed | None:
        """The best round before this one, by its mean; None when none was scored.

        Rounds that the author has not edited the chapter after go first: only their texts may come back.
        """
        before = [one for one in self.rounds(file) if one.seq < review.seq and one.scores]
        ranked = [(not self.is_edited_since(file, one), mean(one.scores) or 0.0, one) for one in before]
        return max(ranked, key=lambda rank: rank[:2])[2] if ranked else None

    def is_edited_since(self, file: str, review: ev.ChapterReviewed) -> bool:
        """Whether the author has changed the file since it was read."""
        return self._edited.get(file, 0) > review.seq

    def is_asked_to_grow(self, file: str) -> bool:
        """Whether the agent was told that this chapter is too short."""
        return file in self._asked

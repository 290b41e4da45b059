"""What the author decided by editing: the sentences written into files, as a fold of the book's events."""

from functools import lru_cache

from studio import events as ev
from studio.agent.memory.known import one_line
from studio.book.merge import sentences

_DECISION = 12  # sentences: what the author changes beyond that is a text of the author's own, not a decision


class Decisions:
    """What the author wrote into files in short edits, each sentence by its file: a fold of the book's events."""

    def __init__(self) -> None:
        self.written: dict[str, dict[str, None]] = {}  # file -> the sentences, in order

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.AuthorEdited(file=file, sha256="", id=""):
                self.written.pop(file, None)
            case ev.AuthorEdited(file=file, diff=diff, id=""):
                new = added_sentences(diff)
                if len(new) <= _DECISION:
                    self.written.setdefault(file, {}).update(dict.fromkeys(new))
            case ev.AuthorRenamed(file=file, to=to) if file in self.written:
                self.written[to] = self.written.pop(file)
            case _:
                pass


def added_sentences(diff: str) -> list[str]:
    """The sentences that a unified diff puts in and does not take out, each on one line; headings are none."""
    return [sentence for sentence in changed_sentences(diff)[1] if not sentence.startswith("#")]


@lru_cache(maxsize=2_000)  # each is asked for at every compression
def changed_sentences(diff: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the sentences that a unified diff takes out, those that it puts in), each on one line and none in both."""
    lines: dict[str, list[str]] = {"-": [], "+": []}
    for line in diff.splitlines():
        if line[:1] in lines and not line.startswith(("+++", "---")):
            lines[line[0]].append(line[1:])
    gone, came = (
        dict.fromkeys(one for raw in sentences("\n".join(lines[sign])) if (one := one_line(raw))) for sign in "-+"
    )
    return tuple(one for one in gone if one not in came), tuple(one for one in came if one not in gone)

"""The author's edits as a compressed conversation tells them: what was written, word for word, and what was taken out.

Not as diffs: a diff by lines says a whole paragraph twice for one word. A window of 8,192 holds some thirty short edits
so. What finds no room is named with its file, and `read_file` tells the author's sentences there. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from studio import events as ev
from studio.agent.memory.decisions import changed_sentences
from studio.agent.memory.known import one_line
from studio.agent.prompts import prompt

TokensOf = Callable[[str], int]

_ONE = 0.5  # of the room: what a single edit may take while others wait


class _Edit(msgspec.Struct):
    """An edit, and how much of it is shown."""

    event: ev.AuthorEdited
    gone: tuple[str, ...]
    came: tuple[str, ...]
    with_gone: bool = False
    is_shown: bool = False
    is_cut: bool = False  # its beginning alone is shown

    def lines(self) -> list[str]:
        if not self.event.sha256:
            return ["(the author removed the file)"]
        gone = self.gone if self.with_gone or not self.came else []
        lines = [*(f"- {one}" for one in gone), *(f"+ {one}" for one in self.came)] or ["(blanks and line ends)"]
        return [*lines, "… and more; read_file gives the file"] if self.is_cut else lines

    def text(self) -> str:
        return "\n".join([f"{self.event.file}:", *self.lines()])


def shown_edits(edits: Sequence[ev.AuthorEdited], room: int, tokens_of: TokensOf) -> str:
    """The edits in their order within about `room` tokens; of those that find none, the newest first are shown."""
    all_ = [_Edit(edit, *changed_sentences(edit.diff)) for edit in edits]
    left = room
    for one in reversed(all_):
        size = tokens_of(one.text()) + 1
        if size > left or (size > _ONE * room and len(all_) > 1):
            continue
        one.is_shown = True
        left -= size
    for one in reversed(all_):
        if one.is_shown and one.came and one.gone:  # beside what was written, what stood there
            before, one.with_gone = tokens_of(one.text()), True
            more = tokens_of(one.text()) - before + 1
            one.with_gone = more <= left
            left -= more if one.with_gone else 0
    if all_ and not all_[-1].is_shown:
        _cut(all_[-1], left, tokens_of)
    older: dict[str, int] = {}
    lines: list[str] = []
    file = ""
    for one in all_:
        if not one.is_shown:
            older[one.event.file] = older.get(one.event.file, 0) + 1
            continue
        if one.event.file != file:
            file = one.event.file
            lines.append(f"{file}:")
        lines += one.lines()
    if older:
        names = ", ".join(f"{name} ({count})" for name, count in older.items())
        lines.insert(0, prompt("edits_elsewhere", files=names))
    return "\n".join(lines)


def _cut(one: _Edit, room: int, tokens_of: TokensOf) -> None:
    """Show the beginning of the newest edit, which is longer than the room."""
    came, one.came, one.is_cut = one.came, (), True
    left, shown = room - tokens_of(one.text()), 0
    for sentence in came:
        left -= tokens_of(sentence) + 2
        if left < 0:
            break
        shown += 1
    one.came, one.is_shown = came[:shown], shown > 0


def sentences_there(written: Mapping[str, Iterable[str]], file: str, text: str, room: int, size: TokensOf) -> list[str]:
    """The author's sentences that stand in a file's text, the newest of them within so many tokens."""
    whole = one_line(text)
    found: list[str] = []
    for sentence in reversed([one for one in written.get(file, ()) if one in whole]):
        room -= size(sentence) + 2
        if room < 0:
            break
        found.insert(0, sentence)
    return found

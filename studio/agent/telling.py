"""The words in which the agent is told what the author did: bounded, however much that was."""

import difflib
import logging
import re
from collections.abc import Callable, Iterable, Sequence

from studio import events as ev
from studio.agent.facts.changed import Edited, Standing, still_standing
from studio.agent.prompts import prompt
from studio.agent.steering import Edit, Untold
from studio.backends.tokens import estimate
from studio.book.merge import sentences
from studio.errors import BookError, BookUnsaved

log = logging.getLogger(__name__)

ROOM = 6_000  # tokens that what is told of edits may take, notes apart: those are told word for word
_SHARE = 8  # of the window, in a small one
_LEAST = 60  # tokens of a diff; with less, only the file is named
_FOR_PLACES = 4  # the part of the room that is for places
_MOST_FILES = 8  # that are named for a fact

_NUMBER = re.compile(r"\s*\d{1,3}\.[^\S\n]+\Z")

Text = Callable[[str], str]


def room_in(window: int) -> int:
    """Tokens that edits may take in a window of so many."""
    return min(ROOM, window // _SHARE)


def message(untold: Untold, text_of: Text, texts: Iterable[tuple[str, str]], room: int = ROOM) -> str:
    """What the agent is told before its next call; "" when there is nothing.

    Args:
        text_of: the text of a version, by its SHA-256.
        texts: (name, text) of every file of the book, as it is now.
        room: tokens for edits.
    """
    parts = []
    for event in untold.events:
        if isinstance(event, ev.NoteGiven):
            parts.append(prompt("noted", text=event.text))
        elif isinstance(event, ev.AnswerGiven):
            question = untold.questions.get(event.seq)
            answered = prompt("answered_question", question=question, text=event.text)
            parts.append(answered if question else prompt("answered", text=event.text))
        elif isinstance(event, ev.AuthorRenamed):
            parts.append(prompt("renamed", file=event.file, to=event.to))
    if unanswered := [f"- {event.text}" for event in untold.events if isinstance(event, ev.QuestionAsked)]:
        parts.append(prompt("left_alone", questions="\n".join(unanswered)))
    if locked := [event for event in untold.events if isinstance(event, ev.LocksChanged)]:
        files = ", ".join(locked[-1].files)
        parts.append(prompt("locked", files=files) if files else prompt("unlocked"))
    if untold.edits:
        edited = with_texts(untold.edits, text_of)
        parts += _edits(untold, edited, room - room // _FOR_PLACES)
        if standing := still_standing(edited, texts):
            parts.append(prompt("elsewhere", places=_places(standing, room // _FOR_PLACES)))
    return "\n\n".join(parts)


def with_texts(edits: Iterable[Edit], text_of: Text) -> list[Edited]:
    """Edits with their texts."""
    return [Edited(edit.file, _known(text_of, edit.before), _known(text_of, edit.after)) for edit in edits]


def _known(text_of: Text, sha256: str) -> str:
    try:
        return text_of(sha256) if sha256 else ""
    except BookUnsaved:
        raise
    except BookError as error:  # a damaged record has lost it: the whole text is the difference
        log.warning("%s", error)
        return ""


def _edits(untold: Untold, edited: Sequence[Edited], room: int) -> list[str]:
    by_file: dict[str, list[Edited]] = {}
    for one in edited:
        by_file.setdefault(one.file, []).append(one)
    gone = {edit.file: not edit.after for edit in untold.edits}
    parts: list[str] = []
    unshown: list[str] = []
    left = len(by_file)
    for file, those in by_file.items():
        share, left = room // left, left - 1
        if gone[file]:
            parts.append(prompt("removed", file=file))
        elif share < _LEAST:
            unshown.append(file)
            continue
        else:
            diff = shown_diff(those, share)
            parts.append(prompt("edited", file=file, diff=diff, words=f"{untold.words.get(file, 0):,}"))
        room -= estimate(parts[-1])
    if unshown:
        named = ", ".join(unshown[:_MOST_FILES])
        more = f" and {len(unshown) - _MOST_FILES} more" if len(unshown) > _MOST_FILES else ""
        parts.append(prompt("edited_too", files=named + more))
    return parts


def shown_diff(edits: Sequence[Edited], room: int = ROOM) -> str:
    """Sentences taken out and put in, with one around them, in at most about so many tokens.

    Of several edits of one file one after the other: the agent wrote between them.
    """
    lines: list[str] = []
    for number, (_, before, after) in enumerate(edits):
        if number:
            lines.append("… then, after you wrote into it:")
        lines += _sentence_diff(before, after)
    shown: list[str] = []
    for number, line in enumerate(lines):
        cost = estimate(line) + 1
        if cost > room:
            if not shown:
                shown.append(line[: 2 * room] + "…")
            shown.append(f"… and {len(lines) - number:,} more lines; read_file gives you the whole text")
            break
        room -= cost
        shown.append(line)
    return "\n".join(shown)


def _sentence_diff(before: str, after: str) -> list[str]:
    """As a unified diff, by sentences: those that are neighbours in a line stay in one."""
    one, other = _parts(before), _parts(after)
    bodies, other_bodies = [part.strip() for part in one], [part.strip() for part in other]
    if bodies == other_bodies:  # blanks and line ends alone
        bodies, other_bodies = before.split("\n"), after.split("\n")
        one, other = [f"{line}\n" for line in bodies], [f"{line}\n" for line in other_bodies]
    lines: list[str] = []
    for group in difflib.SequenceMatcher(None, bodies, other_bodies).get_grouped_opcodes(1):
        lines.append("…")
        for kind, start, end, other_start, other_end in group:
            if kind == "equal":
                lines += _lines(" ", one[start:end])
            else:
                lines += [*_lines("-", one[start:end]), *_lines("+", other[other_start:other_end])]
    return lines


def _parts(text: str) -> list[str]:
    """The sentences of a text; the number of a list's item is none of its own."""
    found: list[str] = []
    for part in sentences(text):
        if found and _NUMBER.match(found[-1]):
            found[-1] += part
        elif part.strip():
            found.append(part)
    return found


def _lines(sign: str, parts: Sequence[str]) -> list[str]:
    return [sign + line.rstrip() for line in "".join(parts).split("\n") if line.strip()]


def _places(standing: Iterable[Standing], room: int) -> str:
    lines: list[str] = []
    for one in standing:
        files = [f"{file} ({count})" for file, count in one.places.items()]
        more = [f"{len(files) - _MOST_FILES} more files"] if len(files) > _MOST_FILES else []
        what = "the old one still stands" if one.new else "what was struck is still rested on"
        line = f"- {fact(one.old, one.new)}: {what} in {how_many(one.count, len(files))}: " + ", ".join(
            files[:_MOST_FILES] + more
        )
        room -= estimate(line)
        if room < 0 and lines:
            lines.append("- … and more; search_files finds them")
            break
        lines.append(line)
    return "\n".join(lines)


def fact(old: str, new: str) -> str:
    """`Luis → Luca`; what was struck in quotes."""
    return f"{old} → {new}" if new else f"«{old}» struck"


def how_many(places: int, files: int) -> str:
    """`12 places in 4 files`."""
    return f"{places:,} place{'s' * (places != 1)} in {files} file{'s' * (files != 1)}"

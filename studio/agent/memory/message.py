"""What stands in the place of a conversation that was compressed: the author's words, the files, the summary. Pure.

Everything is measured in tokens against the room there is, so that a window of 8,192 holds the same kinds of things as
one of 200,000, only less of each.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from studio import events as ev
from studio.agent.memory.edits import shown_edits
from studio.agent.planned import missing
from studio.agent.prompts import prompt
from studio.book.names import is_chapter
from studio.book.outline import chapters as chapters_in
from studio.book.outline import place_of

TokensOf = Callable[[str], int]

AFTER = 0.5  # of the threshold: what a compressed conversation may take at most
LEAST = 300  # tokens, without which nothing can be said
NOTES_PART = 0.1  # of the window: one file of old notes, so that it can be read at once

_NOTES = 0.6  # of the room: beyond it the oldest notes go into files
_DIGEST = 0.3  # of the room, and half of what the notes leave
_DIGEST_WINDOW = 0.08  # of the window: it is written beside a conversation that has nearly filled it
_LONGEST_DIGEST = 4_000  # tokens
_EDITS = 0.5  # of what is left beside notes and summary
_LONGEST_EDITS = 12_000  # tokens
_LISTING = 0.25
_LONGEST_PINNED = 40_000  # tokens
_OUTLINE, _LAST = 0.45, 0.3  # of the pinned files' room; the bible takes the rest, and what these leave
_SMALLEST = 40  # tokens; less of a file is not worth its heading

_NUMBER = re.compile(r"\d+")


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What a compressed conversation is made of."""

    digest: str  # the summary proper
    notes: Sequence[str]  # everything the author said that stays here, word for word
    notes_in: Sequence[str] = ()  # files that hold what the author said before
    edits: Sequence[ev.AuthorEdited] = ()  # those the agent has been told of, in order
    files: Sequence[tuple[str, str]] = ()  # (name, text), in reading order
    listing: str = ""  # as `list_files` answers
    next: str = ""  # what is to be done now; "" = the book is gone on with


def room_of(window: int, compress_at: float, before: int, fixed: int) -> int:
    """Tokens for the message that stands in the conversation's place.

    Args:
        window: of the backend that will be sent it.
        compress_at: the share of it at which a conversation is compressed.
        before: tokens the conversation takes now.
        fixed: tokens of what stays as it is: the system's words, the author's wish, the tools.
    """
    most = max(round(AFTER * compress_at * window) - fixed, window // 10)  # what is fixed may be long itself
    # One that is compressed early, or at a window smaller than is known, must get shorter as well.
    return min(most, max(round(0.6 * (before - fixed)), LEAST))


def digest_room(room: int, notes: int, window: int) -> int:
    """Tokens a summary may take beside `notes` tokens of the author's words."""
    most = min(_LONGEST_DIGEST, round(_DIGEST_WINDOW * window))
    return max(_SMALLEST, min(most, round(_DIGEST * room), (room - notes) // 2))


def split_notes(notes: Sequence[str], room: int, tokens_of: TokensOf) -> tuple[list[str], list[str]]:
    """(those that go into files, those that stay): the newest stay, as many as their share of the room holds."""
    left, first = _NOTES * room, len(notes)
    for number in range(len(notes) - 1, -1, -1):
        left -= tokens_of(notes[number]) + 2
        if left < 0:
            break
        first = number
    return list(notes[:first]), list(notes[first:])


def in_parts(notes: Sequence[str], most: int, tokens_of: TokensOf) -> list[list[str]]:
    """Notes in groups of at most `most` tokens, in order; the same ones always fall together, however many follow."""
    parts: list[list[str]] = []
    used = 0
    for note in notes:
        size = tokens_of(note) + 2
        if not parts or used + size > most:
            parts.append([])
            used = 0
        parts[-1].append(note)
        used += size
    return parts


def compressed_message(material: Material, room: int, tokens_of: TokensOf) -> str:
    """The message that stands in the conversation's place, within `room` tokens unless notes and summary exceed it."""
    notes = [f"- {note}" for note in material.notes]
    if material.notes_in:
        names = ", ".join(material.notes_in)
        notes.insert(0, f"- (What the author told you before this stands in {names}; read_file gives it.)")
    said = "\n".join(notes) or "(nothing)"
    left = room - tokens_of(said) - tokens_of(material.digest) - 150  # the headings'
    edits = shown_edits(material.edits, min(_LONGEST_EDITS, round(_EDITS * left)), tokens_of)
    listing = _lines_within(material.listing, round(_LISTING * left), tokens_of)
    left -= tokens_of(edits) + tokens_of(listing)
    return prompt(
        "compressed",
        summary=material.digest.strip() or "(none could be written)",
        notes=said,
        edits=edits or "(nothing)",
        files=listing,
        next=material.next or prompt("compressed_next"),
        pinned="".join(
            f"\n## {heading}\n{text.strip()}\n"
            for heading, text in _pinned(material.files, min(_LONGEST_PINNED, left), tokens_of)
        ),
    )


# --- the pinned files -------------------------------------------------------------------------------------------------


def _pinned(files: Sequence[tuple[str, str]], room: int, tokens_of: TokensOf) -> list[tuple[str, str]]:
    """(heading, text) of what is read back from disk: the outline, the end of the last chapter, the bible."""
    left = room
    found: list[tuple[str, str]] = []

    def take(heading: str, text: str) -> None:
        nonlocal left
        left -= tokens_of(text) + tokens_of(heading) + 4
        found.append((heading, text))

    chapters = chapters_of(files)
    outline = dict(files).get("outline.md", "")
    if outline.strip() and _OUTLINE * left >= _SMALLEST:
        excerpt = outline_excerpt(outline, round(_OUTLINE * left), tokens_of, start=next_entry(outline, chapters)[0])
        take("outline.md, as it stands on disk", excerpt)
    if chapters and _LAST * room >= _SMALLEST:
        name, text = chapters[-1]
        tail = tail_of(text, round(_LAST * room), tokens_of)
        take(f"{name}, {'as it stands' if tail == text else 'its end as it stands'} on disk", tail)
    for name, text in files:
        if name.startswith("bible/") and text.strip():
            if left < _SMALLEST:
                break
            take(f"{name}, as it stands on disk", shortened(text, left - 20, tokens_of))
    return found


def chapters_of(files: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The chapters that hold something, in reading order; those with a number in their name, if there are any."""
    found = [(name, text) for name, text in files if is_chapter(name) and text.strip()]
    return [one for one in found if _NUMBER.search(one[0])] or found


def next_entry(outline: str, chapters: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Where the outline comes to the first chapter that is not written, and its line; (0, "") when all are."""
    lacking = missing(chapters_in(outline), [name for name, _ in chapters])
    if not lacking:
        return 0, ""
    start = place_of(outline, lacking[0])
    return start, outline[start:].partition("\n")[0]


def outline_excerpt(outline: str, room: int, tokens_of: TokensOf, *, start: int = 0) -> str:
    """An outline whole if it fits; else its beginning, and what stands from `start` on."""
    if tokens_of(outline) <= room or not start:
        return shortened(outline, room, tokens_of)
    return (
        shortened(outline[:start], room // 3, tokens_of).rstrip()
        + "\n"
        + shortened(outline[start:], room - room // 3, tokens_of)
    )


def tail_of(text: str, room: int, tokens_of: TokensOf) -> str:
    """The end of a text within `room` tokens, from the beginning of a line or a word on."""
    size, start = tokens_of(text), 0
    while size > room and start < len(text):
        start += max(1, round((len(text) - start) * (1 - 0.95 * room / size)))
        size = tokens_of(text[start:])
    if not start:
        return text
    later = min((found for found in (text.find("\n", start), text.find(". ", start)) if found >= 0), default=start)
    return text[later + 1 if later - start < (len(text) - start) // 3 else start :].lstrip()


def shortened(text: str, room: int, tokens_of: TokensOf) -> str:
    """A text within about `room` tokens: its beginning, its end, and between them what is missing."""
    size = tokens_of(text)
    if size <= room:
        return text
    keep = len(text)
    while size > max(room - 20, 0) and keep > 1:
        keep = round(keep * min(0.95, max(0.02, 0.97 * (room - 20) / size)))
        half = keep // 2
        size = tokens_of(text[:half]) + tokens_of(text[len(text) - half :])
    half = keep // 2
    head, tail = _to_blank(text[:half]), _from_blank(text[len(text) - half :])
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n[… {left_out:,} characters left out here, for want of room …]\n{tail}".strip()


def _to_blank(text: str) -> str:
    cut = max(text.rfind(" "), text.rfind("\n"))
    return text[:cut] if cut > len(text) * 2 // 3 else text


def _from_blank(text: str) -> str:
    cut = min((found for found in (text.find(" "), text.find("\n")) if found >= 0), default=-1)
    return text[cut + 1 :] if 0 <= cut < len(text) // 3 else text


def _lines_within(listing: str, room: int, tokens_of: TokensOf) -> str:
    """The first lines and the last ones, as many as fit, and how many there are between them."""
    lines = listing.split("\n")
    if tokens_of(listing) <= room:
        return listing
    kept = len(lines)
    while kept > 2:
        kept = kept * 2 // 3
        first = kept // 3
        shown = [*lines[:first], f"… {len(lines) - kept:,} more files; list_files names them …"]
        shown += lines[len(lines) - (kept - first) :]
        if tokens_of("\n".join(shown)) <= room:
            return "\n".join(shown)
    return f"({len(lines):,} files; list_files names them)"

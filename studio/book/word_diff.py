"""What differs between two texts, word by word: sentences are matched first, words within those that changed."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from studio.book.merge import sentences
from studio.book.sentence_diff import changes
from studio.book.words import IDEOGRAPH, words_of

# A word with the marks inside it, a run of blanks, a line end, or any other single character; none is left out.
_TOKEN = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}](?:['’-]?[^\W{IDEOGRAPH}])*|\r?\n|[^\S\n]+|[^\w\s]", re.DOTALL)
_TOO_MANY = 4_000_000  # pairs of words above which two passages are told as replaced: difflib would take seconds
_AFTER = ".,;:!?\"'”’»)]*_"  # what may follow a word and is no part of it
_ENDS = frozenset(".!?…。！？\n")  # what is the same up to the end of a sentence is no mere remnant
_ISLAND = 3  # words that must stay the same between two changes, else they are one


class Piece(NamedTuple):
    """A run of text: "=" is in both, "-" only in the first, "+" only in the second."""

    kind: Literal["=", "-", "+"]
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """The difference in order; "=" and "-" joined are `before`, "=" and "+" joined are `after`."""
    one, other = sentences(before), sentences(after)
    pieces: list[Piece] = []
    at = other_at = 0
    for start, end, growth in _runs(one, other):
        other_start = other_at + start - at
        other_end = other_start + end - start + growth
        pieces.append(Piece("=", "".join(one[at:start])))
        pieces += _passage("".join(one[start:end]), "".join(other[other_start:other_end]))
        at, other_at = end, other_end
    pieces.append(Piece("=", "".join(one[at:])))
    return list(_joined(pieces))


def lines_of(pieces: Iterable[Piece], context: int = 1) -> list[list[Piece] | None]:
    """A difference line by line: those that changed and `context` lines around them; None stands for what is left out.

    A change of nothing but line ends is shown by a sign for each.
    """
    lines: list[list[Piece]] = [[]]
    for kind, text in pieces:
        bare = kind != "=" and not text.strip()
        for number, part in enumerate(text.split("\n")):
            if number:
                if bare:
                    lines[-1].append(Piece(kind, "⏎"))
                lines.append([])
            if part := part.removesuffix("\r"):
                lines[-1].append(Piece(kind, part))
    changed = [number for number, line in enumerate(lines) if any(kind != "=" for kind, _ in line)]
    near = sorted({other for number in changed for other in range(number - context, number + context + 1)})
    found: list[list[Piece] | None] = []
    last = -1
    for number in near:
        if 0 <= number < len(lines):
            if number > last + 1:
                found.append(None)
            found.append(lines[number])
            last = number
    return [*found, None] if changed and last < len(lines) - 1 else found


def words_changed(before: str, after: str) -> tuple[int, int]:
    """(words put in, words taken out) from one text to another; what only stands elsewhere counts as neither."""
    one, other = (Counter(text.split("\n")) for text in (before, after))
    gone, came = (
        Counter(word.rstrip(_AFTER) for word in words_of("\n".join(left.elements())))
        for left in (one - other, other - one)
    )
    return (came - gone).total(), (gone - came).total()


def _runs(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Changed runs of sentences as (start, end, growth); neighbours are one run, so that words can match across."""
    start = end = growth = -1
    for change in changes(one, other):
        if start >= 0 and change.start == end and change.growth != 0:
            end, growth = change.end, growth + change.growth
        else:
            if start >= 0:
                yield start, end, growth
            start, end, growth = change
    if start >= 0:
        yield start, end, growth


def _passage(before: str, after: str) -> list[Piece]:
    one, other = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(one) * len(other) > _TOO_MANY:
        return [Piece("-", before), Piece("+", after)]
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    pieces: list[Piece] = []
    at = other_at = 0
    for block in matcher.get_matching_blocks():
        same = one[block.a : block.a + block.size]
        after_change = (block.a, block.b) != (at, other_at)
        before_change = (block.a + block.size, block.b + block.size) != (len(one), len(other))
        if block.size and after_change and before_change and not _stands_alone(same):
            continue  # "the", a blank, a comma between two changes: reads better as part of them
        pieces += [Piece("-", "".join(one[at : block.a])), Piece("+", "".join(other[other_at : block.b]))]
        pieces.append(Piece("=", "".join(same)))
        at, other_at = block.a + block.size, block.b + block.size
    return pieces


def _stands_alone(same: Sequence[str]) -> bool:
    return not _ENDS.isdisjoint(same) or sum(1 for token in same if token[0].isalnum()) >= _ISLAND


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbours of a kind as one, empty ones left out; of a change, what went before what came."""
    gone: list[str] = []
    came: list[str] = []
    same: list[str] = []
    for kind, text in pieces:
        if not text:
            continue
        if kind == "=":
            if gone or came:
                yield from _change(gone, came)
                gone, came = [], []
            same.append(text)
            continue
        if same:
            yield Piece("=", "".join(same))
            same = []
        (gone if kind == "-" else came).append(text)
    yield from _change(gone, came)
    if same:
        yield Piece("=", "".join(same))


def _change(gone: list[str], came: list[str]) -> Iterator[Piece]:
    if gone:
        yield Piece("-", "".join(gone))
    if came:
        yield Piece("+", "".join(came))

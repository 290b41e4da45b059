"""What of a text was replaced by what: passages of sentences, and where in it they stand."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from studio.agent.facts.tokens import Token
from studio.book.merge import sentences
from studio.book.sentence_diff import changes


class Passage(NamedTuple):
    """Sentences that were replaced by others, neighbours together."""

    old: list[str]
    new: list[str]
    lead: str  # what stands before it in its paragraph, under its heading


def common(one: Sequence[Token], other: Sequence[Token]) -> float:
    """The share of words that two passages have in common."""
    both = Counter(word.key for word in one) & Counter(word.key for word in other)
    return 2 * both.total() / (len(one) + len(other) or 1)


def passages(before: str, after: str) -> Iterator[Passage]:
    """What differs, in order."""
    one, other = _bodies(before), _bodies(after)
    start = end = other_start = other_end = 0
    shift = 0
    for change in changes(one, other):
        if change.start > end or (start, end) == (0, 0):
            if end > start or other_end > other_start:
                yield Passage(one[start:end], other[other_start:other_end], _lead(one, start))
            start, other_start = change.start, change.start + shift
        shift += change.growth
        end, other_end = change.end, change.end + shift
    if end > start or other_end > other_start:
        yield Passage(one[start:end], other[other_start:other_end], _lead(one, start))


def _bodies(text: str) -> list[str]:
    return [body for sentence in sentences(text) if (body := sentence.strip())]


def _lead(bodies: Sequence[str], start: int) -> str:
    """The two sentences before, and the heading above."""
    heading = next((body for body in reversed(bodies[:start]) if body.startswith("#")), "")
    return "\n".join([heading, *(body for body in bodies[max(0, start - 2) : start] if body != heading)])


def sentence_at(text: str, at: int) -> str:
    """The sentence that a place in a text lies in."""
    start = max(text.rfind("\n", 0, at) + 1, 0)
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)]
    passed = start
    for sentence in sentences(line):
        passed += len(sentence)
        if at < passed:
            return sentence.strip()
    return line.strip()

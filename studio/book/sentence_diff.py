"""What a text changed of another, as replaced runs of sentences, paired as finely as they answer each other."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_CANDIDATES = 200_000  # pairs of equal sentences above which repeated ones are no anchors: difflib would be quadratic
_CELLS = 100_000  # pairs of sentences that are compared by their words
_ALIKE = 0.5  # share of common words from which one sentence is a new wording of another
_WORDS = re.compile(r"\w+")


class Change(NamedTuple):
    """Sentences [start, end) of the base were replaced; none of them means that something was put in."""

    start: int
    end: int
    growth: int  # sentences there are more than before


def changes(base: Sequence[str], other: Sequence[str]) -> list[Change]:
    """What `other` changed of `base`, in order."""
    head = 0
    while head < min(len(base), len(other)) and base[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(base), len(other)) - head and base[-1 - tail] == other[-1 - tail]:
        tail += 1
    # difflib sees only the middle, which an edit leaves small.
    before, after = base[head : len(base) - tail], other[head : len(other) - tail]
    counts = Counter(after)
    repeats = sum(count * counts[body] for body, count in Counter(before).items())
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=repeats > _CANDIDATES)
    found: list[Change] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind != "equal":
            found.extend(
                Change(start=head + start + at, end=head + start + to, growth=growth)
                for at, to, growth in _refined(before[start:end], after[other_start:other_end])
            )
    return found


def alike(one: str, other: str) -> bool:
    """Whether one sentence is a new wording of the other."""
    return _common(_features(one), _features(other)) > 0


def _refined(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """One replaced run in its parts: new wordings one to one, what lies between them as it is."""
    at = other_at = 0
    for i, j in [*_new_wordings(before, after), (len(before), len(after))]:
        if i - at == j - other_at:
            yield from ((k, k + 1, 0) for k in range(at, i))
        else:
            yield at, i, (j - other_at) - (i - at)
        if i < len(before):
            yield i, i + 1, 0
        at, other_at = i + 1, j + 1


def _new_wordings(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of sentences that say nearly the same, in order: the alignment with the most in common."""
    rows, columns = len(before), len(after)
    if not rows or not columns or rows == columns == 1 or rows * columns > _CELLS:
        return []
    words_before, words_after = [_features(one) for one in before], [_features(one) for one in after]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    alike = [[0.0] * columns for _ in range(rows)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            common = _common(words_before[i], words_after[j])
            alike[i][j] = common
            paired = best[i + 1][j + 1] + common if common else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < rows and j < columns:
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _features(sentence: str) -> frozenset[str]:
    words = _WORDS.findall(sentence.casefold())
    if len(words) <= 2 < len(sentence):  # a script without blanks: two characters at a time
        return frozenset(sentence[k : k + 2] for k in range(len(sentence) - 1))
    return frozenset(words)


def _common(one: frozenset[str], other: frozenset[str]) -> float:
    share = 2 * len(one & other) / (len(one) + len(other) or 1)
    return share if share >= _ALIKE else 0.0

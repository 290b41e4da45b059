"""The merge policy: three texts, sentence by sentence, and the author wins.

Lines are too coarse for prose (a paragraph is one line), words too fine (two rewrites of a sentence blend into one that
nobody wrote). So the tokens are sentences; where both sides changed a run of them one for one, they are merged pair by
pair; where both changed the same sentence, the author's stays and the agent's is reported.
"""

import difflib
import re
from collections.abc import Sequence

import msgspec

_CLOSERS = "\"'”’»)\\]*_」』）】"
# The end of a sentence: its stop, what closes after it, and the blanks up to the next word; or the end of a line.
_END = re.compile(rf"(?:[.!?…]+[{_CLOSERS}]*(?=\s|\Z)[ \t]*|[。！？｡]+[{_CLOSERS}]*)\n*|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Capt|Lt|Sgt|Jr|Sr|vs|etc|cf|No|Vol|pp?)|\b[A-Z])\.[ \t]*\Z")


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Both changed these sentences: the author's stand in the text, the agent's only here."""

    author: str
    agent: str


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """The merged text."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def sentences(text: str) -> list[str]:
    """`text` in sentences, with the blanks and line ends that follow each; joined they are `text`."""
    tokens: list[str] = []
    start = 0
    for match in _END.finditer(text):
        if "\n" not in match.group() and _ABBREVIATION.search(text, max(start, match.end() - 12), match.end()):
            continue
        tokens.append(text[start : match.end()])
        start = match.end()
    if start < len(text):
        tokens.append(text[start:])
    return tokens


def merge(base: str, author: str, agent: str) -> Merge:
    """Bring the changes of both into one text.

    Args:
        base: what the agent believed the file to be.
        author: what is on disk.
        agent: what the agent wants it to be.
    """
    if author in (base, agent):
        return Merge(text=agent)
    if agent == base:
        return Merge(text=author)
    parts: list[str] = []
    conflicts: list[Conflict] = []
    for base_run, author_run, agent_run in _regions(sentences(base), sentences(author), sentences(agent)):
        for one in _merge_region(base_run, author_run, agent_run):
            parts.append(one.text)
            conflicts.extend(one.conflicts)
    return Merge(text="".join(parts), conflicts=tuple(conflicts))


def _merge_region(base: list[str], author: list[str], agent: list[str]) -> list[Merge]:
    if author in (base, agent):
        return [Merge(text="".join(agent))]
    if agent == base:
        return [Merge(text="".join(author))]
    if not base:  # both put something in at the same place
        return [Merge(text=_joined("".join(author), "".join(agent)))]
    if len(base) == len(author) == len(agent):
        return [_merge_pair(*triple) for triple in zip(base, author, agent, strict=True)]
    for ours, theirs in ((author, agent), (agent, author)):
        # One side only added after (or before) what the other changed: both stay.
        if len(ours) > len(base) == len(theirs):
            if ours[: len(base)] == base:
                return [Merge(text=_joined("".join(theirs), "".join(ours[len(base) :])))]
            if ours[-len(base) :] == base:
                return [Merge(text=_joined("".join(ours[: -len(base)]), "".join(theirs)))]
    return [_conflict("".join(author), "".join(agent))]


def _merge_pair(base: str, author: str, agent: str) -> Merge:
    if author in (base, agent):
        return Merge(text=agent)
    if agent == base:
        return Merge(text=author)
    return _conflict(author, agent)


def _conflict(author: str, agent: str) -> Merge:
    return Merge(text=author, conflicts=(Conflict(author=author, agent=agent),))


def _joined(first: str, second: str) -> str:
    """Two texts one after the other, never gluing two words or sentences together."""
    if first and second and not first[-1].isspace() and not second[0].isspace():
        return f"{first} {second}"
    return first + second


def _regions(
    base: Sequence[str], author: Sequence[str], agent: Sequence[str]
) -> list[tuple[list[str], list[str], list[str]]]:
    """The three texts cut into runs, unchanged ones and changed ones in turn (diff3)."""
    stable = _common(_matches(base, author), _matches(base, agent))
    regions: list[tuple[list[str], list[str], list[str]]] = []
    at_base = at_author = at_agent = 0
    for in_base, in_author, in_agent, size in [*stable, (len(base), len(author), len(agent), 0)]:
        before = (list(base[at_base:in_base]), list(author[at_author:in_author]), list(agent[at_agent:in_agent]))
        if any(before):
            regions.append(before)
        if size:
            same = list(base[in_base : in_base + size])
            regions.append((same, same, same))
        at_base, at_author, at_agent = in_base + size, in_author + size, in_agent + size
    return regions


def _matches(base: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, int]]:
    """Runs that `base` and `other` share: (start in base, start in other, length), in order."""
    head = 0
    while head < min(len(base), len(other)) and base[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(base), len(other)) - head and base[-1 - tail] == other[-1 - tail]:
        tail += 1
    # difflib is quadratic in the worst case: it sees only the middle, which an edit leaves small.
    middle = difflib.SequenceMatcher(
        None, base[head : len(base) - tail], other[head : len(other) - tail], autojunk=False
    ).get_matching_blocks()
    runs = [(0, 0, head), *((block.a + head, block.b + head, block.size) for block in middle)]
    runs.append((len(base) - tail, len(other) - tail, tail))
    return [run for run in runs if run[2]]


def _common(
    with_author: list[tuple[int, int, int]], with_agent: list[tuple[int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """Runs of base that stand unchanged in both: (start in base, in author, in agent, length), in order."""
    found = []
    i = j = 0
    while i < len(with_author) and j < len(with_agent):
        base_a, author, size_a = with_author[i]
        base_b, agent, size_b = with_agent[j]
        start, end = max(base_a, base_b), min(base_a + size_a, base_b + size_b)
        if start < end:
            found.append((start, author + start - base_a, agent + start - base_b, end - start))
        if base_a + size_a < base_b + size_b:
            i += 1
        else:
            j += 1
    return found

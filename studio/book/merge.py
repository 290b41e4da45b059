"""The merge policy: three texts, sentence by sentence, and the author wins.

Lines are too coarse for prose (a paragraph is one line), words too fine (two rewrites of a sentence blend into one that
nobody wrote). So each side's changes are told as replaced runs of sentences, paired one to one where they answer each
other; changes to different sentences both count, and where both changed the same one, the author's stays.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from studio.book.sentence_diff import Change, changes

_CLOSERS = "\"'”’»)\\]*_」』）】"
# The end of a sentence: its stop, what closes after it, and the blanks up to the next word; or the end of a line.
_END = re.compile(rf"(?:[.!?…]+[{_CLOSERS}]*(?=\s|\Z)[ \t]*|(?:[。！？｡]|……+)+[{_CLOSERS}]*)(?:\r?\n)*|(?:\r?\n)+")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Capt|Lt|Sgt|Jr|Sr|vs|etc|cf|No|Vol|pp?)|\b[A-Z])\.[ \t]*\Z")


_STOPPED = re.compile(rf"(?:[.!?…]|[。！？｡])[{_CLOSERS}]*\Z")
_BLOCK = re.compile(r"#|[-*+>|]|<!--|```")  # what Markdown knows only at the beginning of a line


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Both changed these sentences: the author's stand in the text, the agent's only here."""

    author: str
    agent: str


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """The merged text."""

    text: str
    conflicts: tuple[Conflict, ...] = ()
    author_changed: bool = False  # the author's text was not the base


class _Token(NamedTuple):
    """A sentence and the blanks after it; two texts are compared by the sentence alone."""

    body: str
    gap: str
    lead: str = ""  # the gap before it in its own text
    begins: bool = False  # it is the first one there, at the beginning of a line


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
        return Merge(text=agent, author_changed=author != base)
    if agent == base:
        return Merge(text=author, author_changed=True)
    # The lines all three begin and end with need no look: an edit of a chapter leaves most of them.
    head = _same_lines(base, author, agent)
    first, base, author, agent = base[:head], base[head:], author[head:], agent[head:]
    tail = _same_last_lines(base, author, agent)
    last = author[len(author) - tail :]
    merged = _Merged(*(_tokens(text[: len(text) - tail]) for text in (base, author, agent)))
    middle = merged.text()
    if last and middle and not middle.endswith("\n"):  # what ended the line there was taken out: it ends all the same
        before = (author or agent)[: len(author or agent) - tail]
        middle += before[len(before.rstrip()) :] or "\n"
    return Merge(text=first + middle + last, conflicts=tuple(merged.conflicts), author_changed=True)


def _same_lines(*texts: str) -> int:
    """Characters of the whole lines that all texts begin with, blank ones after them included."""
    same = _longest(min(map(len, texts)), lambda size: all(text.startswith(texts[0][:size]) for text in texts))
    while same and (texts[0][same - 1] != "\n" or any(text[same : same + 1] in ("\r", "\n") for text in texts)):
        same = texts[0].rfind("\n", 0, same - 1) + 1
    return same


def _same_last_lines(*texts: str) -> int:
    """Characters of the whole lines that all texts end with, the line ends before them not included."""
    size = len(texts[0])
    same = _longest(
        min(map(len, texts)), lambda size: all(text.endswith(texts[0][len(texts[0]) - size :]) for text in texts)
    )
    start = texts[0].find("\n", size - same) + 1
    while 0 < start < size and texts[0][start] in "\r\n":
        start = texts[0].find("\n", start) + 1
    return size - start if start else 0


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest size up to `most` that holds, where every smaller one holds, too."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if holds(middle) else (least, middle - 1)
    return least


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    lead = ""
    for one in sentences(text):
        body = one.rstrip()
        tokens.append(_Token(body, one[len(body) :], lead, begins=not tokens))
        lead = one[len(body) :]
    return tokens


class _Merged:
    """The text as it comes together, left to right over the base."""

    def __init__(self, base: list[_Token], author: list[_Token], agent: list[_Token]) -> None:
        self.conflicts: list[Conflict] = []
        self._base, self._author, self._agent = base, author, agent
        self._out: list[str] = []
        self._gap = ""  # what follows the sentence put out last; settled when the next one is known
        self._gap_is_authors = False
        self._gap_by_author = False  # the author's text has it after this sentence
        self._own_gap = ""  # what follows it in the text it comes from
        self._follows_author = self._follows_agent = True  # what comes next follows the last one in that text, too
        bodies = _bodies(base)
        self._run(changes(bodies, _bodies(author)), changes(bodies, _bodies(agent)))

    def text(self) -> str:
        return "".join([*self._out, self._gap])

    def _run(self, ours: list[Change], theirs: list[Change]) -> None:
        at = author_at = agent_at = 0
        while ours or theirs:
            start, end, by_author, by_agent = _cluster(ours, theirs)
            ours, theirs = ours[len(by_author) :], theirs[len(by_agent) :]
            self._keep(at, start, author_at, agent_at)
            author_at, agent_at = author_at + start - at, agent_at + start - at
            author_to = author_at + end - start + sum(change.growth for change in by_author)
            agent_to = agent_at + end - start + sum(change.growth for change in by_agent)
            base, author, agent = (
                self._base[start:end],
                self._author[author_at:author_to],
                self._agent[agent_at:agent_to],
            )
            self._change(base, author, agent, authors=bool(by_author))
            at, author_at, agent_at = end, author_to, agent_to
        self._keep(at, len(self._base), author_at, agent_at)

    def _keep(self, start: int, end: int, author_at: int, agent_at: int) -> None:
        """A run that stands in all three; the blanks between its sentences are merged like a text of their own."""
        for k in range(end - start):
            base, author, agent = self._base[start + k], self._author[author_at + k], self._agent[agent_at + k]
            self._part(author, is_changed=False)
            self._put([author])
            self._end(base.gap, author.gap, agent.gap)
            self._follows_author = self._follows_agent = True

    def _change(self, base: list[_Token], author: list[_Token], agent: list[_Token], *, authors: bool) -> None:
        same = _bodies(author) == _bodies(agent)
        put = author if authors else agent
        self._lead(put, authors=authors)
        self._put(put)
        if put:
            self._gap_by_author = authors
        # Of a run that one took out nothing is here for what follows it in the other's text.
        self._follows_author = bool(put) if author else self._follows_author and not put
        self._follows_agent = bool(put) if agent else self._follows_agent and not put
        if base and author and agent:
            self._end(base[-1].gap, author[-1].gap, agent[-1].gap)
        elif authors and author:
            self._gap_is_authors = True
        elif base and agent and self._gap_is_authors and self._gap == base[-1].gap:
            # The author took the last sentences out: what ends the text now ended it before, no change of theirs.
            self._gap, self._gap_is_authors = agent[-1].gap, False
        if authors and not same and _bodies(agent) != _bodies(base):
            if base:
                self.conflicts.append(Conflict(author=_text(author), agent=_text(agent)))
            elif added := _without(agent, author):  # both put something in at the same place
                self._lead(added, authors=False)
                self._put(added)
                self._gap_by_author, self._follows_author, self._follows_agent = False, False, True

    def _put(self, tokens: Sequence[_Token]) -> None:
        for token in tokens:
            self._out += (self._gap, token.body)
            self._gap, self._gap_is_authors, self._own_gap = token.gap, False, token.gap

    def _part(self, token: _Token, *, is_changed: bool) -> None:
        """Settle that a line stays one: a heading, a scene break, an item of a list; no sentence becomes part of it."""
        if not self._out or "\n" in self._gap:
            return
        before = token.gap if token.begins else token.lead
        if "\n" in self._own_gap and (_BLOCK.match(self._out[-1]) or not _STOPPED.search(self._out[-1])):
            self._gap = self._own_gap
        elif (is_changed or not self._is_meant()) and "\n" in before and _BLOCK.match(token.body):
            self._gap = before

    def _is_meant(self) -> bool:
        """Whether the gap stands in its writer's text between these very sentences."""
        return self._follows_author if self._gap_by_author else self._follows_agent

    def _end(self, base: str, author: str, agent: str) -> None:
        """Settle the gap after the sentence put out last, which stands in all three at this place."""
        self._gap_is_authors = self._gap_by_author = author != base
        self._gap = author if self._gap_is_authors else agent

    def _lead(self, tokens: Sequence[_Token], *, authors: bool) -> None:
        """Settle the gap before a changed run: as its writer had it, but an author's paragraph stays one.

        After another sentence than in its writer's text the wider gap counts: no heading runs into a paragraph.
        """
        if not tokens or not self._out:
            return
        lead = tokens[0].lead
        is_known = self._follows_author if authors else self._follows_agent and not self._gap_is_authors
        if lead and (is_known or _parts(lead) > _parts(self._gap)):
            self._gap = lead
        self._part(tokens[0], is_changed=True)


def _cluster(ours: Sequence[Change], theirs: Sequence[Change]) -> tuple[int, int, list[Change], list[Change]]:
    """The next changes that can't be told apart: (start, end, the author's, the agent's)."""
    start, end, _ = min([*ours[:1], *theirs[:1]])
    by_author: list[Change] = []
    by_agent: list[Change] = []
    grown = True
    while grown:
        grown = False
        for side, taken in ((ours, by_author), (theirs, by_agent)):
            while len(taken) < len(side) and _meets(side[len(taken)], start, end):
                end = max(end, side[len(taken)].end)
                taken.append(side[len(taken)])
                grown = True
    return start, end, by_author, by_agent


def _meets(change: Change, start: int, end: int) -> bool:
    """Whether a change overlaps [start, end), or puts something in at the very place."""
    if change.start == change.end or start == end:
        return (start == change.start and end == change.end) or start < change.start < end
    return change.start < end


def _parts(gap: str) -> tuple[int, int]:
    return gap.count("\n"), len(gap)


def _without(tokens: Sequence[_Token], others: Sequence[_Token]) -> list[_Token]:
    """The sentences that do not stand among the others: what both put in is there once."""
    there = set(_bodies(others))
    return [token for token in tokens if token.body not in there]


def _bodies(tokens: Sequence[_Token]) -> list[str]:
    return [token.body for token in tokens]


def _text(tokens: Sequence[_Token]) -> str:
    return "".join(token.body + token.gap for token in tokens)

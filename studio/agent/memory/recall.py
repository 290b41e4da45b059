"""Memory health: what is known of the book, how much of it a compressed conversation still says, an index of the rest.

No model is asked, and nothing is read here. What is known is what the author said, and what stands in the files the
agent has written or read, as they stand now: a fact that has left its file was taken out, and an index of old texts
would put it back into the book.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from studio import events as ev
from studio.agent.memory.known import KINDS, Fact, Kind, directives, facts_in, one_line
from studio.agent.memory.terms import terms
from studio.agent.prompts import prompt
from studio.backends.tokens import estimate
from studio.book.merge import sentences

_SHARE: dict[Kind, float] = {"directive": 0.5, "promise": 0.4, "number": 0.6, "name": 1.0}  # of the room that is left
_LEAST, _MOST = 150, 5_000  # tokens of an index


def room(context: int) -> int:
    """Tokens an index may take in a window of so many."""
    return min(_MOST, max(_LEAST, context // 20))


def known_facts(files: Mapping[str, str], notes: Iterable[str], decided: Mapping[str, Iterable[str]]) -> list[Fact]:
    """Everything known, the most important first.

    Args:
        files: name -> text, of those the agent has written or read.
        notes: what the author said, word for word.
        decided: file -> sentences the author wrote into it; those that no longer stand there don't count.
    """
    found = [fact for note in notes for fact in directives("", note)]
    for file, written in decided.items():
        text = one_line(files.get(file, ""))
        found += [fact for sentence in written if sentence in text for fact in directives(file, sentence)]
    return [*dict.fromkeys(found), *facts_in(files)]


class Reach:
    """What some texts say, to look facts up in: their terms by sentence, with the heading above it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._within: dict[str, set[int]] = {}  # term -> the sentences that hold it
        self._count = 0
        self._whole = ""
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Look in this, too."""
        heading: frozenset[str] = frozenset()
        for raw in sentences(text):
            said = frozenset(terms(raw))
            if raw.startswith("#"):
                heading = said
            for term in said | heading:
                self._within.setdefault(term, set()).add(self._count)
            self._count += 1
        self._whole += f"\n{one_line(text)}"

    def says(self, fact: Fact) -> bool:
        """Whether one of the sentences holds what the fact asks for, or its very words stand there."""
        places = [self._within.get(term, _NOWHERE) for term in fact.must]
        where = set.intersection(*sorted(places, key=len)) if places else None
        if fact.enough and (where is None or where):
            counts: dict[int, int] = {}
            for term in fact.some:
                here = self._within.get(term, _NOWHERE)
                for place in here if where is None else here & where:
                    counts[place] = counts.get(place, 0) + 1
            where = {place for place, count in counts.items() if count >= fact.enough}
        return bool(where) or fact.text in self._whole


_NOWHERE: set[int] = set()


def line_of(fact: Fact, *, short: bool = False) -> str:
    """A fact as a line of the index."""
    return f"{fact.file or 'the author'}: {_words_of(fact, short=short)}"


def _words_of(fact: Fact, *, short: bool) -> str:
    return fact.short if short and fact.short else fact.text


def index_of(missing: Sequence[Fact], tokens: int, count: Callable[[str], int] = estimate) -> list[str]:
    """As many of these facts as fit, a line each, the most important first; what a line says already needs no other.

    Args:
        missing: in order of importance within each kind.
        tokens: what the lines may take together, each with two more for its mark.
        count: the tokens of a text.
    """
    chosen: dict[Fact, str] = {}
    said = Reach([])

    def choose(facts: Sequence[Fact], most: int) -> int:
        """Take of them what fits; the tokens that took."""
        short = sum(count(line_of(fact)) + 2 for fact in facts) > most
        left = most
        for fact in facts:
            line = line_of(fact, short=short)
            cost = count(line) + 2
            if cost > left or fact in chosen or said.says(fact):
                continue
            chosen[fact] = line
            said.add(_words_of(fact, short=short))
            left -= cost
        return most - left

    left = tokens
    for kind in KINDS:
        left -= choose([fact for fact in missing if fact.kind == kind], int(left * _SHARE[kind]))
    choose(missing, left)  # what no kind has used, in order of importance
    return [chosen[fact] for fact in missing if fact in chosen]


def checked(known: Sequence[Fact], remaining: Iterable[str], tokens: int) -> ev.MemoryChecked:
    """Look for everything known in what remains; say how much is there with the index, and the index.

    Args:
        known: as `known_facts` has it.
        remaining: the texts of the compressed conversation, pinned files included.
        tokens: what the index may take.
    """
    reach = Reach(remaining)
    missing = [fact for fact in known if not reach.says(fact)]
    index = index_of(missing, tokens)
    put_back = Reach(line.partition(": ")[2] for line in index)
    still = sum(not put_back.says(fact) for fact in missing)
    return ev.MemoryChecked(known=len(known), reachable=len(known) - still, missing=tuple(index))


def with_index(text: str, index: Sequence[str]) -> str:
    """The message that stands in the conversation's place, with the index after it."""
    return f"{text}\n\n{prompt('recalled', facts=chr(10).join(f'- {line}' for line in index))}" if index else text

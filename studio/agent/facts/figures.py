"""Figures of a story: what makes two of them the same fact. The thirty-one of her age is not that of the barrels."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

import msgspec

from studio.agent.facts.tokens import Token, han_spellings, spellings, tokens
from studio.agent.facts.words import fact_words

_PARTS = re.compile(r"[.!?。！？\n]")
_BREAKS = re.compile(r"[.,;:!?()\n。，；：！？—–“”\"]")  # between a figure and a word, these part the two
_AGE = range(1, 121)
_YEAR = range(1000, 2200)
_LARGE = 13  # from here on the same figure of the same thing is hardly chance
_LEAD = 240  # characters before a sentence in which it is said who it is about
_MOST_LOOKED = 200  # places of one figure in one file
_NEAR = 40  # characters after a figure in which the words stand that it counts
_STEM = 5
_FUNCTION = frozenset("的了是在他她它我你们这那一不有和就也都着过个上下里到说")
_IRREGULAR = {"men": "man", "women": "woman", "feet": "foot", "children": "child", "sheep": "sheep"}


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and what tells it from the same figure elsewhere."""

    value: int
    units: frozenset[str] = frozenset()  # stems of the words right after it
    is_common: bool = True  # of its units
    is_age: bool = False
    names: frozenset[str] = frozenset()  # in its sentence, just before, and in the heading above
    topics: frozenset[str] = frozenset()  # stems of the other words of its sentence

    @property
    def is_year(self) -> bool:
        """Whether it is one of a calendar."""
        return self.value in _YEAR and (not self.units or bool(self.units & {"年"}) or self.value % 50 != 0)

    @property
    def is_rare(self) -> bool:
        """Whether it says by itself what it is: a year, a number that is not round."""
        return self.is_year or (self.value >= 100 and self.value % 50 != 0)


def figure_at(words: Sequence[Token], at: int, text: str, lead: str = "") -> Figure:
    """The figure that is `words[at]`.

    Args:
        lead: what comes before `text`.
    """
    word = words[at]
    start, end = _sentence(text, word.start)
    around = [one for one in words if start <= one.start < end and one is not word]
    after = _beside(words, at)
    units = frozenset(_stem(one) for one in after)
    is_age = _is_age(words, at, after, text)
    before = tokens(lead[-_LEAD:]) + [one for one in words if one.start < start]
    names = frozenset(one.key for one in (*before, *around) if _is_name(one))
    heading = [one.key for one in tokens(lead.partition("\n")[0]) if lead.startswith("#") and _is_name(one)]
    return Figure(
        value=word.value or 0,
        units=units,
        is_common=all(one.casefold() in fact_words().common_units for one in after),
        is_age=is_age,
        names=names | frozenset(heading),
        topics=frozenset(topics(around)) - units,
    )


def is_fact(old: Figure, new: Figure) -> bool:
    """Whether a change from one to the other changes the story rather than the plan of the book, or the wording."""
    if old.value == new.value or old.value < 2 or (old.units | new.units) & _plan_stems():
        return False
    if old.units and new.units and not (old.units & new.units or old.is_age):
        return False
    return bool(old.is_rare or old.units or old.is_age or old.names)


def figures_like(fact: Figure, text: str) -> Iterator[int]:
    """Where the same fact stands in a text."""
    found = _forms(fact.value)
    done = -1
    for match in islice(found.finditer(text), _MOST_LOOKED):
        if not _may_be(fact, text, match):
            continue
        start, end = _sentence(text, match.start())
        if start <= done:
            continue
        done = start
        sentence = text[start:end]
        words = tokens(sentence)
        for at, word in enumerate(words):
            if word.value == fact.value and is_same(fact, figure_at(words, at, sentence, _lead(text, start))):
                yield start + word.start


def _may_be(fact: Figure, text: str, match: re.Match[str]) -> bool:
    """A first look that costs nothing: most places where a small figure stands have nothing to do with it."""
    if fact.is_age:
        around = text[max(0, match.start() - 2 * _LEAD) : match.end() + _LEAD]
        return not fact.names or any(name in around for name in fact.names) or text.startswith("#")
    if fact.units and not fact.is_rare:
        near = text[match.end() : match.end() + _NEAR].casefold()
        return any(unit in near for unit in (*fact.units, *_IRREGULAR))
    return True


def dates_like(key: str, text: str) -> Iterator[int]:
    """Where the date of a token's key stands in a text, in whatever form."""
    done = -1
    for match in _month_forms(int(key.partition(" ")[2])).finditer(text):
        start, end = max(0, match.start() - 30), match.end() + 30
        for word in tokens(text[start:end]):
            if word.key == key and start + word.start > done:
                done = start + word.start
                yield done


def is_same(fact: Figure, other: Figure) -> bool:
    """Whether a figure of the same value is the same fact."""
    shared = fact.units & other.units
    is_near = bool(fact.names & other.names)
    if fact.is_age:
        return other.is_age and (is_near or not fact.names)
    if fact.is_year:
        return other.is_year
    if fact.is_rare:
        return bool(shared) or not (fact.units and other.units)
    if fact.units:
        if not shared:
            return False
        needed = fact.is_common + (fact.value < _LARGE)  # what else has to be the same
        return is_near + bool(fact.topics & other.topics) >= needed
    return not other.units and not other.is_age and is_near and bool(fact.topics & other.topics)


def topics(words: Sequence[Token]) -> Iterator[str]:
    """What a sentence is about, as stems: names, figures and small words left out; of Chinese pairs of characters."""
    for at, word in enumerate(words):
        if not word.is_word:
            continue
        if word.key[0] >= "\u2e80":
            follows = words[at + 1] if at + 1 < len(words) else None
            if follows and not follows.gap and follows.is_word and not {word.key, follows.key} & _FUNCTION:
                yield word.key + follows.key
        elif len(word.key) > 2 and word.key[0].islower() and word.key.casefold() not in fact_words().empty:
            yield _stem(word)


def _beside(words: Sequence[Token], at: int) -> list[str]:
    """The words right after a figure that can be what it counts: at most two."""
    found: list[str] = []
    for word in words[at + 1 : at + 3]:
        if _BREAKS.search(word.gap) or not word.is_word or word.key.casefold() in fact_words().empty:
            break
        found.append(word.key)
        if word.key[0] >= "\u2e80":
            break
    return found


def _is_age(words: Sequence[Token], at: int, after: Sequence[str], text: str) -> bool:
    vocabulary = fact_words()
    if words[at].value not in _AGE:
        return False
    value = words[at].value or 0
    before = words[at - 1].key.casefold() if at else ""
    earlier = {word.key.casefold() for word in words[max(0, at - 3) : at]}
    follows = [one.casefold() for one in after]
    if follows[:1] == ["岁"]:
        return True
    if follows and follows[0] in ("años", "año", "ans", "an"):
        is_of_name = at > 0 and words[at - 1].is_capital and words[at].gap == ", "
        return bool(earlier & vocabulary.had_age) or "edad" in follows or before == "de" or is_of_name
    if follows and follows[0] in ("year", "years", "jahre"):
        return len(follows) > 1 and follows[1] in vocabulary.age_after
    if follows:
        return follows[0] in vocabulary.age_after
    gap, close = words[at].gap, text[words[at].end : words[at].end + 1]
    if before in vocabulary.age_before:
        return value >= _LARGE or before in ("aged", "age", "edad", "turned")
    is_closed = close in (",", ")", ".", ";", "") or value >= _LARGE
    is_beside_name = bool(at) and words[at - 1].is_capital and gap in (", ", " (") and is_closed
    return is_beside_name or (before == "of" and "age" in earlier)


def _is_name(word: Token) -> bool:
    return word.is_word and word.is_capital and word.key.casefold() not in fact_words().fleeting


def _stem(word: Token | str) -> str:
    key = (word if isinstance(word, str) else word.key).casefold()
    key = _IRREGULAR.get(key, key)
    return (key[:-1] if key.endswith("s") and not key.endswith("ss") else key)[:_STEM]


@cache
def _plan_stems() -> frozenset[str]:
    return frozenset(_stem(word) for word in fact_words().plan_units)


def _sentence(text: str, at: int) -> tuple[int, int]:
    """The bounds of the sentence at a place, as far as its stops tell."""
    start = max(text.rfind(stop, 0, at) for stop in ".!?。！？\n") + 1
    match = _PARTS.search(text, at)
    return start, match.start() if match else len(text)


def _lead(text: str, start: int) -> str:
    """The heading above, then what stands before in the same paragraph."""
    heading = text.rfind("\n#", 0, start) + 1
    line = text[heading : text.find("\n", heading)] if text.startswith("#", heading) else ""
    paragraph = max(text.rfind("\n", 0, start) + 1, start - _LEAD)
    return f"{line}\n{text[paragraph:start]}"


@cache
def _forms(value: int) -> re.Pattern[str]:
    latin = [re.escape(one) for one in spellings(value) if one not in han_spellings(value)]
    return re.compile(
        rf"(?<![^\W_])(?:{'|'.join(latin)})|{'|'.join(map(re.escape, han_spellings(value)))}", re.IGNORECASE
    )


@cache
def _month_forms(month: int) -> re.Pattern[str]:
    names = fact_words().months[month - 1 :: 12]
    return re.compile("|".join([*names, f"(?<!\\d){month}月", f"{han_spellings(month)[0]}月"]), re.IGNORECASE)

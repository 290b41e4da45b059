"""Names of people and places: which words of a text are some, and where in a book they stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from studio.agent.facts.tokens import Token
from studio.agent.facts.words import fact_words
from studio.book.words import IDEOGRAPH

_INSIDE = re.compile(r"[^\W_]['’)]?[,;]?[^\S\n]+\Z|[([][^\S\n]*\Z")  # before a word that does not begin anything
_LOWER_HYPHEN = re.compile(r"(?:\A|[\s(“\"—])[a-zà-ÿ]+-\Z")
_WIDE = re.compile(rf"[{IDEOGRAPH}]+\Z")
_LOOK_BACK = 40  # characters


class Uses(NamedTuple):
    """How a word is written in a book."""

    inside: int  # with a capital, within a sentence
    begins: int  # with a capital, where any word has one
    lower: int  # without


class Name(NamedTuple):
    """A name in a sentence: tokens [start, end), of which titles and what is no part of it are left out."""

    start: int
    end: int


def is_wide(text: str) -> bool:
    """Whether it is written in a script without blanks."""
    return bool(_WIDE.match(text))


@cache
def _pattern(name: str, ending: str) -> re.Pattern[str]:
    if is_wide(name):
        return re.compile(re.escape(name))
    words = [re.escape(word).replace("'", "['’]").replace("’", "['’]") for word in re.split(r"[\s-]+", name)]
    before = r"(?<![^\W_])(?<![^\W_]{2}['’])"  # l'Hélène, D’Hélène
    return re.compile(before + r"(?:\s+|-)".join(words) + ending + r"(?![^\W_])")


def occurrences(name: str, text: str, *, genitive: bool = False) -> Iterator[re.Match[str]]:
    """Where a name stands as a whole: also with "'s", not within another word or another name with a hyphen.

    Args:
        genitive: it may have an s without an apostrophe, as in German.
    """
    if name.split()[0].split("-")[0].partition("'")[0] not in text:
        return
    for match in _pattern(name, "s?" if genitive else "").finditer(text):
        after = text[match.end() : match.end() + 2]
        if after[:1] == "-" and after[1:].isupper():
            continue  # Luis-Miguel
        if text[match.start() - 1 : match.start()] == "-" and not is_wide(name):
            before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
            if not before.endswith("--") and not _LOWER_HYPHEN.search(before):
                continue  # Jean-Luis
        yield match


def begins_there(text: str, at: int) -> bool:
    """Whether a capital there may only be that of a beginning."""
    return not _INSIDE.search(text, max(0, at - _LOOK_BACK), at)


def uses(word: str, texts: Iterable[str]) -> Uses:
    """How a word is written in these texts."""
    inside = begins = lower = 0
    small = word[0].lower() + word[1:]
    for text in texts:
        for match in occurrences(word, text):
            if begins_there(text, match.start()):
                begins += 1
            else:
                inside += 1
        if small != word and small in text:
            lower += sum(text.count(f" {small}{after}") for after in " ,.")  # near enough, and a regex takes 20 ms
    return Uses(inside, begins, lower)


# --- scripts with capitals ----------------------------------------------------------------------------------------


def run_around(words: Sequence[Token], start: int, end: int) -> Name:
    """The capital words that stand together with [start, end), "Port Salt" around "Salt", particles between them."""
    while start > 0 and _is_bound(words[start]):
        before = start - 1
        if words[before].key in fact_words().particles and before > 0 and _is_bound(words[before]):
            before -= 1
        if not words[before].is_capital:
            break
        start = before
    while end < len(words) and _is_bound(words[end]):
        after = end
        while words[after].key in fact_words().particles and after + 1 < len(words) and _is_bound(words[after + 1]):
            after += 1
        if not words[after].is_capital:
            break
        end = after + 1
    return Name(start, end)


def capital_runs(words: Sequence[Token]) -> list[Name]:
    """The names in a stretch of tokens, as runs of capital words."""
    found: list[Name] = []
    at = 0
    while at < len(words):
        if words[at].is_word and words[at].is_capital:
            run = run_around(words, at, at + 1)
            found.append(Name(at, run.end))
            at = run.end
        else:
            at += 1
    return found


def _is_bound(word: Token) -> bool:
    """Whether it belongs to the word before it, as far as blanks and marks tell."""
    return word.is_word and word.gap in (" ", "-", "‑")


# --- Chinese ------------------------------------------------------------------------------------------------------


def is_chinese_name(name: str, texts: Iterable[str]) -> bool:
    """Whether it stands in these texts as names do: beside marks, verbs and particles rather than in other words."""
    words = fact_words()
    if name in words.ordinary_chinese or any(name.startswith(common) for common in words.ordinary_chinese):
        return False
    total = framed = 0
    for text in texts:
        for match in occurrences(name, text):
            total += 1
            before = text[match.start() - 1] if match.start() else "\n"
            after = text[match.end()] if match.end() < len(text) else "\n"
            framed += before in words.before_chinese_name and after in words.after_chinese_name
    return total >= 2 and framed * 2 >= total


def chinese_around(before: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches around a changed one, [start, end), that may be a name, the likeliest first."""
    words = fact_words()
    changed = before[start:end]

    def char(at: int) -> str:
        return before[at] if 0 <= at < len(before) else ""

    if all(c in words.transliterating for c in changed):
        left, right = start, end
        while char(left - 1) and char(left - 1) in words.transliterating and start - left < 3:
            left -= 1
        while char(right) and char(right) in words.transliterating and right - end < 3:
            right += 1
        for one in range(left, start + 1):
            for other in range(right, end - 1, -1):
                if other - one >= 2 and (other - one > 2 or len(changed) > 1):
                    yield one, other
    if char(start - 1) and char(start - 1) in words.nicknames and len(changed) == 1:
        yield start - 1, end
    if char(start - 1) and char(start - 1) in words.surnames and len(changed) <= 2:
        yield from ((start - 1, to) for to in (end + 1, end) if to - start <= 2 and is_wide(before[start:to]))
    if char(start - 2) and char(start - 2) in words.surnames and len(changed) == 1:
        yield start - 2, end
    if changed[0] in words.surnames:
        yield from ((start, to) for to in (end + 2, end + 1, end) if 2 <= to - start <= 3 and is_wide(before[start:to]))
    for to in (end, end + 1):
        if char(to) and char(to) in words.chinese_places and len(changed) <= 2:
            yield start, to + 1
    if len(changed) >= 2 and changed[-1] in words.chinese_places:
        yield start, end

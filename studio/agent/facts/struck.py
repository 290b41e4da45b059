"""Passages that the author struck, and on which other files still rest: whom they brought in, what they promised."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

from studio.agent.facts.figures import topics
from studio.agent.facts.names import capital_runs, is_chinese_name, is_wide, occurrences, uses
from studio.agent.facts.nouns import Nouns
from studio.agent.facts.tokens import Token, tokens
from studio.agent.facts.words import fact_words
from studio.book.merge import sentences
from studio.book.names import is_chapter
from studio.book.words import IDEOGRAPH

_HAN_RUN = re.compile(rf"[{IDEOGRAPH}]+")
_RESTS = 3  # what two sentences have in common when one rests on the other: topics, a name, the word of a promise


def struck_names(
    sentence: str, file: str, after: str, book: Mapping[str, str], seen: set[str], nouns: Nouns
) -> Iterator[str]:
    """Names that the book knows from this sentence: gone from their file, and brought in nowhere else.

    Args:
        file: where it stood; `after` is what that holds now.
        book: every file as it is now, in reading order.
        seen: names that are not asked about any more; those of this sentence are added.
        nouns: of the book.
    """
    others = {name: text for name, text in book.items() if name != file}
    for name in [*_latin(sentence, others, seen, nouns), *_chinese(sentence, others, seen)]:
        if any(True for _ in occurrences(name, after)):
            continue
        if any(any(True for _ in occurrences(name, others[one])) for one in _sources(file, book)):
            continue
        yield name


def promise_places(sentence: str, lead: str, others: Mapping[str, str]) -> Counter[str]:
    """Where a promise that was struck is still rested on; nothing for a sentence that holds none."""
    found: Counter[str] = Counter()
    if not _promises().search(sentence):
        return found
    words = tokens(sentence)
    wanted = _about(words)
    names = frozenset(_names(words)) or frozenset(_names(tokens(lead)))
    if not wanted:
        return found
    for file, text in others.items():
        for line in text.split("\n"):
            small = line.casefold()
            if sum(stem in small for stem in wanted) + bool(_promises().search(line)) < 2:
                continue
            found[file] += sum(1 for one in sentences(line) if _rests(wanted, names, one))
    return +found


def _rests(wanted: frozenset[str], names: frozenset[str], sentence: str) -> bool:
    words = tokens(sentence)
    shared = len(wanted & _about(words))
    is_promise = bool(_promises().search(sentence))
    return shared > 0 and shared + is_promise + bool(names & set(_names(words))) >= _RESTS


def _about(words: list[Token]) -> frozenset[str]:
    return frozenset(topics([word for word in words if not _promises().match(word.key)]))


def _names(words: list[Token]) -> Iterator[str]:
    return (word.key for word in words if word.is_word and word.is_capital)


@cache
def _promises() -> re.Pattern[str]:
    return re.compile(
        "|".join(rf"\b{stem}" if stem.isascii() else stem for stem in fact_words().promise), re.IGNORECASE
    )


def _latin(sentence: str, others: Mapping[str, str], seen: set[str], nouns: Nouns) -> Iterator[str]:
    words = tokens(sentence)
    vocabulary = fact_words()
    for run in capital_runs(words):
        start = run.start
        while start < run.end - 1 and words[start].key.casefold() in vocabulary.titles:
            start += 1
        if any(word.key.casefold() in vocabulary.fleeting | vocabulary.titles for word in words[start : run.end]):
            continue
        spans = [(start, run.end), (start + 1, run.end), (start, start + 1), (start + 1, start + 2)]
        names = [sentence[words[at].start : words[to - 1].end] for at, to in spans if at < to <= run.end]
        for name in dict.fromkeys(names):
            if name in seen:
                break
            seen.add(name)
            use = uses(name, [sentence, *others.values()])
            if (
                use.inside
                and any(name in text for text in others.values())
                and use.lower <= use.inside
                and name.casefold() not in vocabulary.places
                and not all(nouns.is_common(word) for word in name.split())
            ):
                yield name
                break


def _chinese(sentence: str, others: Mapping[str, str], seen: set[str]) -> Iterator[str]:
    vocabulary = fact_words()
    for run in _HAN_RUN.findall(sentence):
        at = 0
        while at < len(run):
            for length in (3, 2):
                name = run[at : at + length]
                known = name[0] in vocabulary.surnames + vocabulary.nicknames or all(
                    c in vocabulary.transliterating for c in name
                )
                if len(name) < length or not known or name in seen:
                    continue
                seen.add(name)
                if is_wide(name) and is_chinese_name(name, others.values()):
                    yield name
                    at += length - 1
                    break
            at += 1


def _sources(file: str, book: Mapping[str, str]) -> list[str]:
    """The other files from which the book could know a name as well: for a chapter those before it, else the plan."""
    plan = [name for name in book if not is_chapter(name)]
    if file in plan:
        return [name for name in plan if name != file]
    names = list(book)
    earlier = names[: names.index(file)] if file in names else names
    return [name for name in earlier if name not in plan]

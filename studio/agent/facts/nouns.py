"""Books in a language that gives every noun a capital: which of their words are names, by their own use of them."""

import re
from collections.abc import Iterable
from functools import cached_property

from studio.agent.facts.names import begins_there, occurrences
from studio.agent.memory.terms import LOWER, UPPER

_SAMPLE = 20_000  # characters of each file that are looked at for the language
_GERMAN = ("und", "nicht", "ich", "ist", "der", "die")
_WORD = re.compile(r"[^\W\d_]+")
_DETERMINED = re.compile(
    r"(?<![^\W_])(?:d(?:er|ie|as|en|em|es)|k?ein\w{0,2}|[mds]ein\w{0,2}|ihr\w{0,2}|unser\w{0,2}|dies\w+|jed\w+"
    r"|[ia]m|zu[mr]|vom|beim|[ia]ns)\s+\Z",
    re.IGNORECASE,
)
_CAPITAL_BEFORE = re.compile(rf"(?<![^\W_])([{UPPER}][\w-]+) \Z")
_CAPITAL_AFTER = re.compile(rf" [{UPPER}]\w")
_SMALL_AFTER = re.compile(rf",? (?!(?:und|oder) )[{LOWER}]")
_LOOK_BACK = 40  # characters


class Nouns:
    """The texts of one book. In a language with capitals for names alone nothing is taken for a common noun."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(texts)
        self._seen: dict[str, tuple[bool, bool]] = {}  # word -> (it has articles, it stands as names do)

    @cached_property
    def have_capitals(self) -> bool:
        """Whether the book gives every noun one; German is the language that does."""
        words = [word for text in self._texts for word in _WORD.findall(text[:_SAMPLE])]
        return 30 * sum(word in _GERMAN for word in words) > len(words) > 0

    def is_common(self, word: str) -> bool:
        """Whether a word with a capital is a noun: it has articles, or nothing tells that it names anyone.

        Names stand beside other names ("Jonas Krüger"), or begin a sentence by themselves ("Jonas lachte").
        """
        if not self.have_capitals:
            return False
        has_articles, is_proper = self._look(word)
        return has_articles or not is_proper

    def has_articles(self, word: str) -> bool:
        """Whether it has articles: of a word that is new to the book nothing else can be told."""
        return self.have_capitals and self._look(word)[0]

    def _look(self, word: str) -> tuple[bool, bool]:
        if word not in self._seen:
            self._seen[word] = self._count(word)
        return self._seen[word]

    def _count(self, word: str) -> tuple[bool, bool]:
        total = determined = 0
        is_proper = False
        for text in self._texts:
            for match in occurrences(word, text):
                before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
                after = text[match.end() : match.end() + _LOOK_BACK]
                total += 1
                if _DETERMINED.search(before):
                    determined += 1
                else:
                    is_proper = is_proper or self._names(before, after, begins=begins_there(text, match.start()))
        return 5 * determined >= max(1, total), is_proper

    def _names(self, before: str, after: str, *, begins: bool) -> bool:
        first = _CAPITAL_BEFORE.search(before)
        if first is not None and not any(f" {first[1].lower()} " in text for text in self._texts):
            return True
        return bool(_CAPITAL_AFTER.match(after)) or (begins and bool(_SMALL_AFTER.match(after)))

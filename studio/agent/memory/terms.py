"""A text as the terms it is compared by: words without their endings, numbers as figures, pairs of ideographs."""

import re
import sys
from collections.abc import Iterator

from studio.book.words import IDEOGRAPH

_LETTERS = [chr(code) for code in range(0x41, 0x530) if chr(code).isalpha()]
UPPER = "".join(letter for letter in _LETTERS if letter.isupper())
LOWER = "".join(letter for letter in _LETTERS if letter.islower())

_VALUES = {
    word: value
    for words, first, by in (
        ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen", 0, 1),
        ("sixteen seventeen eighteen nineteen", 16, 1),
        ("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
    )
    for value, word in zip(range(first, 100, by), words.split(), strict=False)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ANY = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_NTH = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
NUMBER_WORDS = rf"(?:{_ANY})(?:(?:[\s-]|\s+and\s+)(?:{_ANY})){{0,7}}(?!-(?:{_NTH}))"
"""One number in English words, as a pattern."""

HAN_DIGITS = "〇零一二三四五六七八九十百千万两"
_HAN = dict(zip("〇零一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
_HAN_SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
HAN_UNITS = "岁年月日号个条只名里两元块位艘间座根把张颗匹头层尺丈斤"
"""What Chinese counts by."""

_HAN_COUNT = re.compile(rf"(\d{{1,12}}|[{HAN_DIGITS}]{{1,12}})\s?([{HAN_UNITS}])")
_TERM = re.compile(
    rf"(?P<words>(?<!\w){NUMBER_WORDS}(?!\w))|(?P<counted>\d+[{HAN_UNITS}])|(?P<figure>\d+(?:[.,]\d+)*)"
    rf"|(?P<wide>[{IDEOGRAPH}]+)|(?P<word>[^\W\d_{IDEOGRAPH}]+(?:['’](?!s\b)[^\W\d_{IDEOGRAPH}]+)*)"
)


def terms(text: str) -> Iterator[str]:
    """The terms of a text in their order."""
    text = _HAN_COUNT.sub(lambda match: f" {number_value(match[1])}{match[2]} ", text.lower())
    for match in _TERM.finditer(text):
        found = match.group()
        match match.lastgroup:
            case "wide":
                yield from (found[at : at + 2] for at in range(max(1, len(found) - 1)))
            case "word":
                yield stem(found)
            case "counted":
                yield found
            case _:
                yield number_value(found)


def stem(word: str) -> str:
    """A word without case, the 's of a genitive and the s of a plural."""
    word = re.sub(r"[’']s?\Z", "", word.lower())
    return sys.intern(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word)


def number_value(text: str) -> str:
    """A number in figures: `thirty-one`, `31` and `三十一` are 31; `1,843` and `eighteen forty-three` are 1843."""
    if text[:1].isdigit():
        return re.sub(r"[,.](?=\d{3}(?!\d))", "", text)
    if text[:1] in HAN_DIGITS:
        return _han_value(text)
    return _words_value(re.findall(r"[a-z]+", text.lower()))


def _words_value(words: list[str]) -> str:
    total = current = 0
    for word in words:
        if word in _SCALES and word != "hundred":
            total += max(1, current) * _SCALES[word]
            current = 0
        elif word == "hundred":
            current = max(1, current) * 100
        elif word in _VALUES:
            # A year as it is said: eighteen, forty-three.
            if 10 <= current < 100 and _VALUES[word] >= 10:
                current *= 100
            current += _VALUES[word]
    return str(total + current)


def _han_value(text: str) -> str:
    if len(text) > 1 and all(letter in _HAN for letter in text):
        return "".join(str(_HAN[letter]) for letter in text)  # as years are written
    total = current = 0
    for letter in text:
        if letter == "万":
            total, current = (total + max(1, current)) * 10_000, 0
        elif letter in _HAN_SCALES:
            total += max(1, current) * _HAN_SCALES[letter]
            current = 0
        else:
            current = _HAN[letter]
    return str(total + current)

"""Numbers as headings and outlines write them: 12, XII, twelve, 十二, 三千五百. Pure."""

import re

_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    *(f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")),
]
_WORDS = [*_UNITS, *_TEENS]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_CHINESE = {"〇": 0, "零": 0, "两": 2, "兩": 2, **{digit: n for n, digit in enumerate("一二三四五六七八九", 1)}}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "萬": 10_000}

CHINESE = "〇零一二两兩三四五六七八九十百千万萬"

NUMERAL = (
    rf"(?:\d{{1,4}}|[ivxlcIVXLC]{{1,9}}|[{CHINESE}]{{1,9}}"
    rf"|(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_WORDS[1:10])}))?|{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
)
"""A regular expression (to be used without regard to case) of what `numeral` reads."""


def numeral(text: str) -> int | None:
    """The number a word or a few signs stand for; None when they stand for none."""
    text = text.strip().lower()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    if text and not set(text) - set(CHINESE):
        return _chinese(text)
    if re.fullmatch(r"(?:x[lc]|l?x{0,3}|c{1,3}(?:x[lc]|l?x{0,3}))(?:i[xv]|v?i{0,3})", text) and text:
        values = [_ROMAN[letter] for letter in text]
        return sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))
    tens, _, ones = text.replace("-", " ").partition(" ")
    if tens in _TENS:
        if ones and ones not in _WORDS[1:10]:
            return None
        return 10 * (_TENS.index(tens) + 2) + (_WORDS.index(ones) if ones else 0)
    return _WORDS.index(text) if text in _WORDS else None


def _chinese(text: str) -> int:
    if not set(text) & set(_SCALES):  # digit by digit: 一二 is twelve, as 二〇二六 is a year
        return int("".join(str(_CHINESE[sign]) for sign in text))
    total = part = digit = 0
    for sign in text:
        if sign in _CHINESE:
            digit = _CHINESE[sign]
        elif (scale := _SCALES[sign]) == 10_000:
            total, part, digit = (total + part + digit or 1) * scale, 0, 0
        else:
            part, digit = part + (digit or 1) * scale, 0
    return total + part + digit

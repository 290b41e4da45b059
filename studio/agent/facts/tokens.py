"""Prose in the pieces that facts are made of: words, figures and dates, each with where it stands."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from studio.agent.facts.words import fact_words
from studio.book.words import IDEOGRAPH

_TOKEN = re.compile(
    rf"[{IDEOGRAPH}]|\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?|[^\W\d_{IDEOGRAPH}]+(?:['’][^\W\d_{IDEOGRAPH}]+)*"
)
_WIDE = re.compile(rf"[{IDEOGRAPH}]")
_ENDING = re.compile(r"['’](?:s|d|ll|re|ve|m)\Z")
_STOPS = re.compile(r"[.!?…。！？:：\n“”\"«»‘「『—–]|\Z")  # after these a capital may be no more than a beginning

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_PEQUEÑOS = [
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
]
_DECENAS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
_CIENTOS = [
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
]
# Words that mean something else in another language are left out: seize, elf.
_KLEINE = {2: "zwei", 3: "drei", 4: "vier", 5: "fünf", 6: "sechs", 7: "sieben", 8: "acht", 9: "neun", 10: "zehn"}
_ZEHNER = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
_ZEHN = {12: "zwölf", 13: "dreizehn", 14: "vierzehn", 15: "fünfzehn", 16: "sechzehn", 17: "siebzehn", 18: "achtzehn"}
_PETITS = {2: "deux", 3: "trois", 4: "quatre", 5: "cinq", 6: "six", 7: "sept", 8: "huit", 9: "neuf", 10: "dix"}
_PETITS |= {11: "onze", 12: "douze", 13: "treize", 14: "quatorze", 15: "quinze"}
_DIZAINES = ["vingt", "trente", "quarante", "cinquante", "soixante"]
_DEUTSCH = {
    **_KLEINE,
    **_ZEHN,
    19: "neunzehn",
    **{10 * value: word for value, word in enumerate(_ZEHNER, 2)},
    **{
        10 * tens + one: f"{'ein' if one == 1 else _KLEINE[one]}und{word}"
        for tens, word in enumerate(_ZEHNER, 2)
        for one in range(1, 10)
    },
}
_ADDED = {
    **{word: value for value, word in _DEUTSCH.items()},
    **{word: value for value, word in _PETITS.items()},
    **{word: 10 * value for value, word in enumerate(_DIZAINES, 2)},
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{word: value for value, word in enumerate(_PEQUEÑOS)},
    **{word: 10 * value for value, word in enumerate(_DECENAS, 3)},
    **{word: 100 * value for value, word in enumerate(_CIENTOS, 1)},
    "un": 1,
    "una": 1,
    "veintiún": 21,
    "cien": 100,
}
_TIMES = {"hundred": 100, "thousand": 1000, "mil": 1000}
_HAN = {c: value for value, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
_HAN_TIMES = {"十": 10, "百": 100, "千": 1000, "万": 10_000}


class Token(NamedTuple):
    """A word, a figure or a date. Two texts are compared by the keys alone."""

    key: str  # the word without "'s"; "#31" for 31 and for thirty-one; "@3 5" for the third of May
    start: int
    end: int
    begins: bool  # it stands where a capital means nothing
    gap: str  # what stands between it and the token before

    @property
    def value(self) -> int | None:
        """Of a figure; None for everything else."""
        return int(self.key[1:]) if self.key[0] == "#" else None

    @property
    def is_word(self) -> bool:
        """Neither a figure nor a date."""
        return self.key[0] not in "#@"

    @property
    def is_capital(self) -> bool:
        """Whether it may be a name, by its first letter and by what it is not."""
        return self.key[0].isupper() and self.key.casefold() not in fact_words().empty


def tokens(text: str) -> list[Token]:
    """The text's tokens in order; figures and dates of several words are one each."""
    words = _split(text)
    figures = list(_figures(words, text))
    return _dates(figures)


def _split(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    for match in _TOKEN.finditer(text):
        gap = text[at : match.start()]
        if gap == ". " and found and found[-1].key.casefold() in (*fact_words().titles, "st"):
            gap = " "  # Mr. Hale, St. Bride
        key = _ENDING.sub("", match.group())
        begins = not found or _STOPS.search(gap).start() < len(gap)  # type: ignore[union-attr]
        found.append(Token(key, match.start(), match.start() + len(key), begins, gap))
        at = match.end()
    return found


def _figures(words: Sequence[Token], text: str) -> Iterator[Token]:
    at = 0
    while at < len(words):
        word = words[at]
        value, end = _figure(words, at)
        if value is None:
            yield word
            at += 1
        else:
            yield word._replace(key=f"#{value}", end=words[end - 1].end)
            at = end


def _figure(words: Sequence[Token], at: int) -> tuple[int | None, int]:
    """The figure that begins here and where it ends; None when there is none worth the name: "one" is none."""
    key = words[at].key
    if key[0].isdigit():
        digits = re.sub(r"(?:st|nd|rd|th)\Z", "", key)
        digits = re.sub(r"[.,](?=\d{3}(?:\D|\Z))", "", digits)
        return (int(digits), at + 1) if digits.isascii() and digits.isdigit() and len(digits) < 10 else (None, at + 1)
    if _WIDE.match(key):
        return _han(words, at)
    return _spelled(words, at)


def _spelled(words: Sequence[Token], at: int) -> tuple[int | None, int]:
    total = part = 0
    end, step = at, 1000
    while end < len(words):
        key = words[end].key.casefold()
        joined = end == at or words[end].gap in (" ", "-", "‑")
        if not joined:
            break
        if (value := _ADDED.get(key)) is not None and value < step:
            part += value
            step = 10 if 20 <= value < 100 and value % 10 == 0 else 100 if value >= 100 else 0
        elif (value := _TIMES.get(key)) is not None and (part or value == 1000 or end == at):
            part = (part or 1) * value
            if value == 1000:
                total, part = total + part, 0
            step = 100 if value == 100 else 1000
        elif key in ("and", "y", "et") and end > at and end + 1 < len(words):
            follows = _ADDED.get(words[end + 1].key.casefold())
            if follows is None or follows >= step or words[end + 1].gap != " ":
                break
        else:
            break
        end += 1
    value = total + part
    return (value, end) if end > at and value > 1 else (None, at + 1)


def _han(words: Sequence[Token], at: int) -> tuple[int | None, int]:
    end = at
    while end < len(words) and words[end].key in fact_words().chinese_digits and (end == at or not words[end].gap):
        end += 1
    signs = [word.key for word in words[at:end]]
    if not signs or end == len(words) or words[end].gap or not _WIDE.match(words[end].key):
        return None, at + 1
    if all(sign in _HAN for sign in signs) and len(signs) > 1:
        value = int("".join(str(_HAN[sign]) for sign in signs))
    else:
        value, last = 0, 0
        for sign in signs:
            if sign in _HAN:
                last = _HAN[sign]
            else:
                value, last = value + (last or 1) * _HAN_TIMES[sign], 0
        value += last
    return (value, end) if value > 1 else (None, at + 1)


def _dates(words: Sequence[Token]) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(words):
        key, length = _date(words, at)
        if key:
            found.append(words[at]._replace(key=key, end=words[at + length - 1].end))
            at += length
        else:
            found.append(words[at])
            at += 1
    return found


def _date(words: Sequence[Token], at: int) -> tuple[str, int]:
    """The key of the date that begins here and how many tokens it takes; "" when there is none."""
    day = _day(words[at])
    rest = [word.key.casefold() for word in words[at + 1 : at + 3]]
    if day and rest[:1] == ["月"] and at + 3 < len(words) and rest and words[at + 3].key in "日号":
        return f"@{_day(words[at + 2])} {day}", 4
    if day and rest and (month := _month(words[at + 1])):
        return f"@{day} {month}", 2
    if day and len(rest) == 2 and rest[0] in ("of", "de") and (month := _month(words[at + 2])):
        return f"@{day} {month}", 3
    if (month := _month(words[at])) and words[at].key[0].isupper() and rest and (day := _day(words[at + 1])):
        return f"@{day} {month}", 2
    return "", 0


def _day(word: Token) -> int:
    value = word.value
    if value is None:
        ordinals = fact_words().ordinals
        value = ordinals.index(word.key.casefold()) + 1 if word.key.casefold() in ordinals else 0
    return value if value <= 31 else 0


def _month(word: Token) -> int:
    months = fact_words().months
    name = word.key.casefold()
    if name not in months or (name in ("march", "may") and not word.key[0].isupper()):
        return 0
    return months.index(name) % 12 + 1


def spellings(value: int) -> list[str]:
    """How a figure may stand in a text, for a first look: some may be missing, all are lower case."""
    found = [str(value), f"{value:,}", f"{value:,}".replace(",", ".")]
    if value < 20:
        found.append(_SMALL[value])
    elif value < 100:
        found.append(_TENS[value // 10 - 2])
    else:
        found += ["hundred", "thousand", "cien", "mil"]
    if value < 30:
        found.append(_PEQUEÑOS[value])
    elif value < 100:
        found.append(_DECENAS[value // 10 - 3])
    if value in _DEUTSCH:
        found.append(_DEUTSCH[value])
    if value in _PETITS:
        found.append(_PETITS[value])
    elif 20 <= value < 70:
        found.append(_DIZAINES[value // 10 - 2])
    return [*found, *han_spellings(value)]


def han_spellings(value: int) -> list[str]:
    """A figure in Chinese: as it is said, and digit by digit."""
    digits = "〇一二三四五六七八九"
    said, rest = "", value
    for sign, times in (("千", 1000), ("百", 100), ("十", 10)):
        if rest >= times:
            said += digits[rest // times % 10] + sign
            rest %= times
    said += digits[rest] if rest else ""
    said = said.removeprefix("一") if said.startswith("一十") else said
    return [said, "".join(digits[int(c)] for c in str(value))] + (["两"] if value == 2 else [])

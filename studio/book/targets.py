"""How many words a chapter should have, wherever that is written: "3,000-4,000 words", "~3k", 三千字. Pure."""

import re

from studio.book.numerals import CHINESE, numeral
from studio.book.plan import Target

_LEAST, _MOST = 20, 100_000  # words: beyond these a figure is something else
_FIGURE = (
    rf"(?:\d{{1,3}}(?:[,.'’\u00a0\u202f ]\d{{3}})+(?!\d)|\d{{1,6}}(?:[.,]\d{{1,2}}(?!\d))?|[{CHINESE}]{{2,9}})"
    r"(?:\s?[kK](?![a-zA-Z])|(?<=\d)\s?[千万萬])?"
)
_RANGE = rf"(?P<low>{_FIGURE})(?:\s*(?:[-–—~～至到]|to|bis|à|\.\.\.?)\s*(?P<high>{_FIGURE}))?"
_UNIT = r"(?:(?:words?|wds?|wörter|w|mots|palabras|parole|слов\w*)(?![^\W\d_])|字|词|詞|語|文字|자)"
_ABOUT = (
    r"(?:[~≈±<>≥≤约約\s]|about|around|approx(?:imately)?\.?|circa|ca?\.|at least|min\.?|up to|max\.?|etwa|environ){0,4}"
)
_LABEL = (
    r"(?:(?:target|goal|planned)(?:[ -](?:length|words?|word[ -]count|size))?|word[ -]?(?:count|goal|target)|words"
    r"|length|ziel|umfang|länge|wörter|objectif|longueur|mots|objetivo|extensión|palabras"
    r"|目标(?:字数)?|目標(?:字數)?|字数|字數|篇幅)"
)
_LABELLED = re.compile(rf"(?<![a-z]){_LABEL}[*_`\s]{{0,4}}[:：=][*_`\s]{{0,4}}{_ABOUT}{_RANGE}", re.IGNORECASE)
_LABELLED_WHOLE = re.compile(rf"{_LABELLED.pattern}(?:[\s-]?{_UNIT})?", re.IGNORECASE)
_COUNTED = re.compile(rf"(?<![0-9A-Za-z.,]){_RANGE}[\s-]?{_UNIT}", re.IGNORECASE)
_PLAIN = re.compile(rf"\s*{_ABOUT}{_RANGE}[\s-]?(?:{_UNIT})?\W*", re.IGNORECASE)
# What there is, not what is asked.
_IS_THERE = re.compile(r"(?:actual|current|so far|written|now|已写|现有|現有)\W{0,6}$", re.IGNORECASE)
_WAS_THERE = re.compile(r"\W{0,3}(?:so far|written|done|on disk|already|already)\b", re.IGNORECASE)


def find_target(text: str) -> Target | None:
    """What a passage asks for: a figure with a label ("Target: 3,000"), else one with a unit ("3000字")."""
    for match in _LABELLED.finditer(text):
        if not _IS_THERE.search(text[max(0, match.start() - 20) : match.start()]) and (found := _target(match)):
            return found
    for match in _COUNTED.finditer(text):
        is_there = _IS_THERE.search(text[max(0, match.start() - 20) : match.start()]) or _WAS_THERE.match(
            text, match.end()
        )
        if not is_there and (found := _target(match)):
            return found
    return None


def plain_target(value: str | int) -> Target | None:
    """What a setting or a cell of a table says, where a bare figure is a target as well."""
    match = _PLAIN.fullmatch(str(value)[:200])
    return _target(match) if match else find_target(str(value)[:200])


def without_target(text: str) -> str:
    """A headline without what it says of words."""
    return _COUNTED.sub("", _LABELLED_WHOLE.sub("", text))


def _target(match: re.Match[str]) -> Target | None:
    high_text = match["high"] or match["low"]
    low, high = _figure(match["low"]), _figure(high_text)
    if match["high"] and low is not None and high is not None and low * 100 < high:
        low = _figure(match["low"] + high_text[-1])  # "3-4k": the sign stands for both
    if low is None or high is None or not _LEAST <= min(low, high) <= max(low, high) <= _MOST:
        return None
    return Target(min(low, high), max(low, high))


def _figure(text: str) -> int | None:
    text = text.strip().lower()
    scale = {"k": 1000, "千": 1000, "万": 10_000, "萬": 10_000}.get(text[-1:]) if text[:1].isdigit() else None
    if scale is not None:
        text = text[:-1].strip()
    if not text[:1].isdigit():
        found = numeral(text)
        return found if found is None or scale is None else found * scale
    if re.fullmatch(r"\d{1,3}(?:\D\d{3})+", text) and scale is None:
        return int(re.sub(r"\D", "", text))
    return round(float(text.replace(",", ".")) * (scale or 1)) if re.fullmatch(r"\d+(?:[.,]\d+)?", text) else None

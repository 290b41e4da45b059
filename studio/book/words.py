"""Counting words by a published rule, and telling front matter from the text."""

import re
import unicodedata

_FRONT = re.compile(r"\A---[ \t]*\r?\n(?:.*?\r?\n)??---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# Scripts written without spaces: each character counts as a word, as editors and publishers there count.
IDEOGRAPH = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff6f\uff71-\uff9d\U0001b000-\U0001b16f\U00020000-\U0003134f"
)
# A word begins at a letter or digit and goes on to the next blank or dash: combining marks belong to it that way.
_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W_{IDEOGRAPH}](?:(?!--)[^\s—–…/{IDEOGRAPH}])*")
# Marks with letters or digits in them: comments, the numbers of a list, where a link leads.
_MARKS = re.compile(r"<!--.*?-->|^[ \t]*\d{1,3}[.)](?=[ \t])|(?<=\])\([^()\n]*\)", re.DOTALL | re.MULTILINE)


def split_front_matter(text: str) -> tuple[str, str]:
    """(front matter with its fences, the rest); the first is "" when there is none. Joined they are `text`."""
    match = _FRONT.match(text)
    return (text[: match.end()], text[match.end() :]) if match else ("", text)


def count_words(text: str) -> int:
    """Words of a Markdown text.

    A word begins with a letter or a digit and goes on to the next blank, dash, slash or ellipsis: "sailor's",
    "well-kept", "1912" and "3,000" are one each, "sea—shore" is two. Of Chinese and Japanese characters and of Korean
    syllables each counts one. Front matter, comments, the numbers of a list, the targets of links and all marks of
    Markdown count nothing.
    """
    return len(words_of(text))


def words_of(text: str) -> list[str]:
    """The words that `count_words` counts."""
    return _WORD.findall(_MARKS.sub("", unicodedata.normalize("NFC", split_front_matter(text)[1])))

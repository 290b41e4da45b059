"""Counting words by a published rule, and telling front matter from the text."""

import re

_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
# Scripts written without spaces: each character counts as a word, as editors and publishers there count.
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}](?:[^\W_{_IDEOGRAPH}]|['’\-](?=\w))*")


def split_front_matter(text: str) -> tuple[str, str]:
    """(front matter with its fences, the rest); the first is "" when there is none. Joined they are `text`."""
    match = _FRONT.match(text)
    return (text[: match.end()], text[match.end() :]) if match else ("", text)


def count_words(text: str) -> int:
    """Words of a Markdown text.

    A word is a run of letters and digits, with apostrophes and hyphens inside it: "sailor's", "well-kept" and "1912" are
    one each. In Chinese, Japanese and Korean every character counts one. Front matter and marks of Markdown count
    nothing.
    """
    return sum(1 for _ in _WORD.finditer(split_front_matter(text)[1]))

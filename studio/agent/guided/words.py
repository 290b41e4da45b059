"""A small model's words, trimmed by code into titles, lists, names and prose."""

import re
from collections import Counter

import msgspec

from studio.agent.prompts import guided_examples
from studio.agent.step import complete_sentences
from studio.book.merge import sentences

MAX_CHAPTERS = 40

_NUMBERS = {
    word: number
    for number, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_TITLE = 7  # words
_OFTEN = 2  # titles of one book that may share a word
_EDGES = " \t\"'“”‘’«»*_#`.,;:–—-"
_NAME = r"[A-Z][^\W\d_]+(?:['’-][A-Z]?[^\W\d_]+)*"
_NAMED = re.compile(rf"\b(?:named|called|hero|heroine)\s+({_NAME}(?:\s{_NAME}){{0,2}})")
_INSIDE = re.compile(rf"(?<=[a-z,;] )({_NAME})")
_PRONOUN = re.compile(r"\b(she|he|they)\b")
# What an assistant says of a text, and no narrator does.
TALK = re.compile(
    r"\A[\s*_#(]*(?:(?:sure|certainly|of course|okay)\b[,!.]"
    r"|here(?:'s| is| are)\b.{0,60}\b(?:chapter|story|version|draft|title)"
    r"|(?:in )?(?:this|the) (?:(?:next|last|first|final|previous|new) )?(?:chapter|passage|novel|short story|story)\b"
    r"|(?:in )?this story|as an ai\b|i hope (?:this|you)|let me know|(?:the )?end\W*\Z|to be continued"
    r"|chapter \w+\b|word count\b|in conclusion|overall,|\d+ (?:chapters?|words)\b"
    r"|\w+(?: \d+)?:\s|in (?:this|the \w+) scene,)",
    re.IGNORECASE,
)
# Where a reply is better ended: what follows is talk of the text.
STOPS = (
    "\n#",
    "\n---",
    "\nChapter",
    "\nThis chapter",
    "\nThis story",
    "\nIn this chapter",
    "\nThe next chapter",
    "\nThe End",
)


def chapters_asked(request: str) -> int | None:
    """How many chapters a request names ("in three chapters", "12 chapters"), or None."""
    match = re.search(r"\b(\d{1,2}|" + "|".join(_NUMBERS) + r")[\s-]+chapters?\b", request, re.IGNORECASE)
    if match is None:
        return None
    word = match.group(1).lower()
    number = int(word) if word.isdigit() else _NUMBERS[word]
    return number if 1 <= number <= MAX_CHAPTERS else None


def subject(request: str) -> str:
    """What a request is about, without its number of chapters: a small model takes that for part of the story."""
    numbers = "|".join(_NUMBERS)
    bare = re.sub(
        rf",?\s*\b(?:in|of|with)?\s*(?:\d{{1,2}}|{numbers})[\s-]+chapters?\b", " ", request, flags=re.IGNORECASE
    )
    return " ".join(bare.split()).strip(" .,;:") or " ".join(request.split())


def trim_title(text: str) -> str:
    """One line fit for a title: no quotes, numbering, markdown or full stop; at most 60 characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = re.sub(
        r"^\W*(?:(?:title|chapter\s*\d*)\s*[:.–—-]\s*|\d+\s*[.):–—-]\s*)?", "", line.strip(), flags=re.IGNORECASE
    )
    # "The Red Sea: A Novel, by …": what follows is no title any more.
    line = re.split(r"[:,;(\[]| by | - ", line.strip(_EDGES), maxsplit=1)[0].strip(_EDGES)
    words = (line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0]).split()
    if len(words) > _TITLE:
        words = words[:_TITLE]
        while len(words) > 1 and words[-1].casefold() in guided_examples().small:
            words.pop()
    return " ".join(words)


def trim_list(text: str, count: int, spare: tuple[str, ...] = ()) -> list[str]:
    """`count` different short titles out of free lines; the place of what is missing is filled.

    Args:
        spare: titles that fill it, before numbers do.
    """
    titles: dict[str, str] = {}
    told: list[set[str]] = []  # what tells each of them from another
    for title in [*map(trim_title, text.splitlines()), *spare]:
        words = {word.casefold().removesuffix("s") for word in re.findall(r"[^\W\d_]{2,}", title)}
        telling = (words - guided_examples().small) or words
        alike = any(2 * len(telling & one) > min(len(telling), len(one)) for one in told)
        often = any(sum(word in one for one in told) >= _OFTEN for word in telling)
        is_none = re.match(r"part \d+\Z|(?:this|these|here|it)(?:'s| is| are)\b", title, re.IGNORECASE) is not None
        if 3 <= len(title) <= 48 and not (alike or often or is_none or title.casefold() in titles):
            titles[title.casefold()] = title
            told.append(telling)
    found = list(titles.values())[:count]
    return found + [f"Part {number}" for number in range(len(found) + 1, count + 1)]


def trim_prose(text: str) -> str:
    """Prose without a heading of its own, an assistant's words around it, and a last half sentence."""
    text = re.sub(r"\A\s*(?:#+[^\n]*|\**chapter\s+\w+[^\n]{0,80})\n+", "", text.lstrip(), flags=re.IGNORECASE)
    text = (complete_sentences(text) or text).rstrip()
    told = sentences(text)
    while told and TALK.match(told[-1]):
        told.pop()
    while told and TALK.match(told[0]):
        told.pop(0)
    kept = "".join(told).strip() or text
    return re.sub(r"\s*\n\s*", "\n\n", kept) + "\n"  # a line of its own is a paragraph: Markdown joins lines


def trim_passage(text: str) -> str:
    """As `trim_prose`, for words that go into the middle of a text: "" when there is nothing of use in them."""
    found = trim_prose(text).strip()
    return "" if TALK.match(found) or not complete_sentences(found).strip() else found


def trim_name(text: str) -> str:
    """A person's name, of one to three words; "" when the words hold none."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    match = re.match(rf"\W*({_NAME}(?:\s{_NAME}){{0,2}})", line)
    words = [word for word in match.group(1).split() if word not in guided_examples().no_names] if match else []
    return " ".join(words) if words and all(2 <= len(word) <= 16 for word in words) else ""


class Person(msgspec.Struct, frozen=True):
    """Whom a story follows; "" where it is not known."""

    name: str = ""
    pronoun: str = ""  # she | he | they

    @property
    def first(self) -> str:
        """What the person is called in the story."""
        return first_name(self.name)


def trim_person(text: str) -> Person:
    """A person out of one line: "Mara Lund, she"."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    pronoun = _PRONOUN.search(line)
    return Person(trim_name(line), pronoun[1] if pronoun else "")


def named_in(request: str) -> str:
    """The hero's name where a request says it ("a diver called Mara Voss"), or ""."""
    match = _NAMED.search(request)
    return trim_name(match.group(1)) if match else ""


def first_name(name: str) -> str:
    """What a person is called in the story."""
    return name.split()[0] if name else ""


def names_in(text: str) -> Counter[str]:
    """Words that are names within a sentence, and how often."""
    return Counter(name for name in _INSIDE.findall(text) if name not in guided_examples().no_names)

"""What guided mode asks a small model for: short requests, examples in place of instructions, the words to begin with.

A chapter is always asked for by the same words, with what there is of it as what the assistant has said so far: the
model goes on in one breath, and the server has read all but the last lines already.
"""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from studio import events as ev
from studio.agent.guided import talk as guided_talk
from studio.agent.guided.mend import mended
from studio.agent.guided.past import call_of
from studio.agent.guided.review import Fault, Look
from studio.agent.guided.words import (
    MAX_CHAPTERS,
    STOPS,
    Person,
    chapters_asked,
    named_in,
    subject,
    trim_list,
    trim_passage,
    trim_person,
    trim_prose,
    trim_title,
)
from studio.agent.open_book import OpenBook
from studio.agent.prompts import guided_examples, prompt
from studio.backends.backend import Message, Sampling
from studio.book.names import OUTLINE
from studio.book.words import count_words

DEFAULT_CHAPTERS = 3

_TAIL = 500  # characters of the chapter before that a chapter is shown
_SO_FAR = 4_000  # characters of the chapter itself, in a window of twice as many tokens
_TOKENS = 1.4  # of a word, with what is cut off at the end
_LEAST, _MOST = 64, 400  # tokens of one reply of prose


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter in the order of the work."""

    number: int
    count: int  # chapters of the book
    title: str  # of the book
    heading: str
    file: str
    before: str = ""  # the text of the chapter before


class Work(msgspec.Struct, kw_only=True):
    """One model call of guided mode, and the tool call its words become."""

    messages: list[Message]
    sampling: Sampling
    call: Callable[[str], ev.ToolCall]
    file: str = ""  # the words are prose of this file; "" = they are shown as a reply
    chapter: str = ""  # the file of the chapter that is written, read or mended by it
    opening: str = ""  # what the studio puts before the words (a heading, the first words), to be shown
    prefill: str = ""  # what the assistant is made to have said already


class Asks:
    """Builds the next call once it is known what it is for."""

    def __init__(self, book: OpenBook) -> None:
        self._book = book

    def title(self) -> Work:
        """The title of the book."""
        messages = [
            message
            for request, title in guided_examples().titles
            for message in _shown(prompt("guided_title", prompt=request), title)
        ]
        messages += self._messages(prompt("guided_title", prompt=subject(guided_talk.gist(self._book))))
        return Work(
            messages=messages,
            sampling=Sampling(max_tokens=16, stop=("\n", ":"), temperature=0.7),
            call=lambda text: call_of("create_project", project_name=trim_title(text) or "Untitled"),
        )

    def outline(self, title: str) -> Work:
        """The titles of the chapters."""
        settings = self._book.settings
        count = min(settings.chapters or chapters_asked(settings.prompt) or DEFAULT_CHAPTERS, MAX_CHAPTERS)
        wish = guided_talk.wish(self._book, "\n\n")
        messages = []
        examples = guided_examples()
        for example, chapters in examples.outlines.items():
            # As many as are asked for: the model counts by what it is shown.
            lines = [f"{number}. {chapters[(number - 1) % len(chapters)]}" for number in range(1, count + 1)]
            messages += _shown(prompt("guided_outline", count=count, title=example), "\n".join(lines))
        messages += self._messages(prompt("guided_outline", count=count, title=title))
        start = _chance(self._book.root.name, title) % len(examples.spare)
        spare = (*examples.spare[start:], *examples.spare[:start])

        def call(text: str) -> ev.ToolCall:
            lines = trim_list(text, count, spare)
            listing = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
            content = f"# {title}\n\n{wish}\n\n## Chapters\n\n{listing}\n"
            return call_of("write_file", filename=OUTLINE, content=content, mode="create")

        # Some more than are wanted: of those that are alike one is taken.
        return Work(
            messages=messages,
            sampling=Sampling(max_tokens=14 * count + 32, stop=(f"\n{count + 4}.",), temperature=0.9),
            call=call,
        )

    def hero(self, title: str, file: str) -> Work:
        """Whom the book is about: named by the author, else by the model; kept in the bible."""
        examples = guided_examples()
        messages = [
            message
            for example, about, name in examples.heroes
            for message in _shown(prompt("guided_hero", title=example, prompt=about), name)
        ]
        messages += self._messages(prompt("guided_hero", title=title, prompt=subject(guided_talk.wish(self._book))))

        def call(text: str) -> ev.ToolCall:
            spare = examples.spare_heroes[_chance(title) % len(examples.spare_heroes)]
            person = trim_person(text)
            name = named_in(guided_talk.wish(self._book)) or person.name or spare
            said = f" ({person.pronoun})" if person.pronoun else ""
            content = f"# Characters\n\n- {name}{said}: the story follows this person.\n"
            return call_of("write_file", filename=file, content=content, mode="create")

        return Work(messages=messages, sampling=Sampling(max_tokens=16, stop=("\n", "."), temperature=0.9), call=call)

    # --- a chapter ------------------------------------------------------------------------------------------------

    def chapter(self, chapter: Chapter, hero: Person, words: int) -> Work:
        """A chapter's beginning, or the whole of it; `words` are wanted."""
        begun = self._begun(chapter, hero)
        heading = f"# {chapter.heading}\n\n"
        return Work(
            messages=self._request(chapter, hero),
            sampling=_prose(words),
            call=lambda text: call_of(
                "write_file", filename=chapter.file, content=heading + trim_prose(begun + text), mode="create"
            ),
            file=chapter.file,
            chapter=chapter.file,
            opening=heading + begun,
            prefill=begun,
        )

    def more(self, chapter: Chapter, hero: Person, so_far: str, words: int) -> Work:
        """What comes after what there is of a chapter."""
        joint = "\n" if so_far.endswith("\n") else "\n\n"
        begun = self._gone_on(chapter, hero)
        return Work(
            messages=self._request(chapter, hero),
            sampling=_prose(words - count_words(so_far)),
            call=lambda text: call_of(
                "write_file", filename=chapter.file, content=joint + trim_prose(begun + text), mode="append"
            ),
            file=chapter.file,
            chapter=chapter.file,
            opening=joint + begun,
            prefill=f"{self._so_far(so_far, len(so_far))}\n\n{begun}",
        )

    def review(self, chapter: Chapter, hero: Person, text: str) -> Work:
        """The chapter retold in a sentence, by which its author can see what the model made of it; then it is read."""
        begun = f"In this chapter {hero.first}" if hero.name else "In this chapter"
        said = Message(role="assistant", text=self._so_far(text, len(text)))
        return Work(
            messages=[*self._request(chapter, hero), said, Message(role="user", text=prompt("guided_retell"))],
            sampling=Sampling(max_tokens=36, stop=("\n", ". "), temperature=0.3),
            call=lambda said: call_of("review_chapter", filename=chapter.file),
            chapter=chapter.file,
            opening=begun,
            prefill=begun,
        )

    def revision(self, chapter: Chapter, hero: Person, look: Look, fault: Fault) -> Work:
        """Other words for the weakest passage, gone on to from what stands before it."""
        at = fault.end if fault.adds else fault.start
        prefill = self._so_far(look.text, at)
        is_paragraph = fault.kind == "short" or look.text[:at].endswith("\n")
        # A sentence that is spoken begins otherwise than those that told of one and the same person.
        begun = {"alike": hero.first, "same": "“"}.get(fault.kind, self._gone_on(chapter, hero) if is_paragraph else "")
        if not prefill and fault.kind != "alike":
            begun = self._begun(chapter, hero)  # the chapter's first words: without the name it is about somebody else
        joint = "\n\n" if is_paragraph else " " if begun else ""
        prefill = f"{prefill}{joint}{begun}" if prefill else begun

        def call(text: str) -> ev.ToolCall:
            old, new = mended(look, fault, trim_passage(begun + text))
            return call_of("edit_file", filename=chapter.file, old_text=old, new_text=new)

        words = count_words(look.text[fault.start : fault.end])
        wanted = look.least - count_words(look.text) if fault.kind == "short" else words
        return Work(
            messages=self._request(chapter, hero),
            sampling=msgspec.structs.replace(_prose(wanted), temperature=0.9),
            call=call,
            chapter=chapter.file,
            opening=begun,
            prefill=prefill,
        )

    def ending(self, title: str, hero: Person, last: str, counted: str) -> Work:
        """A word on the finished book; `counted` is what the studio has to say of it."""
        begun = f"“{title}” is the story of {hero.name}," if hero.name else f"“{title}” is the story of"
        return Work(
            messages=self._messages(prompt("guided_review", title=title, tail=_ending(last, _TAIL))),
            sampling=Sampling(max_tokens=60, temperature=0.4),
            call=lambda text: call_of("finish", summary=f"{trim_prose(begun + text).strip()} {counted}".strip()),
            opening=begun,
            prefill=begun,
        )

    def _request(self, chapter: Chapter, hero: Person) -> list[Message]:
        return self._messages(
            prompt(
                "guided_chapter" if chapter.before else "guided_first_chapter",
                prompt=subject(guided_talk.wish(self._book)),
                title=chapter.title,
                number=chapter.number,
                heading=chapter.heading,
                hero=f" The hero is {hero.name}." if hero.name else "",
                tail=_ending(chapter.before, _TAIL),
            )
        )

    def _begun(self, chapter: Chapter, hero: Person) -> str:
        """The first words of a chapter: the hero's name, and no two chapters alike."""
        if not hero.name:
            return ""
        examples = guided_examples()
        if chapter.number == 1:
            return _filled(examples.first_openings, _chance(chapter.title), hero, hero.name, self._is_english)
        return _filled(examples.openings, _chance(chapter.title) + chapter.number, hero, hero.first, self._is_english)

    def _gone_on(self, chapter: Chapter, hero: Person) -> str:
        """The first words of a paragraph after the model had come to an end: without them it talks of the text."""
        if not hero.name:
            return ""
        past = self._book.guided
        place = _chance(chapter.title) + chapter.number + past.pieces(chapter.file) + past.revisions(chapter.file)
        return _filled(guided_examples().goings_on, place, hero, hero.first, self._is_english)

    @property
    def _is_english(self) -> bool:
        return self._book.settings.language.casefold() in ("", "en", "english")

    def _so_far(self, text: str, end: int) -> str:
        """The chapter up to there, without its heading, as much of it as is shown."""
        shown = text[:end]
        if shown.lstrip().startswith("#"):
            shown = shown.lstrip().partition("\n")[2]
        shown = shown.strip()
        most = min(_SO_FAR, (self._book.progress.context or _SO_FAR * 2) // 2)
        return shown if len(shown) <= most else shown[-most:].partition(" ")[2]

    def _messages(self, request: str) -> list[Message]:
        notes = guided_talk.notes(self._book)
        wishes = prompt("guided_notes", notes=" ".join(notes)) + "\n\n" if notes else ""
        return [Message(role="user", text=wishes + request)]


def _filled(openings: Sequence[str], place: int, hero: Person, name: str, is_english: bool) -> str:
    """One of these, with the name in it; the name alone where they would not fit."""
    if not hero.pronoun or not is_english:
        return name
    return openings[place % len(openings)].replace("$name", name).replace("$she", hero.pronoun)


def _ending(text: str, most: int) -> str:
    """The end of a text from the beginning of a sentence."""
    tail = text.strip()[-most:]
    if len(tail) < len(text.strip()) and ". " in tail[:-1]:
        tail = tail.partition(". ")[2]
    return tail


def _prose(words: int) -> Sampling:
    return Sampling(max_tokens=max(_LEAST, min(_MOST, round(_TOKENS * words))), stop=STOPS, temperature=0.8)


def _chance(*of: str) -> int:
    """A number that differs from book to book, and is the same each time it is asked for."""
    return int.from_bytes(hashlib.sha256("\n".join(of).encode()).digest()[:4], "big")


def _shown(request: str, answer: str) -> list[Message]:
    return [Message(role="user", text=request), Message(role="assistant", text=answer)]

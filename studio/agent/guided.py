"""Guided mode: for a model that can't call tools the studio decides the order of the work, from the files as they
stand, and makes the tool calls itself on the model's words. Same events, same files, same recovery."""

import json
import re
from collections.abc import Callable

import msgspec

from studio import events as ev
from studio.agent import guided_talk
from studio.agent.open_book import OpenBook
from studio.agent.prompts import guided_examples, prompt
from studio.agent.step import Caller, complete_sentences
from studio.backends.backend import Backend, Message, Reply, Sampling
from studio.book.words import count_words

MIN_WORDS = 180  # a chapter shorter than this is gone on with
MAX_PIECES = 5  # replies spent on one chapter
DEFAULT_CHAPTERS = 3
MAX_CHAPTERS = 40

_TAIL = 600  # characters of the text before that a chapter goes on from
_NUMBERS = {
    word: number
    for number, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_CHAPTER_LINE = re.compile(r"^(?:#+\s*)?(?:chapter\s+)?(\d+)\s*[.):–—-]\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_CONTINUES = re.compile(r"chapter_(\d+)\.md")


_EDGES = " \t\"'“”‘’«»*_#`.,;:–—-"


class Work(msgspec.Struct, kw_only=True):
    """One model call of guided mode, and the tool call its words become."""

    messages: list[Message]
    sampling: Sampling
    call: Callable[[str], ev.ToolCall]
    file: str = ""  # the words are prose of this file; "" = they are shown as a reply
    opening: str = ""  # what the studio puts before the words (a heading)


class Guide:
    """Looks at the book and knows what comes next."""

    def __init__(self, book: OpenBook) -> None:
        self._book = book
        self._pieces: dict[str, int] = {}

    async def reply(self, caller: Caller, backend: Backend) -> Reply:
        """The reply of the next step, with its tool call. Raises as `Caller.reply`."""
        work = self._next()
        record = self._book.record

        def emit(event: ev.Event) -> None:
            if isinstance(event, ev.ReplyDelta) and work.file:
                record(ev.ProseDelta(file=work.file, text=event.text))
            else:
                record(event)

        if work.file and work.opening:
            record(ev.ProseDelta(file=work.file, text=work.opening))
        reply = await caller.reply(backend, work.messages, (), emit, work.sampling)
        calls = (work.call(reply.text), *guided_talk.kept(self._book))
        return msgspec.structs.replace(reply, tool_calls=calls, finish_reason="tool_calls")

    # --- what comes next ------------------------------------------------------------------------------------------

    def _next(self) -> Work:
        book = self._book
        title = book.conversation.title or book.settings.title
        if not title:
            return self._title()
        outline = book.folder.read("outline.md")
        if not (outline or "").strip():
            return self._outline(title)
        chapters = chapter_titles(outline or "") or [title]
        for number, heading in enumerate(chapters, 1):
            file = f"chapter_{number:02}.md"
            text = book.folder.read(file)
            partial = book.manuscript.partial_text(file)
            if book.locks.covers(file) or (text is None and number in self._removed()):
                continue  # the author locked it, or removed it: it is not written again
            if text is None and partial is None:
                return self._chapter(title, number, heading, file, len(chapters))
            so_far = (text or "") + (partial or "")
            done = count_words(so_far) >= MIN_WORDS or self._pieces.get(file, 1) >= MAX_PIECES
            if partial is not None or not done:
                return self._more(title, heading, file, so_far)
        return self._review(title, len(chapters))

    def _removed(self) -> set[int]:
        removed = self._book.ledger.taken_by_author()
        return {int(match.group(1)) for name in removed if (match := _CONTINUES.fullmatch(name))}

    def _title(self) -> Work:
        messages = [
            message
            for request, title in guided_examples().titles
            for message in _shown(prompt("guided_title", prompt=request), title)
        ]
        messages += self._messages(prompt("guided_title", prompt=guided_talk.gist(self._book)))
        return Work(
            messages=messages,
            sampling=Sampling(max_tokens=16, stop=("\n", ":"), temperature=0.7),
            call=lambda text: _call("create_project", project_name=trim_title(text) or "Untitled"),
        )

    def _outline(self, title: str) -> Work:
        settings = self._book.settings
        count = min(settings.chapters or chapters_asked(settings.prompt) or DEFAULT_CHAPTERS, MAX_CHAPTERS)
        wish, messages = guided_talk.wish(self._book, "\n\n"), []
        for example, chapters in guided_examples().outlines.items():
            # As many as are asked for: the model counts by what it is shown.
            lines = [f"{number}. {chapters[(number - 1) % len(chapters)]}" for number in range(1, count + 1)]
            messages += _shown(prompt("guided_outline", count=count, title=example), "\n".join(lines))
        messages += self._messages(prompt("guided_outline", count=count, title=title))

        def call(text: str) -> ev.ToolCall:
            lines = trim_list(text, count)
            listing = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
            content = f"# {title}\n\n{wish}\n\n## Chapters\n\n{listing}\n"
            return _call("write_file", filename="outline.md", content=content, mode="create")

        return Work(messages=messages, sampling=Sampling(max_tokens=12 * count + 8, temperature=0.7), call=call)

    def _chapter(self, title: str, number: int, heading: str, file: str, count: int) -> Work:
        before = self._book.folder.read(f"chapter_{number - 1:02}.md") if number > 1 else None
        request = prompt(
            "guided_chapter" if before else "guided_first_chapter",
            prompt=guided_talk.wish(self._book),
            title=title,
            number=number,
            count=count,
            heading=heading,
            tail=(before or "").strip()[-_TAIL:],
        )
        self._pieces[file] = 1
        opening = f"# {heading}\n\n"
        return Work(
            messages=self._messages(request),
            sampling=Sampling(max_tokens=600, temperature=0.7),
            call=lambda text: _call("write_file", filename=file, content=opening + trim_prose(text), mode="create"),
            file=file,
            opening=opening,
        )

    def _more(self, title: str, heading: str, file: str, so_far: str) -> Work:
        self._pieces[file] = self._pieces.get(file, 1) + 1
        request = prompt("guided_more", title=title, heading=heading, tail=so_far.strip()[-_TAIL:])
        joint = "" if so_far.endswith("\n") else "\n\n"
        return Work(
            messages=self._messages(request),
            sampling=Sampling(max_tokens=400, temperature=0.8),
            call=lambda text: _call("write_file", filename=file, content=joint + trim_prose(text), mode="append"),
            file=file,
            opening=joint,
        )

    def _review(self, title: str, count: int) -> Work:
        last = self._book.folder.read(f"chapter_{count:02}.md") or ""
        messages = self._messages(prompt("guided_review", title=title, tail=last.strip()[-_TAIL:]))
        return Work(
            messages=messages,
            sampling=Sampling(max_tokens=120, temperature=0.7),
            call=lambda text: _call("finish", summary=trim_prose(text).strip() or f"“{title}” is written."),
        )

    def _messages(self, request: str) -> list[Message]:
        notes = guided_talk.notes(self._book)
        wishes = prompt("guided_notes", notes=" ".join(notes)) + "\n\n" if notes else ""
        return [Message(role="user", text=wishes + request)]


# --- the model's words, trimmed by code ---------------------------------------------------------------------------


def chapters_asked(request: str) -> int | None:
    """How many chapters a request names ("in three chapters", "12 chapters"), or None."""
    match = re.search(r"\b(\d{1,2}|" + "|".join(_NUMBERS) + r")[\s-]+chapters?\b", request, re.IGNORECASE)
    if match is None:
        return None
    word = match.group(1).lower()
    number = int(word) if word.isdigit() else _NUMBERS[word]
    return number if 1 <= number <= MAX_CHAPTERS else None


def chapter_titles(outline: str) -> list[str]:
    """The chapters an outline names: its numbered lines, in order, without the numbers."""
    return [match.group(2).strip().rstrip("*_#").lstrip("*_") for match in _CHAPTER_LINE.finditer(outline)][
        :MAX_CHAPTERS
    ]


def trim_title(text: str) -> str:
    """One line fit for a title: no quotes, numbering, markdown or full stop; at most 60 characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = re.sub(
        r"^\W*(?:(?:title|chapter\s*\d*)\s*[:.–—-]\s*|\d+\s*[.):–—-]\s*)?", "", line.strip(), flags=re.IGNORECASE
    )
    # "The Red Sea: A Novel, by …": what follows is no title any more.
    line = re.split(r"[:,;]| by | - ", line.strip(_EDGES), maxsplit=1)[0].strip(_EDGES)
    return line if len(line) <= 60 else line[:60].rsplit(" ", 1)[0]


def trim_list(text: str, count: int) -> list[str]:
    """`count` different short titles out of free lines; what is missing is numbered."""
    titles: dict[str, str] = {}
    for line in text.splitlines():
        title = trim_title(line)
        if 3 <= len(title) <= 48:
            titles.setdefault(title.casefold(), title)
    found = list(titles.values())[:count]
    return found + [f"Part {number}" for number in range(len(found) + 1, count + 1)]


def trim_prose(text: str) -> str:
    """Prose without a heading of its own and without a last half sentence."""
    text = re.sub(r"\A\s*(?:#+[^\n]*|\**chapter\s+\w+[^\n]{0,80})\n+", "", text.lstrip(), flags=re.IGNORECASE)
    return (complete_sentences(text) or text).rstrip() + "\n"


def _shown(request: str, answer: str) -> list[Message]:
    return [Message(role="user", text=request), Message(role="assistant", text=answer)]


def _call(name: str, **arguments: str) -> ev.ToolCall:
    return ev.ToolCall(id=f"guided_{name}", name=name, arguments=json.dumps(arguments, ensure_ascii=False))

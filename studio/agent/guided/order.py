"""Guided mode: for a model that can't call tools the studio decides the order of the work, from the files as they
stand, and makes the tool calls itself on the model's words. Same events, same files, same recovery.

Here is the order alone: what is asked for is `asks`, how words are trimmed `words`, how a chapter is judged `review`,
what is put for a faulty passage `mend`.
"""

import asyncio
import re
from collections.abc import Sequence

import msgspec

from studio import events as ev
from studio.agent.guided import talk as guided_talk
from studio.agent.guided.asks import Asks, Chapter, Work
from studio.agent.guided.review import Look, weakest, words_of_review
from studio.agent.guided.words import MAX_CHAPTERS, Person, names_in, trim_person
from studio.agent.open_book import OpenBook
from studio.agent.planned import asked_of, plan_of
from studio.agent.reviews.scores import mean
from studio.agent.step import Caller
from studio.backends.backend import Backend, Message, Reply
from studio.book.history import AGENT, of_file
from studio.book.journal import sha256_of
from studio.book.layout import load_settings
from studio.book.names import OUTLINE
from studio.book.outline import chapters as chapters_of
from studio.book.plan import Chapter as Planned
from studio.book.provenance import provenance
from studio.book.texts import readable
from studio.book.words import count_words
from studio.errors import BookError, BookUnsaved, UsageError

MIN_WORDS = 180  # a chapter shorter than this is gone on with, when nobody asks for another length
AIM = 220  # words that are asked for then
BIBLE = "bible/characters.md"

_PIECE = 150  # words that a reply brings, about
_FEWEST_PIECES, _MOST_PIECES = 5, 40  # replies spent on one chapter
_NAMINGS = 2  # tries at writing the people down

_CONTINUES = re.compile(r"chapter_(\d+)\.md")


class Guide:
    """Looks at the book and knows what comes next. It keeps nothing: all it goes by is folds and files."""

    def __init__(self, book: OpenBook) -> None:
        self._book = book
        self._asks = Asks(book)

    async def reply(self, caller: Caller, backend: Backend) -> Reply:
        """The reply of the next step, with its tool call. Raises as `Caller.reply`."""
        work = await self._next()
        shown = _Shown(work, self._book.record)
        messages = [*work.messages, Message(role="assistant", text=work.prefill)] if work.prefill else work.messages
        reply = await caller.reply(backend, messages, (), shown, work.sampling)
        shown.end()
        call = work.call(reply.text.removeprefix(work.prefill) if work.prefill else reply.text)
        calls = (call, *guided_talk.kept(self._book))
        return msgspec.structs.replace(reply, tool_calls=calls, finish_reason="tool_calls")

    async def works_on(self) -> str:
        """The chapter that the next step writes, has read or mends; "" = it is for something else."""
        return (await self._next()).chapter

    # --- what comes next ------------------------------------------------------------------------------------------

    async def _next(self) -> Work:
        book = self._book
        title = book.conversation.title or book.settings.title
        if not title:
            return self._asks.title()
        outline = book.folder.read(OUTLINE)
        if not (outline or "").strip():
            return self._asks.outline(title)
        headings = chapter_titles(outline or "") or [title]
        if self._wants_hero(len(headings)):
            return self._asks.hero(title, BIBLE)
        before, plan, rounds = "", plan_of(book.folder), self._rounds()
        for number, heading in enumerate(headings, 1):
            file = f"chapter_{number:02}.md"
            try:
                text = book.folder.read(file)
            except BookUnsaved:
                raise
            except BookError:  # no UTF-8: left alone
                continue
            # The author locked it, or removed it: it is not written again.
            if not book.locks.covers(file) and not (text is None and number in self._removed()):
                chapter = Chapter(
                    number=number, count=len(headings), title=title, heading=heading, file=file, before=before
                )
                if (work := await self._of_chapter(chapter, text, plan, rounds)) is not None:
                    return work
            before = text or before
        return self._asks.ending(title, self._hero(), before, self._counted())

    def _removed(self) -> set[int]:
        removed = self._book.ledger.taken_by_author()
        return {int(match.group(1)) for name in removed if (match := _CONTINUES.fullmatch(name))}

    def _wants_hero(self, count: int) -> bool:
        """Whether the people are still to be written down: before the first chapter, once."""
        book = self._book
        is_free = not (book.locks.covers(BIBLE) or BIBLE in book.ledger.taken_by_author())
        is_begun = any(book.folder.stat(f"chapter_{number:02}.md") is not None for number in range(1, count + 1))
        is_tried = book.guided.pieces(BIBLE) >= _NAMINGS
        return is_free and not is_begun and not is_tried and not readable(book.folder, BIBLE).strip()

    async def _of_chapter(
        self, chapter: Chapter, text: str | None, plan: Sequence[Planned], rounds: int
    ) -> Work | None:
        """What is still to be done for a chapter: begin, go on, have it read, mend it; None when it is done."""
        book, file = self._book, chapter.file
        partial = book.manuscript.partial_text(file)
        so_far = (text or "") + (partial or "")
        target = asked_of(plan, book.settings, file, so_far)[1]
        least, aim = (target.low, (target.low + target.high) // 2) if target else (MIN_WORDS, AIM)
        if text is None and partial is None:
            return self._asks.chapter(chapter, self._hero(), aim)
        most = min(_MOST_PIECES, max(_FEWEST_PIECES, 2 + least // _PIECE))
        if partial is not None or (0 < book.guided.pieces(file) < most and self._words(file, so_far) < least):
            return self._asks.more(chapter, self._hero(), so_far, aim)
        return await self._of_review(chapter, so_far, rounds)

    async def _of_review(self, chapter: Chapter, text: str, most: int) -> Work | None:
        """Read by the rubric, mended where it is weakest, read again: as often as book.yaml allows."""
        book, file = self._book, chapter.file
        rounds = book.chapters.rounds(file)
        tried = book.guided.revisions(file)
        if not book.guided.pieces(file) or len(rounds) >= most:
            return None  # another has written it: the author, a model with tools
        known = sha256_of(text) in {one.sha256 for one in rounds}
        if not rounds or (tried >= len(rounds) and not known):
            return self._asks.review(chapter, self._hero(), text)
        has_followers = book.folder.stat(f"chapter_{chapter.number + 1:02}.md") is not None
        if tried >= len(rounds) or has_followers or len(rounds) + 1 > most:
            return None
        look = self.look(file, text)
        fault = await asyncio.to_thread(weakest, look)
        return self._asks.revision(chapter, self._hero(), look, fault) if fault is not None else None

    def _words(self, file: str, text: str) -> int:
        """Words of a chapter's text, counted anew where the record does not know it."""
        ledger = self._book.ledger
        return ledger.words(file) if ledger.disk(file) == sha256_of(text) else count_words(text)

    def _counted(self) -> str:
        """Which chapter the author should look at first, by the last round of each."""
        last = {file: self._book.chapters.rounds(file)[-1] for file in self._book.chapters.reviewed()}
        scored = {file: score for file, one in last.items() if (score := mean(one.scores)) is not None}
        worst = min(scored, key=lambda file: scored[file], default="")
        return f"Look at {worst} first: by the studio's own count, {scored[worst]:.1f} of 10." if worst else ""

    def _rounds(self) -> int:
        try:
            return load_settings(self._book.root).review_rounds
        except UsageError:  # book.yaml is being edited
            return self._book.settings.review_rounds

    # --- what is known --------------------------------------------------------------------------------------------

    def _hero(self) -> Person:
        """Whom the book is about: as the bible says, else whom the first chapter names most."""
        lines = readable(self._book.folder, BIBLE).splitlines()
        listed = [line for line in lines if re.match(r"\s*[-*•]", line)]
        person = next((person for line in listed if (person := trim_person(line.lstrip(" \t-*•"))).name), None)
        if person is not None:
            return person
        common = names_in(readable(self._book.folder, "chapter_01.md")).most_common(1)
        return Person(common[0][0]) if common and common[0][1] > 1 else Person()

    def look(self, file: str, text: str) -> Look:
        """A chapter with what it is measured against."""
        number = int(match.group(1)) if (match := _CONTINUES.fullmatch(file)) else 1
        others = [readable(self._book.folder, f"chapter_{other:02}.md") for other in range(1, number)]
        target = asked_of(plan_of(self._book.folder), self._book.settings, file, text)[1]
        return Look(
            text=text,
            before=tuple(other for other in others if other),
            least=target.low if target else MIN_WORDS,
            most=target.high if target else 0,
            hero=self._hero().name,
            own=self._own(file),
        )

    def _own(self, file: str) -> "_Own":
        book = self._book
        journal = book.journal
        told = provenance(
            of_file(book.history.revisions, file), lambda one: journal.text(one) if journal.has_text(one) else None
        )
        return _Own([one.text for one in told if one.by != AGENT])

    async def read(self, file: str, text: str) -> str:
        """The words of a review of a chapter, for `review_chapter`: what is counted, and the model's retelling."""
        look, retold = self.look(file, text), self._book.conversation.last_text
        return await asyncio.to_thread(words_of_review, look, retold)


class _Own:
    """Whether a passage holds no sentence of the author's."""

    def __init__(self, others: list[str]) -> None:
        self._others = [one.strip() for one in others if one.strip()]

    def __call__(self, passage: str) -> bool:
        return not any(one in passage or passage in one for one in self._others)


class _Shown:
    """Emits a reply as what it is, prose of a file or words; first what the studio puts before it, and no echo.

    llama.cpp's server repeats what the assistant was made to have begun with.
    """

    def __init__(self, work: Work, record: ev.Record) -> None:
        self._work = work
        self._record = record
        self._held: str | None = ""  # of the echo, so far; None = it is over
        self._is_begun = False

    def __call__(self, event: ev.Event) -> None:
        if not isinstance(event, ev.ReplyDelta):
            self._record(event)
            return
        text = event.text
        if self._held is not None:
            text = self._held + text
            if text != self._work.prefill and self._work.prefill.startswith(text):
                self._held = text
                return
            text, self._held = text.removeprefix(self._work.prefill), None
        self._show(text)

    def end(self) -> None:
        """What was taken for an echo, and was none."""
        held, self._held = self._held, None
        if held:
            self._show(held)

    def _show(self, text: str) -> None:
        if not self._is_begun and self._work.opening:
            text = self._work.opening + text
        self._is_begun = True
        if text and self._work.file:
            self._record(ev.ProseDelta(file=self._work.file, text=text))
        elif text:
            self._record(ev.ReplyDelta(text=text))


def chapter_titles(outline: str) -> list[str]:
    """The numbered chapters of an outline, in order: a prologue would take a number that is another's."""
    named = [one for one in chapters_of(outline) if one.number is not None]
    return [one.title or f"Chapter {one.number}" for one in named][:MAX_CHAPTERS]

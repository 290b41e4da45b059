"""Co-writing as a run carries it out: a reply without a tool call is a turn, and then it is the author's.

Where the talk stands is a fold of events (`stage`); here is what is due between two calls, and the words for it.
"""

import asyncio
import logging

from studio import events as ev
from studio.agent.controls import Controls
from studio.agent.cowriting.stage import RECORD_ID, Cowriting, Stage
from studio.agent.cowriting.transcript import names, transcript
from studio.agent.guided import talk as guided_talk
from studio.agent.open_book import OpenBook
from studio.agent.prompts import prompt
from studio.agent.step import Caller
from studio.backends.backend import Backend, Reply
from studio.errors import BookError, BookUnsaved

log = logging.getLogger(__name__)

READING = ("read_file", "list_files", "search_files")  # tools that may be called during the talk


class Talk:
    """What a run does of the talk, between two calls and in the words it sends."""

    def __init__(self, book: OpenBook, controls: Controls) -> None:
        self._book = book
        self._controls = controls
        self._is_kept = False  # or can't be

    @property
    def _state(self) -> Cowriting:
        return self._book.progress.cowriting

    @property
    def is_on(self) -> bool:
        """Whether the next reply is part of the talk."""
        return self._state.is_on

    def begin(self) -> str:
        """The author's wish as the first message has it, with the talk begun if there is to be one."""
        self.start()
        name = "brief" if self._state.stage is Stage.OFF else "brief_cowriting"
        return prompt(name, prompt=self._book.settings.prompt)

    def start(self) -> None:
        """Begin the talk of a book that is to have one: go can be said before the backend is there."""
        book = self._book
        if book.settings.cowrite and not book.conversation.messages and self._state.stage is Stage.OFF:
            book.record(ev.CowritingStarted())

    def go(self) -> None:
        """The author says go; nothing happens where there is no talk to end."""
        self.start()
        if self._state.is_open:
            self._book.record(ev.CowritingEnded())
            self._controls.wake()

    async def carry_out(self) -> bool:
        """Do what is due before another call can be made; False when nothing is.

        Raises:
            BookUnsaved: the disk could not take the file.
        """
        if self._state.is_on and self._state.has_replied and self._book.conversation.last_text.strip():
            self._book.record(ev.TurnEnded())
        elif self._state.is_authors_turn:
            await self._controls.wait()
        elif self._state.stage is Stage.GO and not (self._is_kept or self._state.kept):
            await self._keep()
        else:
            return False
        return True

    async def _keep(self) -> None:
        """Write the talk to a file of the book; a run that is killed meanwhile finds it half-way, and ends it."""
        book = self._book
        await book.journal.durable()
        text = await asyncio.to_thread(lambda: transcript(book.settings.prompt, book.journal.read()))
        self._is_kept = True
        try:
            there = set(book.folder.names())
            name = next((name for name in names() if name not in there), "")
            if text and name:
                await book.manuscript.write(RECORD_ID, name, text, "create", lambda written: "")
        except BookUnsaved:
            self._is_kept = False
            raise
        except BookError as error:  # locked, or taken away by the author: the record has it all the same
            log.warning("the talk is in the record, but in no file: %s", error)

    async def reply(self, caller: Caller, backend: Backend) -> Reply:
        """A turn of guided mode. Raises as `Caller.reply`."""
        messages, sampling = guided_talk.asked(self._book)
        return await caller.reply(backend, messages, (), self._emit, sampling)

    def _emit(self, event: ev.Event) -> None:
        self._book.record(event)

    def refusal(self, call: ev.ToolCall) -> str:
        """Why a call is not carried out during the talk; "" when it is."""
        return prompt("cowriting_refused") if self.is_on and call.name not in READING else ""

    def told(self, nudge: str) -> str:
        """What the next message says beside the author's words, where it would say `nudge` without a talk."""
        if self._state.stage is Stage.GO:
            kept = prompt("cowriting_kept", file=self._state.kept) if self._state.kept else ""
            return prompt("cowriting_go", kept=kept)
        return prompt("cowriting_nudge") if nudge and self.is_on else nudge

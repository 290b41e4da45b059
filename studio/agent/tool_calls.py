"""The calls of a finished reply, carried out one by one: each once, whatever was killed in between."""

from collections.abc import Callable

from studio import events as ev
from studio.agent import toolbox
from studio.agent.cowriting.talk import Talk
from studio.agent.guided.order import Guide
from studio.agent.limits.bounds import MOST_CALLS
from studio.agent.memory.compression import Compression
from studio.agent.open_book import OpenBook
from studio.agent.prompts import prompt
from studio.agent.questions import put
from studio.agent.step import Caller, fits
from studio.agent.tool import ToolContext
from studio.backends.backend import Backend


class ToolCalls:
    """Carries out what the agent calls, with what a tool may touch."""

    def __init__(
        self,
        book: OpenBook,
        caller: Caller,
        backend: Callable[[], Backend],
        talk: Talk,
        guide: Guide,
        compression: Compression,
        *,
        is_author_there: bool,
    ) -> None:
        """`backend`: the one that answers now."""
        self._book = book
        self._caller = caller
        self._backend = backend
        self._talk = talk
        self._guide = guide
        self._compression = compression
        self.is_author_there = is_author_there  # else the agent decides what it would ask

    async def carry_out(self, call: ev.ToolCall) -> None:
        """Carry out the next call of the finished reply, and record what came of it. Raises `BookUnsaved`."""
        book, conversation = self._book, self._book.conversation
        write_id = f"{conversation.step}.{conversation.calls_done}"
        if not conversation.call_started:
            book.record(ev.ToolStarted(id=call.id, name=call.name))
        settled = conversation.settled.get(write_id)
        if conversation.calls_done >= MOST_CALLS:
            ok, result = False, prompt("call_refused", most=MOST_CALLS)
        elif refusal := self._talk.refusal(call):
            ok, result = False, refusal
        elif settled is not None:
            ok, result = True, settled  # it was on disk already when an earlier run ended
        else:
            await book.watcher.scan()  # what the author did while the reply came: a rename is no removal
            await book.journal.durable()
            ok, result = await toolbox.carry_out(call, self.context(write_id))
        book.record(ev.ToolFinished(id=call.id, name=call.name, ok=ok, result=self._compression.bounded(result)))

    def context(self, write_id: str) -> ToolContext:
        """What a tool may touch; `write_id`: of the call within the book."""
        book, backend = self._book, self._backend()
        return ToolContext(
            folder=book.folder,
            manuscript=book.manuscript,
            ledger=book.ledger,
            settings=book.settings,
            record=book.record,
            finish_refused=book.conversation.finish_refused,
            write_id=write_id,
            ask=lambda question: put(
                question, write_id, book.steering.questions, book.record, is_author_there=self.is_author_there
            ),
            consult=lambda purpose, messages: self._caller.aside(self._backend(), purpose, messages),
            authors=self._compression.forgotten_of,
            bound=self._compression.bounded,
            fits=lambda messages: fits(self._backend(), messages),
            chapters=book.chapters,
            reader=self._guide.read if backend.guided else None,
            text_of=book.journal.text,
        )

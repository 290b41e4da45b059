"""Compression: when a conversation gives way to a summary, how that is got, and the summaries kept on the way.

Never between a call and its result and never within a step: whoever calls this stands between two of them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from studio import events as ev
from studio.agent import toolbox
from studio.agent.conversation import Conversation
from studio.agent.cowriting.stage import Stage
from studio.agent.memory import recall
from studio.agent.memory.check import check
from studio.agent.memory.edits import sentences_there
from studio.agent.memory.message import (
    NOTES_PART,
    Material,
    TokensOf,
    compressed_message,
    digest_room,
    in_parts,
    room_of,
    shortened,
    split_notes,
)
from studio.agent.memory.summary import ASKED, fault, fitting, mechanical_summary, request, what_was_done
from studio.agent.open_book import OpenBook
from studio.agent.prompts import prompt
from studio.agent.step import BackendGaveUp, Caller
from studio.agent.tool import ToolContext
from studio.agent.tools.list_files import listing
from studio.backends.backend import Backend, Message, Reply
from studio.backends.tokens import estimate
from studio.book.compose import Mode
from studio.book.summaries import write_summaries
from studio.book.texts import texts
from studio.errors import BookError, BookUnsaved, ContextOverflow, UsageError

log = logging.getLogger(__name__)

_FREES = 0.02  # of the window; a compression that would free less is not made
_FULL = 0.93  # of the window: a request and its reply that come to this have filled it, as near as can be told
_RESULT = 0.25  # of the window: what one tool's result may take
_AUTHORS = 0.04  # of the window: the author's sentences that are named with a file that is read
_TRIES = 2  # at a summary by the model
_THOUGHT = 0.2  # of the window: kept free for what is thought before it, once that has cut it short


class Compressing(msgspec.Struct, frozen=True, kw_only=True):
    """When a run compresses and keeps summaries."""

    at: float = 0.9  # share of the window at which the conversation is compressed before the next call
    every: int = 50  # steps between two summaries that are kept
    begin_from: int | None = None  # the step of a kept summary that the conversation begins anew from, once


def compressing_of(
    conversation: Conversation, at: float | None, every: int | None, from_summary: int | None
) -> Compressing:
    """As the author set it; None = as usual, and `from_summary` 0 = the last one.

    Raises:
        UsageError: no such summary was kept.
    """
    usual, kept = Compressing(), sorted(conversation.summaries)
    if from_summary is not None and (not kept or from_summary not in (0, *kept)):
        there = f"There are those after the steps {', '.join(map(str, kept))}" if kept else "None has been kept yet"
        which = f"after step {from_summary}" if from_summary else "to begin from"
        raise UsageError(f"The book has no summary {which}. {there}; leave --from-summary out to go on as it is.")
    begin_from = kept[-1] if from_summary == 0 else from_summary
    return Compressing(at=at or usual.at, every=every or usual.every, begin_from=begin_from)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what the compressed conversation may take."""

    room: int  # tokens of the message that stands in its place
    digest: int  # of these, for the summary proper
    before: int  # tokens of the conversation as it is
    window: int
    tokens_of: TokensOf


class Compression:
    """Makes the conversation short; what it was stays in the journal."""

    def __init__(
        self,
        book: OpenBook,
        caller: Caller,
        backend: Callable[[], Backend],
        context: Callable[[], ToolContext],
        settings: Compressing,
    ) -> None:
        """`backend`: the one that answers now; `context`: what a tool may touch, to list the files with."""
        self._book = book
        self._conversation = book.conversation
        self._caller = caller
        self._backend = backend
        self._context = context
        self._settings = settings
        self._begin_from = settings.begin_from
        self._made: tuple[int, str] = (0, "")  # (messages it covers, the summary that was last made)

    # --- when -----------------------------------------------------------------------------------------------------

    @property
    def is_asked(self) -> bool:
        """Whether something is to be done here before the next step, however much room there is."""
        return self._conversation.compression_asked or self._begin_from is not None or self._must_keep

    @property
    def _must_keep(self) -> bool:
        conversation, every = self._conversation, self._settings.every
        last = max(conversation.summaries, default=0)
        return conversation.step_finished and conversation.step // every > last // every

    async def carry_out(self) -> None:
        """Do the most pressing of what is asked. Raises as `Caller.aside`."""
        if self._begin_from is not None:
            await self._begin_anew(self._begin_from)
        elif self._conversation.compression_asked:
            await self.compress()
        else:
            await self._keep()

    async def is_too_full(self, message: str = "", backend: Backend | None = None) -> bool:
        """Whether the conversation must be compressed before it is sent, with `message` at its end, to a backend.

        Not when nothing would come of it: what a compression leaves can't be compressed once more.
        """
        backend, messages = backend or self._backend(), self._conversation.messages
        if not self._is_grown:
            return False
        sent = [*messages, Message(role="user", text=message)] if message else messages
        await backend.calibrate(sent, toolbox.SPECS)
        counted = backend.count(sent, toolbox.SPECS, cautious=True)
        if counted <= self._settings.at * backend.context and not self._ran_full(counted, backend):
            return False
        lasting = backend.count(messages[: self._lasting], toolbox.SPECS)
        frees = backend.count(messages, toolbox.SPECS) - lasting
        return frees > _FREES * backend.context

    def _ran_full(self, counted: int, backend: Backend) -> bool:
        """Whether it was the window's end that cut the last reply: it would do so again, and again be paid for."""
        conversation, filled = self._conversation, 0
        if conversation.cut_reply:
            filled = counted + estimate(conversation.cut_reply)
        elif conversation.step_finished and conversation.finish_reason == "length" and conversation.usage is not None:
            filled = conversation.usage.prompt_tokens + conversation.usage.completion_tokens
        return filled > _FULL * backend.context

    @property
    def _lasting(self) -> int:
        """Messages that a compression could not make fewer: the system's words, the author's wish, a summary."""
        return 3 if self._conversation.digest else 2

    @property
    def _is_grown(self) -> bool:
        return len(self._conversation.messages) > self._lasting

    async def fit_into(self, backend: Backend, *, with_model: bool) -> None:
        """Compress what would be too long for the next backend, by the one that is about to be left."""
        if await self.is_too_full(backend=backend):
            await self.compress(with_model=with_model, once=True, into=backend)

    async def after_overflow(self, overflow: ContextOverflow) -> None:
        """The server says that the window is full: compress without asking it, or give up with its own words."""
        if not self._is_grown:
            raise BackendGaveUp(overflow)
        await self.compress(with_model=False)

    def forgotten_of(self, file: str, text: str) -> list[str]:
        """The author's sentences in a file's text, once the conversation may not tell them any more."""
        if not self._conversation.digest:
            return []
        backend = self._backend()
        room = round(_AUTHORS * backend.context)
        return sentences_there(self._book.decisions.written, file, text, room, self._tokens_of(backend))

    def bounded(self, result: str) -> str:
        """A tool's result as long as the window allows: the middle of a longer one is left out, and that is said."""
        room = round(_RESULT * self._backend().context)
        # A text has fewer tokens than characters.
        return result if len(result) <= room else shortened(result, room, self._tokens_of(self._backend()))

    # --- how ------------------------------------------------------------------------------------------------------

    async def compress(self, *, with_model: bool = True, once: bool = False, into: Backend | None = None) -> None:
        """Replace the conversation by a summary.

        Args:
            with_model: False: it can't be asked; what the files and the last summary say stands in.
            once: a model that fails is not waited for: it is about to be left.
            into: the backend whose window counts, when it is not the one that answers now.
        """
        plan = self._plan(into or self._backend())
        digest = await self._digest(plan, with_model=with_model, once=once)
        await self._replace(digest, plan, into or self._backend())

    async def _keep(self) -> None:
        """Make a summary that the book can be gone on from, and leave the conversation as it is."""
        digest = await self._digest(self._plan(self._backend()), with_model=True, once=True)
        self._book.record(ev.SummaryKept(step=self._conversation.step, summary=digest))
        title = self._conversation.title or self._book.root.name
        summaries = {
            step: f"# {title}, after step {step}\n\n{text}" for step, text in self._conversation.summaries.items()
        }
        try:
            await asyncio.to_thread(write_summaries, self._book.root, summaries)
        except BookError as error:
            log.warning("a summary is in the record, but not beside it: %s", error)

    async def _begin_anew(self, step: int) -> None:
        digest = prompt("from_summary", step=step, summary=self._conversation.summaries[step])
        await self._replace(digest, self._plan(self._backend()), self._backend())
        self._begin_from = None

    def _plan(self, backend: Backend) -> _Plan:
        messages, tokens_of = self._conversation.messages, self._tokens_of(backend)
        before = backend.count(messages, toolbox.SPECS)
        room = room_of(backend.context, self._settings.at, before, backend.count(messages[:2], toolbox.SPECS))
        _, notes = split_notes(self._book.steering.notes, room, tokens_of)
        digest = digest_room(room, tokens_of("\n".join(notes)), backend.context)
        return _Plan(room=room, digest=digest, before=before, window=backend.context, tokens_of=tokens_of)

    async def _digest(self, plan: _Plan, *, with_model: bool, once: bool) -> str:
        """The summary proper: the model's, if it gives one that can be used."""
        conversation, messages = self._conversation, self._conversation.messages
        if conversation.digest and not self._is_grown:
            return conversation.digest  # nothing has happened since
        covered, made = self._made
        if covered == len(messages) and plan.tokens_of(made) <= plan.digest:
            return made
        can_answer = with_model and not self._backend().guided and any(one.role == "assistant" for one in messages)
        digest = await self._ask(plan, once=once) if can_answer else ""
        if not digest:
            return mechanical_summary(
                conversation.digest,
                self._files(),
                self._open_question(),
                plan.digest,
                plan.tokens_of,
                done=what_was_done(messages),
            )
        self._made = (len(messages), digest)
        return digest

    async def _ask(self, plan: _Plan, *, once: bool) -> str:
        """The model's summary, or "" when what it gives is no good. Raises as `Caller.aside`."""
        backend, why, kept_free = self._backend(), "", plan.digest
        for _ in range(_TRIES):
            asked = request(round(ASKED * plan.digest), why, in_talk=self._book.progress.cowriting.is_on)
            sent = self._fitting(asked, backend.context - kept_free)
            if sent is None:
                log.warning("the conversation is too long for its own summary")
                return ""
            try:
                reply = await self._caller.aside_reply(backend, "summary", [*sent, asked], toolbox.SPECS, once=once)
            except ContextOverflow:
                log.warning("the conversation is too long for its own summary")
                return ""
            why = self._fault(reply, plan)
            if not why:
                return reply.text.strip()
            log.warning("a summary was rejected: %s", why)
            if reply.finish_reason == "length":
                kept_free = plan.digest + round(_THOUGHT * backend.context)
        return ""

    def _fitting(self, asked: Message, room: int) -> list[Message] | None:
        backend = self._backend()

        def count(some: Sequence[Message]) -> int:
            return backend.count([*some, asked], toolbox.SPECS, cautious=True)

        return fitting(self._conversation.messages, room, count, self._tokens_of(backend))

    def _fault(self, reply: Reply, plan: _Plan) -> str:
        backend, messages = self._backend(), self._conversation.messages
        return fault(reply, plan.digest, backend.count(messages[2:], ()), plan.tokens_of)

    async def _replace(self, digest: str, plan: _Plan, backend: Backend) -> None:
        """Put the summary, the author's words and the pinned files in the conversation's place."""
        book, messages, tokens_of = self._book, self._conversation.messages, plan.tokens_of
        untold = set(book.steering.told())  # the next step tells them
        old, notes = split_notes(book.steering.notes, plan.room, tokens_of)
        notes_in = await self._put_away(old, plan)
        material = Material(
            digest=digest,
            notes=[*([] if notes_in else old), *notes, *book.steering.questions.reminders()],
            notes_in=notes_in,
            edits=[edit for edit in book.steering.edited if edit.seq not in untold],
            files=self._files(),
            listing=listing(self._context()),
            next=self._next_words(),
        )
        # What was lost is put back as an index behind it; in a small room what is pinned comes first.
        most = max(plan.room - recall.room(backend.context), plan.room * 3 // 4)
        room, text, after = most, "", 0
        fixed = backend.count(messages[:2], toolbox.SPECS)
        for _ in range(4):  # what is counted piece by piece may come to a little more together
            text = compressed_message(material, room, tokens_of)
            after = backend.count([*messages[:2], Message(role="user", text=text)], toolbox.SPECS)
            if after <= fixed + most:
                break
            room -= after - fixed - most
        self._made = (0, "")
        checked = await check(book, [*(one.text for one in messages[1:2]), text], backend.context)
        text = recall.with_index(text, checked.missing)
        after = backend.count([*messages[:2], Message(role="user", text=text)], toolbox.SPECS)
        book.record(ev.ContextCompressed(before=plan.before, after=after, summary=text, digest=digest))
        book.record(checked)

    async def _put_away(self, notes: Sequence[str], plan: _Plan) -> list[str]:
        """Put what the author said long ago into files that the agent can read; none when that can't be."""
        names = []
        for number, part in enumerate(in_parts(notes, round(NOTES_PART * plan.window), plan.tokens_of), 1):
            file = f"notes/from_the_author_{number:02}.md"
            names.append(file)
            try:
                there = await self._book.manuscript.read(file)
                if there is not None and all(note in there for note in part):
                    continue
                text = f"# What the author said ({number})\n\n" + "".join(f"- {note}\n\n" for note in part)
                write_id = f"notes.{self._conversation.step}.{number}"
                mode: Mode = "create" if there is None else "overwrite"
                await self._book.manuscript.write(write_id, file, text, mode, lambda written: "")
            except BookUnsaved:
                raise
            except BookError as error:
                log.warning("the author's old notes stay in the conversation: %s", error)
                return []
        return names

    def _files(self) -> list[tuple[str, str]]:
        return [(name, text) for name, text in texts(self._book.folder) if text is not None]

    def _next_words(self) -> str:
        talk = self._book.progress.cowriting
        if talk.is_on:
            return prompt("cowriting_talk")
        return "" if talk.stage is Stage.OFF else prompt("cowriting_over")

    def _open_question(self) -> str:
        if self._book.progress.cowriting.is_on:
            return self._conversation.last_text  # what stands so far is in no file yet
        return "; ".join(question.text for question in self._book.steering.questions.open)

    def _tokens_of(self, backend: Backend) -> TokensOf:
        """Counts texts apart: without what a template takes for itself, which may be more than a short text."""
        blank = backend.count([Message(role="user")], ())
        return lambda text: max(0, backend.count([Message(role="user", text=text)], ()) - blank)

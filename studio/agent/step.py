"""One step: compose what the model is told, make the call through faults and cuts, keep what arrived."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

from studio import events as ev
from studio.agent.controls import Controls, Interrupted
from studio.agent.conversation import Conversation
from studio.agent.limits.bounds import OutOfBounds, Watched, bounds
from studio.agent.prompts import prompt
from studio.agent.retries import Retries, Schedule
from studio.backends.backend import Backend, Message, Reply, Sampling, ToolSpec
from studio.backends.partial_json import is_unclosed
from studio.book.journal import sha256_of
from studio.book.merge import sentences
from studio.book.words import count_words
from studio.errors import BackendError, ContextOverflow, StreamCut

PLAIN = Sampling()
log = logging.getLogger(__name__)

_UNUSED = "a reply that could not be used"
_ENDLESS = 30  # words of one unfinished sentence that are kept rather than written again
_ANSWER = 4_000  # tokens an answer may want, thoughts included
_TAIL = 200  # characters quoted from the end of what was kept


class BackendGaveUp(Exception):
    """The backend can't answer and no further try is made by itself."""

    def __init__(self, error: BackendError) -> None:
        super().__init__(str(error))
        self.error = error


class TryAgain(Exception):
    """The call failed or was cut, that is recorded and waited for; the loop should come round once more."""


class Caller:
    """Makes model calls for a run: the main ones and, apart from the conversation, reviews and summaries."""

    def __init__(
        self,
        conversation: Conversation,
        controls: Controls,
        record: ev.Record,
        schedule: Schedule | None = None,
        money_left: Callable[[], float | None] = lambda: None,
    ) -> None:
        """`money_left`: US dollars that the calls may still cost; None = no limit, or not known."""
        self._conversation = conversation
        self._controls = controls
        self._record = record
        self._money_left = money_left
        self.retries = Retries(schedule)
        self._was_empty = False  # the last reply held nothing

    async def reply(
        self,
        backend: Backend,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        emit: ev.Emit,
        sampling: Sampling = PLAIN,
    ) -> Reply:
        """The complete reply of one step, its pieces emitted as they arrive.

        Raises:
            Interrupted: the author cut it; what arrived is kept.
            TryAgain: it failed, or passed its bounds; what arrived is kept, and the wait before the next try is over.
            ContextOverflow: the messages don't fit.
            BackendGaveUp: no further try is made by itself; what arrived is kept.
        """
        watched = self._watched(backend, messages, tools, emit)
        try:
            reply = await self._controls.cuttable(backend.reply(messages, tools, watched, sampling))
        except Interrupted as interrupted:
            keep_partial(self._conversation, str(interrupted), self._record)
            raise
        except OutOfBounds as passed:
            self._account_cut(backend, messages, tools, watched)
            keep_partial(self._conversation, str(passed), self._record, advice=passed.advice)
            raise TryAgain from passed
        except StreamCut as error:
            if error.usage is not None:
                self._account(backend, _UNUSED, error.usage)
            keep_partial(self._conversation, str(error), self._record, advice=error.advice)
            await self._wait_out(error)
        except ContextOverflow:
            raise
        except BackendError as error:
            await self._wait_out(error)
        if (useless := self._useless(reply)) is not None:
            if reply.usage is not None:
                self._account(backend, _UNUSED, reply.usage)
            keep_partial(self._conversation, str(useless), self._record)
            await self._wait_out(useless)
        self.retries.succeeded()
        return reply

    def _useless(self, reply: Reply) -> StreamCut | None:
        """Why a reply that came to its end is none all the same, or None."""
        if reply.finish_reason == "length" and any(not _is_json(call.arguments) for call in reply.tool_calls):
            return StreamCut("The reply reached the server's limit of one reply's length.", retry_after=0.0)
        if any(is_unclosed(call.arguments) for call in reply.tool_calls):
            return StreamCut("The reply ended in the middle of a tool call.", retry_after=0.0)
        is_empty = not reply.tool_calls and not reply.text.strip() and reply.finish_reason != "length"
        # Once it is a mishap of the server; twice, the model has to be told.
        self._was_empty = is_empty and not self._was_empty
        if self._was_empty:
            return StreamCut("The reply held neither words nor a tool call.", retry_after=0.0)
        return None

    def _watched(
        self, backend: Backend, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: ev.Emit
    ) -> Watched:
        left, prices = self._money_left(), backend.prices
        prompt_tokens = backend.count(messages, tools) if left is not None and prices is not None else 0
        return Watched(emit, bounds(backend.context, money_left=left, prices=prices, prompt_tokens=prompt_tokens))

    def _account_cut(
        self, backend: Backend, messages: Sequence[Message], tools: Sequence[ToolSpec], watched: Watched
    ) -> None:
        """A call that we cut is paid for, and no server says how much."""
        usage = ev.Usage(prompt_tokens=backend.count(messages, tools), completion_tokens=watched.tokens, estimated=True)
        self._account(backend, "a reply that was cut", usage)

    def _account(self, backend: Backend, purpose: str, usage: ev.Usage) -> None:
        self._record(ev.CallAccounted(purpose=purpose, usage=usage, cost=cost_of(backend, usage)))

    async def aside(
        self,
        backend: Backend,
        purpose: str,
        messages: list[Message],
        tools: Sequence[ToolSpec] = (),
        *,
        once: bool = False,
    ) -> str:
        """As `aside_reply`, but the reply's text alone; "" if it has none, or no end."""
        reply = await self.aside_reply(backend, purpose, messages, tools, once=once)
        return "" if reply.finish_reason == "length" else reply.text.strip()

    async def aside_reply(
        self,
        backend: Backend,
        purpose: str,
        messages: list[Message],
        tools: Sequence[ToolSpec] = (),
        *,
        once: bool = False,
    ) -> Reply:
        """One call outside the conversation, accounted for; one that was cut ends for its `length`.

        Args:
            once: a failure is no reason to wait; the reply is empty then.

        Raises:
            Interrupted, TryAgain, ContextOverflow, BackendGaveUp: as `reply`; nothing of it is kept.
        """
        watched = self._watched(backend, messages, tools, _nowhere)
        try:
            reply = await self._controls.cuttable(backend.reply(messages, tools, watched))
        except OutOfBounds as passed:
            self._account_cut(backend, messages, tools, watched)
            log.warning("%s was cut: %s", purpose, passed)
            return Reply(finish_reason="length")
        except ContextOverflow:
            raise
        except BackendError as error:
            if once:
                log.warning("%s could not be made: %s", purpose, error)
                return Reply()
            await self._wait_out(error)
        self.retries.succeeded()
        self._account(backend, purpose, reply.usage or estimated_usage(backend, messages, tools, reply))
        return reply

    async def _wait_out(self, error: BackendError) -> NoReturn:
        """Record the fault, wait, and raise `TryAgain`; or `BackendGaveUp` when the author has to do something."""
        wait = self.retries.next_wait(error)
        if wait is None:
            self.retries.begin_anew()
            raise BackendGaveUp(error) from error
        self._record(ev.BackendFault(error=str(error), retry_in=wait))
        await self._controls.wait_out(wait)
        raise TryAgain


def keep_partial(conversation: Conversation, why: str, record: ev.Record, *, advice: str = "") -> None:
    """Close the open reply: its prose stays as versions, so that an append can go on from it."""
    for partial in conversation.partial_prose():
        text = complete_sentences(partial.text)
        if text.strip():
            kept = ev.PartialKept(file=partial.file, sha256=sha256_of(text), words=count_words(text), mode="")
            record(kept, text)
    record(ev.ReplyCut(why=why, advice=advice))


def complete_sentences(text: str) -> str:
    """`text` up to its last complete sentence; a long one that never ends is kept, a few words are not worth it."""
    tokens = sentences(text)
    if tokens and not tokens[-1].rstrip().endswith((".", "!", "?", "…", "。", "！", "？", "”", '"', "»")):
        last = tokens.pop()
        if not "".join(tokens).strip() and count_words(last) >= _ENDLESS:
            tokens.append(last)
    return "".join(tokens)


def cut_message(conversation: Conversation, kept_of: Callable[[str], str]) -> str:
    """What the model is told after a cut reply; "" when nothing arrived that could be gone on from.

    Args:
        kept_of: all that is kept for a file, of this cut reply and those before it.
    """
    texts = {partial.file: kept_of(partial.file) for partial in conversation.kept}
    kept = [
        prompt("cut_prose", file=file, words=f"{count_words(text):,}", tail=_tail(text)) for file, text in texts.items()
    ]
    text = conversation.partial_text()
    if text.strip() and not kept:
        kept.append(prompt("cut_text", tail=_tail(text)))
    told = [prompt("cut", kept="\n".join(kept))] if kept else []
    if conversation.cut_advice:
        told.append(prompt(conversation.cut_advice))
    return "\n\n".join(told)


def _tail(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= _TAIL else "…" + text[-_TAIL:]


def _is_json(arguments: str) -> bool:
    try:
        json.loads(arguments, strict=False)
    except (ValueError, RecursionError):  # a model that opens one bracket after another comes to its limit so
        return False
    return True


def estimated_usage(backend: Backend, messages: Sequence[Message], tools: Sequence[ToolSpec], reply: Reply) -> ev.Usage:
    """Tokens of a call whose server reported none."""
    answer = Message(role="assistant", text=reply.text, reasoning=reply.reasoning, tool_calls=reply.tool_calls)
    return ev.Usage(
        prompt_tokens=backend.count(messages, tools), completion_tokens=backend.count([answer], ()), estimated=True
    )


def fits(backend: Backend, messages: Sequence[Message]) -> bool:
    """Whether a call apart from the conversation leaves room in the window for its answer."""
    return backend.count(messages, ()) <= 0.9 * backend.context - min(_ANSWER, backend.context // 8)


def cost_of(backend: Backend, usage: ev.Usage) -> float | None:
    """US dollars of one call: what the server charged, else by its prices, else None."""
    if usage.cost is not None:
        return usage.cost
    return backend.prices.cost(usage) if backend.prices else None


def _nowhere(event: ev.Event) -> None:
    """A call apart from the conversation shows nothing of its own."""

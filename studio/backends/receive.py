"""One streaming answer, from the socket's bytes to a complete reply or to the reason why there is none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import jiter

from studio.backends.faults import Faults
from studio.backends.reply import ReplyBuilder
from studio.backends.wire import BadChunk, EventReader
from studio.errors import BackendError

YIELD_EVERY = 0.004  # seconds of CPU after which the loop gets its turn, however much is buffered
LINGER = 3.0  # seconds for what may follow a reply's end: usage, [DONE], the end of the connection
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:", b"error:")  # how a line of a stream begins
IDLE_IN_PIECES = 120.0  # seconds of silence in the middle of a call that arrives bit by bit
ONLY_COMMENTS = 1800.0  # seconds that a server may send signs of life and nothing else


class Patience:
    """The stall timers: how long nothing may come before the first chunk, and after it."""

    def __init__(self, limit: asyncio.Timeout, *, first: float, idle: float) -> None:
        """Begin now.

        Args:
            limit: the running timeout that is moved.
            first: seconds without a byte before the first chunk: a prompt is read for minutes.
            idle: seconds without a byte after it: some servers hold a whole call back.
        """
        self._limit = limit
        self._now = asyncio.get_running_loop().time
        self._idle = idle
        self.allowed = first
        self._renew_at = 0.0
        self._chunk_at = self._now()
        self._ending = False

    def heard(self, *, chunk: bool, ended: bool, in_pieces: bool = False) -> None:
        """A block has come.

        Args:
            chunk: with something of the reply in it.
            ended: the reply is at its end.
            in_pieces: a tool call is arriving bit by bit, so that no silence means one that is held back.
        """
        now = self._now()
        if chunk:
            allowed = min(self._idle, IDLE_IN_PIECES) if in_pieces else self._idle
            if allowed != self.allowed:
                self._renew_at = 0.0
            self._chunk_at, self.allowed = now, allowed
        if ended:
            if chunk or not self._ending:
                self._ending = True
                self._limit.reschedule(now + LINGER)
        elif now >= self._renew_at:
            # Moving a timer for every token would cost as much as reading it.
            self._renew_at = now + self.allowed / 20
            self._limit.reschedule(min(now + self.allowed, self._chunk_at + max(ONLY_COMMENTS, self.allowed)))


class Answer:
    """Feeds the builder, and knows whether the answer has come to its end."""

    def __init__(self, builder: ReplyBuilder, faults: Faults) -> None:
        self._builder = builder
        self._faults = faults
        self._reader = EventReader()
        self._clock = asyncio.get_running_loop().time
        self.fault: BackendError | None = None  # that the server reported inside the stream
        self.chunks = 0
        self._head = b""  # how the answer begins, to tell something else from an empty stream

    @property
    def has_ended(self) -> bool:
        """Whether the server said that the reply is done; what follows is usage at most."""
        return self._reader.done or bool(self._builder.finish_reason)

    async def receive(self, blocks: AsyncIterator[bytes], content_type: str, patience: Patience) -> None:
        """Read to the end of the stream. A fault that the server reports is kept in `fault`."""
        feed, reader = self._builder.feed, self._reader
        heard = self._clock()
        turn = heard + YIELD_EVERY
        try:
            async for block in blocks:
                if not self.chunks and "event-stream" not in content_type and block.lstrip()[:1] in (b"{", b"[", b"<"):
                    self._whole(block + b"".join([more async for more in blocks]))
                    return
                self._head = self._head or block[:200].lstrip()
                now = self._clock()
                if now - heard > YIELD_EVERY / 4:
                    turn = now + YIELD_EVERY  # we have waited for this block: others had their turn
                before = self.chunks
                for chunk in reader.feed(block):
                    self.chunks += 1
                    if self._broke_off(chunk):
                        return
                    feed(chunk)
                    if self._clock() > turn:
                        await asyncio.sleep(0)
                        turn = self._clock() + YIELD_EVERY
                if reader.error is not None:
                    self.fault = self._faults.of_error_object(reader.error)
                    return
                patience.heard(
                    chunk=self.chunks > before, ended=self.has_ended, in_pieces=self._builder.call_comes_in_pieces
                )
                heard = self._clock()
            for chunk in reader.end():
                self.chunks += 1
                if self._broke_off(chunk):
                    return
                feed(chunk)
            if reader.error is not None:
                self.fault = self._faults.of_error_object(reader.error)
        except BadChunk as bad:
            if not self.chunks and bad.text.lstrip().startswith("<"):
                self.fault = self._faults.not_a_stream(bad.text.encode())
            else:
                self.fault = BackendError(self._faults.bad_chunk(bad.text), retryable=True)

    def _broke_off(self, chunk: Any) -> bool:
        if isinstance(chunk, dict) and (error := chunk.get("error")):
            self.fault = self._faults.of_error_object(error)
            return True
        return False

    def _whole(self, body: bytes) -> None:
        """An endpoint that does not stream: its one answer is a reply all the same."""
        try:
            answer = jiter.from_json(body)
        except ValueError:
            self.fault = self._faults.not_a_stream(body)
            return
        if isinstance(answer, list) and answer:
            answer = answer[0]
        if isinstance(answer, dict) and answer.get("error"):
            self.fault = self._faults.of_error_object(answer["error"])
        elif not isinstance(answer, dict) or not answer.get("choices"):
            self.fault = self._faults.not_a_stream(body)
        else:
            self.chunks += 1
            self._builder.feed(answer)

    def verdict(self) -> str | BackendError | None:
        """After the end: None when the reply is complete, why it was cut, or the error when nothing of it has come."""
        builder = self._builder
        if self.fault is not None:
            return self.fault
        if builder.is_complete:
            return None
        if self._reader.done and builder.has_arrived and not builder.has_calls and not builder.finish_reason:
            return None  # [DONE] says it too, when there is no call that could be half of one
        if builder.finish_reason:
            return f"its server gave it up: {builder.finish_reason}"
        if builder.has_arrived:
            return "it ended without saying that it was done"
        if self._head and not self._head.startswith(_FIELDS):
            return self._faults.not_a_stream(self._head)
        return self._faults.nothing_came()

"""Any OpenAI-compatible endpoint: the way of a token from the socket to its event."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.backends.backend import Message, Prices, Reply, Sampling, ToolSpec
from studio.backends.dialects import Dialect
from studio.backends.reply import ReplyBuilder
from studio.backends.tokens import TokenCount
from studio.backends.wire import BadChunk, EventReader
from studio.errors import BackendError, ContextOverflow, StreamCut
from studio.events import BackendPreparing, Emit

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai._response import AsyncAPIResponse

    from studio.backends.faults import Faults

CONNECT = 10.0  # seconds
SILENCE = 600.0  # seconds without a byte: prompts are read for minutes, whole calls come after long silences
YIELD_EVERY = 0.004  # seconds of CPU after which the loop gets its turn, however much is buffered
PLAIN = Sampling()

DEFAULT_CONTEXT = 128_000  # tokens, when nobody says
LARGEST_CONTEXT = 200_000


class Endpoint:
    """A `Backend` over HTTP."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        base_url: str,
        key: str | None,
        context: int | None,
        prices: Prices | None,
        dialect: Dialect,
        cache: Path,
        given_base_url: str = "",
        guided: bool = False,
        silence: float = SILENCE,
    ) -> None:
        """Nothing is reached before `prepare`.

        Args:
            model: "" = the first one the endpoint lists.
            context: tokens a conversation may take; None = what the endpoint says, or 128,000.
            given_base_url: the address when it is not the preset's own.
            silence: seconds without a byte before a reply is given up.
        """
        self.name = name
        self.model = model
        self.base_url = given_base_url
        self.context = context or DEFAULT_CONTEXT
        self.guided = guided
        self.prices = prices
        self._context_is_known = context is not None
        self._address = base_url
        self._key = key
        self._dialect = dialect
        self._silence = silence
        self._tokens = TokenCount(cache)
        self._client: AsyncOpenAI | None = None
        self._made_faults: Faults | None = None

    # --- getting ready --------------------------------------------------------------------------------------------

    async def prepare(self, emit: Emit) -> None:
        """Load the client; ask for the model when none was chosen. Raises `BackendError`."""
        client = await asyncio.to_thread(self._open)
        if self.model and self._context_is_known:
            return
        if not self.model:
            emit(BackendPreparing(text=f"Asking {self._address} for its models"))
        listed = await self._listed(client)
        if not self.model:
            if not listed:
                raise BackendError(f"{self._address} lists no model; name one with --model.")
            self.model = str(listed[0].get("id"))
            self._faults.model = self.model
        if not self._context_is_known:
            window = _window_of(next((one for one in listed if one.get("id") == self.model), {}))
            self.context = min(LARGEST_CONTEXT, window) if window else DEFAULT_CONTEXT

    async def _listed(self, client: "AsyncOpenAI") -> list[dict[str, Any]]:
        """What the endpoint serves. An endpoint without a list is no fault when the model is named."""
        import httpx2
        import openai

        try:
            async with client.models.with_streaming_response.list() as response:
                body = await response.json()
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            if self.model:
                return []
            if isinstance(error, ValueError):
                raise BackendError(f"{self._address} does not list its models; name one with --model.") from error
            raise self._faults.of_exception(error) from error
        listed = body.get("data") if isinstance(body, dict) else None
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    def _open(self) -> "AsyncOpenAI":
        if self._client is None:
            import httpx2
            from openai import AsyncOpenAI

            timeout = httpx2.Timeout(self._silence, connect=CONNECT)
            # A key is sent even where none is needed: the client insists on one.
            self._client = AsyncOpenAI(
                api_key=self._key or "none", base_url=self._address, max_retries=0, timeout=timeout
            )
        return self._client

    @property
    def _faults(self) -> "Faults":
        if self._made_faults is None:
            from studio.backends.faults import Faults

            self._made_faults = Faults(name=self.name, base_url=self._address, model=self.model, key=self._key)
        return self._made_faults

    # --- a reply --------------------------------------------------------------------------------------------------

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = PLAIN
    ) -> Reply:
        """See `Backend.reply`."""
        import httpx2
        import openai

        client = self._client if self._client is not None else await asyncio.to_thread(self._open)
        counted = self.count(messages, tools)
        builder = ReplyBuilder(emit)
        try:
            async with client.chat.completions.with_streaming_response.create(
                **self._request(messages, tools, sampling, counted)
            ) as response:
                await self._receive(response, builder)
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            fault = self._faults.of_exception(error)
            if builder.has_arrived:
                builder.close()
                raise StreamCut(self._faults.cut(str(fault).rstrip(".")), retry_after=fault.retry_after) from error
            raise fault from error
        reply = builder.finish()
        if reply.usage is not None:
            self._tokens.correct(counted, reply.usage.prompt_tokens)
        return reply

    def _request(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling, counted: int
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "messages": self._dialect.messages(messages), "stream": True}
        if tools:
            request["tools"] = self._dialect.tools(tools)
        request["stream_options"] = {"include_usage": True}
        options = self._dialect.options(sampling, self.context - counted)
        if options:
            request["extra_body"] = options
        return request

    async def _receive(self, response: "AsyncAPIResponse[Any]", builder: ReplyBuilder) -> None:
        """Feed the builder until the stream ends. Raises `StreamCut`, `BackendError`."""
        kind = response.headers.get("content-type", "")
        if "event-stream" not in kind and ("json" in kind or "html" in kind):
            await self._whole(kind, await response.read(), builder)
            return
        reader = EventReader()
        turn = time.monotonic() + YIELD_EVERY
        first = b""
        try:
            async for block in response.iter_bytes():
                first = first or block[:2000]
                for chunk in reader.feed(block):
                    if isinstance(chunk, dict) and chunk.get("error"):
                        self._broke_off(chunk["error"], builder)
                    builder.feed(chunk)
                    if time.monotonic() > turn:
                        await asyncio.sleep(0)
                        turn = time.monotonic() + YIELD_EVERY
                if reader.error is not None:
                    self._broke_off(reader.error, builder)
            for chunk in reader.end():
                builder.feed(chunk)
        except BadChunk as bad:
            builder.close()
            if builder.has_arrived:
                raise StreamCut(self._faults.cut(self._faults.bad_chunk(bad.text).rstrip("."))) from bad
            raise BackendError(self._faults.bad_chunk(bad.text), retryable=True) from bad
        builder.close()
        if builder.is_complete or (reader.done and builder.has_arrived and not builder.finish().tool_calls):
            return
        if builder.has_arrived:
            raise StreamCut(self._faults.cut("it ended without saying that it was done"))
        if first and not reader.done and not first.lstrip().startswith((b"data:", b":", b"event:", b"id:", b"retry:")):
            raise self._faults.not_a_stream(kind, first)
        raise BackendError(self._faults.cut("nothing came"), retryable=True)

    async def _whole(self, kind: str, body: bytes, builder: ReplyBuilder) -> None:
        """An endpoint that does not stream: its one answer is a reply all the same."""
        import jiter

        try:
            answer = jiter.from_json(body)
        except ValueError as error:
            raise self._faults.not_a_stream(kind, body) from error
        if isinstance(answer, dict) and answer.get("error"):
            raise self._faults.of_error_object(answer["error"])
        if not isinstance(answer, dict) or not answer.get("choices"):
            raise self._faults.not_a_stream(kind, body)
        builder.feed(answer)
        builder.close()

    def _broke_off(self, error: Any, builder: ReplyBuilder) -> None:
        fault = self._faults.of_error_object(error)
        if builder.has_arrived and not isinstance(fault, ContextOverflow):
            builder.close()
            raise StreamCut(str(fault)) from None
        raise fault

    # --- the rest -------------------------------------------------------------------------------------------------

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """See `Backend.count`."""
        return self._tokens.count(messages, tools)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _window_of(model: Mapping[str, Any]) -> int | None:
    """The window a `/models` entry tells, under the names that servers use."""
    meta = model.get("meta")
    for place in (model, meta if isinstance(meta, dict) else {}):
        for name in ("context_length", "max_model_len", "n_ctx", "context_window", "max_context_length"):
            value = place.get(name)
            if isinstance(value, int) and value > 0:
                return value
    return None

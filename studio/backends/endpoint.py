"""Any OpenAI-compatible endpoint: the way of a token from the socket to its event."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.backends.adapting import lesson
from studio.backends.backend import Message, Reply, Sampling, ToolSpec
from studio.backends.client import open_client
from studio.backends.counters import counted_by_server
from studio.backends.faults import Faults, Hints, lacks_model
from studio.backends.presets import Preset
from studio.backends.receive import Answer, Patience
from studio.backends.reply import ReplyBuilder
from studio.backends.served import prices_in, probe, served_models, window_of
from studio.backends.tokens import TokenCount
from studio.backends.tool_ids import style_for
from studio.errors import BackendError, ContextOverflow, StreamCut
from studio.events import BackendPreparing, Emit, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai._response import AsyncAPIResponse

log = logging.getLogger(__name__)

FIRST_BYTE = 600.0  # seconds: a long prompt is read for minutes
IDLE = 300.0  # seconds: Ollama, and Kimi K3 on vLLM, are silent until a whole call is done
PLAIN = Sampling()

LARGEST_CONTEXT = 200_000  # tokens a conversation may take, whatever the window
_NEAR = 0.5  # share of the window from which on it matters how much is in it
_UNSURE = 0.1  # share of the window that may go unreported before the server is asked to count
_SMALLEST_LEARNED = 2_048  # tokens; a window below it is a misunderstanding, or of no use for a book


class Endpoint:
    """A `Backend` over HTTP."""

    def __init__(
        self,
        *,
        preset: Preset,
        model: str,
        base_url: str,
        key: str | None,
        context: int | None,
        cache: Path,
        given_base_url: str = "",
        headers: Mapping[str, str] | None = None,
        reasoning_field: str = "",
        session: str = "",
        first_byte: float = FIRST_BYTE,
        idle: float = IDLE,
    ) -> None:
        """Nothing is reached before `prepare`.

        Args:
            model: "" = the first one of the preset that the endpoint lists, else the first that it lists at all.
            context: tokens a conversation may take; None = what is known of the model, what the endpoint says, or the
                preset's fallback.
            cache: folder for the vocabulary that tokens are counted with.
            given_base_url: the address when it is not the preset's own.
            headers: sent with every request.
            reasoning_field: under which this endpoint was seen to send a thought before.
            session: the same for every call of one book; providers cache by it.
            first_byte: seconds without a byte before the reply begins.
            idle: seconds without a byte after that.
        """
        self.name = preset.name
        self.base_url = given_base_url
        self.guided = False
        self._preset = preset
        self._given_context = context
        self._address = base_url
        self._key = key
        self._headers = dict(headers or {})
        self._reasoning_field = reasoning_field
        self._session = session
        self._first_byte, self._idle = first_byte, idle
        self._tokens = TokenCount(cache)
        hints = Hints(key_variable=preset.key_variable, key=preset.key_hint, unreachable=preset.unreachable_hint)
        self._faults = Faults(name=given_base_url or preset.name, base_url=base_url, model=model, key=key, hints=hints)
        self._client: AsyncOpenAI | None = None
        self._is_chosen = bool(model)  # else the server has a say in which one it is
        self._counts = True  # False: the server was asked to count and could not
        self._use(model or (preset.models[0].id if preset.models else ""))

    def _use(self, model: str) -> None:
        """This is the model; what is known of it holds from now on."""
        self.model = self._faults.model = model
        self.prices = self._preset.prices_for(model)
        dialect = self._preset.dialect_for(model)
        ids = style_for(dialect.tool_ids, model, own_template=dialect.own_template)
        self._dialect = msgspec.structs.replace(dialect, tool_ids=ids).hearing(self._reasoning_field)
        known = self._preset.model(model)
        self._window = self._given_context or (known.context if known else self._preset.fallback_context)
        self._is_window_known = bool(self._given_context or known)
        if known is not None:
            self._window = max(self._window, known.context)
        self.context = min(LARGEST_CONTEXT, self._given_context or self._window)

    # --- getting ready --------------------------------------------------------------------------------------------

    async def prepare(self, emit: Emit) -> None:
        """Load the client; ask for model and window when they were not chosen. Raises `BackendError`."""
        client = await self._opened()
        if self._is_chosen and self._is_window_known:
            return
        emit(BackendPreparing(text=f"Asking {self._address} for its models"))
        listed = await self._listed(client)
        if not self._is_chosen:
            self._use(self._first_served(listed))
            self._is_chosen = True
        if not self._is_window_known:
            window = await self._probed(client) or window_of({"data": listed}, self.model)
            if window:
                self._window = window
                self.context = min(LARGEST_CONTEXT, window)
        if self.prices is None:
            self.prices = prices_in(listed, self.model)

    def _first_served(self, listed: Sequence[Mapping[str, Any]]) -> str:
        """The model to begin with. Raises `BackendError` when there is none to be had."""
        served = [str(entry["id"]) for entry in listed]
        ours = [model.id for model in self._preset.models]
        found = [model for model in ours if model in served] or served[:1] or ours[:1]
        if not found:
            raise BackendError(f"{self._address} lists no model; name one with --model.")
        return found[0]

    async def _listed(self, client: "AsyncOpenAI") -> list[dict[str, Any]]:
        """What the endpoint serves. One without a list is no fault when a model is named, or known."""
        import httpx2
        import openai

        try:
            return await served_models(client)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            if self.model:
                return []
            if isinstance(error, ValueError) or getattr(error, "status_code", 0) == 404:
                raise BackendError(
                    f"{self._address} does not list its models; name one with --model, or check --base-url, which "
                    "often ends in /v1."
                ) from None
            raise self._faults.of_exception(error) from None

    async def _probed(self, client: "AsyncOpenAI") -> int | None:
        import httpx2
        import openai

        if not self._preset.window_path:
            return None
        try:
            return window_of(await probe(client, self._preset.window_path), self.model)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError):
            return None  # an older server; the fallback stands in

    async def _opened(self) -> "AsyncOpenAI":
        if self._client is None:
            # The import alone takes half a second.
            self._client = await asyncio.to_thread(
                open_client, self._address, self._key, self._headers, write=self._first_byte
            )
        return self._client

    # --- a reply --------------------------------------------------------------------------------------------------

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = PLAIN
    ) -> Reply:
        """See `Backend.reply`."""
        client = await self._opened()
        spoken = [self._dialect]
        while True:
            builder = ReplyBuilder(emit, [tool.name for tool in tools])
            counted = self.count(messages, tools)
            verdict = await self._receive(client, self._request(messages, tools, sampling, counted), builder)
            if verdict is None or isinstance(verdict, str) or builder.has_arrived or not verdict.refusal:
                break
            learned = lesson(self._dialect, verdict.refusal)
            if learned is None or learned[0] in spoken:
                break
            # The server told what it wants otherwise: the call is made again that way.
            self._dialect, what = learned
            spoken.append(self._dialect)
            emit(BackendPreparing(text=f"{self.base_url or self.name} {what}; asking it that way"))
        if isinstance(verdict, str):
            raise StreamCut(self._faults.cut(verdict.rstrip(".")))
        if verdict is not None:
            self._learn_window(verdict, counted, builder)
            if not builder.has_arrived and not verdict.advice:
                raise verdict
            why = verdict.cause or str(verdict).rstrip(".")
            raise StreamCut(self._faults.cut(why), retry_after=verdict.retry_after, advice=verdict.advice)
        return self._checked(builder, messages, tools, counted)

    def _checked(
        self, builder: ReplyBuilder, messages: Sequence[Message], tools: Sequence[ToolSpec], counted: int
    ) -> Reply:
        """The reply, if it is one to go on with; what it teaches is learned."""
        reply = builder.finish()
        self._reasoning_field = reply.reasoning_field or self._reasoning_field
        self._dialect = self._dialect.hearing(
            reply.reasoning_field, extras=any(call.extra for call in reply.tool_calls)
        )
        if reply.usage is not None:
            self._learn_count(messages, tools, reply.usage.prompt_tokens, counted)
            said = Message(role="assistant", text=reply.text, reasoning=reply.reasoning, tool_calls=reply.tool_calls)
            self._tokens.correct_reply(said, reply.usage.completion_tokens)
            if not self._dialect.charges:
                reply = msgspec.structs.replace(reply, usage=msgspec.structs.replace(reply.usage, cost=None))
        cut: StreamCut | None = None
        if reply.finish_reason == "content_filter":
            cut = StreamCut(self._faults.filtered(), retryable=False)
        elif builder.has_broken_leak and reply.finish_reason != "length":
            cut = StreamCut(self._faults.leaked(), retry_after=0.0, advice="leaked_call")
        if cut is None:
            return reply
        cut.usage = reply.usage  # it was paid for
        raise cut

    def _learn_count(self, messages: Sequence[Message], tools: Sequence[ToolSpec], read: int, counted: int) -> None:
        if not read:
            return
        is_long = self._tokens.plain(messages) > _SMALLEST_LEARNED
        if self._dialect.truncates_silently and is_long and self._tokens.is_cut_short(messages, tools, read):
            # The next try would be read no further.
            raise StreamCut(self._faults.truncated(read, counted), retryable=False)
        self._tokens.correct(messages, tools, read)

    async def _receive(self, client: "AsyncOpenAI", request: bytes, builder: ReplyBuilder) -> str | BackendError | None:
        """Make the call and feed the builder; see `Answer.verdict` for what comes back."""
        import httpx2
        import openai

        answer = Answer(builder, self._faults)
        patience: Patience | None = None
        trouble: str | BackendError | None = None
        try:
            async with asyncio.timeout(self._first_byte) as limit:
                patience = Patience(limit, first=self._first_byte, idle=self._idle)
                response = await self._call(client, request)
                try:
                    await answer.receive(response.iter_bytes(), response.headers.get("content-type", ""), patience)
                finally:
                    await response.close()
        except TimeoutError:
            trouble = self._faults.silent(patience.allowed if patience else self._first_byte)
        except openai.APIStatusError as error:
            served = await self._served_names(client) if lacks_model(error.status_code, error.response.text) else ()
            trouble = self._faults.of_exception(error, served)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            trouble = self._faults.of_exception(error)
        builder.close()
        if trouble is not None and not (answer.has_ended and answer.fault is None):
            return trouble
        return answer.verdict()  # the reply was whole already when the connection broke, or none of it did

    async def _call(self, client: "AsyncOpenAI", request: bytes) -> "AsyncAPIResponse[Any]":
        """Send the request as it is: building the SDK's typed request takes 130 ms of CPU for a long conversation."""
        from openai import AsyncStream
        from openai._constants import RAW_RESPONSE_HEADER

        response: Any = await client.post(
            "/chat/completions",
            content=request,
            cast_to=object,
            options={"headers": {RAW_RESPONSE_HEADER: "stream", "Content-Type": "application/json"}},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        raw: AsyncAPIResponse[Any] = response
        return raw

    def _request(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling, counted: int
    ) -> bytes:
        # Always in this order, and a message's bytes hang on what came before it alone: providers cache by prefix.
        request: dict[str, Any] = {"model": self.model, "messages": self._dialect.messages(messages)}
        if tools:
            request["tools"] = self._dialect.tools(tools)
        request["stream"] = True
        asked = sampling if tools else msgspec.structs.replace(sampling, must_call=False)
        request.update(self._dialect.options(asked, self._window - counted, self._session))
        return msgspec.json.encode(request)

    async def _served_names(self, client: "AsyncOpenAI") -> list[str]:
        """What the endpoint serves, the models we know of first."""
        served = [str(entry["id"]) for entry in await self._listed(client)]
        ours = [model.id for model in self._preset.models if model.id in served]
        return ours + [name for name in served if name not in ours]

    def _learn_window(self, fault: BackendError, counted: int, builder: ReplyBuilder) -> None:
        """A window that turns out to be full was smaller than we took it for: compress in time from now on."""
        if isinstance(fault, ContextOverflow):
            reply = builder.finish() if builder.has_arrived else Reply()
            reached = counted + self._tokens.text(reply.reasoning + reply.text)
            window = fault.window or (reached if builder.has_arrived else self.context)
            if window >= _SMALLEST_LEARNED:
                self._window = min(self._window, window)
                self.context = min(self.context, window)

    # --- the rest -------------------------------------------------------------------------------------------------

    async def calibrate(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """See `Backend.calibrate`."""
        estimated, unsure = self.count(messages, tools), self._tokens.unreported(messages, tools)
        if not (self._counts and self._dialect.counter and estimated > _NEAR * self.context):
            return
        if unsure < _UNSURE * self.context:
            return
        import httpx2
        import openai

        rendered, described = self._dialect.messages(messages), self._dialect.tools(tools)
        try:
            client = await self._opened()
            found = await counted_by_server(client, self._dialect, self.model, rendered, described)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            log.info("%s can't count for us: %s", self.name, type(error).__name__)
            found = None
        if found is None:
            self._counts = False
        else:
            self._tokens.correct(messages, tools if found[1] else (), found[0])

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cautious: bool = False) -> int:
        """See `Backend.count`."""
        return self._tokens.count(messages, tools, cautious=cautious)

    def recall(self, sent: Sequence[Message], tools: Sequence[ToolSpec], reply: Message, usage: Usage) -> None:
        """See `Backend.recall`."""
        self._tokens.correct(sent, tools, usage.prompt_tokens)
        self._tokens.correct_reply(reply, usage.completion_tokens)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

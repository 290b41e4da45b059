"""Any OpenAI-compatible endpoint: the way of a token from the socket to its event."""

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from studio.backends.backend import Message, Prices, Reply, Sampling, ToolSpec
from studio.backends.dialects import Dialect
from studio.backends.faults import Faults, Hints, lacks_model
from studio.backends.receive import Answer, Patience
from studio.backends.reply import ReplyBuilder
from studio.backends.served import probe, served_models, window_of
from studio.backends.tokens import TokenCount
from studio.errors import BackendError, ContextOverflow, StreamCut
from studio.events import BackendPreparing, Emit

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai._response import AsyncAPIResponse

CONNECT = 10.0  # seconds
FIRST_BYTE = 600.0  # seconds: a long prompt is read for minutes
IDLE = 300.0  # seconds: Ollama, and Kimi K3 on vLLM, are silent until a whole call is done
PLAIN = Sampling()

LARGEST_CONTEXT = 200_000  # tokens a conversation may take, whatever the window
_SMALLEST_LEARNED = 2_048  # tokens; a window below it is a misunderstanding, or of no use for a book


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
        headers: Mapping[str, str] | None = None,
        fallback_context: int = LARGEST_CONTEXT,
        probe_path: str = "",
        hints: Hints | None = None,
        first_byte: float = FIRST_BYTE,
        idle: float = IDLE,
    ) -> None:
        """Nothing is reached before `prepare`.

        Args:
            model: "" = the first one the endpoint lists.
            context: tokens a conversation may take; None = what the endpoint says, else `fallback_context`.
            cache: folder for the vocabulary that tokens are counted with.
            given_base_url: the address when it is not the preset's own.
            headers: sent with every request.
            probe_path: where, beside /v1, this kind of server tells the window it has allocated.
            hints: what to say when the key is refused or nothing answers.
            first_byte: seconds without a byte before the reply begins.
            idle: seconds without a byte after that.
        """
        self.name = name
        self.model = model
        self.base_url = given_base_url
        self.context = context or fallback_context
        self.guided = guided
        self.prices = prices
        self._context_is_known = context is not None
        self._address = base_url
        self._key = key
        self._dialect = dialect
        self._headers = dict(headers or {})
        self._probe_path = probe_path
        self._first_byte, self._idle = first_byte, idle
        self._tokens = TokenCount(cache)
        self._faults = Faults(name=given_base_url or name, base_url=base_url, model=model, key=key, hints=hints)
        self._client: AsyncOpenAI | None = None

    # --- getting ready --------------------------------------------------------------------------------------------

    async def prepare(self, emit: Emit) -> None:
        """Load the client; ask for model and window when they were not chosen. Raises `BackendError`."""
        client = await self._opened()
        if self.model and self._context_is_known:
            return
        emit(BackendPreparing(text=f"Asking {self._address} for its models"))
        listed = await self._listed(client)
        if not self.model:
            if not listed:
                raise BackendError(f"{self._address} lists no model; name one with --model.")
            self.model = self._faults.model = str(listed[0]["id"])
        if not self._context_is_known:
            window = await self._probed(client) or window_of({"data": listed}, self.model)
            if window:
                self.context = min(LARGEST_CONTEXT, window)

    async def _listed(self, client: "AsyncOpenAI") -> list[dict[str, Any]]:
        """What the endpoint serves. One without a list is no fault when the model is named."""
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

        if not self._probe_path:
            return None
        try:
            return window_of(await probe(client, self._probe_path), self.model)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError):
            return None  # an older server; the fallback stands in

    async def _opened(self) -> "AsyncOpenAI":
        if self._client is None:
            self._client = await asyncio.to_thread(self._open)  # the import alone takes half a second
        return self._client

    def _open(self) -> "AsyncOpenAI":
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        # Reading is timed by `Patience`, which can tell the first byte from the next.
        timeout = httpx2.Timeout(None, connect=CONNECT, write=self._first_byte, pool=CONNECT)
        return AsyncOpenAI(
            api_key=self._key or "none",  # sent even where none is needed: the client insists on one
            base_url=self._address,
            max_retries=0,
            timeout=timeout,
            default_headers=self._headers,
            # A proxy of the environment can't reach this machine's own servers.
            http_client=DefaultAsyncHttpxClient(timeout=timeout, trust_env=not _is_loopback(self._address)),
        )

    # --- a reply --------------------------------------------------------------------------------------------------

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = PLAIN
    ) -> Reply:
        """See `Backend.reply`."""
        client = await self._opened()
        counted = self.count(messages, tools)
        builder = ReplyBuilder(emit)
        verdict = await self._receive(client, self._request(messages, tools, sampling, counted), builder)
        if isinstance(verdict, str):
            raise StreamCut(self._faults.cut(verdict.rstrip(".")))
        if verdict is not None:
            self._learn_window(verdict, counted, builder)
            if not builder.has_arrived:
                raise verdict
            raise StreamCut(self._faults.cut(str(verdict).rstrip(".")), retry_after=verdict.retry_after)
        reply = builder.finish()
        if reply.usage is not None and reply.usage.prompt_tokens:
            self._check_truncation(counted, reply.usage.prompt_tokens)
            self._tokens.correct(counted, reply.usage.prompt_tokens)
        return reply

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
        # Always in this order, and a message's bytes hang on that message alone: providers cache by prefix.
        request: dict[str, Any] = {"model": self.model, "messages": self._dialect.messages(messages)}
        if tools:
            request["tools"] = self._dialect.tools(tools)
        request["stream"] = True
        request["stream_options"] = {"include_usage": True}
        request.update(self._dialect.options(sampling, self.context - counted))
        return msgspec.json.encode(request)

    async def _served_names(self, client: "AsyncOpenAI") -> list[str]:
        return [str(entry["id"]) for entry in await self._listed(client)]

    def _learn_window(self, fault: BackendError, counted: int, builder: ReplyBuilder) -> None:
        """A window that turns out to be full was smaller than we took it for: compress in time from now on."""
        if isinstance(fault, ContextOverflow):
            reply = builder.finish() if builder.has_arrived else Reply()
            reached = counted + self._tokens.text(reply.reasoning + reply.text)
            window = fault.window or (reached if builder.has_arrived else self.context)
            if window >= _SMALLEST_LEARNED:
                self.context = min(self.context, window)

    def _check_truncation(self, counted: int, read: int) -> None:
        if self._dialect.truncates_silently and counted > _SMALLEST_LEARNED and read < 0.6 * counted:
            cut = StreamCut(self._faults.truncated(read, counted))
            cut.retryable = False  # the next try would be read no further
            raise cut

    # --- the rest -------------------------------------------------------------------------------------------------

    async def calibrate(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """See `Backend.calibrate`."""

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """See `Backend.count`."""
        return self._tokens.count(messages, tools)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

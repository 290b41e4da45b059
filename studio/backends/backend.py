"""What a backend is to the agent: messages in, one reply out, its pieces emitted as they arrive."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from studio.events import Emit, ToolCall, Usage


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the conversation, in no provider's dialect."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    reasoning: str = ""  # assistant only
    reasoning_details: list[dict[str, Any]] | None = None  # assistant only, as received
    tool_calls: tuple[ToolCall, ...] = ()  # assistant only
    tool_call_id: str = ""  # tool only: the call this answers


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model is told of it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete reply."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""  # stop | length | tool_calls | content_filter, as the server said it
    usage: Usage | None = None  # None: the server reported none
    reasoning_details: list[dict[str, Any]] | None = None
    reasoning_field: str = ""  # the name under which the thought came; "" = there was none, or inside the text


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens."""

    input: float
    cached: float  # tokens read from the provider's cache
    output: float
    cache_write: float | None = None  # tokens written into it; None = as any input

    def cost(self, usage: Usage) -> float:
        """US dollars of one call."""
        written = usage.cache_write_tokens if self.cache_write is not None else 0
        fresh = max(0, usage.prompt_tokens - usage.cached_tokens - written)
        return (
            fresh * self.input
            + usage.cached_tokens * self.cached
            + written * (self.cache_write or 0.0)
            + usage.completion_tokens * self.output
        ) / 1e6


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of one call beside its messages; a dialect drops what its server refuses."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    must_call: bool = False  # the reply has to call a tool, where the server can be told so


class BackendChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which backend to use; None = the preset's or the configuration's own."""

    backend: str
    model: str | None = None
    base_url: str | None = None
    context: int | None = None
    reasoning_field: str = ""  # under which this endpoint was seen to send a thought; "" = not seen yet
    session: str = ""  # the same for every call of one book: providers cache by it


class Backend(Protocol):
    """Where the model is. One backend serves one call at a time."""

    @property
    def name(self) -> str:
        """The preset's name."""

    @property
    def model(self) -> str:
        """The model's id as the server knows it."""

    @property
    def base_url(self) -> str:
        """Where it is reached when that is not the preset's own, or the embedded model's file; else ""."""

    @property
    def context(self) -> int:
        """Tokens a conversation may take: min(200,000, the model's window)."""

    @property
    def guided(self) -> bool:
        """True: the model can't call tools; the studio decides the order of the work."""

    @property
    def prices(self) -> Prices | None:
        """None when they are unknown."""

    async def prepare(self, emit: Emit) -> None:
        """Get ready to answer (fetch weights, start a child process); says so through `backend_preparing`.

        Raises:
            BackendError: it can't be made ready; the message says what to do instead.
        """

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = ...
    ) -> Reply:
        """Make one model call and return the complete reply; cancelling the task cuts the stream at once.

        While it arrives, emits `reasoning_delta`, `reply_delta`, `tool_arriving` and `prose_delta`.

        Raises:
            ContextOverflow: the conversation does not fit the window.
            StreamCut: the stream ended early; what arrived has been emitted.
            BackendError: anything else, in the author's terms.
        """

    async def calibrate(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Let the server count, where it can and the own count is not sure enough; never fails.

        An author's long conversation is compressed by `count`: wrong by a tenth it is compressed too early or too late.
        """

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cautious: bool = False) -> int:
        """Tokens these messages take, estimated here and corrected by what the server last reported.

        Args:
            cautious: as many as they may well take, where no report covers them yet; to keep within a window.
        """

    def recall(self, sent: Sequence[Message], tools: Sequence[ToolSpec], reply: Message, usage: Usage) -> None:
        """What a server of this model has reported before, in another run or elsewhere, holds for this one as well."""

    async def close(self) -> None:
        """Let go of sockets and child processes."""

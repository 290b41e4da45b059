"""Is a backend fit to write a book? Asked of the backend itself, by two small calls; what fails comes with a remedy."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from studio.backends.backend import Backend, Message, Reply, Sampling, ToolSpec
from studio.errors import BackendError
from studio.events import DELTAS, Emit, Event, ReasoningDelta

PATIENCE = 120.0  # seconds for each call: a local model may have to be loaded first
SHORT = 10  # tokens of the call that is timed
THOUGHT = 1024  # tokens a thinking model may spend before it calls a tool

_ASK = "Reply with one word: ready."
_ASK_TOOL = "Call the tool report_ready now, with the word “yes”."
_TOOL = ToolSpec(
    name="report_ready",
    description="Report that you can call tools.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)
_TOOL_REMEDIES = {
    "llamacpp": "start llama-server with --jinja, and with a model whose template knows tools",
    "vllm": "start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model",
    "ollama": "choose a model that Ollama lists with “tools”",
    "lmstudio": "choose a model that LM Studio marks with the tool icon",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in the author's words."""

    good: bool  # a book can be written with it
    facts: tuple[str, ...]  # short clauses: the model, the window, what works
    problem: str = ""  # one sentence with its remedy


class _Heard:
    """What one call emitted, and when."""

    def __init__(self) -> None:
        self.deltas: list[tuple[float, Event]] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, DELTAS):
            self.deltas.append((time.monotonic(), event))

    @property
    def thinks(self) -> bool:
        return any(isinstance(event, ReasoningDelta) for _, event in self.deltas)

    def speed(self, tokens: int) -> float | None:
        """Tokens a second while they came; None when they came all at once."""
        lasted = self.deltas[-1][0] - self.deltas[0][0] if self.deltas else 0.0
        return (tokens - 1) / lasted if lasted > 0.005 and tokens > 2 else None


async def check(backend: Backend, emit: Emit) -> Checked:
    """Prepare the backend, which `emit` hears of, and make its two calls; never raises for the backend's sake."""
    facts: list[str] = []
    try:
        await backend.prepare(emit)
        facts += [backend.model, f"window {backend.context:,}"]
        heard = _Heard()
        reply = await _call(backend, _ASK, (), heard, Sampling(max_tokens=SHORT))
        facts += _facts_of(heard, reply)
        if backend.guided:
            return Checked(good=True, facts=(*facts, "no tool calls: guided"))
        return await _with_tools(backend, facts, heard)
    except BackendError as error:
        return Checked(good=False, facts=tuple(facts), problem=str(error))


def _facts_of(heard: _Heard, reply: Reply) -> list[str]:
    facts = ["streams" if len(heard.deltas) > 1 else "does not stream"]
    tokens = reply.usage.completion_tokens if reply.usage is not None else 0
    facts.append("usage" if reply.usage is not None else "no usage (tokens are estimated)")
    speed = heard.speed(tokens or len(heard.deltas))
    return [*facts, f"{speed:.0f} tok/s"] if speed is not None else facts


async def _with_tools(backend: Backend, facts: list[str], before: _Heard) -> Checked:
    heard = _Heard()
    reply = await _call(backend, _ASK_TOOL, [_TOOL], heard, Sampling(max_tokens=THOUGHT))
    facts.append("reasoning" if before.thinks or heard.thinks else "no reasoning")
    if any(call.name == _TOOL.name for call in reply.tool_calls):
        return Checked(good=True, facts=(*facts, "tool calls"))
    if reply.finish_reason == "length":
        return Checked(good=True, facts=(*facts, f"tool calls not seen: it thought for {THOUGHT:,} tokens"))
    remedy = _TOOL_REMEDIES.get(backend.name, "choose a --model that calls tools")
    return Checked(
        good=False, facts=(*facts, "no tool calls"), problem=f"It answered without calling the tool; {remedy}."
    )


async def _call(backend: Backend, ask: str, tools: Sequence[ToolSpec], heard: _Heard, sampling: Sampling) -> Reply:
    """One call. Raises `BackendError`."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await backend.reply([Message(role="user", text=ask)], tools, heard, sampling)
    except TimeoutError:
        raise BackendError(
            f"It did not finish a small call within {PATIENCE:.0f} s; see whether the model fits the machine."
        ) from None

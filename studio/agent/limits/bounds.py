"""How long one reply may get: what bounds it, and the watch that cuts it in the middle of its stream.

A model that reasons for ever, or writes for ever, is paid by the token; no server stops it for the author's sake.
"""

import msgspec

from studio import events as ev
from studio.backends.backend import Prices

# Qwen's and Llama's vocabularies, Moonshot's and OpenAI's all come near this for prose in any script: 4 characters of
# English, 1⅓ of Chinese. It needs no vocabulary and is no more than a length for each piece that arrives.
BYTES_A_TOKEN = 4
LONGEST_THOUGHT = 64_000  # tokens
LONGEST_TEXT = 64_000  # tokens of words and tool calls: a chapter of 45,000 words
SHORTEST = 4_096  # tokens that a reply may have however small the window
MOST_ARRIVING = 256  # calls in one reply; one that never stops calling is cut
MOST_CALLS = 20  # of one reply that are carried out
_LAST_TOKENS = 1_000  # that a call may still have when the budget is all but spent: less would be paid for nothing


class OutOfBounds(Exception):
    """The reply passed a bound and was cut; the text says which."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(why)
        self.advice = advice  # the prompt that tells the model; "" = nothing is its fault


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one reply may arrive, in tokens."""

    thought: int
    text: int
    all: int | None = None  # what the budget still pays for; None = no limit


def bounds(context: int, *, money_left: float | None, prices: Prices | None, prompt_tokens: int) -> Bounds:
    """The bounds of one call.

    Args:
        context: tokens of the window; a thought may take a quarter of it, the words and calls a half.
        money_left: US dollars of the budget.
        prompt_tokens: of the call; taken as cached, as most of them are.
    """
    paid: int | None = None
    if money_left is not None and prices is not None and prices.output > 0:
        left = money_left - prices.cost(ev.Usage(prompt_tokens=prompt_tokens, cached_tokens=prompt_tokens))
        paid = max(_LAST_TOKENS, int(left / prices.output * 1e6))
    return Bounds(
        thought=max(SHORTEST, min(LONGEST_THOUGHT, context // 4)),
        text=max(SHORTEST, min(LONGEST_TEXT, context // 2)),
        all=paid,
    )


class Watched:
    """Hands the events of one reply on and weighs them; raises `OutOfBounds` from the middle of the stream."""

    def __init__(self, emit: ev.Emit, limits: Bounds) -> None:
        self._emit = emit
        self._limits = limits
        self._thought = self._text = 0  # UTF-8 bytes
        paid = limits.all
        self._most = None if paid is None else paid * BYTES_A_TOKEN

    @property
    def tokens(self) -> int:
        """About how many have arrived."""
        return (self._thought + self._text) // BYTES_A_TOKEN

    def __call__(self, event: ev.Event) -> None:
        """Hand one event on."""
        self._emit(event)
        if isinstance(event, ev.ReasoningDelta):
            self._thought += _size(event.text)
            if self._thought > self._limits.thought * BYTES_A_TOKEN:
                raise OutOfBounds(f"it had thought for {self._limits.thought:,} tokens", "endless_thought")
        elif isinstance(event, ev.ReplyDelta | ev.ProseDelta):
            self._add(_size(event.text))
        elif isinstance(event, ev.ToolArriving):
            if event.index >= MOST_ARRIVING:
                raise OutOfBounds(f"it had called {MOST_ARRIVING} tools", "endless_calls")
            self._add(event.size or len(event.name))
        if self._most is not None and self._thought + self._text > self._most:
            raise OutOfBounds("the budget would be passed", "")

    def _add(self, size: int) -> None:
        self._text += size
        if self._text > self._limits.text * BYTES_A_TOKEN:
            raise OutOfBounds(f"it was {self._limits.text:,} tokens long and went on", "endless_text")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

"""The pieces of a reply, merged while they arrive. Pure: chunks in, events out, a reply at the end."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from studio.backends.backend import Reply
from studio.backends.calls import CallList
from studio.backends.details import Details
from studio.backends.text_filter import Piece, TextFilter
from studio.events import Emit, ReasoningDelta, ReplyDelta, ThoughtRecognised, Usage

_HALF = re.compile("[\ud800-\udfff]")
# Ways of saying that the reply did not come to its end.
_BROKEN = {"error", "abort", "aborted", "network_error", "insufficient_system_resource"}
_SYNONYMS = {
    "max_tokens": "length",
    "model_length": "length",
    "end_turn": "stop",
    "eos": "stop",
    "tool_use": "tool_calls",
}


class ReplyBuilder:
    """Feed it every chunk of one reply in order.

    Servers differ: reasoning under three names, calls without index or id, usage in three places, template tags in the
    text. The reply holds what was emitted; of a thought that only its end shows to be one, the beginning was emitted as
    reply text, and `thought_recognised` says so.
    """

    def __init__(self, emit: Emit, tools: Sequence[str] = ()) -> None:
        """`tools`: names of those the model may call; a leaked call of another is not taken for one."""
        self._emit = emit
        self._content_filter = TextFilter()
        self._reasoning_filter = TextFilter("reasoning")
        self._halves: dict[str, str] = {}  # first half of a surrogate pair whose second comes in the next chunk
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_field = ""
        self._thought_ends: int | None = None  # pieces of reasoning up to a closing tag in the server's own field
        self._details = Details()
        self._calls = CallList(emit, tools)
        self.finish_reason = ""
        self.usage: Usage | None = None

    @property
    def has_arrived(self) -> bool:
        """Whether anything at all was received that a reply is made of."""
        return bool(self._reasoning or self._text or self._calls.has_arrived)

    # --- pieces ---------------------------------------------------------------------------------------------------

    def feed(self, chunk: Any) -> None:
        """Merge one chunk. What has not the shape of one is passed over."""
        if not isinstance(chunk, dict):
            return
        if usage := chunk.get("usage"):
            self._take_usage(usage)
        choices = chunk.get("choices")
        if not choices or not isinstance(choices, list):
            return
        choice = choices[0]
        if not isinstance(choice, dict) or choice.get("index"):
            return
        delta = choice.get("delta") or choice.get("message")
        if delta and isinstance(delta, dict):
            self._take_delta(delta)
        if (reason := choice.get("finish_reason")) and isinstance(reason, str):
            self.finish_reason = _SYNONYMS.get(reason, reason)
        if usage := choice.get("usage"):  # Moonshot's place
            self._take_usage(usage)

    def _take_delta(self, delta: dict[str, Any]) -> None:
        # Order matters where one delta holds both, which is a reasoning's end and a text's beginning.
        if reasoning := self._reasoning_of(delta):
            self._pass(self._reasoning_filter, self._mended("reasoning", reasoning))
        if details := delta.get("reasoning_details"):
            self._details.take(details)
        if content := delta.get("content"):
            if isinstance(content, str):
                self._pass(self._content_filter, self._mended("content", content))
            elif isinstance(content, list):
                self._take_parts(content)
        if (refusal := delta.get("refusal")) and isinstance(refusal, str):
            self._pass(self._content_filter, self._mended("content", refusal))
        if (calls := delta.get("tool_calls")) and isinstance(calls, list):
            for piece in calls:
                self._take_call(piece)

    def _reasoning_of(self, delta: dict[str, Any]) -> str:
        """The delta's reasoning, once: OpenRouter, Avian and others send the same thought under two or three names.

        The name that came first counts to the end of the reply.
        """
        if self._reasoning_field:
            return _READERS[self._reasoning_field](delta)
        if not (delta.get("reasoning_content") or delta.get("reasoning") or delta.get("reasoning_details")):
            return ""
        for field, read in _READERS.items():
            if text := read(delta):
                self._reasoning_field = field
                return text
        return ""

    def _take_parts(self, parts: list[Any]) -> None:
        """Content as a list of parts; Mistral's thought is one of them."""
        for part in parts:
            if isinstance(part, dict) and part.get("type") == "thinking":
                thinking = part.get("thinking")
                thought = thinking if isinstance(thinking, str) else _text_of(thinking)
                self._pass(self._reasoning_filter, self._mended("reasoning", thought))
            else:
                self._pass(self._content_filter, self._mended("content", _text_of([part])))

    def _take_call(self, piece: Any) -> None:
        if not isinstance(piece, dict):
            return
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
        index = piece.get("index")
        arguments = self._mended(f"call {index}", arguments)
        extra = piece.get("extra_content")  # Gemini's thought signature
        said = json.dumps(extra, ensure_ascii=False) if extra and isinstance(extra, dict) else ""
        self._calls.take(index, _str(piece.get("id")), _str(function.get("name")), arguments, said)

    def _mended(self, place: str, text: str) -> str:
        """`text` without lone surrogates; a pair that a server cut between two chunks is put together again."""
        half = self._halves.pop(place, "") if self._halves else ""
        if text.isascii() and not half:
            return text
        if not _HALF.search(half + text):
            return half + text
        # UTF-16 joins neighbouring halves.
        text = (half + text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[place] = text[-1]
            text = text[:-1]
        return _HALF.sub("\ufffd", text)

    def _pass(self, through: TextFilter, text: str) -> None:
        for piece in through.feed(text):
            self._sort(piece, through)

    def _sort(self, piece: Piece, through: TextFilter) -> None:
        kind, text = piece
        match kind:
            case "reasoning":
                self._reasoning.append(text)
                self._emit(ReasoningDelta(text=text))
            case "reply":
                self._text.append(text)
                self._emit(ReplyDelta(text=text))
            case "thought_before":
                # It was shown as a reply and can't be taken back there, but it shall not become a chapter.
                self._reasoning += self._text
                self._text.clear()
                self._emit(ThoughtRecognised())
            case "thought_over":
                self._thought_ends = len(self._reasoning)
            case "call":
                self._calls.begin_leaked(text, in_thought=through is self._reasoning_filter)
            case "arguments":
                self._calls.go_on_leaked(text)

    def _take_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        nested = usage.get("prompt_tokens_details")
        nested = nested if isinstance(nested, dict) else {}
        cost = usage.get("cost")
        found = Usage(
            prompt_tokens=_tokens(usage.get("prompt_tokens")),
            completion_tokens=_tokens(usage.get("completion_tokens")),
            cached_tokens=_tokens(usage.get("cached_tokens") or nested.get("cached_tokens"))
            or _tokens(usage.get("prompt_cache_hit_tokens")),  # DeepSeek's name
            cache_write_tokens=_tokens(nested.get("cache_write_tokens") or usage.get("cache_write_tokens"))
            or _tokens(usage.get("cache_creation_input_tokens")),  # Anthropic's
            cost=float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0 else None,
        )
        if found.prompt_tokens or found.completion_tokens:
            self.usage = found

    # --- the whole ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """No more chunks: let go of what was held back."""
        for through in (self._reasoning_filter, self._content_filter):
            for piece in through.end():
                self._sort(piece, through)
        self._recover_answer()

    def _recover_answer(self) -> None:
        """Some servers leave the whole answer in the reasoning, behind the tag that ends the thought."""
        if self._thought_ends is None or self.has_calls or "".join(self._text).strip():
            return
        answer = "".join(self._reasoning[self._thought_ends :])
        if answer.strip():
            del self._reasoning[self._thought_ends :]
            self._text = [answer]
            self._emit(ReplyDelta(text=answer))

    @property
    def is_complete(self) -> bool:
        """Whether the reply ended as it should: the server said so, or a whole call is there."""
        if self.finish_reason in _BROKEN:
            return False
        return bool(self.finish_reason) or self.has_whole_calls

    @property
    def has_calls(self) -> bool:
        """Whether a call has begun to arrive."""
        return self._calls.has_arrived

    @property
    def call_comes_in_pieces(self) -> bool:
        """Whether a call is arriving from a server that does not wait for its end."""
        return self._calls.comes_in_pieces

    @property
    def has_whole_calls(self) -> bool:
        """Whether there are calls and the arguments of each are whole."""
        return self._calls.are_whole

    @property
    def has_broken_leak(self) -> bool:
        """Whether a call came as text that can't be read as one, and no proper call came instead."""
        return self._calls.has_broken_leak

    def finish(self) -> Reply:
        """The reply. Ids are made where the server sent none, and told apart where it repeated one."""
        calls, details = self._calls.finish(), self._details.merged()
        return Reply(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=calls,
            finish_reason=self.finish_reason or ("tool_calls" if calls else "stop"),
            usage=self.usage,
            reasoning_details=details,
            reasoning_field="reasoning_details" if details and not self._reasoning_field else self._reasoning_field,
        )


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _tokens(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0


def _text_of(parts: Any) -> str:
    """The text of a list of content parts or reasoning details."""
    if not isinstance(parts, list):
        return ""
    found = (part.get("text") or part.get("summary") for part in parts if isinstance(part, dict))
    return "".join(text for text in found if isinstance(text, str))


# First the fields whose text is whole; the details say the same again, in pieces made for being sent back.
_READERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "reasoning_content": lambda delta: _str(delta.get("reasoning_content")),
    "reasoning": lambda delta: _str(delta.get("reasoning")),
    "reasoning_details": lambda delta: _text_of(delta.get("reasoning_details")),
}

"""The pieces of a reply, merged while they arrive. Pure: chunks in, events out, a reply at the end."""

import json
from typing import Any

from studio.backends.backend import Reply
from studio.backends.partial_json import ProseDecoder
from studio.backends.text_filter import TextFilter, leaked_calls
from studio.events import Emit, ProseDelta, ReasoningDelta, ReplyDelta, ToolArriving, ToolCall, Usage


class _Call:
    """One tool call that is arriving."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.prose: ProseDecoder | None = None


class ReplyBuilder:
    """Feed it every chunk of one reply in order.

    Servers differ: reasoning under three names, calls without index or id, usage in three places (see `dialects`).
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._filter = TextFilter()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._leaked: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self.finish_reason = ""
        self.usage: Usage | None = None
        self.has_arrived = False  # anything at all was emitted

    # --- pieces ---------------------------------------------------------------------------------------------------

    def feed(self, chunk: Any) -> None:
        """Merge one chunk."""
        if not isinstance(chunk, dict):
            return
        if usage := chunk.get("usage"):
            self._take_usage(usage)
        choices = chunk.get("choices")
        if not choices:
            return
        choice = choices[0]
        if not isinstance(choice, dict) or choice.get("index"):
            return
        delta = choice.get("delta") or choice.get("message")
        if delta:
            self._take_delta(delta)
        if reason := choice.get("finish_reason"):
            self.finish_reason = reason
        if usage := choice.get("usage"):  # Moonshot's place
            self._take_usage(usage)

    def _take_delta(self, delta: dict[str, Any]) -> None:
        details = delta.get("reasoning_details")
        # OpenRouter and Avian send the same thought under two names: one of them counts.
        reasoning = delta.get("reasoning_content") or delta.get("reasoning") or _text_of(details)
        if reasoning and isinstance(reasoning, str):
            self._reason(reasoning)
        if isinstance(details, list):
            self._take_details(details)
        content = delta.get("content")
        if content:
            self._say(content if isinstance(content, str) else _text_of(content))
        calls = delta.get("tool_calls")
        if calls:
            for piece in calls:
                if isinstance(piece, dict):
                    self._take_call(piece)

    def _reason(self, text: str) -> None:
        self.has_arrived = True
        self._reasoning.append(text)
        self._emit(ReasoningDelta(text=text))

    def _say(self, text: str) -> None:
        for kind, piece in self._filter.feed(text):
            self._sort(kind, piece)

    def _sort(self, kind: str, piece: str) -> None:
        if kind == "reasoning":
            self._reason(piece)
        elif kind == "leak":
            self._leaked.append(piece)
        else:
            self.has_arrived = True
            self._text.append(piece)
            self._emit(ReplyDelta(text=piece))

    def _take_call(self, piece: dict[str, Any]) -> None:
        function = piece.get("function") or {}
        name, id_ = function.get("name") or "", piece.get("id") or ""
        arguments = function.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        call = self._find_call(piece.get("index"), id_, name)
        self.has_arrived = True
        if id_ and not call.id:
            call.id = id_
        if name and not call.name:
            call.name = name
            self._emit(ToolArriving(index=self._calls.index(call), name=name))
            if name == "write_file":
                call.prose = ProseDecoder()
                self._decode(call, "".join(call.arguments))
        if arguments:
            call.arguments.append(arguments)
            if call.prose is not None:
                self._decode(call, arguments)

    def _find_call(self, index: Any, id_: str, name: str) -> _Call:
        known: _Call | None
        if isinstance(index, int):
            known = self._by_index.get(index)
            if known is None or (id_ and known.id and id_ != known.id and name):
                known = self._by_index[index] = self._new_call()
            return known
        known = next((call for call in self._calls if id_ and call.id == id_), None)
        if known is not None:
            return known
        if name or not self._calls:
            return self._new_call()
        return self._calls[-1]

    def _new_call(self) -> _Call:
        call = _Call()
        self._calls.append(call)
        return call

    def _decode(self, call: _Call, arguments: str) -> None:
        assert call.prose is not None
        for file, text in call.prose.feed(arguments):
            self._emit(ProseDelta(file=file, text=text))

    def _take_details(self, details: list[Any]) -> None:
        """Pieces of one detail share an index; its signature may come alone in a later one."""
        for piece in details:
            if not isinstance(piece, dict):
                continue
            known = next(
                (
                    detail
                    for detail in self._details
                    if detail.get("index") == piece.get("index") and detail.get("type") == piece.get("type")
                ),
                None,
            )
            if known is None or piece.get("index") is None:
                self._details.append(dict(piece))
                continue
            for key, value in piece.items():
                if key in ("text", "summary", "data") and isinstance(value, str):
                    known[key] = (known.get(key) or "") + value
                elif value is not None:
                    known[key] = value

    def _take_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict) or usage.get("prompt_tokens") is None:
            return
        nested = usage.get("prompt_tokens_details") or {}
        self.usage = Usage(
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            cached_tokens=int(usage.get("cached_tokens") or nested.get("cached_tokens") or 0),
        )

    # --- the whole ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """No more chunks: let go of what was held back, and recover calls that leaked into the text."""
        for kind, piece in self._filter.end():
            self._sort(kind, piece)
        for id_, name, arguments in leaked_calls("".join(self._leaked)):
            self._take_call({"id": id_, "function": {"name": name, "arguments": arguments}})
        self._leaked.clear()

    @property
    def is_complete(self) -> bool:
        """Whether the reply ended as it should: the server said so, or a whole call is there."""
        return bool(self.finish_reason) or self.has_whole_calls

    @property
    def has_whole_calls(self) -> bool:
        """Whether there are calls and the arguments of each are whole."""
        return bool(self._calls) and all(call.name and _is_object("".join(call.arguments)) for call in self._calls)

    def finish(self) -> Reply:
        """The reply. Ids are made where the server sent none, and told apart where it repeated one."""
        calls: list[ToolCall] = []
        taken: set[str] = set()
        for call in self._calls:
            if not call.name:
                continue
            id_ = call.id or f"call_{len(calls)}"
            while id_ in taken:
                id_ += "_"
            taken.add(id_)
            calls.append(ToolCall(id=id_, name=call.name, arguments="".join(call.arguments).strip()))
        return Reply(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(calls),
            finish_reason=self.finish_reason or ("tool_calls" if calls else "stop"),
            usage=self.usage,
            reasoning_details=self._details or None,
        )


def _text_of(parts: Any) -> str:
    """The text of a list of content parts or reasoning details."""
    if not isinstance(parts, list):
        return ""
    return "".join(
        part.get("text") or part.get("summary") or ""
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text") or part.get("summary") or "", str)
    )


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments, strict=False), dict)
    except ValueError:
        return False

"""The tool calls of a reply, put together from their pieces while they arrive."""

import re
from typing import Any

from studio.backends.partial_json import ProseDecoder, is_whole
from studio.events import Emit, ProseDelta, ToolArriving, ToolCall

WRITES_PROSE = "write_file"  # the tool whose `content` is shown as it comes

# Kimi K2's ids hold the name: functions.write_file:3, or write_file:3.
_ID_WITH_NAME = re.compile(r"(?:functions\.)?([A-Za-z_][\w-]*):\d+|functions\.([A-Za-z_][\w-]*)")


class _Call:
    """One call that is arriving."""

    def __init__(self, *, leaked: bool = False) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.prose: ProseDecoder | None = None
        self.has_index = False
        self.leaked = leaked

    @property
    def raw(self) -> str:
        return "".join(self.arguments)

    @property
    def known_name(self) -> str:
        """The name, from the id if need be."""
        if not self.name and (match := _ID_WITH_NAME.fullmatch(self.id)):
            return match[1] or match[2]
        return self.name


class CallList:
    """Pieces are matched by index, else by id, else they go on with the last call."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._last: _Call | None = None  # that the server sent as a call
        self._leaking: _Call | None = None  # that is arriving inside the text

    def take(self, index: Any, id_: str, name: str, arguments: str) -> None:
        """One piece; "" for what it does not hold."""
        index = index if isinstance(index, int | str) else None
        if not (id_ or name or arguments) and index not in self._by_index:
            return  # vLLM sends empty ones under load
        call = self._find(index, id_, name)
        self._add(call, id_, name, arguments)

    def _add(self, call: _Call, id_: str, name: str, arguments: str) -> None:
        if id_ and not call.id:
            call.id = id_
        if name and not call.name:
            call.name = name
            self._emit(ToolArriving(index=self._calls.index(call), name=name))
            if name == WRITES_PROSE:
                call.prose = ProseDecoder()
                self._decode(call.prose, call.raw)  # arguments that came before the name
        if arguments:
            call.arguments.append(arguments)
            if call.prose is not None:
                self._decode(call.prose, arguments)

    def _find(self, index: Any, id_: str, name: str) -> _Call:
        if index is not None:
            known = self._by_index.get(index)
            if known is None:
                known = self._unnumbered(id_, name)
            elif _is_another(known, id_, name):
                known = None
            if known is None:
                known = self._new()
            known.has_index = True
            self._by_index[index] = known
            return known
        if id_ and (same := next((call for call in self._calls if call.id == id_), None)):
            return same
        last = self._last
        if last is None or (name and last.name) or (id_ and last.id and name):
            return self._new()
        return last  # an id of its own on every piece is no other call

    def _unnumbered(self, id_: str, name: str) -> _Call | None:
        """The call that a first index belongs to, when the call began without one."""
        last = self._last
        if last is None or last.has_index or (name and last.name):
            return None
        return last if not id_ or not last.id or last.id == id_ else None

    def _new(self) -> _Call:
        self._last = _Call()
        self._calls.append(self._last)
        return self._last

    def begin_leaked(self, head: str) -> None:
        """A call in the model's own template has begun in the text; `head` is its id, or its name alone."""
        self._leaking = _Call(leaked=True)
        self._calls.append(self._leaking)
        if match := _ID_WITH_NAME.fullmatch(head):
            self._add(self._leaking, head, match[1] or match[2], "")
        elif head:
            self._add(self._leaking, "", head, "")

    def go_on_leaked(self, arguments: str) -> None:
        """The next piece of the leaked call's arguments."""
        if self._leaking is not None:
            self._add(self._leaking, "", "", arguments)

    def _decode(self, prose: ProseDecoder, arguments: str) -> None:
        for file, text in prose.feed(arguments):
            self._emit(ProseDelta(file=file, text=text))

    @property
    def has_arrived(self) -> bool:
        """Whether any call has begun."""
        return bool(self._calls)

    @property
    def are_whole(self) -> bool:
        """Whether there are calls and each has its name and its arguments in full."""
        return bool(self._calls) and all(call.known_name and is_whole(call.raw) for call in self._calls)

    def finish(self) -> tuple[ToolCall, ...]:
        """The calls in order of arrival, with ids that are there and differ. What never got a name is left out."""
        proper = {(call.known_name, call.raw.strip()) for call in self._calls if not call.leaked}
        calls: list[ToolCall] = []
        taken: set[str] = set()
        for call in self._calls:
            name, arguments = call.known_name, call.raw.strip()
            if not name or (call.leaked and (name, arguments) in proper):
                continue  # a server that leaked the call and parsed it as well
            id_ = call.id or f"call_{len(calls)}"
            while id_ in taken:
                id_ += "_"
            taken.add(id_)
            calls.append(ToolCall(id=id_, name=name, arguments=arguments))
        return tuple(calls)


def _is_another(known: _Call, id_: str, name: str) -> bool:
    """Whether a piece on a known index begins another call: some servers give every call the index 0."""
    if not id_ or not known.id or id_ == known.id or not name:
        return False
    # A server may also send a fresh id, and the name again, with every piece of one call.
    return name != known.name or is_whole(known.raw)

"""The tool calls of a reply, put together from their pieces while they arrive."""

import re
from collections.abc import Sequence
from typing import Any

from studio.backends.partial_json import ProseDecoder, is_whole
from studio.events import Emit, ProseDelta, ToolArriving, ToolCall

_PIECES = 4  # of arguments; fewer may be a whole call after its name
_UNSEEN = 16_384  # characters of arguments after which it is said that they come
WRITES_PROSE = "write_file"  # the tool whose `content` is shown as it comes

# Kimi K2's ids hold the name: functions.write_file:3, or write_file:3.
_ID_WITH_NAME = re.compile(r"(?:functions\.)?([A-Za-z_][\w-]*):\d+|functions\.([A-Za-z_][\w-]*)")


class _Call:
    """One call that is arriving."""

    def __init__(self, *, leaked: bool = False, in_thought: bool = False) -> None:
        self.id = ""
        self.extra = ""
        self.name = ""
        self.arguments: list[str] = []
        self.unseen = 0  # characters of them that nobody was told of
        self.prose: ProseDecoder | None = None
        self.has_index = False
        self.leaked = leaked
        self.in_thought = in_thought

    @property
    def is_whole(self) -> bool:
        """Whether its name is there and its arguments are, in full."""
        return bool(self.known_name) and is_whole(self.raw)

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

    def __init__(self, emit: Emit, tools: Sequence[str] = ()) -> None:
        """`tools`: names of those the model may call, where that is known."""
        self._emit = emit
        self._tools = frozenset(tools)
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._last: _Call | None = None  # that the server sent as a call
        self._leaking: _Call | None = None  # that is arriving inside the text

    def take(self, index: Any, id_: str, name: str, arguments: str, extra: str = "") -> None:
        """One piece; "" for what it does not hold."""
        index = index if isinstance(index, int | str) else None
        if not (id_ or name or arguments) and index not in self._by_index:
            return  # vLLM sends empty ones under load
        call = self._find(index, id_, name)
        call.extra = extra or call.extra
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
            call.unseen += len(arguments)
            if call.prose is not None and self._decode(call.prose, arguments):
                call.unseen = 0
            elif call.unseen >= _UNSEEN and call.name:
                self._emit(ToolArriving(index=self._calls.index(call), name=call.name, size=call.unseen))
                call.unseen = 0

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

    def begin_leaked(self, head: str, *, in_thought: bool = False) -> None:
        """A call in the model's own template has begun in the text; `head` is its id, or its name alone."""
        self._leaking = _Call(leaked=True, in_thought=in_thought)
        self._calls.append(self._leaking)
        if match := _ID_WITH_NAME.fullmatch(head):
            self._add(self._leaking, head, match[1] or match[2], "")
        elif head:
            self._add(self._leaking, "", head, "")

    def go_on_leaked(self, arguments: str) -> None:
        """The next piece of the leaked call's arguments."""
        if self._leaking is not None:
            self._add(self._leaking, "", "", arguments)

    def _decode(self, prose: ProseDecoder, arguments: str) -> bool:
        """Whether there was prose in it."""
        was_prose = False
        for file, text in prose.feed(arguments):
            was_prose = True
            self._emit(ProseDelta(file=file, text=text))
        return was_prose

    @property
    def has_arrived(self) -> bool:
        """Whether any call has begun."""
        return bool(self._calls)

    @property
    def comes_in_pieces(self) -> bool:
        """Whether the last call arrives bit by bit: its server holds nothing back."""
        return self._last is not None and len(self._last.arguments) >= _PIECES

    @property
    def are_whole(self) -> bool:
        """Whether there are calls and each has its name and its arguments in full."""
        counted = self._counted()
        return bool(counted) and all(call.is_whole for call in counted)

    @property
    def has_broken_leak(self) -> bool:
        """Whether a call leaked into the text that is not complete, or of no tool there is, and no other call came."""
        return any(call.leaked for call in self._calls) and not self._counted()

    def _counted(self) -> list[_Call]:
        """The calls that count: a leaked one only if it is whole, of a tool there is, and not there properly as well.

        One that leaked into a thought beside proper calls was only thought of.
        """
        proper = [call for call in self._calls if not call.leaked]
        told = {(call.known_name, call.raw.strip()) for call in proper}
        return [
            call
            for call in self._calls
            if not call.leaked
            or (
                call.is_whole
                and (not self._tools or call.known_name in self._tools)
                and (call.known_name, call.raw.strip()) not in told
                and not (proper and call.in_thought)
            )
        ]

    def finish(self) -> tuple[ToolCall, ...]:
        """The calls in order of arrival, with ids that are there and differ. What never got a name is left out."""
        calls: list[ToolCall] = []
        taken: set[str] = set()
        for call in self._counted():
            if not call.known_name:
                continue
            id_ = call.id or f"call_{len(calls)}"
            while id_ in taken:
                id_ += "_"
            taken.add(id_)
            calls.append(ToolCall(id=id_, name=call.known_name, arguments=call.raw.strip(), extra=call.extra))
        return tuple(calls)


def _is_another(known: _Call, id_: str, name: str) -> bool:
    """Whether a piece on a known index begins another call: some servers give every call the index 0."""
    if not id_ or not known.id or id_ == known.id or not name:
        return False
    # A server may also send a fresh id, and the name again, with every piece of one call.
    return name != known.name or is_whole(known.raw)

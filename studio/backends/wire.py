"""Server-sent events out of bytes that are cut anywhere. Pure: no socket, no event of ours.

Framing is the WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html) with what real servers add to
it: lines of their own for errors, bare JSON, JSON that is not quite JSON.
"""

import json
from collections.abc import Iterator
from typing import Any

import jiter

_LARGEST = 64_000_000  # bytes of one chunk; beyond it somebody sends something else than a reply


class BadChunk(Exception):
    """A line that should hold JSON and doesn't; `text` is what it holds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class EventReader:
    """Feed it bytes as they come; it yields each chunk's JSON, and says how the stream ended."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []  # of an event whose JSON goes over several lines
        self._kind = b""  # of the event, from its `event:` line
        self.done = False  # [DONE] was seen
        self.error: Any = None  # of an `error:` line (llama.cpp's older servers, their resellers) or an `event: error`

    def feed(self, block: bytes) -> Iterator[Any]:
        """The chunks completed by these bytes, decoded. Raises `BadChunk`."""
        *lines, self._rest = (self._rest + block if self._rest else block).split(b"\n")
        if len(self._rest) > _LARGEST:
            raise BadChunk(_quote(self._rest))
        for line in lines:
            if not line.startswith(b"data:"):
                yield from self._other(line.strip())
            elif self._data or self._kind:
                self._data.append(line[5:].strip())
            else:
                try:
                    yield jiter.from_json(line[5:], cache_mode="keys")
                except ValueError:
                    yield from self._not_quite(line[5:].strip())

    def end(self) -> Iterator[Any]:
        """The stream is over: a last line without its newline still counts, one cut in its middle does not.

        Raises:
            BadChunk: what is left never was the beginning of JSON.
        """
        if self._rest:
            yield from self.feed(b"\n")
        yield from self._finish_event(at_end=True)

    def _other(self, line: bytes) -> Iterator[Any]:
        """Every line that is not `data:`."""
        if not line:
            yield from self._finish_event()
        elif line.startswith(b"event:"):
            self._kind = b"error" if line[6:].strip() == b"error" else b""
        elif line.startswith(b"error:"):
            self.error = _error(line[6:].strip())
        elif line.startswith(b"\xef\xbb\xbfdata:"):  # a byte order mark before the first line
            yield from self._not_quite(line[8:].strip())
        elif line.startswith(b"{") and not self._data and (bare := _loose(line)) is not None:
            yield bare  # Lemonade forwards llama.cpp's errors as JSON without any framing

    def _not_quite(self, payload: bytes) -> Iterator[Any]:
        if payload == b"[DONE]":
            self.done = True
        elif (loose := _loose(payload)) is not None:
            yield loose
        elif payload:
            self._data.append(payload)  # the event may go on in its next line

    def _finish_event(self, *, at_end: bool = False) -> Iterator[Any]:
        data, self._data = b"\n".join(self._data), []
        kind, self._kind = self._kind, b""
        if not data:
            return
        if kind:
            self.error = _error(data)
        elif (loose := _loose(data)) is not None:
            yield loose
        elif not at_end or not data.startswith((b"{", b"[")):
            raise BadChunk(_quote(data))


def _loose(data: bytes) -> Any:
    """JSON with halves of surrogate pairs, control characters or broken UTF-8 in its strings; None if it is none."""
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _error(data: bytes) -> Any:
    """What an error line holds: an error object, whatever it is wrapped in, or a bare sentence."""
    value = _loose(data)
    if isinstance(value, dict):
        return value.get("error") or value
    return {"message": value if isinstance(value, str) else data.decode("utf-8", "replace")}


def _quote(data: bytes) -> str:
    return data[:300].decode("utf-8", "replace")

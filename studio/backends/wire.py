"""Server-sent events out of bytes that are cut anywhere. Pure: no socket, no event of ours."""

from collections.abc import Iterator
from typing import Any

import jiter

DONE = "[DONE]"


class BadChunk(Exception):
    """A line that should hold JSON and doesn't; `text` is what it holds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class EventReader:
    """Feed it bytes as they come; it yields each `data:` line's JSON, and says how the stream ended."""

    def __init__(self) -> None:
        self._rest = b""
        self._data = b""  # of an event whose JSON goes over several lines
        self.done = False  # [DONE] was seen
        self.error: Any = None  # of an `error:` line: llama.cpp's older servers and their resellers
        self.lines = 0  # lines of any kind, comments included: the server is alive

    def feed(self, block: bytes) -> Iterator[Any]:
        """The chunks completed by these bytes, decoded."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            yield from self._line(line)

    def end(self) -> Iterator[Any]:
        """The stream is over: a last line without its newline still counts."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._line(rest)
        if self._data.strip():
            raise BadChunk(self._data.decode("utf-8", "replace"))

    def _line(self, line: bytes) -> Iterator[Any]:
        self.lines += 1
        if line.startswith(b"data:"):
            payload = line[5:].strip()
            if payload == b"[DONE]":
                self.done = True
            elif payload:
                yield from self._payload(payload)
        elif line.startswith(b"error:"):
            self.error = _lenient(line[6:].strip())

    def _payload(self, payload: bytes) -> Iterator[Any]:
        data = self._data + b"\n" + payload if self._data else payload
        try:
            chunk = jiter.from_json(data, cache_mode="keys")
        except ValueError:
            # A `data:` field may go on in the next line; a server that sends nonsense is found out at the end.
            self._data = data
            if len(data) > 1_000_000:
                raise BadChunk(data[:300].decode("utf-8", "replace")) from None
            return
        self._data = b""
        yield chunk


def _lenient(payload: bytes) -> Any:
    try:
        return jiter.from_json(payload)
    except ValueError:
        return {"message": payload.decode("utf-8", "replace")}

"""A server that lets the novelist answer, as a hosted one would: it streams, counts honestly, caches by prefix, refuses
what is over its window or out of order, and notes what it was sent.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from novel_prose import Novel
from novelist import Says, answer, asks_for_summary

from studio.backends.tokens import PER_MESSAGE, estimate

PIECE = 160  # characters of a chunk
_CACHES = 8  # requests whose prefix a server remembers


@dataclass
class Seen:
    """One request, as it was counted and judged."""

    server: str
    kind: str  # step | summary | review
    act: int
    tokens: int  # of the prompt
    repeated: int  # of these, those the last request of the conversation began with
    cached: int = 0  # those that this server had read before
    completion: int = 0
    refused: bool = False
    messages: int = 0
    opening: str = ""  # what the messages say, if this request does not go on from the one before it


@dataclass
class Record:
    """What all servers of a run were asked, and what was wrong with it."""

    seen: list[Seen] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    last: list[bytes] = field(default_factory=list)  # the messages of the conversation's last request
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def overflows(self) -> list[Seen]:
        return [one for one in self.seen if one.refused]

    @property
    def breaks(self) -> list[Seen]:
        """The requests that did not begin with the one before."""
        return [one for one in self.seen if one.opening]


class Moments:
    """What happens to a run while it runs: each thing once, when the novelist comes to an act."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str, Callable[[], None]]] = []

    def at(self, act: int, do: Callable[[], None], *, inside: str = "") -> None:
        """`do` when this act is asked for; `inside` a step or a summary: when half of that reply has been sent."""
        self._waiting.append((act, inside, do))

    def happen(self, act: int, *, inside: str = "") -> None:
        """Let what is due happen."""
        due = [one for one in self._waiting if one[0] <= act and one[1] == inside]
        self._waiting = [one for one in self._waiting if one not in due]
        for _, _, do in due:
            do()


class NovelServer:
    """One address; a run may have several, with one record."""

    def __init__(self, name: str, novel: Novel, window: int, record: Record, moments: Moments) -> None:
        self.name, self.window = name, window
        self._novel, self._record, self._moments = novel, record, moments
        self._weights: dict[bytes, int] = {}
        self._cache: list[tuple[bytes, list[bytes]]] = []  # (tools, messages) of the last requests
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> "NovelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        serve = self._serve

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                refuse(self, 404, "there is nothing here")

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                raw = self.rfile.read(length)
                try:
                    if len(raw) < length:  # killed while it was sending
                        raise ConnectionError
                    serve(self, raw)
                except ConnectionError:
                    self.close_connection = True

        return Handler

    def _serve(self, http: BaseHTTPRequestHandler, raw: bytes) -> None:
        parts = messages_in(raw)
        body = json.loads(raw)
        with self._record.lock:
            seen = self._look_at(body, parts)
        if wrong := out_of_order(body["messages"]):
            self._record.wrong.append(wrong)
        elif seen.refused:
            wrong = (
                f"This model's maximum context length is {self.window} tokens. However, you requested {seen.tokens} "
                "tokens in the messages."
            )
        if wrong:
            refuse(http, 400, wrong)
            return
        says = answer(self._novel, body["messages"], has_tools="tools" in body)
        seen.act = says.act
        if seen.kind == "step":
            self._moments.happen(says.act)
        self._send(http, says, seen)

    def _send(self, http: BaseHTTPRequestHandler, says: Says, seen: Seen) -> None:
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()

        def block(data: bytes) -> None:
            http.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            http.wfile.flush()

        def data(**chunk: Any) -> None:
            whole = {"id": "n", "object": "chat.completion.chunk", "model": "novelist", **chunk}
            block(b"data: " + json.dumps(whole).encode() + b"\n\n")

        deltas = deltas_of(says)
        reason = "tool_calls" if says.name else "stop"
        for number, (delta, text) in enumerate(deltas):
            if number == len(deltas) // 2:
                self._moments.happen(says.act, inside=seen.kind)
            if seen.tokens + seen.completion + estimate(text) > self.window:
                reason = "length"  # the window ends here, as it does for a real one
                break
            seen.completion += estimate(text)
            data(choices=[{"index": 0, "delta": delta, "finish_reason": None}])
        data(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])
        details = {"cached_tokens": seen.cached}
        usage = {"prompt_tokens": seen.tokens, "completion_tokens": seen.completion, "prompt_tokens_details": details}
        data(choices=[], usage=usage)
        block(b"data: [DONE]\n\n")
        http.wfile.write(b"0\r\n\r\n")

    # --- what it makes of a request -----------------------------------------------------------------------------------

    def _look_at(self, body: dict[str, Any], parts: list[bytes]) -> Seen:
        record, messages = self._record, body["messages"]
        is_summary = asks_for_summary(messages)
        kind = "review" if "tools" not in body and not is_summary else "summary" if is_summary else "step"
        tools = json.dumps(body.get("tools", []), ensure_ascii=False).encode()
        described = estimate(tools.decode()) if "tools" in body else 0
        sizes = [self._weigh(part, message) for part, message in zip(parts, messages, strict=True)]
        tokens = described + sum(sizes)
        cached = max((common(parts, before) for known, before in self._cache if known == tools), default=0)
        shared = common(parts, record.last)
        seen = Seen(
            server=self.name,
            kind=kind,
            act=-1,
            tokens=tokens,
            repeated=described + sum(sizes[:shared]) if shared else 0,
            cached=described + sum(sizes[:cached]) if cached else 0,
            refused=tokens > self.window,
            messages=len(parts),
        )
        record.seen.append(seen)
        if kind == "step":
            if shared < len(record.last):
                # Only a compression may do that, and it leaves the system's words and the author's wish as they are.
                seen.opening = "\n\n".join(str(message.get("content") or "") for message in messages)
                if shared < 2:
                    record.wrong.append(f"request {len(record.seen)} changed message {shared}")
            record.last = parts
        if not seen.refused:
            self._cache = [*self._cache[-_CACHES + 1 :], (tools, parts)]
        return seen

    def _weigh(self, part: bytes, message: dict[str, Any]) -> int:
        if part not in self._weights:
            texts = [str(message.get("content") or ""), str(message.get("reasoning_content") or "")]
            for call in message.get("tool_calls", []):
                texts += [call["function"]["name"], call["function"]["arguments"]]
            calls = len(message.get("tool_calls", []))
            self._weights[part] = sum(map(estimate, texts)) + PER_MESSAGE * (1 + calls)
        return self._weights[part]


def refuse(http: BaseHTTPRequestHandler, status: int, message: str) -> None:
    """An error as these servers send it."""
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": status}}).encode()
    http.send_response(status)
    http.send_header("Content-Type", "application/json")
    http.send_header("Content-Length", str(len(body)))
    http.end_headers()
    http.wfile.write(body)


def deltas_of(says: Says) -> list[tuple[dict[str, Any], str]]:
    """The reply in pieces: each as the delta, and the text in it."""
    found: list[tuple[dict[str, Any], str]] = [({"role": "assistant"}, "")]
    for name, text in (("reasoning_content", says.reasoning), ("content", says.text)):
        found += [({name: text[at : at + PIECE]}, text[at : at + PIECE]) for at in range(0, len(text), PIECE)]
    if says.name:
        function = {"name": says.name, "arguments": ""}
        found.append(({"tool_calls": [{"index": 0, "id": says.id, "type": "function", "function": function}]}, ""))
        for at in range(0, len(says.arguments), PIECE):
            piece = says.arguments[at : at + PIECE]
            found.append(({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, piece))
    return found


def common(one: list[bytes], other: list[bytes]) -> int:
    """How many messages two conversations begin with alike."""
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)


def messages_in(body: bytes) -> list[bytes]:
    """Each message of a request body as the bytes it was sent as."""
    text = body.decode()
    decoder = json.JSONDecoder()
    at = text.index("[", text.index('"messages":')) + 1
    found = []
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end + 1 if text[end] == "," else end
    return found


def out_of_order(messages: list[dict[str, Any]]) -> str:
    """What a strict server would refuse in this conversation; "" when nothing."""
    waiting: list[str] = []
    ids: set[str] = set()
    before = ""
    for at, message in enumerate(messages):
        role = message["role"]
        if (role == "system") != (at == 0):
            return f"message {at}: the system speaks first, and only then"
        if role == "tool":
            if not waiting or message["tool_call_id"] != waiting.pop(0):
                return f"message {at}: a result without its call, or in another order"
        elif waiting:
            return f"message {at}: the call {waiting[0]} has no result"
        elif role == "assistant" and before not in ("user", "tool"):
            return f"message {at}: an assistant's after {before or 'nothing'}"
        if role != "assistant" and not str(message.get("content") or "").strip():
            return f"message {at}: {role} says nothing"
        for call in message.get("tool_calls", []):
            if call["id"] in ids:
                return f"message {at}: the id {call['id']} stands twice"
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                return f"message {at}: the arguments of {call['id']} are no object"
            ids.add(call["id"])
            waiting.append(call["id"])
        before = role
    return f"the call {waiting[0]} has no result" if waiting else ""

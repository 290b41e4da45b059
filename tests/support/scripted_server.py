"""A loopback server that plays a book: `python scripted_server.py SCRIPT.json LOG [--pause SECONDS] [--chunk N]
[--port N]`.

It speaks chunked server-sent events like a hosted model. Which reply it plays depends on the conversation alone (the
number of assistant messages), so that a studio killed and resumed meets the same model. Each request body goes to LOG,
one a line, before the reply begins. Prints its port.
"""

import argparse
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def chunks_of(step: dict, size: int) -> list[dict]:
    """The deltas of one reply: reasoning, text, then each call with its arguments in pieces."""
    pieces: list[dict] = []
    for field in ("reasoning_content", "content"):
        text = step.get(field, "")
        pieces += [{field: text[i : i + size]} for i in range(0, len(text), size)]
    for index, call in enumerate(step.get("calls", [])):
        arguments = call["raw"] if "raw" in call else json.dumps(call["arguments"])
        opening = {"index": index, "id": call["id"], "type": "function"}
        pieces.append({"tool_calls": [{**opening, "function": {"name": call["name"], "arguments": ""}}]})
        pieces += [
            {"tool_calls": [{"index": index, "function": {"arguments": arguments[i : i + size]}}]}
            for i in range(0, len(arguments), size)
        ]
    return pieces


def serve(script: list[dict], log: Path, pause: float, size: int, port: int = 0) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            body = json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            raw = self.rfile.read(length)
            if len(raw) < length:  # the studio was killed, or cut the call, while it was sending
                self.close_connection = True
                return
            with log.open("ab") as file:
                file.write(raw.replace(b"\n", b" ") + b"\n")
            body = json.loads(raw)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                self.play(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def play(self, body: dict) -> None:
            done = sum(message["role"] == "assistant" for message in body["messages"])
            aside = "tools" not in body
            step = {"content": "It reads well."} if aside else script[min(done, len(script) - 1)]
            deltas = [{"role": "assistant"}, *chunks_of(step, size)]
            # A step with a `continuation` breaks off half-way, until the studio says that it was cut.
            if "continuation" in step:
                if "cut off" in str(body["messages"][-1]["content"]):
                    deltas = [{"role": "assistant"}, *chunks_of(step["continuation"], size)]
                else:
                    for delta in deltas[: step["after"]]:
                        self.data({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                    self.close_connection = True
                    return
            for delta in deltas:
                self.data({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                if pause:
                    time.sleep(pause)
            reason = "tool_calls" if step.get("calls") else "stop"
            usage = {"prompt_tokens": len(json.dumps(body)) // 4, "completion_tokens": 100}
            self.data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            self.data({"choices": [], "usage": usage})
            self.write(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def data(self, chunk: dict) -> None:
            self.write(
                b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"
            )

        def write(self, block: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            self.wfile.flush()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    return Server(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("script", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunk", type=int, default=12)
    options = parser.parse_args()
    server = serve(json.loads(options.script.read_text()), options.log, options.pause, options.chunk, options.port)
    print(server.server_address[1], flush=True)
    server.serve_forever()

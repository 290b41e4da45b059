"""A canary for a key, through every way a run can fail: it is found in no output, no log, no record and no file."""

import base64
import json
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

import pytest
from live_run import LiveRun
from studio_command import StudioCommand
from terminal import Terminal

CANARY = "sk-canary/4242+4242=="


def aligned(text: str) -> list[str]:
    """What of a key's base64 does not hang on what stands before and after it."""
    found = []
    for before in range(3):
        coded = base64.b64encode(bytes(before) + text.encode()).decode()
        found.append(coded[-(-8 * before // 6) : 8 * (before + len(text)) // 6])
    return found


FORMS = [CANARY, quote(CANARY, safe=""), quote(CANARY, safe="").replace("%2F", "%2f"), *aligned(CANARY)]
ECHO = " ".join([CANARY, quote(CANARY, safe=""), base64.b64encode(f"Bearer {CANARY}".encode()).decode()])


def forms_in(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def files_of(place: Path) -> str:
    """Every byte of every file, what the records hold compressed as well; not `.env`, where the author put the key."""
    parts = []
    for path in place.rglob("*"):
        if path.is_file() and path.name != ".env":
            parts.append(f"{path.name}\n{path.read_bytes().decode('utf-8', 'replace')}")
        if path.name == "journal.db":
            with closing(sqlite3.connect(path)) as record:
                events = record.execute("SELECT body FROM events")
                parts += [bytes(body).decode("utf-8", "replace") for (body,) in events]
                parts += [zlib.decompress(body).decode() for (body,) in record.execute("SELECT body FROM versions")]
    return "\n".join(parts)


class Endpoint:
    """A real server on this machine that answers each call in one way, and keeps the headers it was sent."""

    def __init__(self, answer: Callable[["Handler"], None]) -> None:
        self.headers: list[str] = []
        self.hanging = Event()
        endpoint = self

        class Answering(Handler):
            def do_POST(self) -> None:
                self.endpoint = endpoint
                endpoint.headers.append(str(self.headers))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer(self)

            def do_GET(self) -> None:
                self.do_POST()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.hanging.set()
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint

    def log_message(self, *args: object) -> None:
        pass

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status, CANARY)
        self.send_header("Content-Type", kind)
        self.send_header("X-Echo", ECHO)
        self.send_header("WWW-Authenticate", f"Bearer {CANARY}")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, *pieces: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Echo", ECHO)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"data: " + piece + b"\n\n")


def status(number: int) -> Callable[[Handler], None]:
    said = {"error": {"message": f"Incorrect API key: {ECHO}", "type": CANARY, "code": ECHO}}
    return lambda handler: handler.send(number, json.dumps(said).encode(), Retry_After=CANARY)


PROSE = json.dumps({"choices": [{"delta": {"content": "It was dark."}}]}).encode()
WAYS: dict[str, Callable[[Handler], None]] = {
    **{str(number): status(number) for number in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503)},
    "a page": lambda h: h.send(502, f"<html><title>Denied {ECHO}</title>{ECHO}</html>".encode(), "text/html"),
    "a page that is good": lambda h: h.send(200, f"<html>{ECHO}</html>".encode(), "text/html"),
    "a word": lambda h: h.send(400, ECHO.encode(), "text/plain"),
    "a list": lambda h: h.send(400, json.dumps([{"error": {"message": ECHO}}]).encode()),
    "an error in the stream": lambda h: h.stream(PROSE, json.dumps({"error": {"message": ECHO, "code": 401}}).encode()),
    "a failure in the stream": lambda h: h.stream(PROSE, json.dumps({"error": {"message": ECHO}}).encode()),
    "a chunk that is none": lambda h: h.stream(PROSE, b"{" + ECHO.encode()),
    "a stream that is cut": lambda h: h.stream(PROSE),
    "silence": lambda h: h.endpoint.hanging.wait(60) and None,
}


@pytest.fixture
def serve() -> Iterator[Callable[..., Endpoint]]:
    made: list[Endpoint] = []

    def start(answer: Callable[[Handler], None]) -> Endpoint:
        made.append(Endpoint(answer))
        return made[-1]

    yield start
    for endpoint in made:
        endpoint.close()


@pytest.fixture
def studio(tmp_path: Path) -> StudioCommand:
    command = StudioCommand(tmp_path / "home")
    command.environment["OPENAI_API_KEY"] = CANARY
    command.environment["OPENAI_LOG"] = "debug"
    return command


def flags(address: str, scheme: str = "http") -> list[str]:
    return ["--backend", "openai", "--base-url", f"{scheme}://{address}/v1", "--model", "m"]


def run_to_its_first_fault(studio: StudioCommand, address: str, scheme: str = "http") -> str:
    """Start a book, stop at its first trouble; returns what came out and all that lies on the disk."""
    run = LiveRun(studio, "new", "A sea story", "--name", "b", *flags(address, scheme))
    try:
        run.until_any("backend_fault", "reply_cut", "run_failed", "paused")
        if not run.of("run_failed"):
            run.say("stop")
        run.end()
    finally:
        run.kill()
    return json.dumps(run.events, ensure_ascii=False) + run.errors + files_of(studio.home)


@pytest.mark.parametrize("way", WAYS)
def test_no_failure_of_a_server_gives_the_key_away(
    way: str, serve: Callable[..., Endpoint], studio: StudioCommand
) -> None:
    studio.environment["STUDIO_FIRST_BYTE_TIMEOUT"] = "2"
    endpoint = serve(WAYS[way])
    everything = run_to_its_first_fault(studio, endpoint.address)
    assert CANARY in "".join(endpoint.headers)  # it was sent, where it belongs
    assert forms_in(everything) == []
    if way not in ("a stream that is cut", "silence", "413"):
        assert "[key]" in everything


def test_a_redirect_to_another_host_does_not_carry_the_key(
    serve: Callable[..., Endpoint], studio: StudioCommand
) -> None:
    other = serve(status(401))
    first = serve(lambda h: h.send(307, b"", Location=f"http://{other.address}/v1/chat/completions?key={CANARY}"))
    everything = run_to_its_first_fault(studio, first.address)
    assert CANARY in "".join(first.headers)
    assert other.headers and CANARY not in "".join(other.headers)
    assert forms_in(everything) == []


def test_no_failure_of_the_network_gives_the_key_away(serve: Callable[..., Endpoint], studio: StudioCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        refused = f"127.0.0.1:{unused.getsockname()[1]}"
    assert forms_in(run_to_its_first_fault(studio, refused)) == []


def test_no_failure_of_tls_gives_the_key_away(serve: Callable[..., Endpoint], studio: StudioCommand) -> None:
    assert forms_in(run_to_its_first_fault(studio, serve(status(500)).address, "https")) == []


def refused(studio: StudioCommand, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = studio.run(*arguments, env=environment)
    assert forms_in(done.stdout + done.stderr + files_of(studio.home)) == []
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{CANARY}@127.0.0.1:9/v1",
        f"http://{CANARY}@127.0.0.1:9/v1",
        f"http://127.0.0.1:9/v1?api_key={CANARY}",
        f"http://127.0.0.1:9/v1#{CANARY}",
        f"http://127.0.0.1:99999/v1?api_key={CANARY}",
        f"http://me:{CANARY}@[broken/v1",
        f"ftp://me:{CANARY}@127.0.0.1/v1",
        f"http://127.0.0.1:9 /v1?api_key={quote(CANARY, safe='')}",
    ],
)
def test_a_key_in_an_address_is_never_repeated(url: str, studio: StudioCommand) -> None:
    del studio.environment["OPENAI_API_KEY"]
    given = refused(studio, "new", "x", "--headless", "--json", "--backend", "openai", "--base-url", url)
    assert given.returncode == 2 and "--base-url" in given.stderr
    assert refused(studio, "new", "x", "--headless", STUDIO_BASE_URL=url).returncode == 2
    assert refused(studio, "backends", "--check", "--backend", "openai", "--base-url", url).returncode == 1
    (studio.home / "config").mkdir()


def test_a_key_in_an_address_of_a_command_is_never_repeated(
    serve: Callable[..., Endpoint], studio: StudioCommand
) -> None:
    endpoint = serve(WAYS["silence"])
    run = LiveRun(studio, "new", "x", "--name", "b", *flags(endpoint.address))
    try:
        run.until("step_started")
        run.say("switch", backend="openai", base_url=f"http://me:{CANARY}@127.0.0.1:9/v1?api_key={CANARY}")
        run.until("backend_fault")
        run.say("stop")
        run.end()
    finally:
        run.kill()
    assert forms_in(json.dumps(run.events) + run.errors + files_of(studio.home)) == []


@pytest.mark.parametrize("odd", [f"{CANARY}é", f"{CANARY}\nX-Header: y", f"{CANARY} {CANARY}", f"{CANARY}\x07"])
def test_a_key_that_is_none_is_refused_without_its_characters(odd: str, studio: StudioCommand) -> None:
    done = refused(studio, "new", "x", "--headless", *flags("127.0.0.1:9"), OPENAI_API_KEY=odd)
    assert (done.returncode, "OPENAI_API_KEY holds characters no key has" in done.stderr) == (2, True)


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_key_with_a_line_end_is_taken_and_stays_secret(
    where: str, serve: Callable[..., Endpoint], studio: StudioCommand
) -> None:
    endpoint = serve(status(401))
    if where == ".env":
        del studio.environment["OPENAI_API_KEY"]
        (studio.home / ".env").write_text(f'OPENAI_API_KEY="{CANARY}\\n"\n')
    else:
        studio.environment["OPENAI_API_KEY"] = CANARY + "\r\n"
    everything = run_to_its_first_fault(studio, endpoint.address)
    assert f"Bearer {CANARY}" in "".join(endpoint.headers)
    assert forms_in(everything) == [] and "[key]" in everything


def test_the_check_of_a_backend_keeps_it(serve: Callable[..., Endpoint], studio: StudioCommand) -> None:
    for way in ("401", "a page", "an error in the stream"):
        done = refused(studio, "backends", "--check", *flags(serve(WAYS[way]).address))
        assert (done.returncode, "[key]" in done.stdout) == (1, True)


CRASH = """
import sys
from studio import cli
from studio.backends.endpoint import Endpoint
from studio.tui.app import StudioApp

def fail(*arguments, **more):
    secret = Endpoint  # a local variable beside the one that holds the key
    key = sys.argv[1]
    raise RuntimeError(f"Authorization: Bearer {key}")

Endpoint._call = fail
if sys.argv[2] == "prepare":
    Endpoint.__init__ = fail
if sys.argv[2] == "screen":
    StudioApp.on_mount = fail
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.mark.parametrize("where", ["reply", "prepare"])
def test_a_crash_in_the_backend_keeps_it(where: str, studio: StudioCommand) -> None:
    script = studio.home / "crash.py"
    script.write_text(CRASH)
    arguments = ["new", "x", "--name", "b", "--headless", "--json", *flags("127.0.0.1:9")]
    done = subprocess.run(
        [sys.executable, str(script), CANARY, where, *arguments],
        cwd=studio.home,
        env={**studio.environment, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    everything = files_of(studio.home)
    assert done.returncode == 1 and "RuntimeError" in done.stderr
    assert forms_in(done.stdout + done.stderr + everything) == []
    assert "RuntimeError: Authorization: Bearer [key]" in everything  # the log says where it was


def test_a_crash_of_the_screen_keeps_it(studio: StudioCommand) -> None:
    script = studio.home / "crash.py"
    script.write_text(CRASH)
    places = {"STUDIO_LOG_DIR": str(studio.home / "log"), "STUDIO_PROJECTS": str(studio.projects)}
    terminal = Terminal(script, CANARY, "screen", environment={**studio.environment, **places})
    terminal.until(b"The screen failed (RuntimeError)")
    terminal.close()
    terminal.kill()
    assert forms_in(terminal.seen.decode("utf-8", "replace") + files_of(studio.home)) == []
    assert "Bearer [key]" in (studio.home / "log/studio.log").read_text()


def test_the_canary_can_be_found() -> None:
    """The test of the test: each form is found where it stands."""
    for said in ECHO.split(" "):
        assert forms_in(f"x{said}y")

"""What the embedded model's process promises by itself: closed to strangers, silent, and gone with its parent."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from studio.backends import embedded_child
from studio.backends.weights import DEFAULT

KEY = "a-key-for-this-test-only"
ENDS_WITHIN = 30  # seconds, for a machine that is busy

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(model, **settings)` starts the process; it is ended afterwards by its own pid."""
    started: list[subprocess.Popen[bytes]] = []

    def run(model: Path, *, address_space: int = 0, **settings: Any) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        child = subprocess.Popen([sys.executable, "-P", embedded_child.__file__], stdin=pipe, stdout=pipe, stderr=pipe)
        started.append(child)
        if address_space:  # bytes: a machine with room for everything would take minutes to refuse
            resource.prlimit(child.pid, resource.RLIMIT_AS, (address_space, address_space))
        wanted = {"parent": os.getpid(), "model": str(model), "key": KEY, "context": 1024, "threads": 1}
        assert child.stdin is not None
        child.stdin.write(json.dumps(wanted | settings).encode() + b"\n")
        child.stdin.flush()
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


def answer_of(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert child.stdout is not None
    return json.loads(child.stdout.readline())


@pytest.fixture
def served(start: Start, weights: Path) -> tuple[subprocess.Popen[bytes], httpx2.Client]:
    child = start(weights)
    port = answer_of(child)["port"]
    return child, httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60)


ASKED = {"messages": [{"role": "user", "content": "Say hello."}], "prompt": "a", "content": "a", "max_tokens": 4}
PATHS = [
    ("GET", path)
    for path in ("/models", "/v1/models", "/props", "/slots", "/metrics", "/lora-adapters", "/tools", "/v1/stream")
] + [
    ("POST", path)
    for path in (
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/completions",
        "/completion",
        "/v1/messages",
        "/v1/responses",
        "/tokenize",
        "/apply-template",
        "/props",
        "/slots/0?action=save",
    )
]


def test_nothing_is_answered_without_the_key(served: tuple[Any, httpx2.Client]) -> None:
    _, client = served
    for method, path in PATHS:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}, {"X-Api-Key": "wrong"}):
            answer = client.request(method, path, headers=headers, json=ASKED if method == "POST" else None)
            assert answer.status_code == 401, (method, path, headers)
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/").status_code == 404  # no web page


def test_no_page_of_another_origin_may_ask(served: tuple[Any, httpx2.Client]) -> None:
    _, client = served
    key = {"Authorization": f"Bearer {KEY}"}
    for origin in ("https://evil.example", "http://127.0.0.1", "http://localhost:8080", "null"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for answer in (
            client.options("/v1/chat/completions", headers=asked),
            client.get("/props", headers=asked | key),
        ):
            allowed = answer.headers.get("access-control-allow-origin", "")
            assert allowed not in (origin, "*")
            assert answer.headers.get("access-control-allow-credentials") != "true"


def test_it_listens_on_this_machine_alone_and_says_nothing_else(served: tuple[Any, httpx2.Client]) -> None:
    child, client = served
    answer = client.post("/v1/chat/completions", headers={"Authorization": f"Bearer {KEY}"}, json=ASKED)
    assert answer.json()["usage"]["completion_tokens"] >= 1
    client.post("/v1/chat/completions", headers={"Authorization": f"Bearer {KEY}"}, content=b"{not json")
    out, err = child.communicate(timeout=ENDS_WITHIN)  # closes its stdin
    assert (out, err) == (b"", b"")
    assert child.returncode == 0


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc on this system")
def test_the_key_is_neither_on_the_command_line_nor_in_the_environment(served: tuple[Any, httpx2.Client]) -> None:
    child, _ = served
    for name in ("cmdline", "environ"):
        assert KEY.encode() not in Path(f"/proc/{child.pid}/{name}").read_bytes()


def test_it_ends_with_its_stdin_even_while_it_loads(start: Start, weights: Path) -> None:
    child = start(weights)
    child.communicate(timeout=ENDS_WITHIN)
    assert child.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of stdin is what tells it")
def test_it_ends_when_its_parent_is_not_the_one_that_meant_to_start_it(start: Start, weights: Path) -> None:
    child = start(weights, parent=1)
    assert child.wait(timeout=ENDS_WITHIN) == 0


@pytest.mark.parametrize("content", [b"GGUF", b"GGUF" + b"junk" * 9, b"GGUF\x03\0\0\0" + b"\xff" * 64])
def test_a_model_that_cannot_be_loaded_is_told_of(start: Start, tmp_path: Path, weights: Path, content: bytes) -> None:
    model = tmp_path / "broken.gguf"
    model.write_bytes(content)
    child = start(model)
    error = answer_of(child)["error"]
    assert error and "\n" not in error and "Traceback" not in error
    assert child.wait(timeout=ENDS_WITHIN) == 1


def test_half_a_model_is_told_of(start: Start, tmp_path: Path, weights: Path) -> None:
    model = tmp_path / "half.gguf"
    with weights.open("rb") as whole:
        model.write_bytes(whole.read(DEFAULT.size // 2))
    assert "incomplete" in answer_of(start(model))["error"]


def test_a_window_without_the_memory_for_it_is_told_of(start: Start, weights: Path) -> None:
    child = start(weights, context=1_000_000_000, address_space=4 << 30)
    assert "--context" in answer_of(child)["error"]

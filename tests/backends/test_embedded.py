"""The embedded model for real: its child process, its closed door, its end. Needs xllamacpp and the weights."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from studio.backends.backend import Message, Reply, Sampling
from studio.backends.embedded import EmbeddedBackend
from studio.config import cache_folder
from studio.errors import BackendError, StreamCut
from studio.events import Event, ReplyDelta

CACHE = cache_folder()
HELLO = [Message(role="user", text="Tell me a story about the sea.")]
SHORT = Sampling(max_tokens=24)


@pytest_asyncio.fixture
async def embedded(weights: Path) -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend(cache=CACHE)
    await backend.prepare(ignore)
    yield backend
    await backend.close()


def ignore(event: Event) -> None:
    pass


def is_running(pid: int) -> bool:
    """Whether a process lives; a zombie that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int, within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.02)
    return False


async def test_a_reply_streams_and_its_usage_is_reported(embedded: EmbeddedBackend) -> None:
    pieces: list[str] = []
    reply = await embedded.reply(
        HELLO, (), lambda event: pieces.append(event.text) if isinstance(event, ReplyDelta) else None, SHORT
    )
    assert len(pieces) > 5
    assert "".join(pieces) == reply.text
    assert reply.usage is not None and 0 < reply.usage.completion_tokens <= 24
    assert (embedded.guided, embedded.context) == (True, 8192)


async def test_closing_ends_the_child(weights: Path) -> None:
    backend = EmbeddedBackend(cache=CACHE)
    await backend.prepare(ignore)
    pid = backend.pid
    assert pid is not None and is_running(pid)
    await backend.close()
    assert not is_running(pid)


async def test_a_cancelled_reply_ends_at_once_and_the_next_one_works(embedded: EmbeddedBackend) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(embedded.reply(HELLO, (), lambda event: begun.set(), Sampling(max_tokens=2000)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    reply = await asyncio.wait_for(embedded.reply(HELLO, (), ignore, SHORT), 60)
    assert reply.text


async def test_a_child_that_dies_between_two_replies_is_started_anew(embedded: EmbeddedBackend) -> None:
    assert embedded.pid is not None
    os.kill(embedded.pid, signal.SIGKILL)
    assert (await asyncio.wait_for(embedded.reply(HELLO, (), ignore, SHORT), 60)).text


async def test_a_child_that_dies_in_mid_reply_cuts_the_stream_and_comes_back(embedded: EmbeddedBackend) -> None:
    begun = asyncio.Event()
    task: asyncio.Task[Reply] = asyncio.create_task(
        embedded.reply(HELLO, (), lambda event: begun.set(), Sampling(max_tokens=2000))
    )
    await asyncio.wait_for(begun.wait(), 60)
    assert embedded.pid is not None
    os.kill(embedded.pid, signal.SIGKILL)
    with pytest.raises(StreamCut, match="started again"):
        await asyncio.wait_for(task, 30)
    assert (await asyncio.wait_for(embedded.reply(HELLO, (), ignore, SHORT), 60)).text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_is_left_when_the_studio_is_killed(weights: Path, number: signal.Signals) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from studio.backends.embedded import EmbeddedBackend\n"
        "async def main():\n"
        "    backend = EmbeddedBackend(cache=Path(sys.argv[1]))\n"
        "    await backend.prepare(lambda event: None)\n"
        "    print(backend.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(CACHE)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.send_signal(number)
    parent.wait()
    assert gone(child)


@pytest.mark.parametrize(
    ("body", "words"),
    [(None, "can't be read"), (b"not a model", "no GGUF"), (b"GGUF" + bytes(64), "could not be loaded")],
)
async def test_a_model_that_is_none_is_told_in_one_sentence(
    weights: Path, tmp_path: Path, body: bytes | None, words: str
) -> None:
    path = tmp_path / "model.gguf"
    if body is not None:
        path.write_bytes(body)
    backend = EmbeddedBackend(model=str(path), cache=CACHE)
    with pytest.raises(BackendError, match=words) as told:
        await backend.prepare(ignore)
    assert "--model" in str(told.value)
    assert backend.pid is None


async def test_any_gguf_by_its_path_works_the_same_way(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "my-model.gguf"
    other.symlink_to(weights)
    backend = EmbeddedBackend(model=str(other), context=2048, cache=CACHE)
    try:
        await backend.prepare(ignore)
        assert (backend.model, backend.context, backend.base_url) == ("my-model", 2048, str(other))
        assert (await backend.reply(HELLO, (), ignore, SHORT)).text
    finally:
        with contextlib.suppress(BackendError):
            await backend.close()

"""The embedded model: llama.cpp in a child process of ours, spoken to like any other endpoint."""

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from studio.backends.backend import Message, Prices, Reply, Sampling, ToolSpec
from studio.backends.dialects import Dialect
from studio.backends.endpoint import PLAIN, Endpoint
from studio.backends.weights import DEFAULT, fetch
from studio.errors import BackendError, StreamCut
from studio.events import BackendPreparing, Emit

CONTEXT = 8192  # tokens; the default weights were trained on no more
STARTS_WITHIN = 180.0  # seconds: a large model on a slow disk

# Settings under which a model of this size neither loops nor wanders off at once.
_SAMPLING = {"temperature": 0.7, "top_p": 0.9, "min_p": 0.05, "repeat_penalty": 1.1, "cache_prompt": True}


class EmbeddedBackend:
    """A `Backend` that brings its own server. The child is restarted when it dies and never outlives us."""

    name = "embedded"
    guided = True
    prices: Prices | None = Prices(input=0, cached=0, output=0)

    def __init__(self, *, model: str | None = None, context: int | None = None, cache: Path) -> None:
        """Nothing is fetched or started before `prepare`.

        Args:
            model: path of a GGUF file; None = the default weights.
            context: tokens of the window; None = 8,192.
            cache: where the default weights are kept.
        """
        self._path = Path(model).expanduser() if model else None
        self.model = (self._path or Path(DEFAULT.name)).stem
        self.context = context or CONTEXT
        self.base_url = str(self._path.absolute()) if self._path else ""
        self._cache = cache
        self._child: asyncio.subprocess.Process | None = None
        self._endpoint: Endpoint | None = None

    async def prepare(self, emit: Emit) -> None:
        """Fetch the weights if need be and start the child. Raises `BackendError`."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise BackendError(
                "The embedded model needs a package that is not installed: pip install 'studio[embedded]', "
                "or choose another --backend."
            )
        if self._path is None:
            weights = await fetch(self._cache, lambda text, done: emit(BackendPreparing(text=text, done=done)))
        else:
            weights = self._path
            await asyncio.to_thread(_check_gguf, weights)
        emit(BackendPreparing(text=f"Loading {self.model}"))
        await self._start(weights)

    async def _start(self, weights: Path) -> None:
        await self._end_child()
        key = secrets.token_hex(24)
        # A session of its own: Ctrl+C in the terminal is for us, and we end the child when we are done.
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "studio.backends.embedded_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._child = child
        assert child.stdin is not None and child.stdout is not None
        settings = {
            "parent": os.getpid(),
            "model": str(weights),
            "key": key,
            "context": self.context,
            "threads": max(1, (os.cpu_count() or 2) - 1),
        }
        try:
            child.stdin.write(json.dumps(settings).encode() + b"\n")
            await child.stdin.drain()
            line = await asyncio.wait_for(child.stdout.readline(), STARTS_WITHIN)
            answer = json.loads(line) if line else {"error": await self._why_it_died(child)}
        except TimeoutError:
            answer = {"error": f"it was not ready after {STARTS_WITHIN:.0f} s"}
        except (ConnectionError, ValueError):
            answer = {"error": await self._why_it_died(child)}
        except BaseException:
            await self._end_child()
            raise
        if "port" not in answer:
            await self._end_child()
            raise BackendError(
                f"The embedded model {self.model} could not be loaded ({answer['error']}); give another one with "
                "--model PATH.gguf, or choose another --backend."
            )
        self._endpoint = Endpoint(
            name=self.name,
            model=self.model,
            base_url=f"http://127.0.0.1:{answer['port']}/v1",
            key=key,
            context=self.context,
            prices=self.prices,
            dialect=Dialect(reasoning_field="", extra_body=dict(_SAMPLING)),
            cache=self._cache,
        )
        await self._endpoint.prepare(_ignore)

    async def _why_it_died(self, child: asyncio.subprocess.Process) -> str:
        code = await child.wait()
        if code == -4:
            return "this processor lacks instructions it needs, such as AVX2"
        if code == -9:
            return "it was killed, perhaps for want of memory"
        return f"it ended with {code}"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = PLAIN
    ) -> Reply:
        """See `Backend.reply`. A child that has died is started anew; one that dies meanwhile cuts the stream."""
        if self._child is None or self._child.returncode is not None or self._endpoint is None:
            await self.prepare(emit)
        assert self._endpoint is not None and self._child is not None
        try:
            return await self._endpoint.reply(messages, (), emit, sampling)
        except (StreamCut, BackendError) as error:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), 0.5)
            if self._child.returncode is None:
                raise
            kind = StreamCut("the embedded model ended unexpectedly; it is started again")
            raise kind from error

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """See `Backend.count`."""
        return self._endpoint.count(messages, ()) if self._endpoint is not None else 0

    async def close(self) -> None:
        """End the child and wait for its end."""
        await self._end_child()

    async def _end_child(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await endpoint.close()
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), 3)
        except TimeoutError:
            child.kill()
            await child.wait()


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BackendError(
            f"The model {path} can't be read ({error.strerror}); check the path given to --model."
        ) from error
    if magic != b"GGUF":
        raise BackendError(f"{path} is no GGUF file; --model takes the path of one for the embedded backend.")


def _ignore(event: object) -> None:
    """The endpoint of our own child has nothing to tell while it is made."""

"""The embedded model: llama.cpp in a child process of ours, spoken to like any other endpoint."""

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.backends import embedded_child
from studio.backends.backend import Message, Prices, Reply, Sampling, ToolSpec
from studio.backends.dialects import Dialect
from studio.backends.endpoint import PLAIN, Endpoint
from studio.backends.presets import FREE, Preset
from studio.backends.tokens import TokenCount
from studio.backends.weights import DEFAULT, fetch_default
from studio.errors import BackendError, StreamCut
from studio.events import BackendPreparing, Emit, Event, Usage

CONTEXT = 8192  # tokens; guided mode needs no more, and a larger window takes memory at once
STARTS_WITHIN = 180.0  # seconds: a large model on a slow disk
ENDS_WITHIN = 3.0  # seconds

# Settings under which a model of this size neither loops nor wanders off at once.
_SAMPLING = {
    "temperature": 0.7,
    "top_p": 0.9,
    "min_p": 0.05,
    # More of it, or further back, and a name is another one each time: DRY is what keeps the model from loops. There
    # what would go on repeating what stands in the context gets less likely with every word of it.
    "repeat_penalty": 1.07,
    "repeat_last_n": 96,
    "dry_multiplier": 0.8,
    "dry_base": 1.75,
    "dry_allowed_length": 4,
    "dry_penalty_last_n": 4096,
    "cache_prompt": True,
}
_DEFAULT_NAME = Path(DEFAULT.name).stem
_OTHERWISE = "give another one with --model PATH.gguf, or choose another backend with --backend"


class EmbeddedBackend:
    """A `Backend` that brings its own server. The child is started anew when it has died, and never outlives us."""

    name = "embedded"
    guided = True
    prices: Prices | None = FREE

    def __init__(self, *, model: str | None = None, context: int | None = None, cache: Path) -> None:
        """Nothing is fetched or started before `prepare`.

        Args:
            model: path of a GGUF file; None = the default weights.
            context: tokens of the window; None = 8,192. Never more than the model was trained on.
            cache: where the default weights are kept.
        """
        self._path = _absolute(model) if model and model != _DEFAULT_NAME else None
        self.model = self._path.stem if self._path else _DEFAULT_NAME
        self.base_url = str(self._path) if self._path else ""
        self._window = context or CONTEXT
        self._cache = cache
        self._tokens = TokenCount(cache)
        self._child: asyncio.subprocess.Process | None = None
        self._endpoint: Endpoint | None = None

    @property
    def context(self) -> int:
        """Tokens of the window: what the model really has, once it is loaded."""
        return self._endpoint.context if self._endpoint else self._window

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    # --- the child ------------------------------------------------------------------------------------------------

    async def prepare(self, emit: Emit) -> None:
        """Fetch the weights if need be and start the child. Raises `BackendError`."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise BackendError(
                "The embedded model needs the extra “embedded”: pip install 'studio[embedded]', or choose another "
                "backend with --backend."
            )
        if self._path is None:
            weights = await fetch_default(self._cache, lambda text, done: emit(BackendPreparing(text=text, done=done)))
        else:
            weights = self._path
            await asyncio.to_thread(_check_gguf, weights)
        emit(BackendPreparing(text=f"Loading {self.model}"))
        await self._end_child()
        try:
            await self._start(weights)
        except BaseException:
            await self._end_child()
            raise

    async def _start(self, weights: Path) -> None:
        # Run by its path, and -P: nothing that lies where the author works is taken for a module of ours.
        # A session of its own: Ctrl+C in the terminal is for us, and we end the child when we are done.
        self._child = child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            embedded_child.__file__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        key = secrets.token_hex(24)
        settings = {
            "parent": os.getpid(),
            "model": str(weights),
            "key": key,
            "context": self._window,
            "threads": max(1, _cores() - 1),
        }
        answer = await self._ask(child, settings)
        if "port" not in answer:
            raise BackendError(
                f"The embedded model {self.model} could not be loaded ({answer['error']}); {_OTHERWISE}."
            )
        endpoint = Endpoint(
            preset=Preset(
                summary="",
                name=self.name,
                local=True,
                # The window it has allocated is no larger than what we asked for.
                fallback_context=self._window,
                window_path="/props",
                dialect=Dialect(reasoning_field="", extra_body=dict(_SAMPLING)),
            ),
            model=self.model,
            base_url=f"http://127.0.0.1:{answer['port']}/v1",
            key=key,
            context=None,
            cache=self._cache,
        )
        await endpoint.prepare(_ignore)
        self._endpoint, self._window = endpoint, endpoint.context

    async def _ask(self, child: asyncio.subprocess.Process, settings: dict[str, Any]) -> dict[str, Any]:
        """Tell the child what to load; returns what it answers, or why it did not."""
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps(settings).encode() + b"\n")
            await child.stdin.drain()
            line = await asyncio.wait_for(child.stdout.readline(), STARTS_WITHIN)
        except TimeoutError:
            return {"error": f"it was not ready after {STARTS_WITHIN:.0f} seconds"}
        except ConnectionError:
            line = b""
        if not line:
            return {"error": _why_it_ended(await child.wait())}
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _death(self) -> str | None:
        """Why the child ended by itself, or None when it did not."""
        if self._child is None:
            return None  # it was closed by us
        with contextlib.suppress(TimeoutError):
            # The connection breaks a moment before the end is known.
            return _why_it_ended(await asyncio.wait_for(self._child.wait(), 0.5))
        return None

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        endpoint, self._endpoint = self._endpoint, None
        if child is not None and child.returncode is None:
            assert child.stdin is not None
            child.stdin.close()  # enough by itself, unless it is in the middle of loading
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), ENDS_WITHIN)
            except TimeoutError:
                child.kill()
                await child.wait()
        if endpoint is not None:
            await endpoint.close()

    async def close(self) -> None:
        """End the child and wait for its end."""
        await self._end_child()

    # --- a reply --------------------------------------------------------------------------------------------------

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], emit: Emit, sampling: Sampling = PLAIN
    ) -> Reply:
        """See `Backend.reply`. A child that had died is started anew; one that dies meanwhile cuts the stream."""
        has_arrived = False

        def watched(event: Event) -> None:
            nonlocal has_arrived
            has_arrived = True
            emit(event)

        for tries_left in (1, 0):
            if self.pid is None or self._endpoint is None:
                await self.prepare(emit)
            assert self._endpoint is not None
            try:
                return await self._endpoint.reply(messages, (), watched, sampling)
            except BackendError as error:
                why = await self._death()
                if why is None:
                    raise
                if has_arrived or not tries_left:
                    raise StreamCut(f"the embedded model ended ({why}); it is started again") from error
        raise AssertionError("the second try returns or raises")

    async def calibrate(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """See `Backend.calibrate`: guided mode's conversations never come near the window."""

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cautious: bool = False) -> int:
        """See `Backend.count`; tools are not sent."""
        return (self._endpoint or self._tokens).count(messages, (), cautious=cautious)

    def recall(self, sent: Sequence[Message], tools: Sequence[ToolSpec], reply: Message, usage: Usage) -> None:
        """See `Backend.recall`: in guided mode no conversation was sent."""


def _absolute(model: str) -> Path:
    path = Path(model)
    with contextlib.suppress(RuntimeError):  # ~nobody: there is no such file, and `prepare` will say so
        path = path.expanduser()
    return path.absolute()


def _cores() -> int:
    """Cores this process may use; a thread without a core of its own makes all of them spin."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BackendError(f"The model {path} can't be read ({reason}); check the path given to --model.") from error
    if magic != b"GGUF":
        raise BackendError(f"{path} is no GGUF file; for the embedded model --model takes the path of one.")


def _why_it_ended(code: int) -> str:
    match -code:
        case signal.SIGILL:
            return "this processor lacks instructions it needs, such as AVX2"
        case signal.SIGKILL:
            return "it was killed, perhaps for want of memory"
        case signum if signum > 0:
            return f"it was ended by signal {signum}"
    return f"it ended with code {code}"


def _ignore(event: Event) -> None:
    """The endpoint of our own child has nothing to tell while it is made."""

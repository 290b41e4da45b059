"""Fixtures: servers on loopback, and endpoints that talk to them."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, Script, Server, Wire

from studio.backends.backend import Message, ToolSpec
from studio.backends.endpoint import Endpoint
from studio.backends.presets import Preset
from studio.backends.weights import fetch_default
from studio.config import cache_folder
from studio.errors import BackendError
from studio.events import Event


@pytest.fixture
def wire() -> type[Wire]:
    return Wire


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Script | Answer], Any]]:
    """`await serve(answer_or_script)` starts a server."""
    started: list[Server] = []

    async def start(script: Script | Answer) -> Server:
        server = Server((lambda request: script) if isinstance(script, Answer) else script)
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Callable[..., Endpoint]]:
    """`endpoint(url, **settings)` makes an endpoint; all are closed at the end."""
    made: list[Endpoint] = []

    def make(url: str, **settings: Any) -> Endpoint:
        kind = {name: settings.pop(name) for name in list(settings) if name in Preset.__struct_fields__}
        preset = Preset(**{"summary": "", "name": "test", **kind})
        wanted = {"model": "m", "key": "sk-secret-key-0123456789", "context": 100_000, "cache": tmp_path}
        made.append(Endpoint(preset=preset, base_url=url, **{**wanted, **settings}))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def hello() -> list[Message]:
    return [Message(role="system", text="You write."), Message(role="user", text="Begin.")]


@pytest.fixture
def tools() -> list[ToolSpec]:
    parameters = {"type": "object", "properties": {"filename": {"type": "string"}}}
    return [ToolSpec(name="write_file", description="Write.", parameters=parameters)]


@pytest.fixture
def splits() -> Callable[[Any], Iterator[Any]]:
    """Cut bytes or a text at given places."""

    def cut(whole: Any, places: Sequence[int]) -> Iterator[Any]:
        at = 0
        for place in sorted({min(place, len(whole)) for place in places}):
            yield whole[at:place]
            at = place
        yield whole[at:]

    return cut


@pytest.fixture(scope="session")
def weights() -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'studio[embedded]'")
    try:
        return asyncio.run(fetch_default(cache_folder(), lambda text, done: None))
    except BackendError as error:
        pytest.skip(str(error))

"""Fixtures: `play` writes a book against a server that answers as it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from played_book import Played, Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    await stage.start()
    yield stage
    await stage.stop()


@pytest.fixture
def play(stage: Stage) -> Callable[..., Awaitable[Played]]:
    """`await play(answer, answer, …, backend=…)` writes the book with these replies, then `finish`."""
    return stage.play

"""Fixtures: `play` writes a book against a server that answers as it is told."""

from collections.abc import Awaitable, Callable

import pytest
from played_book import Played, Stage


@pytest.fixture
def play(stage: Stage) -> Callable[..., Awaitable[Played]]:
    """`await play(answer, answer, …, backend=…)` writes the book with these replies, then `finish`."""
    return stage.play

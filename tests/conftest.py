"""Fixtures for every folder: `stage` plays a book against a loopback server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from played_book import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    await stage.start()
    yield stage
    await stage.stop()

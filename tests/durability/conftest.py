"""Fixtures of the long tests. `STUDIO_THOROUGH=1 pytest tests/durability` runs them at full length."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_command import Model, StudioCommand

SERVER = Path(__file__).parent.parent / "support" / "scripted_server.py"
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def thorough() -> bool:
    return bool(os.environ.get("STUDIO_THOROUGH"))


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Model]]:
    """`play(script, pause=0.0)` starts a server for that script."""
    started: list[subprocess.Popen[str]] = []

    def start(script: list[dict[str, Any]], *, pause: float = 0.0, chunk: int = 12) -> Model:
        number = len(started)
        file, log = tmp_path / f"script{number}.json", tmp_path / f"requests{number}.jsonl"
        file.write_text(json.dumps(script))
        command = [sys.executable, str(SERVER), str(file), str(log), "--pause", str(pause), "--chunk", str(chunk)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return Model(process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1", log)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def studio(tmp_path: Path) -> StudioCommand:
    return StudioCommand(tmp_path / "home")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`figure(line)` has a line printed at the end of the session."""
    lines = request.config.stash.setdefault(FIGURES, [])
    return lines.append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)
